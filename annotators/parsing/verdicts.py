"""Reads which of two answers a language model finds better: from its JSON object, or from a verdict in words.

The rules of `objects` hold: any text, nothing raised, bounded time, no guess."""

import re
import unicodedata
from typing import Any, Literal

from .objects import LIKE_AN_OBJECT, read_object, without_thinking

Verdict = Literal["A", "B", "tie", "neither"]

# Verdicts in words. A stated verdict ("Answer: B", "[[B]]", a line that is the label alone) outweighs what is said on the way
# to it ("A is better"), unless all of that says the opposite.
_NOUN = r"(?:answer|output|response|option|assistant|candidate|choice)"
_WORD = rf"(?:{_NOUN}\s{{0,3}})?((?-i:[AB]\s?>{{1,2}}\s?[AB]|[AB]\s?=\s?[AB]|[AB])|(?:an?\s)?(?:tie|draw)|neither)"
_END = r"(?=\s{0,3}(?:$|[.!;)\]—-]|,(?!\s*(?:and\s|or\s)?[AB]\b)|because\b|since\b))"
_STATED = re.compile(
    rf"\b(?:answer|verdict|decision|choice|preference|winner|judge?ment|conclusion)\s{{0,3}}(?:\([^()\n]{{1,40}}\)\s?)?"
    rf"(?::|=|->|→|is\b:?)\s{{0,3}}{_WORD}{_END}",
    re.IGNORECASE | re.MULTILINE,
)
_ADVERB = r"(?:\w{1,15}ly\s|much\s|the\s|far\s){0,3}"
_BETTER = r"(?:better|best|superior|preferred|preferable|stronger|winner)"
_PARTLY = r"(?!\s(?:at|in|on|for|with|but|when|if)\b|[\s-](?:written|structured|organi[sz]ed|formatted))"
_SAID = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?-i:([AB]))\s(?:is|was|seems)\s{_ADVERB}{_BETTER}\b{_PARTLY}",
        rf"\b{_BETTER}(?:\s(?:{_NOUN}|one))?\s(?:here\s)?(?:is|would be|must be)\s(?:{_NOUN}\s)?(?-i:([AB]))\b",
        rf"\b(?:prefer|choose|pick|select|go with|vote for|favou?r)\s(?:{_NOUN}\s)?(?-i:([AB]))\b(?!\s(?:at|in|on|for)\b)",
        rf"\b(?:{_NOUN}\s)?(?-i:([AB]))\swins\b",
    )
]
_NEITHER = re.compile(
    rf"\bneither(?:\s(?:of\s(?:them|the\stwo)|{_NOUN}))?\s(?:is|are)\s(?:good enough|acceptable)"
    rf"|\bboth(?:\s{_NOUN}s)?\sare\sunacceptable",
    re.I,
)
_TIE = re.compile(rf"\b(?:it is|it's|this is|call it|result is) a (?:tie|draw)\b|\bboth(?:\s{_NOUN}s)? are equally good\b", re.I)
_HEDGE = re.compile(
    r"\b(?:not|no|never|hardly|neither|nor|if|unless|whether|would|could|might|may|maybe|perhaps|suppose|assuming|cannot|claims?|"
    r"says|said|someone|doubt|deny|false|wrong|less than)\b|n't\b|\?",
    re.IGNORECASE,
)
_ADVERSE = re.compile(r"\b(?:worse|worst|weaker|poorer|losing|rejected|other|correct|right)\s?$", re.IGNORECASE)
"""Before "answer is B": another thing than the better answer, or the answer to the instruction itself."""
_CHANGED = re.compile(r"\b(?:wait|actually|on second thoughts?|correction|scratch that|i meant|sorry|no,)", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?\n]{1,2000}[.!?]?")
_VERDICT_WORDS: dict[str, Verdict] = dict.fromkeys(("tie", "a tie", "tied", "draw", "a draw", "equal", "same"), "tie")
_VERDICT_WORDS |= {"neither": "neither", "both bad": "neither", "neither is acceptable": "neither"}


def read_verdict(text: str) -> Verdict | None:
    """Which of two answers, A or B, is better, a tie, or neither is acceptable: from the property `verdict`, or from words. None
    where the text says two things, denies or doubts one ("A is not better", "if B is better"), has an unreadable object, or is not
    in English beyond its label."""
    found = read_object(text, "verdict")
    if found is not None:
        return verdict_word(found["verdict"])
    said = without_thinking(text)
    if said is None or LIKE_AN_OBJECT.search(said):
        return None
    return verdict_word(said) or _verdict_of_words(_plain(said))


