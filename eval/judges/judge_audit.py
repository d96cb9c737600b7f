"""What is wrong with a judge, in numbers: agreement beside its ceiling, bias and variance as AlpacaEval has them (Li et al. 2023),
what the judge likes for itself (place, length, lists, its own answers), whether it contradicts itself, and its price.

Each measure is made elsewhere in this room; here they are put side by side, every one with its interval over prompts. A verdict and
a tie agree by half. Nobody is asked anything here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...core.records import Abstention, Comparison, Estimate, Preference, Reason
from ...core.results import Measure
from ..intervals.clusters import Scores
from ..intervals.mean import clustered_mean
from ..leaderboards.mediators import style_counts
from ..win_rates.difference import paired_difference
from ..win_rates.win_rate import win_rate_from_scores
from .agreement import cohen_kappa, leave_one_out, mode_weights
from .agreement_ceiling import ceiling_of_labels
from .judge_quality import agreement_leaving_one_out, judge_bias, judge_variance, prefers_lists, prefers_longer
from .position_bias import position_bias
from .transitivity import intransitivity
from .verbosity_bias import verbosity_bias


@dataclass(frozen=True, slots=True)
class Asked:
    """What a judge said of N pairs, S times: labels_SN is P(left is better) by one call each, NaN where it abstained.

    both_orders: its verdicts with both orders as `parts`, one a pair; empty where each pair was shown in one order only.
    calls_CN: P(left) by every call there was, C a pair, NaN where it abstained; dollars_CN: what each cost, NaN where not known.
    own: the model whose answers are the judge's own; blank if unknown. reasons: how many calls abstained, by reason.
    """

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


GAMED = "GAMED"
"""How the finding of an attack that works begins."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Who was audited, on what, and what was found. facts: what else there is to say (engine, material, seeds), in words."""

    annotator: str
    facts: Mapping[str, str]
    measures: tuple[Measure, ...]


def audit_measures(asked: Asked, gold: GoldLabels | None = None, seed: int = 0, level: float = 0.95) -> list[Measure]:
    """All measures, those that are undefined too. Without gold labels, only those that need none. seed: of kappa's bootstrap."""
    labels_SN, pairs = _hard(asked.labels_SN), asked.pairs
    p_N = _of_both_orders(asked) if asked.both_orders else labels_SN[0]
    prompts = [pair.prompt.content for pair in pairs]
    found = _agreement(asked, gold, labels_SN, p_N, prompts, seed, level) if gold else []
    variance = _variance(labels_SN, level, prompts)
    found.append(Measure("agreement", "variance", variance, "share", "one call differs from the mode of the others"))
    found += _likings(asked, gold, p_N, prompts, level)
    found += _consistency(asked, p_N, level)
    return found + _cost(asked, prompts, level)


def _agreement(
    asked: Asked, gold: GoldLabels, labels_SN: np.ndarray, p_N: np.ndarray, prompts: list[str], seed: int, level: float
) -> list[Measure]:
    gold_AN = _hard(gold.labels_AN)
    gold_N = _mode(gold_AN)
    scores_SN = 1 - np.abs(labels_SN - gold_N)
    kappa = cohen_kappa(labels_SN[0], gold_N, clusters_N=prompts, seed=seed, level=level)
    one_call = _rate(scores_SN.ravel(), prompts * len(labels_SN), gold_N, level)
    rows = [("agreement", one_call, "share", "one call says what the gold label says")]
    if asked.both_orders:
        both = _rate(1 - np.abs(p_N - gold_N), prompts, gold_N, level)
        rows.append(("agreement, both orders", both, "share", "the mean of both orders does"))
    top = ceiling_of_labels(gold_AN, prompts, gold.flip, level)
    rows.append(("ceiling", top, "share", "what a perfect judge reaches on labels this noisy"))
    rows.append(("Cohen's kappa", kappa, "kappa", "agreement above chance"))
    if (np.isfinite(gold_AN).sum(axis=0) > 1).any():
        left_out = agreement_leaving_one_out(labels_SN[0], gold_AN, level, prompts)
        rows.append(("agreement, one left out", left_out, "share", "one call says what all labellers but one say"))
        others = leave_one_out(gold_AN, level, prompts)
        rows.append(("labellers, one left out", others, "share", "a labeller says what the others say"))
    bias = judge_bias(labels_SN, gold_AN, level, prompts)
    rows.append(("bias", bias, "share", "the mode of its calls differs from that of the gold labels"))
    return [Measure("agreement", *row) for row in rows]


