"""`pasture rank-models`: a ranking of models from battles, or from each model's verdicts against one baseline; and the ratings of
battles that `pasture leaderboard` gives."""

import json as encoder
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
from typer import Argument, Option

from ...core.errors import InputError
from ...core.files.cells import given, number_of
from ...core.files.tables import Row, read_rows
from ...core.files.writing import write_atomically
from ...core.records import Estimate
from ...core.results import Measure
from ...eval.files.battles import battles_of_rows
from ...eval.files.verdicts import read_verdicts
from ...eval.labels.crowd_bt import crowd_bradley_terry
from ...eval.leaderboards.leaderboard import csv_text
from ...eval.leaderboards.mediators import style_counts
from ...eval.rankings import social_choice
from ...eval.rankings.battles import Battles, win_matrix
from ...eval.rankings.bradley_terry import ELO_A_NAT, bradley_terry_ratings
from ...eval.rankings.contextual_bradley_terry import ratings_with_style, style_features
from ...eval.rankings.elo import elo_ratings
from ...eval.rankings.rank_correlation import correlation_under_errors, separability
from ...eval.rankings.tie_models import TieModel, ratings_with_ties, tie_probability
from ...eval.win_rates.difference import simultaneous_differences
from ...eval.win_rates.win_rate import win_rate_from_scores
from ..shared.console import print_json, show_rows
from ..shared.options import BootstrapSeed, Json, Resamples


class RatingModel(StrEnum):
    bradley_terry = "bradley-terry"
    rao_kupper = "rao-kupper"
    davidson = "davidson"
    style = "style"
    crowd = "crowd"
    elo = "elo"
    social_choice = "social-choice"


def rank_models(
    files: Annotated[
        list[Path], Argument(help="One file of battles (model_a, model_b, winner); or two or more of verdicts, one model each.")
    ],
    how: Annotated[
        RatingModel | None,
        Option(
            help="How battles are rated. rao-kupper, davidson: with a parameter for ties; style: at equal style, from response_a "
            "and response_b; crowd: with each annotator's reliability. [default: bradley-terry]"
        ),
    ] = None,
    resamples: Resamples = 200,
    seed: BootstrapSeed = 0,
    against: Annotated[
        Path | None, Option(help="For verdicts: another leaderboard's .json; does it order the models alike?")
    ] = None,
    json: Json = False,
) -> None:
    """Rank models. From battles: ratings on the arena's scale. From verdicts: win rates, and differences that hold all at once."""
    if len(files) > 1:
        if how:
            given = f"{len(files)} files of verdicts were given"
            raise InputError(f"--how {how.value} rates one file of battles, and {given}; leave it out")
        show_rows(_of_verdicts(files, against, resamples, seed), json)
        return
    if against:
        raise InputError(f"--against {str(against)!r} goes with files of verdicts, and one file was given; leave it out")
    rows = read_rows(files[0])
    of = battles_of_rows(rows, files[0])
    rated = ratings_of(rows, of, files[0], how or RatingModel.bradley_terry, resamples, seed)
    show_rows(rated, json, facts={"notes": "; ".join(of.notes) or None})


