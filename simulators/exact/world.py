"""A world of finite answers where everything is known: features, tastes, the reference, and so every value and win rate.

After the gold-reward set-up of Gao et al. 2022 (arXiv:2210.10760), made finite so that nothing needs sampling. Feature 0 of
an answer is its length, standardised. Policies and reward models see it linearly; gold may dislike too much of it
(`length_cost`), which no linear reward can say: that is what over-optimisation feeds on. _P prompts, _M answers, _D features."""

import math
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from ...core.errors import InputError
from ...core.protocols import Fault, Policy, Truth
from ...core.records import Comparison, Completion, Prompt
from ...core.registry import check_options, check_types
from ...core.seeds import rng_for
from ...policies import closed_form
from ...policies.responses import response_index, response_text
from ..noise import bradley_terry
from ..simulated import GOLD, PERSONAS, SimulatedWorld, Tastes, check_aspects, number_of_users, persona_users, tastes_of
from .draws import draw_features, draw_tastes, one_each

SPLITS = {"sft": 1, "preference": 2, "unlabeled": 2, "eval": 1}
"""Size of each split, in multiples of `prompts`; `eval` may have more."""
LEAST = {"prompts": 1, "users": 1, "responses": 2, "features": 3, "demonstration_beta": 1e-6, "length_gain": -1e9, "cyclic": -1e9}
"""Least value of each option; of the other numbers, 0."""
LEAST_FAULT = 1e-9  # nats below which nothing is lost


