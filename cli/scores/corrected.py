"""`pasture corrected`: a win rate from few human and many judge verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..shared.console import show_rows
from ..shared.options import Json


def corrected(
    judged: Annotated[Path, typer.Argument(help="A judge's verdicts about one model, on many prompts.")],
    gold: Annotated[Path, typer.Option(help="People's verdicts about the same model, on some of these prompts, drawn at random.")],
    level: Annotated[float, typer.Option(min=0.01, max=0.999, help="Of the interval.")] = 0.95,
    json: Json = False,
) -> None:
    """The people's win rate, by a judge that is corrected where people looked too (prediction-powered inference)."""
    import numpy as np

    from ...core.errors import InputError
    from ...core.results import Measure
    from ...eval.files.verdicts import read_verdicts
    from ...eval.intervals.prediction_powered import prediction_powered_mean
    from ...eval.win_rates.win_rate import win_rate_from_scores

    read = [read_verdicts(path) for path in (judged, gold)]
    if read[0].model and read[1].model and read[0].model != read[1].model:
        raise InputError(f"{str(judged)!r} is about {read[0].model!r} and {str(gold)!r} about {read[1].model!r}; give one model")
    by_prompt: list[dict[str, float]] = []
    for each in read:
        said: dict[str, list[float]] = {}
        for score, prompt in zip(each.scores.scores_N, each.scores.clusters_N, strict=True):
            said.setdefault(str(prompt), []).append(float(score))
        by_prompt.append({prompt: float(np.mean(scores)) for prompt, scores in said.items()})
    of_judge, of_people = by_prompt
    both = [prompt for prompt in of_people if prompt in of_judge]
    if len(both) < len(of_people):
        raise InputError(
            f"{len(of_people) - len(both)} prompts of {str(gold)!r} have no verdict in {str(judged)!r}; judge them too"
        )
    only = [score for prompt, score in of_judge.items() if prompt not in of_people]
    human_N, judge_N = (np.array([each[prompt] for prompt in both]) for each in (of_people, of_judge))
    rates = [win_rate_from_scores(list(each.values()), list(each), level=level) for each in by_prompt]
    rows = [
        Measure("win rate", "people alone", rates[1], "share", "on the prompts that people judged"),
        Measure("win rate", "judge alone", rates[0], "share", "on all prompts, and wrong as far as the judge is"),
        Measure("win rate", "corrected", prediction_powered_mean(human_N, judge_N, np.array(only), level=level), "share",
                "people's, on all prompts"),
    ]  # fmt: skip
    show_rows(rows, json, facts={"model": read[0].model or None, "baseline": read[0].baseline or None})
