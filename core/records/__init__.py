"""The nouns of Pasture: what crosses a room's door is one of these frozen records, never a dict.

`left` and `right` are what was shown; `chosen` and `rejected` are what was said. An answer that cannot be read is an
`Abstention`: counted, never a tie, never a vote.
"""

from ..requests import Message
from .estimate import Estimate
from .feedback import (
    NOTHING,
    Abstention,
    Critique,
    Directive,
    Feedback,
    FollowUp,
    Label,
    Polarity,
    Preference,
    Ranking,
    Rating,
    Reaction,
    ReactionKind,
    Reason,
    Revision,
    Span,
    Usage,
    labels_of,
    score_of,
)
from .items import Comparison, Completion, Item, Prompt, Slate, blind

__all__ = [
    "NOTHING",
    "Abstention",
    "Comparison",
    "Completion",
    "Critique",
    "Directive",
    "Estimate",
    "Feedback",
    "FollowUp",
    "Item",
    "Label",
    "Message",
    "Polarity",
    "Preference",
    "Prompt",
    "Ranking",
    "Rating",
    "Reaction",
    "ReactionKind",
    "Reason",
    "Revision",
    "Slate",
    "Span",
    "Usage",
    "blind",
    "labels_of",
    "score_of",
]
