"""From the turns of a chat to the tokens that a language model reads: one encoder for engines, which ask, and policies that learn.

Chat templates are used where the tokenizer has one. Texts from outside cannot end their turn or begin another: the tokenizer's
special tokens, and what else marks turns in its template, are broken up in them. A template is told one fixed day, so that a prompt
is the same tomorrow, and is asked for an answer without thoughts; where it opens a thought all the same, the thought is closed at
once ("NoThinking", Ma et al. 2025, arXiv:2504.09858), unless the model is to think."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from ..errors import InputError
from ..records import Message

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

TODAY = datetime(2024, 7, 26)  # the day that a template is told; Llama 3's own falls back to it
_PLACE = "7he-answer-6oes-here"
"""Stands for an assistant's text while the template is filled in, so that no template trims or rewrites that text."""
_ROLE = re.compile(r"#{2,}(?=\s*(?:system|user|assistant|tool)\s*:)", re.IGNORECASE)

Plain = Callable[[Sequence[Message], bool], str]
"""How turns are written where there is no template; True where the last of them is the assistant's, and open."""


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


def headed(messages: Sequence[Message], is_open: bool) -> str:
    """Each turn as `### User:`, a line break, the content and a blank line; then `### Assistant:` and a line break, or the open
    turn. A text that holds such a header has it broken up."""
    turns = [f"### {turn.role.capitalize()}:\n{_ROLE.sub('# #', turn.content)}" for turn in messages]
    return "\n\n".join(turns if is_open else [*turns, "### Assistant:\n"])


def bare(messages: Sequence[Message], is_open: bool) -> str:
    """The texts alone, a blank line after each: what a pretrained model carries on."""
    text = "".join(f"{turn.content}\n\n" for turn in messages)
    return text.removesuffix("\n\n") if is_open else text


class ChatEncoder:
    """A Hugging Face tokenizer seen as a reader of chats.
    thinking: whether the model may think before it answers, where its template knows of that. plain: how turns are written where
    the tokenizer has no chat template."""

    def __init__(self, tokenizer: Any, *, thinking: bool = False, plain: Plain = headed) -> None:
        self.tokenizer = tokenizer
        self.thinking = thinking
        self.has_template = bool(getattr(tokenizer, "chat_template", None))
        self._write_plain = plain
        added = getattr(tokenizer, "added_tokens_decoder", {})
        self._special = {token: each.content for token, each in added.items() if each.special}
        # Some models' marks of turns are added tokens that are not special (DeepSeek's), or plain text (Llama 2's [INST]).
        template = str(tokenizer.chat_template) if self.has_template else ""
        names = [each.content for each in added.values()] if self.has_template else []
        known = [each for each in names if TURNS.fullmatch(each) or (each in template and not each[:1].isalnum())]
        turns = [each for each in (*known, *TURNS.findall(template)) if not THOUGHT.fullmatch(each)]
        self._turns = {token for token, each in added.items() if each.content in turns}
        self._marks = any_of([*self._special.values(), *tokenizer.all_special_tokens, *turns])

    def inert(self, text: str) -> str:
        """`text` whose special tokens are broken up."""
        return broken_up(text, self._marks)

    def render(self, messages: Sequence[Message], *, at_once: bool = False, prefix: str = "") -> str:
        """The prompt's text. An assistant's last turn is left open, and the model carries it on.

        at_once: the answer is read from the first token on (a label, a choice, a given text), so that no thought may come before.
        prefix: stands before the last turn's text as it is, special tokens included. Raises InputError where there are no
        messages, or the template refuses them."""
        if not messages:
            raise InputError("the request has no messages; a model answers at least one")
        is_open = messages[-1].role == "assistant"
        turns = [Message(turn.role, self.inert(turn.content)) for turn in messages]
        turns[-1] = Message(turns[-1].role, prefix + turns[-1].content)
        if not self.has_template:
            return self._write_plain(turns, is_open)
        thinks = self.thinking and not at_once
        if is_open:
            return self._around(turns, thinks)[0] + turns[-1].content
        text = self._filled(turns, thinks, add_generation_prompt=True)
        return text if thinks else text + _closing(text)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of whole prompts. A template brings its own begin-of-sequence token; plain text gets the tokenizer's, and no
        end of sequence, for it goes on."""
        rows = self.tokenizer(list(texts), add_special_tokens=not self.has_template)["input_ids"]
        end = self.tokenizer.eos_token_id
        return rows if self.has_template else [row[:-1] if row and row[-1] == end else row for row in rows]

    @cached_property
    def hides_thoughts(self) -> bool:
        """Whether marks of thoughts are special tokens, which a decoder leaves out."""
        return any(map(THOUGHT.fullmatch, self._special.values()))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens without the special ones, but for marks of thoughts: what was thought is not an answer."""
        if not self.hides_thoughts:
            return self.tokenizer.decode(ids, skip_special_tokens=True)
        return self.shown(self.tokenizer.decode(ids))

    def shown(self, text: str) -> str:
        """A decoded text that still has its special tokens, without all but the marks of thoughts."""
        return self._marks.sub(lambda found: found[0] if THOUGHT.fullmatch(found[0]) else "", text) if self._marks else text

    @cached_property
    def end_of_turn(self) -> tuple[int, ...]:
        """The marks that end an assistant's turn in the chat template; the end of sequence where it has none. Empty for a
        tokenizer without either."""
        eos = self.tokenizer.eos_token_id
        if self.has_template:
            after = self._around([Message("user", "Hello."), Message("assistant", "")], self.thinking)[1]
            special = self._special.keys() | set(self.tokenizer.all_special_ids) | self._turns
            ids = self.tokenizer(after, add_special_tokens=False)["input_ids"]
            first = next((k for k, token in enumerate(ids) if token in special), len(ids))
            last = next((k for k in range(first, len(ids)) if ids[k] not in special), len(ids))
            if first < last:
                return tuple(ids[first:last])
        return () if eos is None else (eos,)

    def _around(self, turns: Sequence[Message], thinks: bool) -> tuple[str, str]:
        """What the template puts before and after the text of an assistant's last turn."""
        text = self._filled([*turns[:-1], Message("assistant", _PLACE)], thinks, add_generation_prompt=False)
        before, found, after = text.rpartition(_PLACE)
        if not found:
            raise InputError("the model's chat template leaves out the assistant's last turn; end on the user's")
        return before, after

    def _filled(self, turns: Sequence[Message], thinks: bool, **options: Any) -> str:
        written = [{"role": turn.role, "content": turn.content} for turn in turns]
        day = {"strftime_now": TODAY.strftime, "date_string": TODAY.strftime("%d %b %Y")}
        options |= {"enable_thinking": thinks, "thinking": thinks, **day}
        try:
            return self.tokenizer.apply_chat_template(written, tokenize=False, **options)
        except Exception as error:
            roles = [turn.role for turn in turns]
            way_out = "give another model, or mend its chat template"
            if "system" in roles:
                way_out = "where it knows no system turn, leave that out (--set 'system=\"\"', or put its text into the question)"
            what = f"the model's chat template refuses the turns ({', '.join(roles)}): {type(error).__name__}"
            raise InputError(f"{what}: {error}; {way_out}") from error


def _closing(text: str) -> str:
    """The end of a thought that `text` has just opened, as those templates write it that can leave thoughts out."""
    mark = next((each for each in THOUGHT.finditer(text) if not text[each.end() :].strip()), None)
    if mark is None or mark.lastgroup:
        return ""
    return ("\n" if text.endswith("\n") else "\n\n") + closing(mark[0]) + "\n\n"
