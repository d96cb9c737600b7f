"""A world of small instructions whose fulfilment rules can check, answered by a small real language model.

Prompts ask for a fact and may wish for a word, against a word, for a length, a tone and a layout. What an answer is worth to a
user is a known function of the text (see `rules`), so that every ranking has a truth beside it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from ...core.errors import InputError
from ...core.protocols import Fault, Policy, Truth
from ...core.records import Comparison, Completion, Prompt
from ...core.registry import check_options, check_types
from ...core.seeds import rng_for
from ..simulated import GOLD, PERSONAS, SimulatedWorld, Tastes, check_aspects, number_of_users, persona_users, tastes_of
from .answers import compose
from .edits import mend
from .faults import find_faults
from .grammar import parse_instruction
from .pretraining import OnProgress, base_checkpoint
from .prompts import draw_prompts
from .rules import FEATURES, AnswerCheck, check, features, gold_weights, taste_scale, user_weights

if TYPE_CHECKING:
    from ...policies.causal_lm import CausalLMPolicy

DEMONSTRATED = (0.4, 0.9)
RIVAL = 0.5
"""Qualities (see `answers.compose`) of the demonstrations, drawn uniformly, and of the rivals."""


class TextWorld(SimulatedWorld):
    """Implements `core.protocols.World`.

    seed: all that is random follows from it and the options, but for the base policy, which all seeds share.
    sft, preference, unlabeled, eval: prompts in each split; a larger split begins with the smaller one's prompts.
    users: how many; 13 where none are given. tastes: the users instead, as weights of `aspects` (see `simulators.simulated`); gold
    stays the world's own.
    bases: how many base policies there are; `base_policy(s)` is number s modulo this, and each costs a pre-training once."""

    aspects: Sequence[str] = FEATURES
    """What `rules.features` measures."""

    def __init__(
        self,
        seed: int = 0,
        *,
        sft: int = 600,
        preference: int = 600,
        unlabeled: int = 400,
        eval: int = 100,
        users: int | None = None,
        tastes: Tastes | None = None,
        bases: int = 1,
        name: str = "text",
    ) -> None:
        check_types(TextWorld, dict(locals()), "a text world")
        users = number_of_users(users, tastes, 13)
        sizes = {"sft": sft, "preference": preference, "unlabeled": unlabeled, "eval": eval}
        for option, value in (*sizes.items(), ("users", users), ("bases", bases)):
            if value < 1:
                raise InputError(f"a text world with {option}={value} was asked for; it needs at least 1")
        self.name, self.seed, self._bases = name, seed, bases
        self._splits = {split: draw_prompts(seed, split, size) for split, size in sizes.items()}
        own_UF = user_weights(users, rng_for(seed, "text", "users"))
        self.tastes = tastes_of(own_UF, gold_weights(), tastes, FEATURES)
        self._loaded: dict[int, CausalLMPolicy] = {}

    def demonstrations(self) -> Sequence[Completion]:
        made = []
        for prompt in self._splits["sft"]:
            rng = rng_for(self.seed, "text", "demonstration", prompt.id)
            made.append(self.answer(prompt, float(rng.uniform(*DEMONSTRATED)), rng))
        return made

    def rivals(self, prompts: Sequence[Prompt]) -> Sequence[Completion]:
        return [self.answer(prompt, RIVAL, rng_for(self.seed, "text", "rival", prompt.id)) for prompt in prompts]

    def answer(self, prompt: Prompt, quality: float, rng: np.random.Generator) -> Completion:
        """A generated answer; quality in [0, 1], see `answers.compose`."""
        return Completion(prompt, compose(parse_instruction(prompt.text), quality, rng))

    def check(self, completion: Completion) -> AnswerCheck:
        """What the answer does with its instruction. Raises InputError for a prompt of another world."""
        return check(completion.prompt.text, completion.text)

    def utility(self, completions: Sequence[Completion], user: str = GOLD) -> np.ndarray:
        return self.features(completions) @ self.taste(user)

    def features(self, completions: Sequence[Completion]) -> np.ndarray:
        rows = [features(each.prompt.text, each.text) for each in completions]
        return np.array(rows, dtype=float).reshape(len(rows), len(FEATURES))

    def weights(self, user: str = GOLD) -> np.ndarray:
        return self.taste(user).copy()

    def seen(self, completions: Sequence[Completion]) -> np.ndarray:
        """A false fact looks like a true one, and everything else as it is."""
        seen_NF = self.features(completions)
        seen_NF[:, FEATURES.index("fact")] = np.abs(seen_NF[:, FEATURES.index("fact")])
        return seen_NF

    def faults(self, completion: Completion, user: str = GOLD) -> Sequence[Fault]:
        """See `faults.find_faults`."""
        return find_faults(completion.prompt.text, completion.text, self.taste(user))

    def mended(self, completion: Completion, aspects: Collection[str] | None = None, user: str = GOLD) -> Completion:
        """See `edits.mend`. All faults taken out is worth no less to the user than before; single aspects may cost others."""
        check_aspects(aspects, FEATURES)
        text = mend(completion.prompt.text, completion.text, self.taste(user), aspects)
        return completion if text == completion.text else Completion(completion.prompt, text)

    def advantage(self, comparison: Comparison, user: str = GOLD) -> float:
        """Utility of the left answer minus that of the right one to a user, in nats."""
        left, right = self.utility([comparison.left, comparison.right], user)
        return float(left - right)

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
            from ...policies.causal_lm import CausalLMPolicy

            self._loaded[number] = CausalLMPolicy.load(base_checkpoint(number, on_progress))
        return self._loaded[number].copy()


def text_personas(seed: int = 0, *, personas: int = PERSONAS, spread: float = 1.0, **options: Any) -> TextWorld:
    """The text world with personas for users, as different as its own users times `spread`. Options are `TextWorld`'s."""
    check_options(TextWorld, options, "the world 'text-personas'")
    tastes = persona_users(FEATURES, personas, seed, spread=spread, scale_A=taste_scale())
    return TextWorld(seed, **{"name": "text-personas", "tastes": tastes} | options)