class ExactWorld(SimulatedWorld):
    """Prompts with a finite table of answers, users with linear tastes, and gold, their mean.

    seed: all that is random follows from it and the options.
    prompts: size of the `sft` and `eval` splits; `preference` and `unlabeled` have twice as many.
    eval: size of the `eval` split instead, at least `prompts`; those that are more change nothing of the others.
    responses: answers per prompt. features: numbers that describe an answer, at least 3.
    users: how many; 8 where none are given. spread: size of a user's own taste beside the common one; 0 makes them all alike.
    tastes: the users instead, as weights of the `features` (see `simulators.simulated`); gold stays the world's own, and all mind
        too much length alike.
    hidden: how many of the last features show only in the outcome; None is two thirds of them. Until then they look like their
        opposite (see `seen`).
    utility_sd: standard deviation, in nats, of gold utility over a prompt's answers, length apart.
    reference_sd: standard deviation of the reference's logits, in nats; 0 is uniform.
    length_gain, length_cost: gold gains length_gain * L - length_cost * max(L, 0)^2.5 nats from a length of L.
    cyclic: strength in nats of a rock-paper-scissors part of every preference: cyclic * sin(angle difference) is added to
        its log-odds, the angle being that of features 1 and 2. No utility explains it, so `utility` leaves it out.
    demonstration_beta: demonstrations are drawn from reference * exp(gold / beta); smaller is better."""

    def __init__(
        self,
        seed: int = 0,
        *,
        prompts: int = 100,
        eval: int | None = None,
        responses: int = 64,
        features: int = 12,
        users: int | None = None,
        spread: float = 0.5,
        tastes: Tastes | None = None,
        hidden: int | None = None,
        utility_sd: float = 1.5,
        reference_sd: float = 0.5,
        length_gain: float = 0.0,
        length_cost: float = 0.0,
        cyclic: float = 0.0,
        demonstration_beta: float = 2.0,
        name: str = "exact",
    ) -> None:
        given = dict(locals())
        check_types(ExactWorld, given, "an exact world")
        for option, value in given.items():
            least = LEAST.get(option, prompts if option == "eval" else 0)
            if isinstance(value, Real) and option != "seed" and not least <= value < math.inf:
                raise InputError(f"an exact world with {option}={value} was asked for; it is finite and at least {least:g}")
        if hidden is not None and hidden > features:
            wrong = f"an exact world with hidden={hidden} of features={features} was asked for"
            raise InputError(f"{wrong}; hide no more than there are")
        users = number_of_users(users, tastes, 8)
        self.name, self.seed, self.cyclic = name, seed, cyclic
        self._hidden = 2 * features // 3 if hidden is None else hidden
        drawn = prompts * sum(SPLITS.values())
        more = 0 if eval is None else eval - prompts
        self._all = tuple(Prompt(f"prompt {place} of {name} world {seed}") for place in range(drawn + more))
        self._rows = {prompt.id: row for row, prompt in enumerate(self._all)}
        ends = pairwise([*(prompts * np.cumsum([0, *SPLITS.values()])[:-1]).tolist(), None])
        self._splits = {split: self._all[start:end] for split, (start, end) in zip(SPLITS, ends, strict=True)}
        parts = ((drawn, "features"), (more, "features of more"))
        self.features_PMD = np.concatenate([draw_features(size, responses, features, self._rng(part)) for size, part in parts])
        self.reference_logits_PM = reference_sd * self._rng("reference").normal(size=self.features_PMD.shape[:2])
        self.reference_PM = softmax(self.reference_logits_PM, axis=1)
        self._bonus_PM = -length_cost * np.maximum(self.features_PMD[:, :, 0], 0.0) ** 2.5
        linear, self._features_PMA = _linear_aspects(features), self.features_PMD
        if length_cost:
            self._features_PMA = np.dstack((self.features_PMD, self._bonus_PM))
        self.aspects: tuple[str, ...] = (*linear, *(("over-length",) if length_cost else ()))
        """`length`, `feature-1` and so on; and `over-length`, what too much of it gains, where that costs (weight 1 to gold)."""
        gold_D, own_UD = draw_tastes(users, features, spread, utility_sd, length_gain, self._rng("tastes"))
        self.tastes = tastes_of(own_UD, gold_D, tastes, linear)
        self._angle_PM = np.arctan2(self.features_PMD[:, :, 2], self.features_PMD[:, :, 1])
        self._utilities: dict[str, np.ndarray] = {}
        self._rival_P = one_each(self.reference_PM, self._rng("rivals"))
        good_PM = closed_form.regularised_optimum(self.reference_PM, self.utilities(), demonstration_beta)
        self._demonstration_P = one_each(good_PM, self._rng("demonstrations"))
        self._base: Any = None

    def demonstrations(self) -> Sequence[Completion]:
        return [self.completion(prompt, int(self._demonstration_P[self._row(prompt)])) for prompt in self._splits["sft"]]

    def rivals(self, prompts: Sequence[Prompt]) -> Sequence[Completion]:
        return [self.completion(prompt, int(self._rival_P[self._row(prompt)])) for prompt in prompts]

    def completion(self, prompt: Prompt, answer: int) -> Completion:
        """Answer number `answer` of a prompt, 0 <= answer < responses."""
        return Completion(prompt, response_text(answer), (answer,))

    def base_policy(self, seed: int, *, on_progress: Callable[[int, int, float], None] | None = None) -> Policy:
        """The reference itself. It is part of the world and nothing is trained: every `seed` gives the same policy, and there is
        no progress to tell of."""
        from ...policies.tabular import ResponseTable, TabularPolicy

        if self._base is None:
            self._base = TabularPolicy(ResponseTable.of(self._all, self.reference_logits_PM, self.features_PMD))
        return self._base.copy()

    def utilities(self, user: str = GOLD) -> np.ndarray:
        """Utility in nats of every answer to every prompt of the world, [P, M], to one user."""
        if user not in self._utilities:
            self._utilities[user] = self.features_PMD @ self.taste(user) + self._bonus_PM
        return self._utilities[user]

    def utility(self, completions: Sequence[Completion], user: str = GOLD) -> np.ndarray:
        return self.utilities(user)[self._places(completions)]

    def features(self, completions: Sequence[Completion]) -> np.ndarray:
        return self._features_PMA[self._places(completions)]

    def weights(self, user: str = GOLD) -> np.ndarray:
        return np.append(self.taste(user), np.ones(len(self.aspects) - self.features_PMD.shape[2]))

    def seen(self, completions: Sequence[Completion]) -> np.ndarray:
        """Hidden features with the opposite sign, as from a seller who praises most what will disappoint most: a user that goes by
        looks is worse off for every nat that a hidden feature seems to give."""
        seen_NA, linear = self.features(completions), self.features_PMD.shape[2]
        seen_NA[:, linear - self._hidden : linear] *= -1.0
        return seen_NA

    def faults(self, completion: Completion, user: str = GOLD) -> Sequence[Fault]:
        """Aspects in which the answer gives the user less than the prompt's best answer does; `loss` is how much less. All are
        said of the whole answer. What a table of answers can repair may cost or gain elsewhere."""
        (row,), (answer,) = self._places([completion])
        weight_A = self.weights(user)
        best = int(np.argmax(self.utilities(user)[row]))
        own_A, best_A = self._features_PMA[row, [answer, best]]
        loss_A, size = weight_A * (best_A - own_A), len(completion.text)
        found = []
        for place in np.argsort(-loss_A, kind="stable"):
            if loss_A[place] > LEAST_FAULT:
                aspect, way = self.aspects[place], "more" if weight_A[place] > 0 else "less"
                text = f"Its {aspect} is {own_A[place]:.2f}, and the best answer has {best_A[place]:.2f}."
                found.append(Fault(aspect, float(loss_A[place]), 0, size, text, f"Prefer answers with {way} {aspect}."))
        return found

    def mended(self, completion: Completion, aspects: Collection[str] | None = None, user: str = GOLD) -> Completion:
        """The nearest answer of the prompt's table that gives the user as much of the wished aspects as the best answer does, and
        is worth no less to them than this one; the best answer is always such a one."""
        check_aspects(aspects, self.aspects)
        wished = {each.aspect for each in self.faults(completion, user) if aspects is None or each.aspect in aspects}
        if not wished:
            return completion
        (row,), (answer,) = self._places([completion])
        utility_M, features_MA = self.utilities(user)[row], self._features_PMA[row]
        chosen = [name in wished for name in self.aspects]
        gained_MA = features_MA * self.weights(user)
        enough_M = (gained_MA >= gained_MA[np.argmax(utility_M)] - LEAST_FAULT)[:, chosen].all(1) & (utility_M >= utility_M[answer])
        distance_M = np.linalg.norm(features_MA - features_MA[answer], axis=1)
        return self.completion(completion.prompt, int(np.argmin(np.where(enough_M, distance_M, np.inf))))

    def advantage(self, comparison: Comparison, user: str = GOLD) -> float:
        """Log-odds in nats with which a user prefers left to right at temperature 1: utility difference and cyclic part."""
        rows, answers = self._places((comparison.left, comparison.right))
        return float(self._log_odds(rows[0], *answers, user=user))

    def _log_odds(self, rows: Any, answers: Any, others: Any, user: str = GOLD) -> np.ndarray:
        """`advantage` of answers over others to the same prompts, of the shape that the indices broadcast to."""
        utility_PM, angle_PM = self.utilities(user), self._angle_PM
        cycle = self.cyclic * np.sin(angle_PM[rows, answers] - angle_PM[rows, others])
        return utility_PM[rows, answers] - utility_PM[rows, others] + cycle

    def probability(self, comparison: Comparison, user: str = GOLD, temperature: float = 1.0) -> float:
        """P(left over right) of a Bradley-Terry user, the cyclic part included. temperature: in nats, >= 0."""
        return float(bradley_terry(self.advantage(comparison, user), temperature))

    def preference_matrix(self, prompt: Prompt, user: str = GOLD, temperature: float = 1.0) -> np.ndarray:
        """P(answer a over answer b), [M, M], of a Bradley-Terry user, the cyclic part included."""
        row, every = self._row(prompt), np.arange(self.reference_PM.shape[1])
        return np.asarray(bradley_terry(self._log_odds(row, every[:, None], every, user), temperature))

    def truth(self, policy: Policy, answers: Sequence[Sequence[Completion]]) -> Truth:
        """Closed-form where the policy has `probabilities(prompts)`, [P, M], for the whole `eval` split where there are no
        answers; else the mean over `answers`."""
        probabilities: Callable[..., Any] | None = getattr(policy, "probabilities", None)
        if not all(answers) or (probabilities is None and not answers):
            raise InputError("some prompt has no answers to judge; sample at least one to each")
        asked = [row[0].prompt for row in answers] or self._splits["eval"]
        rows_P = np.array([self._row(prompt) for prompt in asked])
        exact = probabilities is not None
        policy_PM = np.asarray(probabilities(asked).detach()) if exact else self._frequencies(rows_P, answers)
        rows_P1, every = rows_P[:, None], np.arange(self.reference_PM.shape[1])
        against_PM = self._log_odds(rows_P1, every, self._rival_P[rows_P1])
        return Truth(*(closed_form.expected_value(policy_PM, of) for of in (self.utilities()[rows_P], expit(against_PM))))

    def _frequencies(self, rows_P: np.ndarray, answers: Sequence[Sequence[Completion]]) -> np.ndarray:
        counts_PM = np.zeros((len(rows_P), self.reference_PM.shape[1]))
        for place, row in enumerate(answers):
            rows, found = self._places(row)
            if (rows != rows_P[place]).any():
                raise InputError(f"row {place} of the answers answers several prompts; give each prompt a row of its own")
            np.add.at(counts_PM[place], found, 1.0 / len(row))
        return counts_PM

    def _row(self, prompt: Prompt) -> int:
        row = self._rows.get(prompt.id)
        if row is None:
            raise InputError(f"the prompt {prompt.id!r} is not of {self.name} world {self.seed}; use `world.prompts(split)`")
        return row

    def _places(self, completions: Sequence[Completion]) -> tuple[np.ndarray, np.ndarray]:
        """(rows [N], answers [N]) into the world's [P, M] tables."""
        known = self.reference_PM.shape[1]
        answers = [response_index(each) for each in completions]
        for answer in answers:
            if not 0 <= answer < known:
                raise InputError(f"there is no answer {answer} in {self.name} world; a prompt has {known}, counted from 0")
        return np.array([self._row(each.prompt) for each in completions], dtype=np.intp), np.array(answers, dtype=np.intp)

    def _rng(self, part: str) -> np.random.Generator:
        return rng_for(self.seed, "exact world", part)


