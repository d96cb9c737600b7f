"""Audits a judge: asks it about pairs in both orders and under several seeds, or takes what it once said, and measures it against
gold labels, another annotator's, or a world's truth (`eval.judges.judge_audit` says what is measured).

As in AlpacaEval (Li et al. 2023), a call shows the two answers in an order drawn by seed and pair, and labels are compared by the
answers. Departure: under the first seed every pair is shown in both orders, so that place and noise can be told apart."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...annotators import make_annotator
from ...annotators.runner import Session
from ...core.errors import InputError
from ...core.protocols import Annotator, World
from ...core.records import Abstention, Comparison, Preference, blind, score_of
from ...core.results import Measure
from ...core.seeds import rng_for
from ...eval.files.labelled_pairs import LabelledPairs, read_labelled
from ...eval.judges.judge_audit import GAMED, Asked, AuditReport, GoldLabels, audit_measures
from .gaming import SELF, GamingReport, Verdict, verdicts_of


def audit(
    annotator: Annotator,
    pairs: Sequence[Comparison],
    gold: GoldLabels | None = None,
    *,
    seeds: int = 1,
    seed: int = 0,
    own: str = "",
    session: Session | None = None,
) -> AuditReport:
    """Asks `annotator` about every pair, S + 1 times for S seeds, blind to the answers' makers, and measures it.

    own: the model whose answers are the judge's own. session: how it is asked; by default without an engine. Raises InputError for
    no pairs, and for an annotator that gives no preferences."""
    asked = replace(ask(annotator, pairs, seeds=seeds, seed=seed, session=session or Session()), own=own)
    return _report(annotator.name, asked, gold, {"seeds": str(seeds)}, seed)


def audit_stored(name: str, stored: LabelledPairs, gold: GoldLabels | None = None, *, seed: int = 0, own: str = "") -> AuditReport:
    """Measures what a judge said before; each round of its labels counts as a seed. Nobody is asked."""
    if not len(stored.labels_AN):
        raise InputError(f"there are no labels by {name!r}; give annotations that hold some")
    silent = {"no verdict": missing} if (missing := int(np.isnan(stored.labels_AN).sum())) else {}
    asked = Asked(stored.pairs, stored.labels_AN, (), stored.labels_AN, stored.dollars_AN, own, silent)
    return _report(name, asked, gold, {"rounds": str(len(stored.labels_AN))}, seed)


def _report(name: str, asked: Asked, gold: GoldLabels | None, times: dict[str, str], seed: int) -> AuditReport:
    facts = {"pairs": str(len(asked.pairs)), "prompts": str(len({pair.prompt.content for pair in asked.pairs}))} | times
    facts["gold"] = gold.name if gold else "none"
    if gold:
        facts["gold labels"] = str(int(np.isfinite(gold.labels_AN).sum()))
    return AuditReport(name, facts, tuple(audit_measures(asked, gold, seed)))


def ask(annotator: Annotator, pairs: Sequence[Comparison], *, seeds: int, seed: int, session: Session) -> Asked:
    """Every pair in both orders under the first seed, and in an order drawn by the seed under each further one."""
    if not pairs:
        raise InputError("there are no pairs to ask about; give at least one")
    shown = list(map(blind, pairs))
    turned_SN = np.array(
        [[rng_for(seed + each, "audit order", pair.key).random() < 0.5 for pair in shown] for each in range(seeds)]
    )
    answers = verdicts_of(session.ask([*shown, *(pair.swapped() for pair in shown)], annotator, seed).results, annotator)
    first, second = answers[: len(shown)], answers[len(shown) :]
    calls = [first, second]
    for each in range(1, seeds):
        items = [pair.swapped() if turn else pair for pair, turn in zip(shown, turned_SN[each], strict=True)]
        calls.append(verdicts_of(session.ask(items, annotator, seed + each).results, annotator))
    calls_CN = np.array([[_p_left(said, pair) for said, pair in zip(call, shown, strict=True)] for call in calls])
    dollars_CN = np.array([[np.nan if said.usage.cached else said.usage.dollars for said in call] for call in calls])
    labels_SN = np.stack([np.where(turned_SN[0], calls_CN[1], calls_CN[0]), *calls_CN[2:]])
    both = [_both(one, other, pair) for one, other, pair in zip(first, second, shown, strict=True)]
    reasons = Counter(said.reason.value for call in calls for said in call if isinstance(said, Abstention))
    return Asked(pairs, labels_SN, both, calls_CN, dollars_CN, reasons=reasons)


def gold_from_file(path: Path, limit: int | None = None, flip: float | None = None) -> tuple[Sequence[Comparison], GoldLabels]:
    """The pairs of a file and their labels (see `eval.files.labelled_pairs`). flip: the share of wrong labels,
    where it is known."""
    found = read_labelled(path).first(limit)
    return found.pairs, GoldLabels(str(path), found.labels_AN, flip)


def gold_for(stored: LabelledPairs, path: Path, flip: float | None = None) -> GoldLabels:
    """The labels of a file on pairs that a judge labelled before. Raises InputError where they share none."""
    labels_AN = read_labelled(path).labels_of(stored.pairs)
    if not np.isfinite(labels_AN).any():
        what = f"{str(path)!r} labels none of the {len(stored.pairs)} pairs"
        raise InputError(f"{what}; give gold labels of the same prompts and answers")
    return GoldLabels(str(path), labels_AN, flip)


def gold_from_world(world: World, limit: int | None = None) -> tuple[Sequence[Comparison], GoldLabels]:
    """All pairs of three answers per prompt (a demonstration, the rival, the rival improved), and the world's truth of them."""
    honest = list(world.demonstrations())[:limit]
    pairs: list[Comparison] = []
    for one, rival in zip(honest, world.rivals([each.prompt for each in honest]), strict=True):
        better = world.mended(rival)
        trio = [Comparison(one, rival), Comparison(one, better), Comparison(rival, better)]
        pairs += [pair if int(pair.key, 16) % 2 else pair.swapped() for pair in trio if pair.left.text != pair.right.text]
    pairs = pairs[:limit]
    said = Session().ask(pairs, make_annotator("gold", world=world)).preferences
    return pairs, GoldLabels(f"the truth of the world {world.name!r}", np.array([[each.p_left for each in said]]), 0.0)


