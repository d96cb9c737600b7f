"""The pictures of a ranking, each an inline SVG. Methods differ by colour (Okabe & Ito's, for all eyes) and by marker or dash.

An SVG can stand inside an HTML page: themed by the page's CSS, the same bytes for the same data. Text stays text: it can be
searched and read aloud. _V values that are drawn, _N rows."""

import io
import math
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from ..core.records import Estimate
from ..core.results import Curve, RankingResult
from .text import number, percent, visible

INK = "#0a0b0c"
FAINT = "#c0c1c2"
THEMED = {INK: "var(--ink)", FAINT: "var(--line)"}
"""Stand-ins for the page's own colours, so that one drawing serves light and dark."""
STYLE = Path(__file__).with_name("pasture.mplstyle")
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8F7A00", "#8A63D2", "#7A7A7A")
MARKERS = "osD^vPX<>*"
DASHES = ("solid", "dashed", "dotted")
GOLD = "#B8860B"
FRAME = Bbox.from_bounds(0, 0, 320, 250)  # what 5.2 x 4.2 inches leave for points and their names, about, in points
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


def ends(estimates: Sequence[Estimate], scale: float) -> np.ndarray:
    """Value, low and high of each, times `scale`, NaN where there is none, [3, N]."""
    return np.array([[math.nan if x is None else scale * x for x in (each.value, each.low, each.high)] for each in estimates]).T