def verdict_word(value: Any) -> Verdict | None:
    """The verdict of a text that is nothing else: "A", "Answer B.", "(a)", "[[B]]", "A>B", "tie"."""
    if not isinstance(value, str) or len(value) > 60:
        return None
    word = re.sub(r"[\s*`\"'“”.!_()\[\]#:]+", " ", unicodedata.normalize("NFKC", value)).strip().casefold()
    word = re.sub(rf"^(?:the )?{_NOUN} ?(?=[ab]\b)", "", word)
    order = re.fullmatch(r"([ab]) ?(>{1,2}|<{1,2}|=) ?([ab])", word)
    if order and order[1] != order[3]:
        return "tie" if order[2] == "=" else "A" if (order[1] == "a") == (order[2][0] == ">") else "B"
    if word in ("a", "b"):
        return "A" if word == "a" else "B"
    return _VERDICT_WORDS.get(word)


def _plain(text: str) -> str:
    """Without marks of layout, and without quotations but for a label alone, as these are somebody else's words."""
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(r"[“”]", '"', re.sub(r"[*`#]+", "", text))
    text = re.sub(r'"([^"\n]{0,2000})"', lambda m: m[1] if len(m[1]) < 12 and verdict_word(m[1]) else " ", text)
    text = re.sub(r"(?m)^>.*$", "", text)
    text = re.sub(rf"(?i)\b({_NOUN})\s?\(([ab])\)", lambda m: f"{m[1]} {m[2].upper()}", text)
    return re.sub(r"[(<]\s?([AB])\s?[)>]|(?<!\[)\[\s?([AB])\s?\](?!\])", lambda m: m[1] or m[2], text).strip()


def _verdict_of_words(text: str) -> Verdict | None:
    stated: set[Verdict | None] = set()
    ends = 0
    for match in re.finditer(r"\[\[([^\[\]\n]{1,20})\]\]|\\boxed\{(?:\\text\{)?([^{}\n]{1,20})\}", text):
        stated.add(verdict_word(match[1] or match[2]))
        ends = match.end()
    for match in _STATED.finditer(text):
        before = re.split(r"[.!?\n;]", text[max(0, match.start() - 200) : match.start()])[-1]
        if _HEDGE.search(before) or _ADVERSE.search(before):
            return None
        stated.add(verdict_word(match[1]))
        ends = max(ends, match.end())
    stated |= {verdict_word(line) for line in _label_lines(text.splitlines())}
    said, is_doubtful = _said_on_the_way(text)
    if stated:
        only = stated.pop()
        is_opposed = bool(said) and only not in said
        return None if stated or is_opposed or _CHANGED.search(text, ends) else only
    return said.pop() if len(said) == 1 and not is_doubtful and not _CHANGED.search(text) else None


def _label_lines(lines: list[str]) -> list[str]:
    """The first and the last line, if they are a label alone and no part of a sentence that is broken over lines."""
    alone = re.compile(rf"\s*(?:{_NOUN} )?[AB][.:!]?\s*")
    found = lines[:1] if lines and alone.fullmatch(lines[0]) and not re.match(r"\s*[a-z]", "".join(lines[1:2])) else []
    is_end = lines and alone.fullmatch(lines[-1]) and not re.search(r"[a-z,]\s*$", "".join(lines[-2:-1]))
    return found + lines[-1:] if is_end else found


def _said_on_the_way(text: str) -> tuple[set[Verdict], bool]:
    """What sentences claim, and whether any of them denies or doubts what it names."""
    said: set[Verdict] = set()
    is_doubtful = False
    for sentence in _SENTENCE.findall(text):
        labels: list[Verdict] = ["A" if match[1] == "A" else "B" for pattern in _SAID for match in pattern.finditer(sentence)]
        if labels and _HEDGE.search(sentence):
            is_doubtful = True
            continue
        said |= set(labels)
        said |= {"neither"} if _NEITHER.search(sentence) else set()
        said |= {"tie"} if _TIE.search(sentence) and not re.search(r"\bnot\b|n't", sentence) else set()
    return said, is_doubtful
