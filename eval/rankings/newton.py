"""Newton's method for the maximum of a concave function: steps halved until the function does not fall."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Concave = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]
"""x_D -> (value, slope_D, curvature_DD with its sign turned, so positive semi-definite). The value is -inf outside the domain,
where slope and curvature are not read."""


def maximise(function: Concave, start_D: np.ndarray, scale: float, limit: int = 200) -> np.ndarray | None:
    """The x_D where no part of the slope exceeds 1e-11 * scale; None where `limit` steps do not get there.

    scale: the size of the function's slope far from its maximum, such as the number of observations. Directions along which the
    function is flat are left as they are at the start.
    """
    x_D, ridge_DD = np.asarray(start_D, dtype=float), 1e-12 * scale * np.eye(len(start_D))
    value, slope_D, curvature_DD = function(x_D)
    for _ in range(limit):
        if np.abs(slope_D).max() <= 1e-11 * scale:
            return x_D
        step_D = np.linalg.solve(curvature_DD + ridge_DD, slope_D)
        for _ in range(60):
            found = function(x_D + step_D)
            if found[0] >= value - 1e-13 * abs(value):
                break
            step_D = step_D / 2
        else:
            break
        x_D, (value, slope_D, curvature_DD) = x_D + step_D, found
    return x_D if np.abs(slope_D).max() <= 1e-7 * scale else None
