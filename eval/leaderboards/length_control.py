"""A model's win rate were its answers as long, or as styled, as the baseline's (Dubois et al. 2024, arXiv:2404.04475).

logit P(model beats baseline)_i = sum_k w_k * mediator_ik + w_difficulty * difficulty_i + w_model, fitted to soft labels with an L1
penalty chosen by cross-validation; the controlled win rate is its mean prediction with every mediator at 0. A mediator is any
difference that should not decide: length, lists, headers, bold (`mediators.py`).

Departures: difficulty is joined by prompt id, never by position; the fit is at its optimum, not where liblinear stops; the penalty
is chosen by leave-one-out, so that no draw of folds decides; there is an interval, a bootstrap over prompts without the
penalty, which shrinks every resample to the same place (docs/decisions/length-control.md); what data cannot tell is undefined."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ..intervals.clusters import cluster_index
from ..intervals.interval import bootstrap_estimate, prompt_counts
from .mediators import length_difference
from .soft_logistic import choose_penalty, fit_soft_logistic, leave_one_out_penalty, one_step_refits

PENALTIES = np.logspace(4, -4, 10)
FOLDS = 5
DECIDED = 0.01  # residual of a verdict below which the fit leaves nothing of it open; where none is open, no resample can differ
Solver = Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]
"""(features [R, K], labels [R], row weights [R], penalty) -> weights [K]."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Verdicts on the baseline asked to be gamed (AlpacaEval: the baseline prompted to be verbose, and concise) against itself.
    They pull the fit towards a model that owes its wins to the mediators alone: w_model is 0 for them. `weight` of each row, beside
    1 of a verdict on the model: AlpacaEval's is 0.2 / 2 gamed baselines. The mediators are named as the model's."""

    ids: Sequence[Hashable]
    scores_N: np.ndarray
    mediators: Mapping[str, np.ndarray]
    weight: float = 0.1


class ControlledWinRate(NamedTuple):
    """`estimate` in [0, 1]; n counts the verdicts fitted, abstentions the prompts without one (they are predicted all the same).
    weights: in nats, by mediator, `difficulty` and `model`; None where undefined. penalty: L1, liblinear's 1/C."""

    estimate: Estimate
    weights: Mapping[str, float] | None
    penalty: float | None


def length_controlled_win_rate(
    scores_N: np.ndarray, ids: Sequence[Hashable], lengths_N: np.ndarray, baseline_lengths_N: np.ndarray, **options: Any
) -> ControlledWinRate:
    """`controlled_win_rate` with length as its one mediator (`lc-alpacaeval`); lengths in characters or tokens."""
    lengths = [np.asarray(each, dtype=float) for each in (lengths_N, baseline_lengths_N)]
    if any(each.shape != (len(ids),) or not np.isfinite(each).all() or (each < 0).any() for each in lengths):
        why = f"lengths are needed of both answers to each of the {len(ids)} prompts, finite and 0 or more; leave out the others"
        raise InputError(why)
    return controlled_win_rate(scores_N, ids, {"length": length_difference(*lengths)}, **options)


