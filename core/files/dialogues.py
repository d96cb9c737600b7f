"""Pairs of whole dialogues, alike up to the assistant's last turn: lists of turns, or texts as Anthropic's HH-RLHF has them (Bai et
al. 2022, arXiv:2204.05862), whose turns open with `Human:` and `Assistant:` after a blank line.

A dialogue cannot tell a turn from a quotation of one; nor do other readers. Departure: where the two part before their last turn
(5 of the 1,156 harmless ones tested), the answer is all that follows what they share, headings included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import InputError
from ..records import Message

HEADING = re.compile(r"(?:^|\n\n)(Human|Assistant):")
ROLE_OF = {"Human": "user", "Assistant": "assistant"}
HEADING_OF = {role: heading for heading, role in ROLE_OF.items()}


def turns_of(dialogue: str) -> list[Message]:
    """The turns of a dialogue, each without blanks around it. Raises InputError for text before the first heading."""
    before, *rest = HEADING.split(dialogue)
    if before.strip() or not rest:
        raise InputError(f"{dialogue[:60]!r} is not a dialogue; it opens with 'Human:' and its turns stand after blank lines")
    return [Message(ROLE_OF[heading], text.strip()) for heading, text in zip(rest[::2], rest[1::2], strict=True)]


def parted(ours: Sequence[Message], theirs: Sequence[Message]) -> tuple[tuple[Message, ...], str, str]:
    """(the turns that two dialogues share, the last of them the user's; the answer in the first; that in the second).

    Raises InputError where they share no such turns, or where one goes on with no turn of the assistant.
    """
    shared = 0
    while shared < min(len(ours), len(theirs)) - 1 and ours[shared] == theirs[shared]:
        shared += 1
    while shared and not (ours[shared - 1].role == "user" and ours[shared].role == theirs[shared].role == "assistant"):
        shared -= 1
    if not shared:
        opening = ours[0].content[:60] if ours else ""
        raise InputError(f"the dialogues that open with {opening!r} share no prompt that the assistant answers in both")
    return tuple(ours[:shared]), _said(ours[shared:]), _said(theirs[shared:])


def _said(turns: Sequence[Message]) -> str:
    first, *rest = turns
    return "".join([first.content, *(f"\n\n{HEADING_OF.get(turn.role, turn.role)}: {turn.content}" for turn in rest)])
