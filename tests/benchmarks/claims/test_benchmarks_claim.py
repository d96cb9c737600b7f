"""The contract of a claim: every entry of the table keeps it, and a check holds, fails or cannot be told by its interval."""

from __future__ import annotations

import json
import math
from inspect import signature
from pathlib import Path

import pytest
from pasture.benchmarks.claims import CLAIMS
from pasture.benchmarks.claims.claim import Check, Claim, Outcome
from pasture.cli import app
from pasture.core.errors import InputError
from pasture.core.records import Estimate
from pasture.core.results import Measure
from typer.testing import CliRunner

SMALL = {
    "hindsight": ["labels=20", "prompts=5", "responses=4"],
    "cipher": ["rounds=4"],
    "hyper-routing": ["splits=10", "size=40"],
    "over-optimisation": ["labels=20", "prompts=5"],
    "worst-of-ensemble": ["labels=20", "prompts=5"],
    "persona-revision": ["prompts=6", "personas=3"],
}


@pytest.mark.parametrize("name", CLAIMS.table)
def test_a_claim_runs_by_its_name_and_says_what_was_found(name: str):
    words = [word for each in SMALL[name] for word in ("--set", each)]
    done = CliRunner().invoke(app, ["claims", "run", name, "--seeds", "2", "--json", *words], catch_exceptions=False)
    told = json.loads(done.stdout)
    assert told["outcome"] in list(Outcome)
    assert told["seeds"] == 2
    assert told["paper"].startswith("arXiv:")
    checked = [each for each in told["measures"] if each["finding"]]
    assert len(checked) == len(CLAIMS.load(name).checks)
    assert {each["finding"] for each in checked} <= set(Outcome)


@pytest.mark.parametrize("name", CLAIMS.table)
def test_a_claim_takes_seeds_first_and_has_a_default_for_all_else(name: str):
    claim = CLAIMS.load(name)
    assert isinstance(claim, Claim)
    first, *rest = signature(claim.run).parameters.values()
    assert first.name == "seeds"
    assert all(each.default is not each.empty for each in (first, *rest))
    with pytest.raises(InputError, match="two or more"):
        claim.run(1)


def at(low: float | None, high: float | None) -> Estimate:
    return Estimate(0.5, low, high, 9, "made up")


@pytest.mark.parametrize(
    ("low", "high", "above", "below"),
    [
        (0.1, 0.9, Outcome.HOLDS, Outcome.DOES_NOT_HOLD),
        (-0.9, -0.1, Outcome.DOES_NOT_HOLD, Outcome.HOLDS),
        (-0.1, 0.9, Outcome.CANNOT_BE_TOLD, Outcome.CANNOT_BE_TOLD),
        (0.0, 0.9, Outcome.CANNOT_BE_TOLD, Outcome.CANNOT_BE_TOLD),
        (None, None, Outcome.CANNOT_BE_TOLD, Outcome.CANNOT_BE_TOLD),
        (math.nan, math.nan, Outcome.CANNOT_BE_TOLD, Outcome.CANNOT_BE_TOLD),
    ],
)
def test_a_check_is_decided_by_the_whole_interval(low, high, above: Outcome, below: Outcome):
    assert Check("g", "n").outcome(at(low, high)) is above
    assert Check("g", "n", below=True).outcome(at(low, high)) is below


def test_one_check_that_fails_is_enough():
    rows = [Measure("g", name, at(*ends), "number") for name, ends in {"good": (1, 2), "bad": (-2, -1), "open": (-1, 1)}.items()]

    def found(*names: str) -> Outcome:
        return Claim(lambda seeds=2: rows, tuple(Check("g", name) for name in names)).judged(rows)[1]

    assert found("good") is Outcome.HOLDS
    assert found("good", "open") is Outcome.CANNOT_BE_TOLD
    assert found("good", "open", "bad") is Outcome.DOES_NOT_HOLD


@pytest.mark.parametrize(
    ("words", "problem"), [(["--set", "lables=3"], "no option 'lables'"), (["--set", "labels=many"], "whole number")]
)
def test_what_a_claim_does_not_take_is_refused(words: list[str], problem: str):
    with pytest.raises(InputError, match=problem):
        CliRunner().invoke(app, ["claims", "run", "hindsight", *words], catch_exceptions=False)


OWN = """
from pasture.benchmarks.claims.claim import Check, Claim, over_seeds
from pasture.core.results import Measure

def run(seeds: int = 3, gain: float = 1.0):
    return [Measure("mine less theirs", "gold value", over_seeds([gain + 0.01 * seed for seed in range(seeds)]), "nats")]

CLAIM = Claim(run, (Check("mine less theirs", "gold value"),))
"""


def test_a_claim_of_ones_own_runs_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "my_claim.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    for gain, outcome in (("2.0", "holds"), ("-2.0", "does not hold"), ("-0.01", "cannot be told")):
        words = ["claims", "run", "my_claim.py:CLAIM", "--set", f"gain={gain}"]
        assert f"outcome: {outcome}" in CliRunner().invoke(app, words, catch_exceptions=False).stdout
