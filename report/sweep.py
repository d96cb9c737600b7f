"""Several rankings of the same methods, each under another share of flipped labels: one table and one page with curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup
from matplotlib.figure import Figure
from rich.table import Table

from ..core.files.writing import write_atomically
from ..core.records import Estimate
from ..core.results import Measure, RankingResult
from .headline import title
from .plots import Look, draw, ends, looks
from .rows import wide_table
from .template import rendered

MEASURES = {"win_rate": "Win rate by the evaluator, %", "gold_win_rate": "Win rate by gold, %"}
MISSING = Estimate(None, None, None, 0, "not ranked in this run")


class NoiseRun(NamedTuple):
    """One ranking of the sweep. page: its own page, as seen from that of the sweep."""

    flip: float
    result: RankingResult
    page: str


def sweep_table(runs: Sequence[NoiseRun]) -> Table:
    """One line per method, one column per share of flips: the win rate and its interval in percent."""
    each = [(method, run) for method in _methods(runs) for run in runs]
    rows = [Measure(method, f"flip {run.flip:g}", _estimate(run, method, "win_rate"), "share") for method, run in each]
    return wide_table(rows, "Win rate % by share of flipped labels")


def write_sweep(runs: Sequence[NoiseRun], path: Path) -> Path:
    """Writes the page, whole or not at all, and returns its path."""
    methods = _methods(runs)
    look = looks(methods)
    page = rendered(
        "sweep.jinja",
        world=runs[0].result.world,
        flips=[f"{run.flip:g}" for run in runs],
        rows=[(method, [_estimate(run, method, "win_rate") for run in runs]) for method in methods],
        looks=look,
        pictures=[Markup(_curve(runs, measure, label, look)) for measure, label in MEASURES.items()],
        headlines=[(f"{run.flip:g}", f"{title(run.result)}.", run.page) for run in runs],
    )
    write_atomically(path, page)
    return path


def _methods(runs: Sequence[NoiseRun]) -> list[str]:
    """In the order of the first ranking."""
    return list(dict.fromkeys(each.method for run in runs for each in run.result.methods))


def _estimate(run: NoiseRun, method: str, measure: str) -> Estimate:
    return next((getattr(each, measure) for each in run.result.methods if each.method == method), MISSING)


def _curve(runs: Sequence[NoiseRun], measure: str, label: str, look: dict[str, Look]) -> str:
    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        flips_V = [100 * run.flip for run in runs]
        for method, (colour, marker, dash) in look.items():
            value_V, low_V, high_V = ends([_estimate(run, method, measure) for run in runs], 100)
            axes.plot(flips_V, value_V, color=colour, linestyle=dash, marker=marker, ms=6, linewidth=1.8)
            axes.plot([flips_V] * 2, [low_V, high_V], color=colour, linewidth=1.0, alpha=0.4)
        axes.set_xlabel("Flipped labels, %")
        axes.set_title(label, loc="left")

    return draw(f"sweep-{measure}", f"{label} of each method against the share of flipped labels", (5.2, 3.6), paint)
