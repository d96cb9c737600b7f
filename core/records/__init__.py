"""The nouns of Pasture: what crosses a room's door is one of these frozen records, never a dict.

`left` and `right` are what was shown; `chosen` and `rejected` are what was said, one record for each kind of feedback. An answer
that cannot be read is an `Abstention`: counted, never a tie, never a vote."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from ..requests import NOTHING, Request, Usage
from ..requests import Message as Message
from .items import Comparison, Completion, Item, Prompt, Slate
from .items import blind as blind


class ReactionKind(StrEnum):
    """Signs that a reaction may be; `SILENCE` is one."""

    THUMBS_UP = "thumbs_up"
    THUMBS_DOWN = "thumbs_down"
    LAUGH = "laugh"
    HEART = "heart"
    CONFUSED = "confused"
    SILENCE = "silence"


class Reason(StrEnum):
    """Why there is no verdict."""

    UNPARSABLE = "unparsable"
    ENGINE_FAILED = "engine failed"
    REFUSED = "refused"
    OVER_BUDGET = "over budget"
    NOT_APPLICABLE = "not applicable"
    NEITHER = "neither"
    """Both answers were found unacceptable: the reply was read, and it says nothing about which is better."""


class Polarity(StrEnum):
    """Whether something that is said of an answer praises it, blames it, or both."""

    PRAISE = "praise"
    BLAME = "blame"
    MIXED = "mixed"


class Label(NamedTuple):
    """One row of the table of verdicts that files and annotators make and estimators read (see `labels_of`, `read_labels`).
    p_left: the probability in [0, 1] that the pair's left answer is better, NaN where there is no verdict. dollars: what it cost,
    NaN where that is not known. judge: the person, else the annotator, that gave it; blank where nobody is named."""

    pair: Comparison
    p_left: float
    dollars: float = math.nan
    judge: str = ""

    @property
    def abstained(self) -> bool:
        return math.isnan(self.p_left)


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two answers is better.

    `p_left` in [0, 1] is the probability that `comparison.left` is preferred: a hard label is 0 or 1, a tie 0.5.
    `parts` are the preferences that this one was made of (both orders of a swap, the members of a jury), each in the
    order in which it was shown. `strength`: how much better the chosen answer is, in the annotator's own unit, 0 or more; None
    where none was given. Where neither answer is acceptable there is no preference but an `Abstention` (`Reason.NEITHER`)."""

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
    label_mass: float | None = None
    """Where it was read from labels: what they had together of the first token's probability."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.p_left <= 1.0:  # NaN fails this too
            what = f"p_left is {self.p_left}; it is a probability in [0, 1]"
            raise ValueError(f"{what}; return an Abstention where there is no verdict")

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
                what = f"the score of {aspect!r} is {score}; it is a finite number"
                raise ValueError(f"{what}; return an Abstention where there is none")


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


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its uncertainty. `value` is None where it is undefined, and `how` then says why. `low` and `high` bound it at
    `level`; `n` observations went in, `abstentions` were asked for and gave none."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    how: str
    abstentions: int = 0
    standard_error: float | None = None
    level: float = 0.95
    extra: Mapping[str, float] = field(default_factory=dict)


def labels_of(feedback: Iterable[Feedback | Abstention]) -> list[Label]:
    """Verdicts on pairs as labels, one for each, in order. Raises ValueError for feedback that compares no two answers."""
    labels = []
    for said in feedback:
        pair = said.item if isinstance(said, Abstention) else said.comparison if isinstance(said, Preference) else None
        if not isinstance(pair, Comparison):
            raise ValueError(f"a verdict on a pair is a Preference or an Abstention about one, and this is a {type(said).__name__}")
        judge = (said.persona if isinstance(said, Preference) else "") or said.annotator
        labels.append(Label(pair, score_of(said), said.usage.dollars, judge))
    return labels


def score_of(said: Feedback | Abstention, candidate_is_left: bool = True) -> float:
    """The one way from a verdict to a number: the probability in [0, 1] that the candidate is preferred (1 won, 0.5 tied), NaN for
    an abstention. Raises ValueError for feedback that compares no two answers."""
    if isinstance(said, Preference):
        return said.p_left if candidate_is_left else 1.0 - said.p_left
    if isinstance(said, Abstention):
        return math.nan
    raise ValueError(f"a verdict on a pair is a Preference or an Abstention, and this is a {type(said).__name__}")
