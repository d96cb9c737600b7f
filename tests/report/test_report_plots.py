"""Pictures as inline SVG: well-formed, deterministic, theirs alone on the page, and unmoved by hostile names."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from pasture.core.records import Estimate
from pasture.core.results import Curve, CurvePoint, RankingResult
from pasture.report.plots import agreement_plot, averaged, curve_plots, frontier_plot, looks, ranking_plot

PLOTS = (ranking_plot, agreement_plot, frontier_plot)


def drawings(result: RankingResult) -> list[str]:
    return [*(plot(result) for plot in PLOTS), *curve_plots(result).values()]


def test_every_plot_is_well_formed_named_and_the_same_twice(ranking: RankingResult) -> None:
    svgs = drawings(ranking)
    assert svgs == drawings(ranking)
    assert len(svgs) == 7
    for svg in svgs:
        root = ET.fromstring(svg)
        assert root.get("role") == "img"
        assert root.get("aria-label")
        assert "<metadata" not in svg


def test_ids_of_two_plots_never_collide_and_every_reference_is_met(ranking: RankingResult) -> None:
    together = "".join(drawings(ranking))
    ids = re.findall(r' id="([^"]+)"', together)
    assert len(ids) == len(set(ids)) > 0
    assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', together)) <= set(ids)


def test_every_method_is_named_in_the_ranking(ranking: RankingResult) -> None:
    svg = ranking_plot(ranking)
    for each in ranking.methods:
        assert f">{each.method}</text>" in svg


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "$x^{2", '"&lt;', "\x1b[31m\u202e\x00", "]]>", "\ud800"])
def test_a_hostile_name_stays_text(ranking: RankingResult, name: str) -> None:
    methods = (replace(ranking.methods[0], method=name), *ranking.methods[1:])
    for plot in PLOTS:
        svg = plot(replace(ranking, methods=methods))
        ET.fromstring(svg.encode())
        assert "<script" not in svg
        assert "\x1b" not in svg


def test_what_is_undefined_is_left_out(ranking: RankingResult) -> None:
    nothing = Estimate(None, None, None, 0, "undefined")
    first = replace(ranking.methods[0], win_rate=nothing, kl=nothing)
    bare = replace(ranking.methods[1], win_rate=Estimate(0.5, None, None, 1, "no interval"))
    result = replace(ranking, methods=(first, bare, *ranking.methods[2:]))
    assert f">{first.method}</text>" not in ranking_plot(result)
    assert f">{first.method}</text>" not in frontier_plot(result)
    assert f">{bare.method}</text>" in ranking_plot(result)


def test_curves_are_averaged_over_the_seeds_that_know_them() -> None:
    def curve(seed: int, *points: tuple[int, float | None]) -> Curve:
        return Curve("dpo", seed, tuple(CurvePoint(step, reward, None, None, None) for step, reward in points))

    curves = [curve(0, (5, 1.0), (10, 2.0)), curve(1, (5, 3.0), (10, None)), Curve("ppo", 0, ())]
    assert averaged(curves, "dpo", "reward") == [(50.0, 2.0, 1.0, 3.0), (100.0, 2.0, 2.0, 2.0)]
    assert averaged(curves, "dpo", "kl") == []
    assert averaged(curves, "ppo", "reward") == []
    assert averaged([curve(0, (0, 1.5))], "dpo", "reward") == [(100.0, 1.5, 1.5, 1.5)]


def test_a_result_without_curves_has_no_curve_plots(ranking: RankingResult) -> None:
    assert curve_plots(replace(ranking, curves=())) == {}


def test_methods_look_different() -> None:
    many = looks([f"m{k}" for k in range(18)])
    assert len({(look.colour, look.dash) for look in many.values()}) == 18
