"""The nouns of Pasture: what crosses a room's door is one of these frozen records, never a dict.

`left` and `right` are what was shown; `chosen` and `rejected` are what was said. An answer that cannot be read is an
`Abstention`: counted, never a tie, never a vote.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from .requests import Message, Request
from .seeds import digest


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a policy answers. `id` defaults to a hash of the content, so that equal prompts share one id."""

    text: str
    id: str = ""
    history: tuple[Message, ...] = ()

    def __post_init__(self) -> None:
        if not self.id:
            turns = [part for turn in self.history for part in (turn.role, turn.content)]
            object.__setattr__(self, "id", digest("prompt", *turns, self.text).hex()[:16])


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer to a prompt.

    `tokens` are the ids that a policy sampled, end-of-sequence included, so that its log-probability is that of what
    was sampled and not of a second tokenisation; empty where the text came from elsewhere. `model` says who made it,
    and is blank wherever an evaluator must be blind to it.
    """

    prompt: Prompt
    text: str
    tokens: tuple[int, ...] = ()
    model: str = ""

    @property
    def key(self) -> str:
        """Content address: equal answers to equal prompts share it, whoever made them."""
        return digest("completion", self.prompt.id, self.text).hex()[:16]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two answers to one prompt, in the order in which they are shown."""

    left: Completion
    right: Completion

    def __post_init__(self) -> None:
        if self.left.prompt.id != self.right.prompt.id:
            raise ValueError(
                f"a comparison holds two answers to one prompt, and these answer {self.left.prompt.id!r} and "
                f"{self.right.prompt.id!r}; pair the answers by prompt first"
            )

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
        """Whether this is the one of the two orders in which random choices are drawn (see `simulators.choice`)."""
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


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost. `requests` went to an engine, `cached` came from the store and cost nothing."""

    requests: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    dollars: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.requests + other.requests,
            self.cached + other.cached,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.dollars + other.dollars,
        )


NOTHING = Usage()


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two answers is better.

    `p_left` in [0, 1] is the probability that `comparison.left` is preferred: a hard label is 0 or 1, a tie 0.5.
    `parts` are the preferences that this one was made of (both orders of a swap, the members of a jury), each in the
    order in which it was shown. `strength`: how much better the chosen answer is, in the annotator's own unit, 0 or more; None
    where none was given. Where neither answer is acceptable there is no preference but an `Abstention` (`Reason.NEITHER`).
    """

    comparison: Comparison
    p_left: float
    annotator: str
    persona: str = ""
    strength: float | None = None
    rationale: str = ""
    usage: Usage = NOTHING
    parts: tuple[Preference, ...] = ()
    silent: tuple[Abstention, ...] = ()
    """Those who were asked for a part and gave none: counted, and no vote."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.p_left <= 1.0:  # NaN fails this too
            raise ValueError(
                f"p_left is {self.p_left}; it is a probability in [0, 1]; return an Abstention where there is no verdict"
            )

    @property
    def is_tied(self) -> bool:
        return self.p_left == 0.5

    @property
    def chosen(self) -> Completion | None:
        """The preferred answer; None for a tie, so that a tie never goes to the first."""
        if self.is_tied:
            return None
        return self.comparison.left if self.p_left > 0.5 else self.comparison.right

    @property
    def rejected(self) -> Completion | None:
        if self.is_tied:
            return None
        return self.comparison.right if self.p_left > 0.5 else self.comparison.left

    def swapped(self) -> Preference:
        """The same verdict about the same answers, said of the swapped comparison. `parts` stay as they were shown."""
        return replace(self, comparison=self.comparison.swapped(), p_left=1.0 - self.p_left)


@dataclass(frozen=True, slots=True)
class Rating:
    """Scores of one answer, by aspect (`overall` where there is only one)."""

    completion: Completion
    scores: Mapping[str, float]
    annotator: str
    rationale: str = ""
    usage: Usage = NOTHING

    def __post_init__(self) -> None:
        for aspect, score in self.scores.items():
            if not math.isfinite(score):
                raise ValueError(
                    f"the score of {aspect!r} is {score}; it is a finite number; return an Abstention where there is none"
                )


@dataclass(frozen=True, slots=True)
class Ranking:
    """An order of a slate, best first: `order[k]` is the index of the answer in place k; `grades` by answer, if given."""

    slate: Slate
    order: tuple[int, ...]
    annotator: str
    grades: tuple[float, ...] | None = None
    usage: Usage = NOTHING

    def __post_init__(self) -> None:
        if sorted(self.order) != list(range(len(self.slate.completions))):
            raise ValueError(f"the order {self.order} is no permutation of the {len(self.slate.completions)} answers")


class Polarity(StrEnum):
    PRAISE = "praise"
    BLAME = "blame"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` (inclusive) to `end` (exclusive) of an answer, and what is said of them."""

    start: int
    end: int
    category: str = ""


