"""What is judged: prompts, answers, and answers beside one another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from ..requests import Message
from ..seeds import digest


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a policy answers. `id` defaults to a hash of the content, so that equal prompts share one id."""

    text: str
    id: str = ""
    history: tuple[Message, ...] = ()

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", self.content)

    @property
    def content(self) -> str:
        """A hash of the text and its history: what standard errors cluster by, since rows with ids of their own may hold one
        prompt."""
        turns = [part for turn in self.history for part in (turn.role, turn.content)]
        return digest("prompt", *turns, self.text).hex()[:16]


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer to a prompt. `tokens` are the ids that a policy sampled, end-of-sequence included, so that its log-probability is
    that of what was sampled and not of a second tokenisation; empty where the text came from elsewhere. `model` says who made it,
    and is blank wherever an evaluator must be blind to it."""

    prompt: Prompt
    text: str
    tokens: tuple[int, ...] = ()
    model: str = ""

    @property
    def key(self) -> str:
        """Content address: equal answers to equal prompts share it, whichever model made them."""
        return digest("completion", self.prompt.id, self.text).hex()[:16]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two answers to one prompt, in the order in which they are shown."""

    left: Completion
    right: Completion

    def __post_init__(self) -> None:
        if self.left.prompt.id != self.right.prompt.id:
            what = f"a comparison holds two answers to one prompt, and these answer {self.left.prompt.id!r} and"
            raise ValueError(f"{what} {self.right.prompt.id!r}; pair the answers by prompt first")

    @property
    def prompt(self) -> Prompt:
        return self.left.prompt

    @property
    def key(self) -> str:
        """Content address of the unordered pair: a comparison and its swap share it, so noise keyed on it is the pair's."""
        first, second = sorted((self.left.text, self.right.text))
        return digest("comparison", self.prompt.id, first, second).hex()[:16]

    @property
    def is_canonical(self) -> bool:
        """Whether this is the one of the two orders in which random choices are drawn (see `simulators.noise`)."""
        return self.left.text <= self.right.text

    def swapped(self) -> Comparison:
        return Comparison(self.right, self.left)


@dataclass(frozen=True, slots=True)
class Slate:
    """Several answers to one prompt, to be ranked."""

    completions: tuple[Completion, ...]

    @property
    def prompt(self) -> Prompt:
        return self.completions[0].prompt

    @property
    def key(self) -> str:
        return digest("slate", self.prompt.id, *sorted(each.text for each in self.completions)).hex()[:16]


Item = Comparison | Completion | Slate
Shown = TypeVar("Shown", bound=Item)


def blind(item: Shown) -> Shown:
    """The item without what would tell who made its answers: names of models, and sampled tokens, which an answer from a file does
    not have."""
    if isinstance(item, Comparison):
        return replace(item, left=blind(item.left), right=blind(item.right)) if _is_marked(item.left, item.right) else item
    if isinstance(item, Slate):
        return replace(item, completions=tuple(map(blind, item.completions)))
    return replace(item, model="", tokens=()) if _is_marked(item) else item


def _is_marked(*answers: Completion) -> bool:
    return any(each.model or each.tokens for each in answers)
