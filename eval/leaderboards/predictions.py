"""What fitted weights predict of a model at equal length, on each prompt."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import expit


def predictions_from_weights(
    weights: Mapping[str, float], difficulties_P: np.ndarray, baseline: Mapping[str, float] | None = None
) -> np.ndarray:
    """P(the model wins) with every mediator at 0, by fitted weights (`model`, `difficulty`), on each of these prompts, [P].

    `baseline`: weights of another model, fitted against the same baseline, to compare with instead: the two differences of weights
    are used (AlpacaEval's change of baseline), so a model against itself is 0.5 and the two directions add up to 1.
    """
    other = baseline or {}
    model, hard = (weights[name] - other.get(name, 0.0) for name in ("model", "difficulty"))
    return expit(model + hard * np.asarray(difficulties_P, dtype=float))


def win_rate_from_weights(
    weights: Mapping[str, float], difficulties_P: np.ndarray, baseline: Mapping[str, float] | None = None
) -> float:
    """The mean of `predictions_from_weights`: the controlled win rate, in [0, 1]."""
    return float(predictions_from_weights(weights, difficulties_P, baseline).mean())


def error_of_mean(predicted_P: np.ndarray) -> dict[str, float]:
    """AlpacaEval's `lc_standard_error`, as `extra` holds it: the standard error of a mean prediction over instructions. It leaves
    out how uncertain the weights are."""
    return {"sem": float(predicted_P.std(ddof=1) / np.sqrt(len(predicted_P)))} if len(predicted_P) > 1 else {}
