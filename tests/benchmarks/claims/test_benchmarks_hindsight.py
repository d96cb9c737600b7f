"""Labels in hindsight beat labels in foresight on true utility, and the more so the harder is optimised."""

from __future__ import annotations

import pytest
from pasture.benchmarks.claims.hindsight import GAP, run
from pasture.core.errors import InputError
from pasture.core.records import Estimate
from pasture.core.results import Measure


def by_name(rows: list[Measure]) -> dict[tuple[str, str], Estimate]:
    return {(each.group, each.name): each.estimate for each in rows}


@pytest.mark.slow
def test_hindsight_beats_foresight_on_true_utility_and_the_gap_grows_with_optimisation():
    found = by_name(run(8, 200, (1.0, 0.15), prompts=40, responses=16))
    assert all(found[GAP, name].low > 0 for name in ("beta 1", "beta 0.15", "growth"))
    foresight, hindsight = (
        [f"{mode}, beta {beta}, less the start" for beta in ("1", "0.15")] for mode in ("foresight", "hindsight")
    )
    assert found[foresight[1], "satisfaction"].low > 0.5  # it did learn to please
    assert found[foresight[1], "satisfaction"].value > found[foresight[0], "satisfaction"].value
    assert found[hindsight[1], "true utility"].low > 0.5
    assert found[hindsight[1], "true utility"].value > found[hindsight[0], "true utility"].value


def test_where_nothing_is_hidden_the_two_are_one():
    found = by_name(run(2, 50, (1.0, 0.5), temperature=0.0, hidden=0, prompts=10, responses=8))
    assert [found[GAP, name].value for name in ("beta 1", "beta 0.5")] == pytest.approx([0.0, 0.0], abs=1e-6)
    arm = "foresight, beta 1, less the start"
    assert found[arm, "true utility"].value == pytest.approx(found[arm, "satisfaction"].value, abs=1e-9)


def test_one_seed_or_one_beta_is_refused():
    for arguments in ((1, 50), (2, 50, (1.0,))):
        with pytest.raises(InputError):
            run(*arguments)
