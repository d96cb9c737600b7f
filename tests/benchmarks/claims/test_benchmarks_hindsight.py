"""Labels in hindsight beat labels in foresight on true utility, and the more so the harder is optimised."""

from __future__ import annotations

import pytest
from pasture.benchmarks.claims.hindsight import main, run
from pasture.core.errors import InputError

SMALL = {"prompts": 40, "responses": 16}


@pytest.mark.slow
def test_hindsight_beats_foresight_on_true_utility_and_the_gap_grows_with_optimisation():
    found = run(8, 200, (1.0, 0.15), **SMALL)
    assert all(gap.low > 0 for gap in found.gaps.values())
    assert found.growth.low > 0
    arms = {(each.mode, each.beta): each for each in found.arms}
    assert arms["foresight", 0.15].satisfaction.low > 0.5  # it did learn to please
    assert arms["foresight", 0.15].satisfaction.value > arms["foresight", 1.0].satisfaction.value
    assert arms["hindsight", 0.15].utility.low > 0.5
    assert arms["hindsight", 0.15].utility.value > arms["hindsight", 1.0].utility.value


def test_where_nothing_is_hidden_the_two_are_one():
    found = run(2, 50, (1.0, 0.5), temperature=0.0, hidden=0, prompts=10, responses=8)
    assert [gap.value for gap in found.gaps.values()] == pytest.approx([0.0, 0.0], abs=1e-6)
    arms = {(each.mode, each.beta): each for each in found.arms}
    assert arms["foresight", 1.0].utility.value == pytest.approx(arms["foresight", 1.0].satisfaction.value, abs=1e-9)


def test_one_seed_or_one_beta_is_refused():
    for arguments in ((1, 50), (2, 50, (1.0,))):
        with pytest.raises(InputError):
            run(*arguments)


def test_the_command_prints_its_table(capsys, monkeypatch):
    found = run(2, 30, (1.0, 0.5), prompts=5, responses=4)
    monkeypatch.setattr("pasture.benchmarks.claims.hindsight.run", lambda seeds, labels: found)
    main(["--seeds", "2"])
    assert "the gap grows by" in capsys.readouterr().out