def controlled_win_rate(
    scores_N: np.ndarray,
    ids: Sequence[Hashable],
    mediators: Mapping[str, np.ndarray],
    *,
    difficulty: Mapping[Any, float] | None = None,
    anchor: Anchor | None = None,
    penalty: float | None = None,
    folds: Callable[[Sequence[Hashable]], np.ndarray] | None = None,
    solver: Solver | None = None,
    resamples: int = 200,
    seed: int = 0,
) -> ControlledWinRate:
    """The model's win rate in [0, 1] with every mediator at 0.

    scores_N: P(model is better) on each prompt, in [0, 1], NaN without a verdict. ids: prompts, each once. mediators: [N] each,
    baseline less model. difficulty: log-odds by prompt id (`difficulty.py`, or published). penalty: None for the choice of
    cross-validation, over `folds` (prompts -> the fold of each row) or, without them, leaving out each row in turn. solver: fits
    the weights at that penalty, else the exact optimum. resamples: 0 for no interval; otherwise `bootstrap_estimate` of one-step
    refits without a penalty, stretched to the value, which the penalty may have pulled away. Undefined, with the reason, for fewer
    than 5 verdicts, verdicts that are all alike, and a mediator that never varies. Raises InputError for repeated or unknown ids,
    unequal shapes, and values out of range."""
    scores_N = np.asarray(scores_N, dtype=float)
    _check(scores_N, ids, mediators)
    judged_N = np.isfinite(scores_N)
    given: dict[str, Any] = {"n": int(judged_N.sum()), "abstentions": int((~judged_N).sum())}
    named = " and ".join(name for name, each in mediators.items() if each.any()) or "nothing: the answers do not differ in it"
    if reason := _undefined(scores_N[judged_N], mediators):
        if judged_N.any() and (scores_N[judged_N] == 0.5).all() and not any(each.any() for each in mediators.values()):
            same = Estimate(0.5, None, None, how="all ties between answers that do not differ; no interval", **given)
            return ControlledWinRate(same, dict.fromkeys((*mediators, "difficulty", "model"), 0.0), None)
        return ControlledWinRate(Estimate(None, None, None, how=f"undefined: {reason}", **given), None, None)
    design = _design(scores_N, ids, mediators, difficulty, anchor)
    rows = (design.x_RK, design.y_R, design.weights_R)
    if penalty is None:
        place = choose_penalty(*rows, folds(design.prompts), PENALTIES)[0] if folds else leave_one_out_penalty(*rows, PENALTIES)[0]
        penalty = float(PENALTIES[place])
    theta_2K = fit_soft_logistic(design.x_RK, design.y_R, np.tile(design.weights_R, (2, 1)), np.array([penalty, PENALTIES[-1]]))
    theta_K = theta_2K[0] if solver is None else solver(*rows, penalty)
    predicted_N = _at_zero(theta_K[None], design.at_zero_NK)[0]
    value, extra = float(predicted_N.mean()), error_of_mean(predicted_N)
    how = f"controlled for {named}; penalty {penalty:.3g}"
    is_decided = (np.abs(_at_zero(theta_2K[1:], design.x_RK)[0] - design.y_R) < DECIDED).all()
    if is_decided or not resamples:
        how += f"; no interval: {named} alone decides every verdict" if is_decided else ""
        estimate = Estimate(value, None, None, how=how, extra=extra, **given)
    else:
        drawn_R = _bootstrap(design, ids, theta_2K[1], resamples, seed)
        how += "; one-step refits without it"
        estimate = bootstrap_estimate(value, drawn_R, len(ids), how=how, around=True, extra=extra, **given)
    return ControlledWinRate(estimate, dict(zip(design.names, theta_K.tolist(), strict=True)), penalty)


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
    if anchor is not None and not set(mediators) <= set(anchor.mediators):
        why = f"the anchor knows {', '.join(anchor.mediators)}, not all of {', '.join(mediators)}; give the same mediators"
        raise InputError(why)
    if difficulty is not None and not difficulty:
        raise InputError("the difficulty is empty; give log-odds by prompt id, or None")
    names = (*mediators, *([] if difficulty is None else ["difficulty"]), "model")

    def columns(of: Mapping[str, np.ndarray], prompts: Sequence[Hashable], is_model: float) -> np.ndarray:
        if unknown := [str(each)[:60] for each in prompts if difficulty is not None and each not in difficulty]:
            why = f"{len(unknown)} of {len(prompts)} prompts have no difficulty, {unknown[0]!r} among them; give all, or None"
            raise InputError(why)
        hard = [] if difficulty is None else [np.array([difficulty[each] for each in prompts], dtype=float)]
        return np.column_stack([*(of[name] for name in mediators), *hard, np.full(len(prompts), is_model)])

    mine_NK, judged_N = columns(mediators, ids, 1.0), np.isfinite(scores_N)
    x, y, weights, prompts = mine_NK[judged_N], scores_N[judged_N], np.ones(int(judged_N.sum())), list(compress(ids, judged_N))
    if anchor is not None:
        x, y = np.concatenate([columns(anchor.mediators, anchor.ids, 0.0), x]), np.concatenate([anchor.scores_N, y])
        weights, prompts = np.concatenate([np.full(len(anchor.ids), anchor.weight), weights]), [*anchor.ids, *prompts]
    mine_NK[:, : len(mediators)] = 0
    return _Design(x, y, weights, prompts, mine_NK, names)


