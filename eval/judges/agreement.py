"""How far annotators agree: raw agreement, Cohen's kappa, Krippendorff's alpha, and each one against the mode of the others.

labels_AN: one row an annotator, one column an item, NaN where there is no label. A number here means little without the ceiling
that the annotators' own noise sets: `agreement_ceiling`. kappa is statsmodels' (Cohen 1960; its standard error Fleiss, Cohen &
Everitt 1969), alpha evalica's (Krippendorff 2018). Departure: agreement is averaged over several modes."""

import math
from collections.abc import Hashable, Sequence
from typing import Any

import evalica
import numpy as np
import pandas as pd
from statsmodels.stats.inter_rater import cohens_kappa

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ..intervals.clusters import cluster_index, those_kept
from ..intervals.interval import bootstrap_estimate, t_interval
from ..win_rates.win_rate import share_of

Clusters = Sequence[Hashable] | np.ndarray  # the prompt of each item, for the intervals
DISTANCES = ("nominal", "ordinal", "interval", "ratio")


def agreement(first_N: np.ndarray, second_N: np.ndarray, clusters_N: Clusters | None = None) -> Estimate:
    """Share of items that two annotators label alike, in [0, 1]; NaN is not a label, and such items are counted in `abstentions`.
    clusters_N: the prompt of each item, for the interval; each its own unless given."""
    first_N, second_N, both_N = _labelled(first_N, second_N)
    clusters, cluster = clusters_of(np.flatnonzero(both_N), clusters_N)
    return share_of((first_N == second_N)[both_N].astype(float), clusters, int((~both_N).sum()), "item", cluster)


def cohen_kappa(
    first_N: np.ndarray, second_N: np.ndarray, clusters_N: Clusters | None = None, seed: int = 0, resamples: int = 500
) -> Estimate:
    """(agreement - chance)/(1 - chance), at most 1; 0 is what the two rates of each label give by chance. clusters_N: the prompt of
    each item; the interval is then of a bootstrap over prompts. Without it, it is normal, and items are taken to be independent.
    Undefined where both give all items one and the same label."""
    first_N, second_N, both_N = _labelled(first_N, second_N)
    missing, first_N, second_N = int((~both_N).sum()), first_N[both_N], second_N[both_N]
    n, table = len(first_N), _table(first_N, second_N)
    if len(table) < 2:
        why = "no item has both labels" if not n else "both annotators gave every item one label, so chance agreement is 1"
        return Estimate(None, None, None, n, f"undefined: {why}", missing)
    with np.errstate(invalid="ignore", divide="ignore"):  # its z-value, where one annotator gave one label
        found: Any = cohens_kappa(table)
    value, error, how = float(found.kappa), float(found.std_kappa), f"Cohen's kappa of {n} items"
    if clusters_N is not None:
        index = cluster_index(clusters := those_kept(clusters_N, both_N))
        places_N = np.array([index[each] for each in clusters])
        drawn = _resampled_kappas(first_N, second_N, places_N, rng_for(seed, "kappa"), resamples)
        return bootstrap_estimate(value, drawn, len(index), n, how, abstentions=missing)
    if not error > 1e-12:
        return Estimate(value, None, None, n, f"{how}, normal interval; none: no spread to measure", missing)
    low, high = t_interval(value, error, math.inf, 0.95)
    return Estimate(value, low, high, n, f"{how}, normal interval", missing, error)


def _table(first_N: np.ndarray, second_N: np.ndarray) -> np.ndarray:
    """How often each two labels met, over the labels that were given."""
    kinds, place_2N = np.unique(np.stack([first_N, second_N]), return_inverse=True)
    place_2N = place_2N.reshape(2, -1)
    counts = np.bincount(place_2N[0] * len(kinds) + place_2N[1], minlength=len(kinds) ** 2)
    return counts.reshape(len(kinds), len(kinds)).astype(float)


def _resampled_kappas(
    first_N: np.ndarray, second_N: np.ndarray, places_N: np.ndarray, rng: np.random.Generator, resamples: int
) -> list[float]:
    """Of the resamples in which two labels were given. places_N: the cluster of each item, from 0."""
    rows, drawn = [np.flatnonzero(places_N == place) for place in range(places_N.max() + 1)], []
    for _ in range(resamples if len(rows) > 1 else 0):
        some = np.concatenate([rows[each] for each in rng.integers(len(rows), size=len(rows))])
        table = _table(first_N[some], second_N[some])
        if len(table) > 1:
            kappa: Any = cohens_kappa(table, return_results=False)
            drawn.append(float(kappa))
    return drawn


