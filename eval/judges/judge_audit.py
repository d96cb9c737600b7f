"""What is wrong with a judge, in numbers: agreement beside its ceiling, bias and variance as AlpacaEval has them (Li et al. 2023),
what the judge likes for itself (place, length, lists, its own answers), whether it contradicts itself, and its price.

Each measure is made elsewhere in this room; here they are put side by side, every one with its interval over prompts. A verdict and
a tie agree by half. Nobody is asked anything here."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...core.records import Abstention, Comparison, Estimate, Preference, Reason
from ...core.results import Measure
from ..intervals.clusters import Scores, clustered_mean
from ..leaderboards.mediators import style_counts
from ..win_rates.difference import paired_difference
from ..win_rates.win_rate import share_of
from .agreement import cohen_kappa, leave_one_out, mode_weights
from .agreement_ceiling import ceiling_of_labels
from .judge_quality import (
    agreement_leaving_one_out,
    intransitivity,
    judge_bias,
    judge_variance,
    prefers_lists,
    prefers_longer,
    verbosity_bias,
)
from .position_bias import position_bias


@dataclass(frozen=True, slots=True)
class Asked:
    """What a judge said of N pairs, S times: labels_SN is P(left is better) by one call each, NaN where it abstained. both_orders:
    its verdicts with both orders as `parts`, one per pair; empty where each pair was shown in one order only. calls_CN: P(left) by
    every call there was, C a pair, NaN where it abstained; dollars_CN: what each cost, NaN where not known. own: the model whose
    answers are the judge's own; blank if unknown. reasons: how many calls abstained, by reason."""

    pairs: Sequence[Comparison]
    labels_SN: np.ndarray
    both_orders: Sequence[Preference | Abstention]
    calls_CN: np.ndarray
    dollars_CN: np.ndarray
    own: str = ""
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GoldLabels:
    """labels_AN: P(left is better), one row a labeller, NaN where there is none. flip: the share of these labels that are wrong,
    where it is known (0 for a truth); None where only their own disagreement can tell."""

    name: str
    labels_AN: np.ndarray
    flip: float | None = None


GAMED = "GAMED"  # how the finding of an attack that works begins


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was audited, on what, and what was found. facts: what else there is to say (engine, material, seeds), in words."""

    annotator: str
    facts: Mapping[str, str]
    measures: tuple[Measure, ...]


def audit_measures(asked: Asked, gold: GoldLabels | None = None, seed: int = 0) -> list[Measure]:
    """All measures, those that are undefined too. Without gold labels, only those that need none. seed: of kappa's bootstrap."""
    labels_SN, prompts = _hard(asked.labels_SN), [pair.prompt.content for pair in asked.pairs]
    # a place is no reason: the mean of both orders, where they were asked
    both = [each.p_left if isinstance(each, Preference) else np.nan for each in asked.both_orders]
    p_N = _hard(np.array(both)) if both else labels_SN[0]
    gold_N = _mode(_hard(gold.labels_AN)) if gold else None
    found = _agreement(asked, gold, labels_SN, p_N, prompts, seed) if gold else []
    variance = judge_variance(labels_SN, prompts_N=prompts)
    if variance.value is None:
        variance = replace(variance, how="undefined: it was asked once; ask with more seeds")
    found.append(Measure("agreement", "variance", variance, "share", "one call differs from the mode of the others"))
    return [*found, *_likings(asked, gold_N, p_N, prompts), *_consistency_and_cost(asked, p_N, prompts)]


def _agreement(
    asked: Asked, gold: GoldLabels, labels_SN: np.ndarray, p_N: np.ndarray, prompts: list[str], seed: int
) -> list[Measure]:
    gold_AN = _hard(gold.labels_AN)
    gold_N = _mode(gold_AN)
    kappa = cohen_kappa(labels_SN[0], gold_N, clusters_N=prompts, seed=seed)
    rows = [("agreement", _rate(labels_SN, prompts, gold_N), "share", "one call says what the gold label says")]
    if asked.both_orders:
        rows.append(("agreement, both orders", _rate(p_N[None], prompts, gold_N), "share", "the mean of both orders does"))
    top = ceiling_of_labels(gold_AN, prompts, gold.flip)
    rows.append(("ceiling", top, "share", "what a perfect judge reaches on labels this noisy"))
    rows.append(("Cohen's kappa", kappa, "kappa", "agreement above chance"))
    if (np.isfinite(gold_AN).sum(axis=0) > 1).any():
        left_out = agreement_leaving_one_out(labels_SN[0], gold_AN, prompts_N=prompts)
        rows.append(("agreement, one left out", left_out, "share", "one call says what all labellers but one say"))
        others = leave_one_out(gold_AN, prompts_N=prompts)
        rows.append(("labellers, one left out", others, "share", "a labeller says what the others say"))
    bias = judge_bias(labels_SN, gold_AN, prompts_N=prompts)
    rows.append(("bias", bias, "share", "the mode of its calls differs from that of the gold labels"))
    return [Measure("agreement", *row) for row in rows]