@dataclass(frozen=True, slots=True)
class Critique:
    """What is good or bad about one answer, in words."""

    completion: Completion
    text: str
    annotator: str
    spans: tuple[Span, ...] = ()
    polarity: Polarity = Polarity.MIXED
    usage: Usage = NOTHING


@dataclass(frozen=True, slots=True)
class Revision:
    """A better answer, and the critique that it follows."""

    completion: Completion
    text: str
    annotator: str
    critique: Critique | None = None
    usage: Usage = NOTHING


class ReactionKind(StrEnum):
    THUMBS_UP = "thumbs_up"
    THUMBS_DOWN = "thumbs_down"
    LAUGH = "laugh"
    HEART = "heart"
    CONFUSED = "confused"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Reaction:
    """A user's small sign about one answer; silence is one of them."""

    completion: Completion
    kind: ReactionKind
    annotator: str
    usage: Usage = NOTHING


@dataclass(frozen=True, slots=True)
class Directive:
    """A rule said in words ("no emoji in mails to my boss"), and the prompts that it was said about."""

    text: str
    annotator: str
    about: tuple[Prompt, ...] = ()
    usage: Usage = NOTHING
    silent: tuple[Abstention, ...] = ()
    """Of those whom it was gathered from, who could not be heard."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What a user says next, after an answer; `polarity` says whether it praises or complains."""

    completion: Completion
    text: str
    annotator: str
    polarity: Polarity = Polarity.MIXED
    usage: Usage = NOTHING


class Reason(StrEnum):
    """Why there is no verdict."""

    UNPARSABLE = "unparsable"
    ENGINE_FAILED = "engine failed"
    REFUSED = "refused"
    OVER_BUDGET = "over budget"
    NOT_APPLICABLE = "not applicable"
    NEITHER = "neither"
    """Both answers were found unacceptable: the reply was read, and it says nothing about which is better."""


@dataclass(frozen=True, slots=True)
class Abstention:
    """No verdict. Counted in every report; never a tie, never a vote, never cached."""

    item: Item
    reason: Reason
    annotator: str
    detail: str = ""
    usage: Usage = NOTHING
    unread: tuple[Request, ...] = ()
    """Requests whose replies could not be read; the runner takes them out of the store. None named by one that is
    `unparsable`: all that the item asked."""


Feedback = Preference | Rating | Ranking | Critique | Revision | Reaction | Directive | FollowUp


def score_of(said: Feedback | Abstention, candidate_is_left: bool = True) -> float:
    """The one way from a verdict to a number: the probability in [0, 1] that the candidate is preferred (1 won, 0.5 tied), NaN for
    an abstention. Raises ValueError for feedback that compares no two answers."""
    if isinstance(said, Preference):
        return said.p_left if candidate_is_left else 1.0 - said.p_left
    if isinstance(said, Abstention):
        return math.nan
    raise ValueError(f"a verdict on a pair is a Preference or an Abstention, and this is a {type(said).__name__}")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its uncertainty. `value` is None where it is undefined, and `how` then says why.

    `low` and `high` bound it at `level`; `n` observations went in, `abstentions` were asked for and gave none.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    how: str
    abstentions: int = 0
    standard_error: float | None = None
    level: float = 0.95
    extra: Mapping[str, float] = field(default_factory=dict)
