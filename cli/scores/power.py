"""`pasture power`: how many prompts show a difference, or what so many prompts can show."""

from __future__ import annotations

from typing import Annotated

import typer

from ..shared.console import plain, print_json


def power(
    delta: Annotated[
        float | None, typer.Option(help="The difference to see, in points of win rate (3 is 3 %). How many prompts does it take?")
    ] = None,
    prompts: Annotated[
        int | None,
        typer.Option(min=1, help="How many prompts there are. What difference do they show? With --delta: with what power?"),
    ] = None,
    flip: Annotated[float, typer.Option(help="Share of the evaluator's verdicts flipped at random, below 0.5.")] = 0.0,
    samples: Annotated[int, typer.Option(min=1, help="Answers judged a prompt.")] = 1,
    between: Annotated[
        float, typer.Option(help="Share of the variance that lies between prompts, 0 to 1; more samples shrink the rest.")
    ] = 0.5,
    variance: Annotated[
        float, typer.Option(help="Variance of one verdict's score, or of a paired difference: 0.25 for wins and losses near 50 %.")
    ] = 0.25,
    alpha: Annotated[float, typer.Option(help="Two-sided level of the test.")] = 0.05,
    wanted: Annotated[float, typer.Option("--power", help="Chance to see a difference that is there.")] = 0.8,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")] = False,
) -> None:
    """How many prompts to see 3 points? Give --delta, or --prompts, or both."""
    from ...core.errors import InputError
    from ...eval.intervals.power import Design, detectable_difference, flip_inflation, power_of, prompts_needed

    design = Design(variance, samples, between, flip, alpha, wanted)
    if delta is None and prompts is None:
        raise InputError(
            "there is neither --delta nor --prompts; say what difference to see (--delta 3), or how many prompts there are"
        )
    shown: dict[str, float | int | None] = {"delta": delta, "prompts": prompts, "power": wanted}
    if delta is not None and prompts is not None:
        shown["power"] = power_of(_share(delta), prompts, design)
        words = f"{prompts} prompts show a difference of {delta:g} points with power {shown['power']:.3f}"
    elif delta is not None:
        needed = prompts_needed(_share(delta), design)
        shown["prompts"] = max(round(needed), 1)
        words = f"{shown['prompts']} prompts show a difference of {delta:g} points with power {wanted:g}"
    else:
        assert prompts is not None
        shown["delta"] = 100 * detectable_difference(prompts, design)
        words = f"{prompts} prompts show a difference of {shown['delta']:.2f} points with power {wanted:g}"
    inflation = flip_inflation(flip)
    shown |= {
        "flip": flip,
        "flip_inflation": inflation,
        "samples": samples,
        "between": between,
        "variance": variance,
        "alpha": alpha,
    }
    if json:
        print_json(shown)
        return
    each = "1 sample" if samples == 1 else f"{samples} samples"
    typer.echo(plain(f"{words} (two-sided level {alpha:g}, variance {variance:g}, {each} a prompt)"))
    if flip:
        typer.echo(plain(f"flips of {flip:.0%} cost {inflation:.2f} times the prompts: take the noise out of the evaluator first"))


def _share(points: float) -> float:
    from ...core.errors import InputError

    if not 0 < points <= 100:
        raise InputError(f"--delta is {points:g}; it is in points of win rate, above 0 and at most 100")
    return points / 100