def _bootstrap(design: _Design, ids: Sequence[Hashable], theta_K: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Controlled win rates of resampled prompts, shape [resamples]; the anchor's rows are drawn with their prompts."""
    place = {prompt: at for at, prompt in enumerate(dict.fromkeys([*ids, *design.prompts]))}
    index = cluster_index(ids)
    by_name_N = np.array([index[name] for name in ids])  # so that the order of the rows changes no draw
    counts_BN = prompt_counts(len(ids), resamples, rng_for(seed, "length-control"))[:, by_name_N]
    others = np.ones((resamples, len(place) - len(ids)))  # an anchor on a prompt that the model was not asked stays as it is
    at_R = np.fromiter((place[prompt] for prompt in design.prompts), dtype=np.intp, count=len(design.prompts))
    weights_BR = np.concatenate([counts_BN, others], axis=1).take(at_R, axis=1) * design.weights_R
    theta_BK = one_step_refits(design.x_RK, design.y_R, weights_BR, PENALTIES[-1], theta_K)
    return np.einsum("bn,bn->b", _at_zero(theta_BK, design.at_zero_NK), counts_BN) / len(ids)


def _at_zero(theta_BK: np.ndarray, at_zero_NK: np.ndarray) -> np.ndarray:
    return expit(theta_BK @ at_zero_NK.T)


def _undefined(scores_N: np.ndarray, mediators: Mapping[str, np.ndarray]) -> str:
    if len(scores_N) < FOLDS:
        return f"{len(scores_N)} verdicts, and a fit with {FOLDS}-fold cross-validation needs {FOLDS}"
    if np.ptp(scores_N) == 0:
        said = {0.0: "the model never wins", 1.0: "the model always wins", 0.5: "all verdicts are ties"}
        return f"{said.get(float(scores_N[0]), 'all verdicts are alike')}, so they do not tell quality from style"
    constant = [name for name, each in mediators.items() if each.any() and np.ptp(each) == 0]
    return f"the difference in {constant[0]} is the same on every prompt, so it cannot be told from the model" if constant else ""


def _check(scores_N: np.ndarray, ids: Sequence[Hashable], mediators: Mapping[str, np.ndarray]) -> None:
    if scores_N.ndim != 1 or len(scores_N) != len(ids):
        why = f"there are scores of shape {scores_N.shape} and {len(ids)} prompts; give one score a prompt, NaN without a verdict"
        raise InputError(why)
    if twice := [str(each)[:60] for each, count in Counter(ids).items() if count > 1]:
        raise InputError(f"{len(twice)} prompts come more than once, {twice[0]!r} among them; give one verdict per prompt")
    if ((scores_N < 0) | (scores_N > 1) | np.isinf(scores_N)).any():
        why = "a score is outside of [0, 1]; it is the probability that the model's answer is better, NaN without a verdict"
        raise InputError(why)
    if not mediators:
        raise InputError("no mediators to control for; give at least one, such as length")
    for name, each in mediators.items():
        if np.shape(each) != (len(ids),) or not np.isfinite(each).all():
            raise InputError(f"the mediator {name!r} has shape {np.shape(each)} or is not finite; give one finite number a prompt")


def predictions_from_weights(
    weights: Mapping[str, float], difficulties_P: np.ndarray, baseline: Mapping[str, float] | None = None
) -> np.ndarray:
    """P(the model wins) with every mediator at 0, by fitted weights (`model`, `difficulty`), on each of these prompts, [P].
    `baseline`: weights of another model, fitted against the same baseline, to compare with instead: the two differences of weights
    are used (AlpacaEval's change of baseline), so a model against itself is 0.5 and the two directions add up to 1."""
    other = baseline or {}
    model, hard = (weights[name] - other.get(name, 0.0) for name in ("model", "difficulty"))
    return expit(model + hard * np.asarray(difficulties_P, dtype=float))


def error_of_mean(predicted_P: np.ndarray) -> dict[str, float]:
    """AlpacaEval's `lc_standard_error`, as `extra` holds it: of a mean prediction over instructions, the weights being known."""
    return {"sem": float(predicted_P.std(ddof=1) / np.sqrt(len(predicted_P)))} if len(predicted_P) > 1 else {}