def overoptimised(seed: int = 0, **options: Any) -> ExactWorld:
    """Gold first gains and then loses from length: best-of-n on a linear reward peaks near n = 8, and by n = 1024 has lost
    more than half of what it had gained. Options are `ExactWorld`'s."""
    return _variant("exact-overoptimised", seed, options, utility_sd=0.7, length_gain=2.0, length_cost=0.8)


def cyclic(seed: int = 0, **options: Any) -> ExactWorld:
    """Preferences with a rock-paper-scissors part as strong as the utilities. Options are `ExactWorld`'s."""
    return _variant("exact-cyclic", seed, options, cyclic=3.0)


def exact_personas(seed: int = 0, *, personas: int = PERSONAS, spread: float = 0.5, **options: Any) -> ExactWorld:
    """The exact world with personas for users; `spread` as in `ExactWorld`. Other options are `ExactWorld`'s."""
    names = _linear_aspects(options.get("features", 12))
    return _variant("exact-personas", seed, options, tastes=persona_users(names, personas, seed, spread=spread))


def _linear_aspects(features: int) -> tuple[str, ...]:
    return ("length", *(f"feature-{place}" for place in range(1, features)))


def _variant(name: str, seed: int, options: dict[str, Any], **settings: Any) -> ExactWorld:
    check_options(ExactWorld, options, f"the world {name!r}")
    return ExactWorld(seed, **{"name": name, **settings, **options})
