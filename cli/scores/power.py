"""`pasture power`: how many prompts show a difference, or what so many prompts can show."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from typer import Option

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.results import Measure
from ...eval.files.verdicts import read_verdicts
from ...eval.intervals.power import Design, detectable_difference, flip_inflation, power_of, prompts_needed
from ...eval.intervals.sources_of_variance import sources_of_variance
from ..shared.console import plain, show_rows
from ..shared.options import Json


def power(
    delta: Annotated[
        float | None, Option(help="The difference to see, in points of win rate (3 is 3 %). How many prompts does it take?")
    ] = None,
    prompts: Annotated[
        int | None, Option(min=1, help="How many prompts there are. What difference do they show? With --delta: with what power?")
    ] = None,
    flip: Annotated[float, Option(help="Share of the evaluator's verdicts flipped at random, below 0.5.")] = 0.0,
    samples: Annotated[int, Option(min=1, help="Answers judged a prompt.")] = 1,
    between: Annotated[
        float | None,
        Option(help="Share of the variance that lies between prompts, 0 to 1; more samples shrink the rest. [default: 0.5]"),
    ] = None,
    variance: Annotated[
        float | None,
        Option(help="Variance of one verdict's score, or of a paired difference. [default: 0.25, wins and losses near 50 %]"),
    ] = None,
    verdicts: Annotated[
        list[Path] | None,
        Option(help="Measure both in these verdicts about one model instead; several files are samples; repeat it."),
    ] = None,
    alpha: Annotated[float, Option(help="Two-sided level of the test.")] = 0.05,
    wanted: Annotated[float, Option("--power", help="Chance to see a difference that is there.")] = 0.8,
    json: Json = False,
) -> None:
    """How many prompts to see 3 points? Give --delta, or --prompts, or both."""
    if verdicts:
        if between is not None or variance is not None:
            raise InputError("--verdicts measures --between and --variance; leave these out")
        variance, between = _measured(verdicts)
    between, variance = 0.5 if between is None else between, 0.25 if variance is None else variance
    design = Design(variance, samples, between, flip, alpha, wanted)
    if delta is None and prompts is None:
        way_out = "say what difference to see (--delta 3), or how many prompts there are"
        raise InputError(f"there is neither --delta nor --prompts; {way_out}")
    if delta is not None and not 0 < delta <= 100:
        raise InputError(f"--delta is {delta:g}; it is in points of win rate, above 0 and at most 100")
    shown: dict[str, float | int | None] = {"delta": delta, "prompts": prompts, "power": wanted}
    if delta is not None and prompts is not None:
        shown["power"] = power_of(delta / 100, prompts, design)
        words = f"{prompts} prompts show a difference of {delta:g} points with power {shown['power']:.3f}"
    elif delta is not None:
        shown["prompts"] = max(round(prompts_needed(delta / 100, design)), 1)
        words = f"{shown['prompts']} prompts show a difference of {delta:g} points with power {wanted:g}"
    else:
        assert prompts is not None
        shown["delta"] = 100 * detectable_difference(prompts, design)
        words = f"{prompts} prompts show a difference of {shown['delta']:.2f} points with power {wanted:g}"
    inflation = flip_inflation(flip)
    if json:
        about = {"flip": flip, "flip_inflation": inflation, "samples": samples, "between": between}
        show_rows(_rows(shown), json, facts=shown | about | {"variance": variance, "alpha": alpha})
        return
    each = "1 sample" if samples == 1 else f"{samples} samples"
    typer.echo(plain(f"{words} (two-sided level {alpha:g}, variance {variance:g}, {each} per prompt)"))
    if flip:
        typer.echo(plain(f"flips of {flip:.0%} cost {inflation:.2f} times the prompts: take the noise out of the evaluator first"))


def _rows(shown: Mapping[str, float | int | None]) -> list[Measure]:
    """The three numbers that go together, as rows; by formula, so without intervals."""
    delta, prompts, power = (None if each is None else float(each) for each in shown.values())
    values = (
        ("difference", None if delta is None else delta / 100, "difference", "of win rates, which is seen"),
        ("prompts", prompts, "prompts", "judged for both"),
        ("power", power, "share", "chance to see the difference"),
    )
    rows = [(name, Estimate(value, None, None, 0, "by formula"), unit, means) for name, value, unit, means in values]
    return [Measure("power", *each) for each in rows]


def _measured(paths: Sequence[Path]) -> tuple[float, float]:
    """(variance of a score, the share of it between prompts) of verdicts with several samples of some prompts."""
    read = [read_verdicts(path).scores for path in paths]
    prompts = [prompt for each in read for prompt in each.clusters_N]
    found = sources_of_variance(np.concatenate([each.scores_N for each in read]), {"prompt": prompts})
    if found.components is None:
        raise InputError(f"{found.reason}; give verdicts with several samples of a prompt, or say --variance and --between")
    variance = sum(found.components.values())
    if not variance > 0:
        raise InputError("all verdicts are alike, so there is no variance to measure; say --variance and --between")
    return variance, found.components["prompt"] / variance