def _likings(asked: Asked, gold: GoldLabels | None, p_N: np.ndarray, prompts: list[str], level: float) -> list[Measure]:
    texts = [(pair.left.text, pair.right.text) for pair in asked.pairs]
    lengths_2N = np.array([[len(text) for text in each] for each in texts], dtype=float).reshape(-1, 2).T
    lists_2N = np.array([[style_counts(text)["lists"] for text in each] for each in texts]).reshape(-1, 2).T
    gold_N = _mode(_hard(gold.labels_AN)) if gold else None
    verdicts = asked.both_orders or [
        Preference(pair, float(p), "") if np.isfinite(p) else Abstention(pair, Reason.NOT_APPLICABLE, "")
        for pair, p in zip(asked.pairs, p_N, strict=True)
    ]
    known = "what is shown first wins; 0.5 without bias"
    shown = known if asked.both_orders else "the file's first answer wins; in which order the judge saw them is not known"
    rows = [("first", position_bias(verdicts, level).first, "share", shown)]
    for liked, measure, (left_N, right_N) in (("longer", prefers_longer, lengths_2N), ("list", prefers_lists, lists_2N)):
        means = f"the {liked} answer wins" if liked == "longer" else "the answer with a list wins"
        rows.append((liked, measure(1 - p_N, left_N, right_N, prompts, level), "share", means))
        if gold_N is not None:
            by_gold = measure(1 - gold_N, left_N, right_N, prompts, level)
            rows.append((f"{liked}, by gold", by_gold, "share", "the same of the gold labels"))
    if gold_N is not None:
        longer_N = np.where(lengths_2N[0] == lengths_2N[1], np.nan, (lengths_2N[0] > lengths_2N[1]) == (gold_N > 0.5))
        longer_N[(gold_N == 0.5) | np.isnan(gold_N)] = np.nan
        bias = verbosity_bias(1 - np.abs(p_N - gold_N), longer_N, prompts, level)
        rows.append(("verbosity bias", bias, "difference", "right if gold is longer, less right if gold is shorter"))
    rows.append(
        ("self-preference", _self_preference(asked, gold_N, p_N, level), "difference", "own answers win, less what gold gives them")
    )
    return [Measure("likings", *row) for row in rows]


def _self_preference(asked: Asked, gold_N: np.ndarray | None, p_N: np.ndarray, level: float) -> Estimate:
    """The rate at which the judge's own answers win, less the gold labels' on the same pairs (Panickssery et al. 2024,
    arXiv:2404.13076)."""
    own = [(pair.left.model == asked.own) - (pair.right.model == asked.own) for pair in asked.pairs] if asked.own else []
    if not any(own):
        who = f"no pair has one answer of {asked.own!r}" if asked.own else "which answers are the judge's own is not known"
        return Estimate(None, None, None, 0, f"undefined: {who}", level=level)
    if gold_N is None:
        return Estimate(None, None, None, 0, "undefined: without gold labels, own answers that win more may be better", level=level)
    own_N = np.array(own)
    use_N = (own_N != 0) & np.isfinite(p_N) & np.isfinite(gold_N)
    prompts = [pair.prompt.content for pair, use in zip(asked.pairs, use_N, strict=True) if use]
    rates = [Scores(np.where(own_N > 0, each, 1 - each)[use_N], prompts) for each in (p_N, gold_N)]
    return replace(paired_difference(rates[:1], rates[1:], level, trained=False), abstentions=int(((own_N != 0) & ~use_N).sum()))


def _consistency(asked: Asked, p_N: np.ndarray, level: float) -> list[Measure]:
    same = position_bias(asked.both_orders, level).consistency if asked.both_orders else None
    same = same or Estimate(None, None, None, 0, "undefined: no pair was shown in both orders", level=level)
    circular = intransitivity(asked.pairs, p_N, level)
    return [
        Measure("consistency", "same in both orders", same, "share", "both orders name one answer, or both a tie"),
        Measure("consistency", "intransitive", circular, "share", "triads of answers that go in a circle; 0.25 for coins"),
    ]


def _cost(asked: Asked, prompts: list[str], level: float) -> list[Measure]:
    dollars = clustered_mean(1000 * asked.dollars_CN.ravel(), prompts * len(asked.dollars_CN), level)
    is_silent = np.isnan(asked.calls_CN).ravel().astype(float)
    silent = win_rate_from_scores(is_silent, prompts * len(asked.calls_CN), level=level)
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(asked.reasons.items()))
    silent = replace(silent, how=f"{silent.how}; {why}" if why else silent.how, extra={})
    return [
        Measure("cost", "dollars per 1,000", dollars, "dollars", "what 1,000 calls cost"),
        Measure("cost", "abstained", silent, "share", "calls without a verdict; no tie and no vote"),
    ]


def _variance(labels_SN: np.ndarray, level: float, prompts: list[str]) -> Estimate:
    found = judge_variance(labels_SN, level, prompts)
    return found if found.value is not None else replace(found, how="undefined: it was asked once; ask with more seeds")


def _of_both_orders(asked: Asked) -> np.ndarray:
    """The hard verdict of both orders' mean, as a place is no reason; NaN where there is none."""
    said = [each.p_left if isinstance(each, Preference) else np.nan for each in asked.both_orders]
    return _hard(np.array(said, dtype=float))


def _rate(scores_N: np.ndarray, prompts: list[str], gold_N: np.ndarray, level: float) -> Estimate:
    """Mean agreement where there is a gold label; what the judge did not say of those is counted."""
    known_N = np.tile(np.isfinite(gold_N), len(scores_N) // max(len(gold_N), 1))
    use_N = known_N & np.isfinite(scores_N)
    clusters = [prompt for prompt, use in zip(prompts, use_N, strict=True) if use]
    found = win_rate_from_scores(scores_N[use_N], clusters, int((known_N & ~use_N).sum()), level)
    return replace(found, extra={})


def _mode(labels_AN: np.ndarray) -> np.ndarray:
    """The most frequent label of each pair, the mean of them where there are several; NaN where there is none."""
    weights = mode_weights(labels_AN)
    mode_N = sum((label * share_N for label, share_N in weights.items()), np.zeros(labels_AN.shape[1]))
    return np.where(np.isfinite(labels_AN).any(axis=0), mode_N, np.nan)


def _hard(p: np.ndarray) -> np.ndarray:
    """1 for left, 0 for right, 0.5 for a tie; NaN stays."""
    p = np.asarray(p, dtype=float)
    return np.where(np.isnan(p), np.nan, np.where(p == 0.5, 0.5, (p > 0.5).astype(float)))
