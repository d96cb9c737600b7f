"""Marks that common language models put around turns and thoughts, for whoever has a text and no tokenizer."""

from __future__ import annotations

import re
from collections.abc import Iterable

_KIND = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|rationale|reflections?|scratchpad|analysis|monologue|cot|deliberation)"
_NAME = rf"(?:[\w-]{{1,20}}[_:-])?{_KIND}(?:[_-][\w-]{{1,60}})?"
THOUGHT = re.compile(
    rf"(?:[<◁＜]|&lt;)\s?(?P<slash>/)?\s?{_NAME}(?:\s[^<>◁▷＜＞\n]{{0,60}})?(?:[>▷＞]|&gt;)"
    r"|\[(?P<bracket>/)?THINK(?:ING)?\]"
    rf"|<[|｜](?:(?P<before>end|/)|start|begin)?[_▁]?(?:of[_▁])?(?:[a-z]{{1,10}}_)?{_KIND}"
    r"(?:[_▁](?:(?P<after>end)|start|begin))?[|｜]>"
    r"|<\|channel\|>(?:(?P<final>final)|analysis|commentary)(?:[^<>\n]|<\|constrain\|>){0,40}<\|message\|>"
    r"|<\|inner_(?:(?P<inner>suffix)|prefix)\|>|<unused9(?:(?P<unused>5)|4)>|<\|channel>thought\b|(?P<channel><channel\|>)"
    r"|\Aanalysis(?=[A-Z])|(?P<bare>\bassistantfinal|(?<=[.!?\w])assistantfinal)",  # gpt-oss, whose marks a decoder left out
    re.IGNORECASE,
)
"""A mark of a thought; it ends one where any of its groups matched (`lastgroup`), and else begins one."""

TURNS = re.compile(
    r"<[|｜][^|｜<>\s]{1,60}[|｜]>|<\|[a-z_]{1,30}>|<[a-z_]{1,30}\|>|\[\|[^|\[\]\s]{1,40}\|\]"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK|gMASK)\]"
    r"|</?s>|<</?SYS>>|<(?:start|end)_of_turn>|<(?:eos|bos|pad|unk|sop|eop)>|<extra_id_\d{1,2}>|<seed:[a-z]{1,10}>"
)
"""How they mark turns; a server knows its own model's, and its caller does not."""


def any_of(marks: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern that finds each of these marks, the longest first; None where there is none. One character alone is text."""
    known = sorted({each for each in marks if len(each.strip()) > 1}, key=len, reverse=True)
    first = "".join(re.escape(each) for each in {mark[0] for mark in known})  # most characters begin none: quick to see
    return re.compile(f"(?=[{first}])(?:{'|'.join(map(re.escape, known))})") if known else None


def closing(mark: str) -> str:
    """The mark that ends the thought that `mark` begins: `</think>` for `<think>`, `<|END_THINKING|>` for `<|START_THINKING|>`."""
    ended = re.sub(r"start|begin", lambda found: "END" if found[0].isupper() else "end", mark, flags=re.IGNORECASE)
    return ended if ended != mark else f"{mark[0]}/{mark[1:]}"


def broken_up(text: str, marks: re.Pattern[str] | None) -> str:
    """`text` with a blank in each mark, so that a text that says `<|im_end|>` cannot end its turn."""
    while marks is not None and marks.search(text):
        text = marks.sub(lambda found: re.sub(r"\S", r"\g<0> ", found[0], count=1), text)
    return text
