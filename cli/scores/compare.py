"""`pasture compare` and `pasture corrected`: two models judged alike; and one model, judged by few people and by a judge."""

from pathlib import Path
from typing import Annotated

import numpy as np
from typer import Argument, Option

from ...core.errors import InputError
from ...core.results import Measure, estimate_json
from ...eval.files.verdicts import read_verdicts
from ...eval.intervals.prediction_powered import prediction_powered_mean
from ...eval.win_rates.difference import paired_difference
from ...eval.win_rates.win_rate import win_rate_from_scores
from ..shared.console import show_rows
from ..shared.options import Json


def compare(
    first: Annotated[Path, Argument(help="Verdicts: AlpacaEval's annotations, or preferences of `pasture annotate`.")],
    second: Annotated[Path, Argument(help="Verdicts about another model, against the same baseline.")],
    across_judges: Annotated[
        bool, Option("--across-judges", help="Also of two judges; the difference is then theirs as much as the models'.")
    ] = False,
    level: Annotated[float, Option(help="Of the interval.")] = 0.95,
    json: Json = False,
) -> None:
    """Which of two models won more? Paired by prompt, because two separate intervals say too little."""
    if not 0 < level < 1:
        raise InputError(f"--level is {level:g}; it is in (0, 1), such as 0.95")
    one, other = read_verdicts(first), read_verdicts(second)
    if one.baseline and other.baseline and one.baseline != other.baseline:
        both = f"{str(first)!r} is against {one.baseline!r} and {str(second)!r} against {other.baseline!r}"
        raise InputError(f"{both}; give two with one baseline")
    if one.prompt_column != other.prompt_column:
        both = f"{str(first)!r} names prompts by {one.prompt_column!r} and {str(second)!r} by {other.prompt_column!r}"
        raise InputError(f"{both}; name them alike")
    if one.judges and other.judges and not one.judges & other.judges and not across_judges:
        judges = [", ".join(sorted(each.judges)[:3]) for each in (one, other)]
        why = f"{str(first)!r} was judged by {judges[0]} and {str(second)!r} by {judges[1]}"
        way_out = "give two files of one judge, or --across-judges"
        raise InputError(f"{why}: their difference is the judges' as much as the models'; {way_out}")
    rates = [win_rate_from_scores(s.scores_N, s.clusters_N, s.abstentions, level) for s in (one.scores, other.scores)]
    difference = paired_difference([one.scores], [other.scores], level, trained=False)
    names = (one.model or str(first), other.model or str(second))
    facts = {"first": names[0], "second": names[1], "baseline": one.baseline or other.baseline or None}
    facts |= {"judges": ", ".join(sorted(one.judges | other.judges)[:6]) or None}
    rows = [Measure("win rate", name, rate, "share") for name, rate in zip(names, rates, strict=True)]
    p = f"p {difference.extra['p']:.3g} ({difference.how})" if "p" in difference.extra else ""
    rows.append(Measure("paired difference", "difference", difference, "difference", "the first's win rate less the second's", p))
    keys = ("win_rate_first", "win_rate_second", "difference")  # as 0.1 had them
    more = {key: estimate_json(row.estimate) for key, row in zip(keys, rows, strict=True)}
    show_rows(rows, json, facts=facts, more=more)


def corrected(
    judged: Annotated[Path, Argument(help="A judge's verdicts about one model, on many prompts.")],
    gold: Annotated[Path, Option(help="People's verdicts about the same model, on some of these prompts, drawn at random.")],
    level: Annotated[float, Option(min=0.01, max=0.999, help="Of the interval.")] = 0.95,
    json: Json = False,
) -> None:
    """The people's win rate, by a judge that is corrected where people looked too (prediction-powered inference)."""
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
        missing = f"{len(of_people) - len(both)} prompts of {str(gold)!r}"
        raise InputError(f"{missing} have no verdict in {str(judged)!r}; judge them too")
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
