"""The win rate that a model would have were its answers as long, or as styled, as the baseline's (Dubois et al. 2024,
arXiv:2404.04475).

logit P(model beats baseline)_i = sum_k w_k * mediator_ik + w_difficulty * difficulty_i + w_model, fitted to soft labels with an L1
penalty chosen by cross-validation; the controlled win rate is its mean prediction with every mediator at 0. A mediator is any
difference that should not decide: length, lists, headers, bold (`mediators.py`).

Departures: difficulty is joined by prompt id, never by position; the fit is at its optimum, not where liblinear stops; there is
an interval (bootstrap over prompts at the chosen penalty); what cannot be told from the data is undefined, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from .mediators import length_difference
from .soft_logistic import choose_penalty, fit_soft_logistic, one_step_refits

PENALTIES = np.logspace(4, -4, 10)
FOLDS = 5
Solver = Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]
"""(features [R, K], labels [R], row weights [R], penalty) -> weights [K]."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Verdicts on the baseline asked to be gamed (AlpacaEval: the baseline prompted to be verbose, and concise) against itself.

    They pull the fit towards a model that owes its wins to the mediators alone: w_model is 0 for them. `weight` of each row,
    beside 1 of a verdict on the model: AlpacaEval's is 0.2 / 2 gamed baselines. The mediators are named as the model's.
    """

    ids: Sequence[Hashable]
    scores_N: np.ndarray
    mediators: Mapping[str, np.ndarray]
    weight: float = 0.1

    def mirrored(self) -> Anchor:
        """The same verdicts seen from the other side, as the mirrored comparison needs them."""
        return replace(self, scores_N=1 - self.scores_N, mediators={name: -each for name, each in self.mediators.items()})


class ControlledWinRate(NamedTuple):
    """`estimate` in [0, 1]; n counts the verdicts fitted, abstentions the prompts without one (they are predicted all the same).

    weights: in nats, by mediator, `difficulty` and `model`; None where undefined. penalty: the L1 penalty chosen (liblinear's 1/C).
    """

    estimate: Estimate
    weights: Mapping[str, float] | None
    penalty: float | None


def folds_by_prompt(prompts: Sequence[Hashable]) -> np.ndarray:
    """A fold in 0 .. 4 for each row: all rows of a prompt in one, as even as can be, drawn over the sorted prompts, so that the
    order of rows changes nothing."""
    ordered = sorted(set(prompts), key=str)
    drawn = rng_for(0, "folds").permutation(len(ordered)) % FOLDS
    fold = dict(zip(ordered, drawn.tolist(), strict=True))
    return np.array([fold[prompt] for prompt in prompts])


def length_controlled_win_rate(
    scores_N: np.ndarray, ids: Sequence[Hashable], lengths_N: np.ndarray, baseline_lengths_N: np.ndarray, **options: Any
) -> ControlledWinRate:
    """`controlled_win_rate` with length as its one mediator (`lc-alpacaeval`); lengths in characters or tokens."""
    lengths = [np.asarray(each, dtype=float) for each in (lengths_N, baseline_lengths_N)]
    if any(each.shape != (len(ids),) or not np.isfinite(each).all() or (each < 0).any() for each in lengths):
        raise InputError(
            f"lengths are needed of both answers to each of the {len(ids)} prompts, finite and 0 or more; leave out the others"
        )
    return controlled_win_rate(scores_N, ids, {"length": length_difference(*lengths)}, **options)


def controlled_win_rate(
    scores_N: np.ndarray,
    ids: Sequence[Hashable],
    mediators: Mapping[str, np.ndarray],
    *,
    difficulty: Mapping[Any, float] | None = None,
    anchor: Anchor | None = None,
    penalty: float | None = None,
    folds: Callable[[Sequence[Hashable]], np.ndarray] = folds_by_prompt,
    solver: Solver | None = None,
    resamples: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> ControlledWinRate:
    """The model's win rate in [0, 1] with every mediator at 0.

    scores_N: P(model is better) on each prompt, in [0, 1], NaN without a verdict. ids: prompts, each once. mediators: [N] each,
    baseline less model. difficulty: log-odds by prompt id (`difficulty.py`, or published). penalty: chosen by 5-fold
    cross-validation where None. solver: fits the weights at that penalty, else the exact optimum. resamples: 0 for no interval;
    percentiles otherwise, of one-step refits at the chosen penalty. Undefined, with the reason, for fewer than 5 verdicts,
    verdicts that are all alike, and a mediator that never varies.
    Raises InputError for repeated or unknown ids, unequal shapes, and values out of range.
    """
    scores_N = np.asarray(scores_N, dtype=float)
    _check(scores_N, ids, mediators, difficulty, anchor)
    judged_N = np.isfinite(scores_N)
    given = {"n": int(judged_N.sum()), "abstentions": int((~judged_N).sum()), "level": level}
    named = " and ".join(name for name, each in mediators.items() if each.any()) or "nothing: the answers do not differ in it"
    if reason := _undefined(scores_N[judged_N], mediators):
        if judged_N.any() and (scores_N[judged_N] == 0.5).all() and not any(each.any() for each in mediators.values()):
            same = Estimate(0.5, None, None, how="all ties between answers that do not differ; no interval", **given)
            return ControlledWinRate(same, dict.fromkeys((*mediators, "difficulty", "model"), 0.0), None)
        return ControlledWinRate(Estimate(None, None, None, how=f"undefined: {reason}", **given), None, None)
    design = _design(scores_N, ids, mediators, difficulty, anchor)
    if penalty is None:
        at, _, path_CK = choose_penalty(design.x_RK, design.y_R, design.weights_R, folds(design.prompts), PENALTIES)
        penalty, theta_K = float(PENALTIES[at]), path_CK[at]
    else:
        theta_K = fit_soft_logistic(design.x_RK, design.y_R, design.weights_R[None], np.array([penalty]))[0]
    if solver is not None:
        theta_K = solver(design.x_RK, design.y_R, design.weights_R, penalty)
    value = float(_at_zero(theta_K[None], design.at_zero_NK)[0].mean())
    estimate = Estimate(value, None, None, how=f"controlled for {named}; penalty {penalty:.3g}", **given)
    if resamples > 1:
        drawn_R = _bootstrap(design, ids, theta_K, penalty, resamples, seed)
        low, high = (float(each) for each in np.quantile(drawn_R, [(1 - level) / 2, (1 + level) / 2]))
        how = f"{estimate.how}; one-step bootstrap over {len(ids)} prompts, {resamples} resamples, percentiles"
        estimate = replace(estimate, low=low, high=high, standard_error=float(drawn_R.std(ddof=1)), how=how)
    return ControlledWinRate(estimate, dict(zip(design.names, theta_K.tolist(), strict=True)), penalty)


def win_rate_from_weights(
    weights: Mapping[str, float], difficulties_P: np.ndarray, baseline: Mapping[str, float] | None = None
) -> float:
    """The controlled win rate in [0, 1] that fitted weights (`model`, `difficulty`) give over these prompts.

    `baseline`: weights of another model, fitted against the same baseline, to compare with instead: the two differences of weights
    are used (AlpacaEval's change of baseline), so a model against itself is 0.5 and the two directions add up to 1.
    """
    other = baseline or {}
    model, hard = (weights[name] - other.get(name, 0.0) for name in ("model", "difficulty"))
    return float(expit(model + hard * np.asarray(difficulties_P, dtype=float)).mean())


class _Design(NamedTuple):
    x_RK: np.ndarray
    y_R: np.ndarray
    weights_R: np.ndarray
    prompts: Sequence[Hashable]
    at_zero_NK: np.ndarray
    names: tuple[str, ...]


def _design(
    scores_N: np.ndarray,
    ids: Sequence[Hashable],
    mediators: Mapping[str, np.ndarray],
    difficulty: Mapping[Any, float] | None,
    anchor: Anchor | None,
) -> _Design:
    """The rows to fit, the anchor's first (as AlpacaEval has them), and the rows to predict."""
    hard = [] if difficulty is None else ["difficulty"]
    columns_NK = np.column_stack(
        [*mediators.values(), *([_difficulties(difficulty, ids)] if difficulty else []), np.ones(len(ids))]
    )
    judged_N = np.isfinite(scores_N)
    x, y, weights = columns_NK[judged_N], scores_N[judged_N], np.ones(int(judged_N.sum()))
    prompts = [each for each, is_judged in zip(ids, judged_N, strict=True) if is_judged]
    if anchor is not None:
        rows = [anchor.mediators[name] for name in mediators]
        rows += [_difficulties(difficulty, anchor.ids)] if difficulty else []
        x = np.concatenate([np.column_stack([*rows, np.zeros(len(anchor.ids))]), x])
        y, weights = np.concatenate([anchor.scores_N, y]), np.concatenate([np.full(len(anchor.ids), anchor.weight), weights])
        prompts = [*anchor.ids, *prompts]
    return _Design(x, y, weights, prompts, columns_NK * ~np.isin(np.arange(columns_NK.shape[1]), np.arange(len(mediators))),
                   (*mediators, *hard, "model"))  # fmt: skip


def _bootstrap(
    design: _Design, ids: Sequence[Hashable], theta_K: np.ndarray, penalty: float, resamples: int, seed: int
) -> np.ndarray:
    """Controlled win rates of resampled prompts, shape [resamples]; the anchor's rows are drawn with their prompts."""
    place = {prompt: at for at, prompt in enumerate(dict.fromkeys([*ids, *design.prompts]))}
    drawn_BN = rng_for(seed, "length-control").integers(len(ids), size=(resamples, len(ids)))
    counts_BN = np.stack([np.bincount(each_N, minlength=len(ids)) for each_N in drawn_BN]).astype(float)
    others = np.ones((resamples, len(place) - len(ids)))  # an anchor on a prompt that the model was not asked stays as it is
    at_R = np.fromiter((place[prompt] for prompt in design.prompts), dtype=np.intp, count=len(design.prompts))
    weights_BR = np.concatenate([counts_BN, others], axis=1).take(at_R, axis=1) * design.weights_R
    theta_BK = one_step_refits(design.x_RK, design.y_R, weights_BR, penalty, theta_K)
    return np.einsum("bn,bn->b", _at_zero(theta_BK, design.at_zero_NK), counts_BN) / len(ids)


def _at_zero(theta_BK: np.ndarray, at_zero_NK: np.ndarray) -> np.ndarray:
    return expit(theta_BK @ at_zero_NK.T)


def _difficulties(difficulty: Mapping[Any, float] | None, ids: Sequence[Any]) -> np.ndarray:
    known = difficulty or {}
    unknown = [each for each in ids if each not in known]
    if unknown:
        raise InputError(
            f"{len(unknown)} of {len(ids)} prompts have no difficulty, {str(unknown[0])[:60]!r} among them; give all, or None"
        )
    return np.array([known[each] for each in ids], dtype=float)


def _undefined(scores_N: np.ndarray, mediators: Mapping[str, np.ndarray]) -> str:
    if len(scores_N) < FOLDS:
        return f"{len(scores_N)} verdicts, and a fit with {FOLDS}-fold cross-validation needs {FOLDS}"
    if np.ptp(scores_N) == 0:
        said = {0.0: "the model never wins", 1.0: "the model always wins", 0.5: "all verdicts are ties"}
        return f"{said.get(float(scores_N[0]), 'all verdicts are alike')}, so they do not tell quality from style"
    constant = [name for name, each in mediators.items() if each.any() and np.ptp(each) == 0]
    return f"the difference in {constant[0]} is the same on every prompt, so it cannot be told from the model" if constant else ""


def _check(
    scores_N: np.ndarray,
    ids: Sequence[Hashable],
    mediators: Mapping[str, np.ndarray],
    difficulty: Mapping[Any, float] | None,
    anchor: Anchor | None,
) -> None:
    if scores_N.ndim != 1 or len(scores_N) != len(ids):
        raise InputError(
            f"there are scores of shape {scores_N.shape} and {len(ids)} prompts; give one score a prompt, NaN without a verdict"
        )
    twice = [each for each, count in Counter(ids).items() if count > 1]
    if twice:
        raise InputError(f"{len(twice)} prompts come more than once, {str(twice[0])[:60]!r} among them; give one verdict a prompt")
    if ((scores_N < 0) | (scores_N > 1) | np.isinf(scores_N)).any():
        raise InputError(
            "a score is outside of [0, 1]; it is the probability that the model's answer is better, NaN without a verdict"
        )
    if not mediators:
        raise InputError("no mediators to control for; give at least one, such as length")
    for name, each in mediators.items():
        if np.shape(each) != (len(ids),) or not np.isfinite(each).all():
            raise InputError(f"the mediator {name!r} has shape {np.shape(each)} or is not finite; give one finite number a prompt")
    if anchor is not None and not set(mediators) <= set(anchor.mediators):
        raise InputError(
            f"the anchor knows {', '.join(anchor.mediators)}, not all of {', '.join(mediators)}; give the same mediators"
        )
    if difficulty is not None and not difficulty:
        raise InputError("the difficulty is empty; give log-odds by prompt id, or None")
