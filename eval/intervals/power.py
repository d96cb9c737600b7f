"""How many prompts show a difference, and how small a difference so many prompts show (normal approximation; Miller 2024,
arXiv:2411.00640).

    n = (z_{1-alpha/2} + z_power)^2 * (between + within/K) / (delta (1 - 2e))^2

between: variance of the true score over prompts; within: variance of one judged sample around it; K: samples per prompt; e: how
often the evaluator's verdict is flipped, which shrinks every difference by 1 - 2e, so flips of 25 % cost 4 times the prompts."""

import math
from dataclasses import dataclass

from scipy.special import ndtr, ndtri

from ...core.errors import InputError

MOST = 10**12  # prompts, and samples of one, beyond which nothing is asked


@dataclass(frozen=True, slots=True)
class Design:
    """An experiment. variance: of one verdict's score; 0.25 for a clear win or loss near 50 %, less with ties, and for two methods
    against one baseline the variance of the paired difference. between_share: how much of it lies between prompts; the rest shrinks
    with `samples`. flip: share of verdicts flipped at random, in [0, 0.5). alpha: two-sided level."""

    variance: float = 0.25
    samples: int = 1
    between_share: float = 0.5
    flip: float = 0.0
    alpha: float = 0.05
    power: float = 0.8

    def __post_init__(self) -> None:
        checks = {
            "variance": (0 < self.variance <= 1, "above 0 and at most 1: 0.25 at most for a score, 1 for a difference of two"),
            "samples": (1 <= self.samples <= MOST, f"1 to {MOST:,}"),
            "between_share": (0 <= self.between_share <= 1, "in [0, 1]"),
            "flip": (0 <= self.flip < 0.5, "in [0, 0.5): at 0.5 the verdict is a coin, and no number of prompts is enough"),
            "alpha": (0 < self.alpha < 1, "in (0, 1)"),
            "power": (self.alpha / 2 < self.power < 1, "in (alpha/2, 1)"),
        }
        for name, (is_right, wanted) in checks.items():
            if not is_right:
                raise InputError(f"{name} is {getattr(self, name)}; it is {wanted}")

    @property
    def variance_of_a_prompt(self) -> float:
        """Variance of a prompt's mean score."""
        return self.variance * (self.between_share + (1 - self.between_share) / self.samples)


def flip_inflation(flip: float) -> float:
    """How many times as many prompts a flip rate costs: 1/(1-2e)^2."""
    return 1 / (1 - 2 * Design(flip=flip).flip) ** 2


def prompts_needed(delta: float, design: Design) -> float:
    """Prompts to see a difference of `delta` (score units: 0.03 is 3 points), not rounded. 784.9 for 5 points against 50 %."""
    if not 0 < abs(delta) <= 1:
        raise InputError(f"delta is {delta}; it is a difference of win rates, above 0 and at most 1 (0.03 is 3 points)")
    needed = _quantiles(design) ** 2 * design.variance_of_a_prompt
    seen = (delta * (1 - 2 * design.flip)) ** 2
    if needed > MOST * seen:
        raise InputError(f"a difference of {delta:g} (100 points are 1) takes more than {MOST:,} prompts; ask for a larger one")
    return needed / seen


def detectable_difference(prompts: int, design: Design) -> float:
    """The smallest difference that so many prompts show with the power asked for: 0.049 for 805 against 50 %. Raises InputError
    where that is more than any two win rates differ by."""
    found = _quantiles(design) * math.sqrt(design.variance_of_a_prompt / _counted(prompts)) / (1 - 2 * design.flip)
    if found > 1:
        why = f"{prompts} prompts show no difference of win rates with power {design.power:g}, not even one of 100 points"
        raise InputError(f"{why}; give {math.ceil(prompts_needed(1.0, design))} or more")
    return found


def power_of(delta: float, prompts: int, design: Design) -> float:
    """The chance that a two-sided test finds a true difference of `delta` on so many prompts; `design.power` is not used."""
    error = math.sqrt(design.variance_of_a_prompt / _counted(prompts))
    shift, critical = abs(delta) * (1 - 2 * design.flip) / error, -float(ndtri(design.alpha / 2))
    return float(ndtr(shift - critical) + ndtr(-critical - shift))


def _quantiles(design: Design) -> float:
    return float(ndtri(design.power) - ndtri(design.alpha / 2))


def _counted(prompts: int) -> int:
    if not 1 <= prompts <= MOST:
        raise InputError(f"there are {prompts} prompts; give 1 to {MOST:,}")
    return prompts