def ranking_plot(result: RankingResult) -> str:
    """Win rate of each method with its interval, best on top, beside the win rate by gold."""
    rows = [each for each in result.methods if each.win_rate.value is not None]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axvline(50, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        judged, gold = ([getattr(each, name) for each in rows] for name in ("win_rate", "gold_win_rate"))
        for estimates, shift, colour, width in ((judged, -0.12, COLOURS[0], 2.4), (gold, 0.22, GOLD, 1.2)):
            (value_N, low_N, high_N), place_N = ends(estimates, 100), np.arange(len(rows)) + shift
            axes.plot([low_N, high_N], [place_N] * 2, color=colour, linewidth=width, solid_capstyle="round", alpha=0.75)
            marks = {"ms": 7.5, "label": "judged"} if estimates is judged else {"ms": 5, "mfc": "none", "label": "by gold"}
            axes.plot(value_N, place_N, "o" if estimates is judged else "D", color=colour, **marks)
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

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axline((50, 50), slope=1, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        _scatter(axes, {each.method: (each.gold_win_rate, each.win_rate) for each in result.methods}, 100)
        axes.set_xlabel("Win rate by gold, %")
        axes.set_ylabel("Win rate by the evaluator, %")

    return draw("agreement", "Judged win rate against gold win rate of each method", (5.2, 4.2), paint)


def frontier_plot(result: RankingResult) -> str:
    """Gold value against KL: what a method gained, and how far it went for it."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        _scatter(axes, {each.method: (replace(each.kl, low=None, high=None), each.gold_value) for each in result.methods}, 1)
        axes.set_xlabel("KL from the starting policy, nats per answer")
        axes.set_ylabel("Gold value, nats")

    return draw("frontier", "Gold value against KL divergence of each method", (5.2, 4.2), paint)


def curve_plots(result: RankingResult) -> dict[str, str]:
    """One plot for each logged quantity that any method knows, by name: mean over seeds, and their range as a band."""
    look = looks([each.method for each in result.methods])
    lines = {name: {method: averaged(result.curves, method, name) for method in look} for name in QUANTITIES}
    known = {name: {method: line for method, line in each.items() if line} for name, each in lines.items()}
    return {name: _curve_plot(name, QUANTITIES[name], each, look) for name, each in known.items() if each}


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
        value = getattr(point, quantity)
        if value is not None and math.isfinite(value):
            by_step[point.step].append(value)
    last = max((point.step for point in points), default=0)
    return [
        Spot(100 * step / last if last > 0 else 100.0, sum(values) / len(values), min(values), max(values))
        for step, values in sorted(by_step.items())
    ]


def _curve_plot(quantity: str, label: str, lines: dict[str, list[Spot]], look: dict[str, Look]) -> str:
    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for method, line in lines.items():
            colour, marker, dash = look[method]
            done_V, mean_V, low_V, high_V = zip(*line, strict=True)
            axes.fill_between(done_V, low_V, high_V, color=colour, alpha=0.13, linewidth=0)
            axes.plot(done_V, mean_V, color=colour, linestyle=dash, linewidth=1.8)
            axes.plot(done_V[-1:], mean_V[-1:], marker=marker, color=colour, ms=6, clip_on=False, zorder=3)
        axes.set_title(label, loc="left")
        axes.set_xlabel("Training done, %")
        axes.set_xlim(0, 103)

    last = "; ".join(f"{visible(method)} {number(line[-1].mean)}" for method, line in lines.items())
    return draw(f"curve-{quantity}", f"{label} over training, at the end: {last}", (5.2, 3.1), paint)


def _scatter(axes: Axes, methods: dict[str, tuple[Estimate, Estimate]], scale: float) -> None:
    """A point per method that has both values, its intervals as thin bars where it has any, and its name beside it."""
    look, points = looks(list(methods)), []
    for method, both in methods.items():
        (x, y), lows, highs = ends(both, scale)
        if both[0].value is not None and both[1].value is not None:
            for bar in (([lows[0], highs[0]], [y, y]), ([x, x], [lows[1], highs[1]])):
                axes.plot(*bar, color=look[method].colour, linewidth=1.1, alpha=0.5)
            axes.plot(x, y, look[method].marker, color=look[method].colour, ms=8, mec="white", mew=0.8, zorder=3)
            points.append((x, y, visible(method)))
    _name_points(axes, points)


def _name_points(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Writes each name beside its point, on the side where it covers least. Sizes are guessed."""
    axes.margins(0.1)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    places = [((x - left) / (right - left) * FRAME.width, (y - bottom) / (top - bottom) * FRAME.height) for x, y, _ in points]
    taken = [Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in places]
    for (x, y, name), (px, py) in zip(points, places, strict=True):
        width = 6.0 * len(name)
        options = [(8, -4, "left"), (-8, -4, "right"), (7, 7, "left"), (7, -15, "left"), (-7, 7, "right"), (-7, -15, "right")]
        boxes = [Bbox.from_bounds(px + dx - (side == "right") * width, py + dy, width, 10) for dx, dy, side in options]
        costs = [sum(_shared(box, other) for other in taken) + 2 * (10 * width - _shared(box, FRAME)) for box in boxes]
        best = min(range(len(options)), key=lambda k: round(costs[k], 6))  # of equal ones the first
        dx, dy, side = options[best]
        taken.append(boxes[best])
        axes.annotate(name, (x, y), xytext=(dx, dy), textcoords="offset points", ha=side, fontsize=9.5)


def _shared(one: Bbox, other: Bbox) -> float:
    both = Bbox.intersection(one, other)
    return both.width * both.height if both else 0.0


def draw(name: str, description: str, size: tuple[float, float], paint: Callable[[Figure], None]) -> str:
    """An `<svg>` element. name: prefix of its ids. description: what a reader who cannot see it is told. size: inches."""
    with matplotlib.rc_context(fname=STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)  # only measured here; the browser draws it
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        out = io.StringIO()
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(out.getvalue(), name, description)


def _inline(svg: str, name: str, description: str) -> str:
    """The element, with those ids that something refers to, under the plot's name: ids of two plots on a page would collide."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    for stand_in, themed in THEMED.items():
        svg = svg.replace(stand_in, themed)
    svg = svg.replace("'DejaVu Sans', sans-serif", "var(--sans)").replace("'DejaVu Sans'", "var(--sans)")
    open_tag, rest = svg.split(">", 1)
    view_box = re.search(r'viewBox="[^"]*"', open_tag)
    assert view_box is not None
    label = escape(description, quote=True)
    return f'<svg role="img" aria-label="{label}" xmlns:xlink="http://www.w3.org/1999/xlink" {view_box[0]}>{rest}'.strip()