def krippendorff_alpha(labels_AN: np.ndarray, distance: str = "nominal", *, resamples: int = 500) -> Estimate:
    """1 - observed/expected disagreement of A annotators, at most 1; labels may be missing. distance: nominal, ordinal, interval or
    ratio. Percentiles of a bootstrap over items. Undefined where no item has two labels, or all labels are one."""
    labels_AN = np.asarray(labels_AN, dtype=float)
    if labels_AN.ndim != 2:
        raise InputError(f"labels have shape {labels_AN.shape}; give one row an annotator and one column an item")
    if distance not in DISTANCES:
        raise InputError(f"there is no distance {distance!r}; known: {', '.join(DISTANCES)}")
    paired_AN = labels_AN[:, np.isfinite(labels_AN).sum(axis=0) > 1]
    items, left_out, value = paired_AN.shape[1], labels_AN.shape[1] - paired_AN.shape[1], _alpha(paired_AN, distance)
    if value is None:
        why = "no item has two labels" if not paired_AN.size else "all labels are one, so expected disagreement is 0"
        return Estimate(None, None, None, items, f"undefined: {why}", left_out)
    rng = rng_for(0, "alpha")
    drawn = [_alpha(paired_AN[:, rng.integers(items, size=items)], distance) for _ in range(resamples)]
    defined = [each for each in drawn if each is not None]
    how = f"Krippendorff's alpha ({distance}) of {len(labels_AN)} annotators"
    extra = {"undefined_resamples": float(resamples - len(defined))}
    return bootstrap_estimate(value, defined, items, items, how, unit="item", abstentions=left_out, extra=extra)


def _alpha(labels_AN: np.ndarray, distance: str) -> float | None:
    """None where all labels are one, or there is none."""
    if len(np.unique(labels_AN[np.isfinite(labels_AN)])) < 2:
        return None
    return float(evalica.alpha(pd.DataFrame(labels_AN), distance=distance).alpha)  # type: ignore[arg-type]


def leave_one_out(labels_AN: np.ndarray, *, prompts_N: Sequence[Hashable] | None = None) -> Estimate:
    """How often an annotator says what the mode of the other A - 1 says, averaged over all, in [0, 1]: what people reach of one
    another. Clustered by prompts_N, the prompt of each item; by item where they are not given. AlpacaEval's "variance" of a judge
    with several seeds is 1 less this. Undefined for fewer than 2 labels everywhere."""
    labels_AN = np.asarray(labels_AN, dtype=float)
    return one_left_out(labels_AN, labels_AN, prompts_N, "each against the mode of the others")


def one_left_out(first_AN: np.ndarray, labels_AN: np.ndarray, prompts_N: Sequence[Hashable] | None, note: str) -> Estimate:
    """How often `first_AN` is the mode of all labels but its own row's, over the items with a label in that row."""
    scores, items = [np.empty(0)], [np.empty(0, dtype=int)]
    for row, first_N in enumerate(first_AN):
        agreed_N = against_mode(first_N, np.delete(labels_AN, row, axis=0))
        judged = np.flatnonzero(np.isfinite(agreed_N) & np.isfinite(labels_AN[row]))
        scores.append(agreed_N[judged])
        items.append(judged)
    clusters, cluster = clusters_of(np.concatenate(items), prompts_N)
    return share_of(np.concatenate(scores), clusters, 0, "label", cluster, note)


def clusters_of(items_M: np.ndarray, prompts_N: Sequence[Hashable] | np.ndarray | None) -> tuple[Sequence[Hashable], str]:
    """The prompt of each of these items, and what one is called; the items themselves where no prompts are known."""
    if prompts_N is None:
        return items_M.tolist(), "item"
    prompts: list[Hashable] = list(prompts_N)
    return [prompts[item] for item in items_M], "prompt"


def against_mode(first_N: np.ndarray, others_AN: np.ndarray) -> np.ndarray:
    """agreed_N: 1 where the label is the others' mode, 1/m where it is one of m modes, else 0; NaN without a label or others."""
    weights = mode_weights(np.asarray(others_AN, dtype=float))
    first_N = np.asarray(first_N, dtype=float)
    agreed_N = sum((share_N * (first_N == label) for label, share_N in weights.items()), np.zeros(len(first_N)))
    some_N = np.isfinite(others_AN).any(axis=0) & np.isfinite(first_N)
    return np.where(some_N, agreed_N, np.nan)


def mode_weights(labels_AN: np.ndarray) -> dict[float, np.ndarray]:
    """For each label, its share in each item's mode: 1 if it alone is most frequent, 1/m if one of m, 0 otherwise."""
    kinds = np.unique(labels_AN[np.isfinite(labels_AN)])
    counts_LN = np.array([(labels_AN == kind).sum(axis=0) for kind in kinds]).reshape(len(kinds), labels_AN.shape[1])
    top_LN = (counts_LN == counts_LN.max(axis=0, initial=0)) & (counts_LN > 0)
    return {float(kind): top_N / np.maximum(top_LN.sum(axis=0), 1) for kind, top_N in zip(kinds, top_LN, strict=True)}


def _labelled(first_N: np.ndarray, second_N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first_N, second_N = np.asarray(first_N, dtype=float), np.asarray(second_N, dtype=float)
    if first_N.shape != second_N.shape or first_N.ndim != 1:
        what = f"the labels have shapes {first_N.shape} and {second_N.shape}"
        raise InputError(f"{what}; give two equally long lists, matched by item")
    return first_N, second_N, np.isfinite(first_N) & np.isfinite(second_N)