def _of_verdicts(files: list[Path], against: Path | None, resamples: int, seed: int) -> list[Measure]:
    """Win rates, every paired difference with an interval that holds with all the others, and how many pairs are told apart."""
    read = {each.model or str(path): each.scores for path in files for each in [read_verdicts(path)]}
    rates = {name: win_rate_from_scores(s.scores_N, s.clusters_N, s.abstentions) for name, s in read.items()}
    order = sorted(rates, key=lambda name: -1.0 if (value := rates[name].value) is None else value, reverse=True)
    prompts = list(dict.fromkeys(prompt for scores in read.values() for prompt in scores.clusters_N))
    column = {prompt: at for at, prompt in enumerate(prompts)}
    sums_2MP = np.zeros((2, len(order), len(prompts)))
    for row, name in enumerate(order):
        for score, prompt in zip(read[name].scores_N, read[name].clusters_N, strict=True):
            sums_2MP[:, row, column[prompt]] += (score, 1)
    scores_MP = np.divide(sums_2MP[0], sums_2MP[1], out=np.full(sums_2MP.shape[1:], np.nan), where=sums_2MP[1] > 0)
    gaps = simultaneous_differences(dict(zip(order, scores_MP, strict=True)), seed=seed, resamples=max(resamples, 200))
    found = [Measure("win rate", name, rates[name], "share", "against the baseline") for name in order]
    means = "all these intervals hold together"
    found += [Measure("difference", f"{a} less {b}", each, "difference", means) for (a, b), each in gaps.items()]
    gold_2M = None if against is None else _gold(against, order)
    apart = separability(scores_MP, None if gold_2M is None else gold_2M[0])
    found.append(Measure("ranking", "separable", apart.separable, "share", "pairs of models that are told apart"))
    if gold_2M is not None and apart.agreement is not None:
        found.append(Measure("ranking", "ordered alike", apart.agreement, "share", "of these, as the other leaderboard has them"))
        errors_M = np.array([rates[name].standard_error or 0.0 for name in order])
        values_M = np.array([np.nan if (value := rates[name].value) is None else value for name in order])
        like = correlation_under_errors(values_M, errors_M, *gold_2M, seed=seed)
        for name, each in (("Spearman", like.spearman), ("Kendall", like.kendall)):
            found.append(Measure("ranking", name, each, "correlation", "with the other leaderboard, under both tables' errors"))
    return found


def _gold(path: Path, models: list[str]) -> np.ndarray:
    """The other leaderboard's win rate of each model, in percent, and its standard error (0 where it has none), [2, M]."""
    where, found = repr(str(path)), {}
    for row in read_rows(path):
        error = number_of(row.get("standard_error"), f"{where}: `standard_error`")
        value = number_of(given(row, "win_rate", where), f"{where}: `win_rate`")
        found[str(given(row, "model", where))] = (value, 0.0 if np.isnan(error) else error)
    if missing := [name for name in models if name not in found]:
        raise InputError(f"{where} has no {', '.join(missing[:5])}; it has: {', '.join(list(found)[:10])}")
    return np.array([found[name] for name in models]).T


def ratings_of(rows: list[Row], of: Battles, path: Path, how: RatingModel, resamples: int, seed: int) -> list[Measure]:
    """What the model of ratings says of the battles `of`, which are those of the rows."""
    match how:
        case RatingModel.bradley_terry:
            return _on_scale(bradley_terry_ratings(of, seed, resamples))
        case RatingModel.elo:
            return [Measure("rating", name, each, "points") for name, each in elo_ratings(of, seed, resamples).items()]
        case RatingModel.rao_kupper | RatingModel.davidson:
            strengths, tie = ratings_with_ties(of, TieModel(how.value), seed, resamples)
            chance = None if tie is None else tie_probability(tie, TieModel(how.value))
            ties = Estimate(chance, None, None, len(of), "by the fit; no interval" if tie else "undefined: so are the ratings")
            return [*_on_scale(strengths), Measure("ties", "equal models tie", ties, "share")]
        case RatingModel.style:
            return _at_equal_style(rows, path, of, resamples, seed)
        case RatingModel.crowd:
            found = crowd_bradley_terry(of, _column(rows, "annotator", path), seed=seed, resamples=resamples)
            means = "verdicts that are honest, and not inverted"
            honest = [Measure("annotators", str(name), each, "share", means) for name, each in found.reliability.items()]
            return [*_on_scale(found.strengths), *honest]
        case _:
            return _social_choice(of)