def _likings(asked: Asked, gold_N: np.ndarray | None, p_N: np.ndarray, prompts: list[str]) -> list[Measure]:
    texts = [(pair.left.text, pair.right.text) for pair in asked.pairs]
    lengths_2N = np.array([[len(text) for text in each] for each in texts], dtype=float).reshape(-1, 2).T
    lists_2N = np.array([[style_counts(text)["lists"] for text in each] for each in texts]).reshape(-1, 2).T
    verdicts = asked.both_orders or [
        Preference(pair, float(p), "") if np.isfinite(p) else Abstention(pair, Reason.NOT_APPLICABLE, "")
        for pair, p in zip(asked.pairs, p_N, strict=True)
    ]
    known = "what is shown first wins; 0.5 without bias"
    shown = known if asked.both_orders else "the file's first answer wins; in which order the judge saw them is not known"
    rows = [("first", position_bias(verdicts).first, "share", shown)]
    for liked, measure, sides_2N, means in (
        ("longer", prefers_longer, lengths_2N, "the longer answer wins"),
        ("list", prefers_lists, lists_2N, "the answer with a list wins"),
    ):
        rows.append((liked, measure(1 - p_N, sides_2N[0], sides_2N[1], prompts), "share", means))
        if gold_N is not None:
            by_gold = measure(1 - gold_N, sides_2N[0], sides_2N[1], prompts)
            rows.append((f"{liked}, by gold", by_gold, "share", "the same of the gold labels"))
    if gold_N is not None:
        longer_N = np.where(lengths_2N[0] == lengths_2N[1], np.nan, (lengths_2N[0] > lengths_2N[1]) == (gold_N > 0.5))
        longer_N[(gold_N == 0.5) | np.isnan(gold_N)] = np.nan
        bias = verbosity_bias(1 - np.abs(p_N - gold_N), longer_N, prompts)
        rows.append(("verbosity bias", bias, "difference", "right if gold is longer, less right if gold is shorter"))
    own = _self_preference(asked, gold_N, p_N)
    rows.append(("self-preference", own, "difference", "own answers win, less what gold gives them"))
    return [Measure("likings", *row) for row in rows]


def _self_preference(asked: Asked, gold_N: np.ndarray | None, p_N: np.ndarray) -> Estimate:
    """How often the judge's own answers win, less the gold labels' rate (Panickssery et al. 2024, arXiv:2404.13076)."""
    own = [(pair.left.model == asked.own) - (pair.right.model == asked.own) for pair in asked.pairs] if asked.own else []
    if not any(own):
        who = f"no pair has one answer of {asked.own!r}" if asked.own else "which answers are the judge's own is not known"
        return Estimate(None, None, None, 0, f"undefined: {who}")
    if gold_N is None:
        return Estimate(None, None, None, 0, "undefined: without gold labels, own answers that win more may be better")
    own_N = np.array(own)
    use_N = (own_N != 0) & np.isfinite(p_N) & np.isfinite(gold_N)
    prompts = [pair.prompt.content for pair, use in zip(asked.pairs, use_N, strict=True) if use]
    rates = [Scores(np.where(own_N > 0, each, 1 - each)[use_N], prompts) for each in (p_N, gold_N)]
    return replace(paired_difference(rates[:1], rates[1:], trained=False), abstentions=int(((own_N != 0) & ~use_N).sum()))


def _consistency_and_cost(asked: Asked, p_N: np.ndarray, prompts: list[str]) -> list[Measure]:
    same = position_bias(asked.both_orders).consistency if asked.both_orders else None
    same = same or Estimate(None, None, None, 0, "undefined: no pair was shown in both orders")
    circles = intransitivity(asked.pairs, p_N)
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(asked.reasons.items()))
    silent = share_of(np.isnan(asked.calls_CN).ravel().astype(float), prompts * len(asked.calls_CN), note=why)
    dollars = clustered_mean(1000 * asked.dollars_CN.ravel(), prompts * len(asked.dollars_CN))
    return [
        Measure("consistency", "same in both orders", same, "share", "both orders name one answer, or both a tie"),
        Measure("consistency", "intransitive", circles, "share", "triads of answers that go in a circle; 0.25 for coins"),
        Measure("cost", "dollars per 1,000", dollars, "dollars", "what 1,000 calls cost"),
        Measure("cost", "abstained", silent, "share", "calls without a verdict; no tie and no vote"),
    ]


def _rate(labels_SN: np.ndarray, prompts: list[str], gold_N: np.ndarray) -> Estimate:
    """Mean agreement where there is a gold label; what the judge did not say of those is counted."""
    scores_N, known_N = (1 - np.abs(labels_SN - gold_N)).ravel(), np.tile(np.isfinite(gold_N), len(labels_SN))
    use_N = known_N & np.isfinite(scores_N)
    clusters = itertools.compress(prompts * len(labels_SN), use_N)
    return share_of(scores_N[use_N], list(clusters), int((known_N & ~use_N).sum()))


def _mode(labels_AN: np.ndarray) -> np.ndarray:
    """The most frequent label of each pair, the mean of them where there are several; NaN where there is none."""
    mode_N = sum((label * share_N for label, share_N in mode_weights(labels_AN).items()), np.zeros(labels_AN.shape[1]))
    return np.where(np.isfinite(labels_AN).any(axis=0), mode_N, np.nan)


def _hard(p: np.ndarray) -> np.ndarray:
    """1 for left, 0 for right, 0.5 for a tie; NaN stays."""
    p = np.asarray(p, dtype=float)
    return np.where(np.isnan(p) | (p == 0.5), p, (p > 0.5).astype(float))
