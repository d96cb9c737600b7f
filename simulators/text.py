"""A world of small instructions whose fulfilment rules can check, answered by a small real language model.

Prompts ask for a fact and may wish for a word, against a word, for a length, a tone and a layout. What an answer is worth to a
user is a known function of the text (see `text_rules`), so that every ranking has a truth beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from ..core.errors import InputError, UnknownName
from ..core.protocols import Policy, Truth
from ..core.records import Comparison, Completion, Prompt
from ..core.seeds import rng_for
from .text_answers import compose
from .text_grammar import parse_instruction
from .text_pretraining import OnProgress, base_checkpoint
from .text_prompts import draw_prompts
from .text_rules import Check, check, features, gold_weights, user_weights

if TYPE_CHECKING:
    from ..policies.causal_lm import CausalLMPolicy

GOLD = "gold"
DEMONSTRATED = (0.4, 0.9)
RIVAL = 0.5
"""Qualities (see `text_answers.compose`) of the demonstrations, drawn uniformly, and of the rivals."""


class TextWorld:
    """Implements `core.protocols.World`.

    seed: all that is random follows from it and the options, but for the base policy, which all seeds share.
    sft, preference, unlabeled, eval: prompts in each split; a larger split begins with the smaller one's prompts.
    users: how many. bases: how many base policies there are; `base_policy(s)` is number s modulo this, and each costs a
    pre-training once.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        sft: int = 600,
        preference: int = 600,
        unlabeled: int = 400,
        eval: int = 100,
        users: int = 13,
        bases: int = 1,
    ) -> None:
        sizes = {"sft": sft, "preference": preference, "unlabeled": unlabeled, "eval": eval}
        for option, value in (*sizes.items(), ("users", users), ("bases", bases)):
            if value < 1:
                raise InputError(f"a text world with {option}={value} was asked for; it needs at least 1")
        self.seed, self._bases = seed, bases
        self._splits = {split: draw_prompts(seed, split, size) for split, size in sizes.items()}
        weights_UF = user_weights(users, rng_for(seed, "text", "users"))
        self._weights = {f"user-{k:02d}": weights_F for k, weights_F in enumerate(weights_UF)} | {GOLD: gold_weights()}
        self._loaded: dict[int, CausalLMPolicy] = {}

    @property
    def name(self) -> str:
        return "text"

    @property
    def users(self) -> Sequence[str]:
        return tuple(user for user in self._weights if user != GOLD)

    def prompts(self, split: str) -> Sequence[Prompt]:
        if split not in self._splits:
            raise UnknownName("split", split, self._splits)
        return self._splits[split]

    def demonstrations(self) -> Sequence[Completion]:
        made = []
        for prompt in self._splits["sft"]:
            rng = rng_for(self.seed, "text", "demonstration", prompt.id)
            made.append(self.answer(prompt, float(rng.uniform(*DEMONSTRATED)), rng))
        return made

    def rivals(self, prompts: Sequence[Prompt]) -> Sequence[Completion]:
        return [self.answer(prompt, RIVAL, rng_for(self.seed, "text", "rival", prompt.id)) for prompt in prompts]

    def answer(self, prompt: Prompt, quality: float, rng: np.random.Generator) -> Completion:
        """A generated answer; quality in [0, 1], see `text_answers.compose`."""
        return Completion(prompt, compose(parse_instruction(prompt.text), quality, rng))

    def check(self, completion: Completion) -> Check:
        """What the answer does with its instruction. Raises InputError for a prompt of another world."""
        return check(completion.prompt.text, completion.text)

    def utility(self, completions: Sequence[Completion], user: str = GOLD) -> np.ndarray:
        if user not in self._weights:
            raise UnknownName("user", user, self._weights)
        rows = [features(each.prompt.text, each.text) for each in completions]
        return np.array(rows, dtype=float).reshape(len(rows), -1) @ self._weights[user] if rows else np.zeros(0)

    def advantage(self, comparison: Comparison, user: str = GOLD) -> float:
        """Utility of the left answer minus that of the right one to a user, in nats."""
        left, right = self.utility([comparison.left, comparison.right], user)
        return float(left - right)

    def length(self, completion: Completion) -> float:
        """Words of an answer, for the length-biased noise of `simulators.noise`."""
        return float(check(completion.prompt.text, completion.text).words)

    def truth(self, policy: Policy, answers: Sequence[Sequence[Completion]]) -> Truth:
        """From `answers`, which are the policy's samples: means over each row, of gold and of winning against the rival."""
        if not all(answers):
            raise InputError("some prompt has no answer to judge; sample at least one answer to each")
        rivals_P = self.utility(self.rivals([row[0].prompt for row in answers]))
        values = [self.utility(row) for row in answers]
        return Truth(
            np.array([value_K.mean() for value_K in values]),
            np.array([expit(value_K - rival).mean() for value_K, rival in zip(values, rivals_P, strict=True)]),
        )

    def base_policy(self, seed: int, *, on_progress: OnProgress | None = None) -> CausalLMPolicy:
        """The pre-trained language model, from the cache or else trained now (half a minute). `on_progress` is told of
        (step, steps, loss) while it trains."""
        number = seed % self._bases
        if number not in self._loaded:
            from ..policies.causal_lm import CausalLMPolicy

            self._loaded[number] = CausalLMPolicy.load(base_checkpoint(number, on_progress))
        return self._loaded[number].copy()