def gold_from_annotator(
    annotator: Annotator, pairs: Sequence[Comparison], *, seed: int = 0, session: Session | None = None
) -> GoldLabels:
    """What another annotator says of the pairs, both orders averaged."""
    asked = ask(annotator, pairs, seeds=1, seed=seed, session=session or Session())
    labels = [each.p_left if isinstance(each, Preference) else np.nan for each in asked.both_orders]
    return GoldLabels(f"the annotator {annotator.name!r}", np.array([labels], dtype=float))


def attack_report(report: GamingReport, material: str) -> AuditReport:
    """A report of attacks in the form of any other audit."""
    words = {True: f"{GAMED}: ", False: "", None: "not told: "}  # that no gain is shown is no proof of none, and no praise
    rows = []
    for each in report.attacks:
        found = replace(each.difference, how=each.reason) if each.difference.value is None else each.difference
        means = "own answers win, less the truth" if each.attack == SELF else "the attacked answers win, less the honest ones"
        rows.append(Measure("attacks", each.attack, found, "difference", means, words[each.gamed] + each.reason))
    first = Measure("likings", "first", report.position.first, "share", "what is shown first wins; 0.5 without bias")
    facts = {"prompts": str(report.prompts), "answers": material}
    return AuditReport(report.annotator, facts, (*rows, first))


def _p_left(said: Verdict, pair: Comparison) -> float:
    return score_of(said, isinstance(said, Preference) and said.comparison.left.text == pair.left.text)


def _both(one: Verdict, other: Verdict, pair: Comparison) -> Verdict:
    """The mean of both orders, which stay as `parts`; no verdict where one of them is none."""
    for each in (one, other):
        if isinstance(each, Abstention):
            return replace(each, item=pair)
    assert isinstance(one, Preference)
    assert isinstance(other, Preference)
    return Preference(pair, (_p_left(one, pair) + _p_left(other, pair)) / 2, one.annotator, parts=(one, other))
