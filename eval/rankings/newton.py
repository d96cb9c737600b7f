"""Newton's method for the maximum of a concave function: steps halved until the function does not fall."""

from collections.abc import Callable

import numpy as np

Concave = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]
"""x_D -> (value, slope_D, curvature_DD with its sign turned, so positive semi-definite). The value is -inf outside the domain,
where slope and curvature are not read."""
HALVINGS = 60


def ascend(value: Callable[[np.ndarray], np.ndarray], at: np.ndarray, step: np.ndarray, slack: float = 0.0) -> np.ndarray:
    """at + step for many problems at once, the step of each halved until its own value does not fall; where no step helps, `at`.
    value: [R, ...] or [R] -> [R], one number per problem (or [] for one problem). slack: the part of a value that is rounding."""
    least = (before := np.asarray(value(at))) - slack * np.abs(before)
    size = np.ones(before.shape)
    for halving in range(HALVINGS):
        moved = at + _spread(size, at) * step
        worse = value(moved) < least
        if not np.any(worse):
            return moved
        size = np.where(worse, size / 2 if halving < HALVINGS - 1 else 0.0, size)
    return at + _spread(size, at) * step


def _spread(size: np.ndarray, at: np.ndarray) -> np.ndarray:
    return size.reshape(size.shape + (1,) * (at.ndim - size.ndim))


def maximise(function: Concave, start_D: np.ndarray, scale: float, limit: int = 200) -> np.ndarray | None:
    """The x_D where no part of the slope exceeds 1e-11 * scale; None where `limit` steps do not get there. scale: the size of the
    function's slope far from its maximum, such as the number of observations. Flat directions are left as at the start."""
    x_D, ridge_DD = np.asarray(start_D, dtype=float), 1e-12 * scale * np.eye(len(start_D))
    _, slope_D, curvature_DD = function(x_D)
    for _ in range(limit):
        if np.abs(slope_D).max() <= 1e-11 * scale:
            return x_D
        step_D = np.linalg.solve(curvature_DD + ridge_DD, slope_D)
        moved_D = ascend(lambda each_D: np.asarray(function(each_D)[0]), x_D, step_D, slack=1e-13)
        if (moved_D == x_D).all():
            break
        x_D, (_, slope_D, curvature_DD) = moved_D, function(moved_D)
    return x_D if np.abs(slope_D).max() <= 1e-7 * scale else None