def rate_battles(rows: list[Row], path: Path, refused: list[str], resamples: int, seed: int, out: list[Path], json: bool) -> None:
    """Bradley-Terry ratings, shown and written to the files `out`. refused: options that were given and do not go with battles."""
    if refused:
        refusal = f"{', '.join(refused)} are for judgments against a baseline"
        raise InputError(f"{str(path)!r} holds battles, and {refusal}; leave them out")
    for each in (each for each in out if each.suffix.lower() == ".html"):
        raise InputError(f"--out {str(each)!r} is a page; ratings of battles are written as .json or .csv")
    fought = battles_of_rows(rows, path)
    if not len(fought):
        why = "; ".join((f"{fought.abstentions} rows without a verdict", *fought.notes))
        raise InputError(f"{str(path)!r} holds no verdict between two models ({why}); give battles that somebody judged")
    found = _on_scale(bradley_terry_ratings(fought, seed, resamples))
    told = [
        {"model": row.name, "rating": row.estimate.value}
        | {name: getattr(row.estimate, name) for name in ("low", "high", "n", "abstentions", "how")}
        for row in found
    ]
    for each in out:
        text = encoder.dumps(told, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
        write_atomically(each, text if each.suffix.lower() == ".json" else csv_text(told))
    if json:
        print_json(told)
        return
    how = "; ".join(dict.fromkeys(row.estimate.how for row in found))
    show_rows(found, False, facts={"how": how, "abstentions": fought.abstentions, "notes": "; ".join(fought.notes) or None})


def _column(rows: list[Row], name: str, path: Path) -> list[str]:
    """The cells of those rows that hold a battle, in their order."""
    fought = [row for row in rows if len(battles_of_rows([row], path))]
    return [str(given(row, name, f"{str(path)!r}, row {at}")) for at, row in enumerate(fought, 1)]


def _on_scale(strengths: Mapping[str, Estimate]) -> list[Measure]:
    """Strengths in nats as ratings on the arena's scale, 1000 for the mean model and 400/ln(10) points per nat."""

    def points(nats: float | None) -> float | None:
        return None if nats is None else float(1000 + ELO_A_NAT * nats)

    def on_scale(of: Estimate) -> Estimate:
        error = None if of.standard_error is None else float(ELO_A_NAT * of.standard_error)
        return replace(of, value=points(of.value), low=points(of.low), high=points(of.high), standard_error=error)

    return [Measure("rating", name, on_scale(each), "points") for name, each in strengths.items()]


def _at_equal_style(rows: list[Row], path: Path, of: Battles, resamples: int, seed: int) -> list[Measure]:
    sides = [_column(rows, side, path) for side in ("response_a", "response_b")]
    counts = [[{"length": len(text), **style_counts(text)} for text in texts] for texts in sides]
    left_NF, right_NF = (np.array([list(each.values()) for each in side], dtype=float) for side in counts)
    z_NF = style_features(left_NF, right_NF)
    varies_F = np.any(z_NF != 0, axis=0)
    found = ratings_with_style(of, z_NF[:, varies_F], seed, resamples)
    names = [name for name, varies in zip(counts[0][0], list(varies_F), strict=True) if varies]
    means = "per standard deviation of the feature"
    weights = [Measure("style", name, each, "nats", means) for name, each in zip(names, found.weights_F, strict=True)]
    return [*_on_scale(found.strengths), *weights]


def _social_choice(of: Battles) -> list[Measure]:
    p_MM = social_choice.preference_matrix(win_matrix(of))
    lottery = social_choice.maximal_lottery(p_MM)
    shares_M = np.full(len(of.models), np.nan) if lottery.shares_M is None else lottery.shares_M
    winner = social_choice.condorcet_winner(p_MM)
    rules = [
        ("Borda", social_choice.borda(p_MM), "share", "mean win rate against the others, each alike"),
        ("Copeland", social_choice.copeland(p_MM), "models", "beaten by majority, a tie half"),
        ("worst case", social_choice.worst_case(p_MM), "share", "win rate against its hardest opponent"),
        ("maximal lottery", shares_M, "share", "of the mixture that no model beats"),
    ]
    found = []
    for group, values_M, unit, means in rules:
        for m in np.argsort(-values_M, kind="stable"):
            how = lottery.reason if group == "maximal lottery" and lottery.reason else "of all battles; no interval by this rule"
            value = None if np.isnan(values_M[m]) else float(values_M[m])
            of_model = Estimate(value, None, None, len(of), how, of.abstentions)
            finding = "beats every other model (Condorcet)" if group == "Copeland" and winner == m else ""
            found.append(Measure(group, of.models[m], of_model, unit, means, finding))
    cycles = social_choice.cyclic_triples(p_MM)
    return [*found, Measure("cycles", "cyclic triples", cycles, "share", "of three models; 0.25 for coins")]
