"""The pictures of a ranking, each an inline SVG. Methods differ by colour (Okabe & Ito's, for all eyes) and by marker or dash.

_V values that are drawn.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..core.records import Estimate
from ..core.results import Curve, CurvePoint, RankingResult
from .svg import INK, draw
from .text import number, percent, visible

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8F7A00", "#8A63D2", "#7A7A7A")
MARKERS = "osD^vPX<>*"
DASHES = ("solid", "dashed", "dotted")
GOLD = "#B8860B"
QUANTITIES = {
    "reward": "Reward",
    "kl": "KL from the start, nats",
    "length": "Answer length, tokens",
    "entropy": "Entropy, nats a token",
}


class Look(NamedTuple):
    """How a method is drawn, the same in all plots. `dash` is a CSS border style too."""

    colour: str
    marker: str
    dash: str


def looks(methods: Sequence[str]) -> dict[str, Look]:
    """By place in the ranking; colours come round again after nine, with another dash."""
    return {
        method: Look(COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)], DASHES[(k // len(COLOURS) + k) % len(DASHES)])
        for k, method in enumerate(methods)
    }


def ranking_plot(result: RankingResult) -> str:
    """Win rate of each method with its interval, best on top, beside the win rate by gold."""
    rows = [each for each in result.methods if each.win_rate.value is not None]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axvline(50, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        for place, each in enumerate(rows):
            _interval_bar(axes, each.win_rate, place - 0.12, COLOURS[0], 2.4)
            _interval_bar(axes, each.gold_win_rate, place + 0.22, GOLD, 1.2)
        axes.plot(
            [_hundred(r.win_rate) for r in rows],
            [k - 0.12 for k in range(len(rows))],
            "o",
            color=COLOURS[0],
            ms=7.5,
            label="judged",
        )
        gold = [(_hundred(r.gold_win_rate), k + 0.22) for k, r in enumerate(rows) if r.gold_win_rate.value is not None]
        axes.plot([x for x, _ in gold], [y for _, y in gold], "D", color=GOLD, ms=5, mfc="none", label="by gold")
        axes.set_yticks(range(len(rows)), [visible(each.method) for each in rows])
        axes.tick_params(axis="y", length=0, labelsize=11)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("Win rate against the fixed rival, %")
        axes.legend(loc="lower right", framealpha=0, borderaxespad=0)

    told = "; ".join(f"{visible(each.method)} {percent(each.win_rate.value)} %" for each in rows)
    return draw("ranking", f"Win rate by method, best first: {told}", (5.4, 0.9 + 0.36 * len(rows)), paint)


def agreement_plot(result: RankingResult) -> str:
    """Judged win rate against gold win rate; on the diagonal the evaluator agrees with gold."""
    rows = [each for each in result.methods if each.win_rate.value is not None and each.gold_win_rate.value is not None]
    look = looks([each.method for each in result.methods])

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axline((50, 50), slope=1, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        for each in rows:
            _cross(axes, each.gold_win_rate, each.win_rate, 100, look[each.method])
        axes.set_xlabel("Win rate by gold, %")
        axes.set_ylabel("Win rate by the evaluator, %")
        _name_points(axes, [(_hundred(r.gold_win_rate), _hundred(r.win_rate), visible(r.method)) for r in rows])

    return draw("agreement", "Judged win rate against gold win rate of each method", (5.2, 4.2), paint)


def frontier_plot(result: RankingResult) -> str:
    """Gold value against KL: what a method gained, and how far it went for it."""
    rows = [each for each in result.methods if each.kl.value is not None and each.gold_value.value is not None]
    look = looks([each.method for each in result.methods])

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for each in rows:
            bare = Estimate(each.kl.value, None, None, each.kl.n, each.kl.how)
            _cross(axes, bare, each.gold_value, 1, look[each.method])
        axes.set_xlabel("KL from the starting policy, nats an answer")
        axes.set_ylabel("Gold value, nats")
        _name_points(axes, [(r.kl.value or 0.0, r.gold_value.value or 0.0, visible(r.method)) for r in rows])

    return draw("frontier", "Gold value against KL divergence of each method", (5.2, 4.2), paint)


def curve_plots(result: RankingResult) -> dict[str, str]:
    """One plot for each logged quantity that any method knows, by name: mean over seeds, and their range as a band."""
    look = looks([each.method for each in result.methods])
    plots = {}
    for quantity, label in QUANTITIES.items():
        lines = {method: averaged(result.curves, method, quantity) for method in look}
        known = {method: line for method, line in lines.items() if line}
        if known:
            plots[quantity] = _curve_plot(quantity, label, known, look)
    return plots


class Spot(NamedTuple):
    """A learning curve at one moment: `done` is the share of training in percent; the values are over seeds."""

    done: float
    mean: float
    low: float
    high: float


def averaged(curves: Sequence[Curve], method: str, quantity: str) -> list[Spot]:
    """Mean, least and most over the seeds that logged the quantity at a step, in order. Empty where none did."""
    by_step: dict[int, list[float]] = defaultdict(list)
    points = [point for curve in curves if curve.method == method for point in curve.points]
    for point in points:
        value = _logged(point, quantity)
        if value is not None and math.isfinite(value):
            by_step[point.step].append(value)
    last = max((point.step for point in points), default=0)
    return [
        Spot(100 * step / last if last > 0 else 100.0, sum(values) / len(values), min(values), max(values))
        for step, values in sorted(by_step.items())
    ]


def _logged(point: CurvePoint, quantity: str) -> float | None:
    return {"reward": point.reward, "kl": point.kl, "length": point.length, "entropy": point.entropy}[quantity]


def _curve_plot(quantity: str, label: str, lines: dict[str, list[Spot]], look: dict[str, Look]) -> str:
    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for method, line in lines.items():
            colour, marker, dash = look[method]
            done_V = [spot.done for spot in line]
            axes.fill_between(done_V, [s.low for s in line], [s.high for s in line], color=colour, alpha=0.13, linewidth=0)
            axes.plot(done_V, [s.mean for s in line], color=colour, linestyle=dash, linewidth=1.8)
            axes.plot(done_V[-1:], [line[-1].mean], marker=marker, color=colour, ms=6, clip_on=False, zorder=3)
        axes.set_title(label, loc="left")
        axes.set_xlabel("Training done, %")
        axes.set_xlim(0, 103)

    last = "; ".join(f"{visible(method)} {number(line[-1].mean)}" for method, line in lines.items())
    return draw(f"curve-{quantity}", f"{label} over training, at the end: {last}", (5.2, 3.1), paint)


def _hundred(estimate: Estimate) -> float:
    assert estimate.value is not None
    return 100 * estimate.value


def _interval_bar(axes: Axes, estimate: Estimate, y: float, colour: str, width: float) -> None:
    if estimate.low is not None and estimate.high is not None:
        axes.plot(
            [100 * estimate.low, 100 * estimate.high], [y, y], color=colour, linewidth=width, solid_capstyle="round", alpha=0.75
        )


def _cross(axes: Axes, x: Estimate, y: Estimate, scale: float, look: Look) -> None:
    """A point with its intervals as thin bars, where it has any."""
    assert x.value is not None
    assert y.value is not None
    if x.low is not None and x.high is not None:
        axes.plot([scale * x.low, scale * x.high], [scale * y.value] * 2, color=look.colour, linewidth=1.1, alpha=0.5)
    if y.low is not None and y.high is not None:
        axes.plot([scale * x.value] * 2, [scale * y.low, scale * y.high], color=look.colour, linewidth=1.1, alpha=0.5)
    axes.plot(scale * x.value, scale * y.value, look.marker, color=look.colour, ms=8, mec="white", mew=0.8, zorder=3)


def _name_points(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Writes each name beside its point, on the side where it covers least. Sizes are guessed, in points (5.2 x 4.2 inches)."""
    axes.margins(0.1)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    wide, high = 320.0, 250.0
    places = [((x - left) / (right - left) * wide, (y - bottom) / (top - bottom) * high) for x, y, _ in points]
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    for (x, y, name), (px, py) in zip(points, places, strict=True):
        width = 6.0 * len(name)
        options = [(8, -4, "left"), (-8, -4, "right"), (7, 7, "left"), (7, -15, "left"), (-7, 7, "right"), (-7, -15, "right")]
        boxes = [_box(px + dx, py + dy, width, side) for dx, dy, side in options]
        costs = [sum(_overlap(box, other) for other in taken) + _outside(box, wide, high) for box in boxes]
        best = costs.index(min(costs))
        dx, dy, side = options[best]
        taken.append(boxes[best])
        axes.annotate(name, (x, y), xytext=(dx, dy), textcoords="offset points", ha=side, fontsize=9.5)


Box = tuple[float, float, float, float]


def _box(x: float, y: float, width: float, side: str) -> Box:
    return (x, y, x + width, y + 10) if side == "left" else (x - width, y, x, y + 10)


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _outside(box: Box, wide: float, high: float) -> float:
    return 20 * (max(0.0, -box[0]) + max(0.0, box[2] - wide) + max(0.0, -box[1]) + max(0.0, box[3] - high))
