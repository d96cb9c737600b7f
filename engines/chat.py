"""From messages to the tokens that a language model reads, and from a label to the token whose probability is asked.

Chat templates are used where the tokenizer has one. Where it has none, each turn is written as `### User:`, a line break, the
content and a blank line, and the text ends in `### Assistant:` and a line break. A last message of the assistant's is left
open, and the model carries it on. What is said next (a label, a choice, a continuation) is taken letter by letter, without a
space before it: after a template's header the model begins with "A", not with " A". Give " A" where that is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError

from ..core.errors import EngineError
from ..core.records import Message
from ..core.requests import Request

TAIL = 64  # characters before a label that can change how it is split into tokens


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request in tokens. `labels` maps each label to its first token; `said` is the continuation; `choices` are whole."""

    index: int
    request: Request
    prompt: list[int]
    labels: dict[str, int] = field(default_factory=dict)
    said: list[int] = field(default_factory=list)
    choices: dict[str, list[int]] = field(default_factory=dict)

    def longest(self) -> int:
        """Tokens of the prompt and of the longest text that is scored after it."""
        return len(self.prompt) + max([len(self.said), *map(len, self.choices.values())])


class ChatTokenizer:
    """A Hugging Face tokenizer seen as a renderer of requests."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.has_template = bool(getattr(tokenizer, "chat_template", None))
        special = [each for each in getattr(tokenizer, "all_special_tokens", []) if len(each) > 1]
        self._marks = re.compile("|".join(map(re.escape, special))) if special else None
        self.after = lru_cache(maxsize=65536)(self._after)

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt's text. Raises EngineError where there are no messages or the template refuses them."""
        if not messages:
            raise EngineError("the request has no messages; a model answers at least one")
        is_open = messages[-1].role == "assistant"
        messages = [replace(turn, content=self._inert(turn.content)) for turn in messages]
        if not self.has_template:
            return _plain(messages, is_open)
        turns = [{"role": turn.role, "content": turn.content} for turn in messages]
        try:
            return self.tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=not is_open, continue_final_message=is_open
            )
        except (TemplateError, ValueError) as error:
            roles = ", ".join(turn.role for turn in messages)
            raise EngineError(f"the model's chat template refuses the turns ({roles}): {error}") from error

    def _inert(self, content: str) -> str:
        """`content` whose special tokens are broken up, so that a text that says `<|im_end|>` cannot end its turn."""
        return self._marks.sub(lambda found: f"{found[0][0]} {found[0][1:]}", content) if self._marks else content

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of whole prompts. A template brings its own begin-of-sequence token; plain text gets the tokenizer's."""
        rows = self.tokenizer(list(texts), add_special_tokens=not self.has_template)["input_ids"]
        end = self.tokenizer.eos_token_id
        return rows if self.has_template else [row[:-1] if row and row[-1] == end else row for row in rows]

    def _after(self, tail: str, said: str) -> tuple[int, ...]:
        """Token ids of `said` as it follows a prompt that ends in `tail`. Where the two would merge into one token, the
        prompt's tokens stand, as they do when a model answers, and `said` is split on its own."""
        before, both, alone = self.tokenizer([tail, tail + said, said], add_special_tokens=False)["input_ids"]
        return tuple(both[len(before) :] if both[: len(before)] == before else alone)

    def label_tokens(self, text: str, labels: Sequence[str]) -> dict[str, int]:
        """The first token of each label after `text`. Raises EngineError where two labels begin alike."""
        tokens: dict[str, int] = {}
        for label in labels:
            first = self._said(text, label, "label")[0]
            twin = next((other for other, token in tokens.items() if token == first and other != label), None)
            if twin is not None:
                piece = self.tokenizer.decode([first])
                raise EngineError(
                    f"the labels {twin!r} and {label!r} begin with the same token {piece!r} for this model, so the first token "
                    "cannot tell them apart; use labels that begin differently (such as 'A' and 'B'), or score continuations"
                )
            tokens[label] = first
        return tokens

    def _said(self, text: str, said: str, kind: str) -> list[int]:
        if not said:
            raise EngineError(f"the {kind} is empty; it has at least one token")
        return list(self.after(text[-TAIL:], said))

    def prepare(self, rendered: Sequence[tuple[int, Request, str]], max_len: int) -> Iterator[tuple[int, Prepared | EngineError]]:
        """The tokens of rendered requests, or why one of them cannot be asked. `max_len` holds prompt and answer."""
        prompts = self.encode([text for _, _, text in rendered])
        for (index, request, text), prompt in zip(rendered, prompts, strict=True):
            try:
                yield index, self._prepared(index, request, text, prompt, max_len)
            except EngineError as error:
                yield index, error

    def _prepared(self, index: int, request: Request, text: str, prompt: list[int], max_len: int) -> Prepared:
        if request.model:
            raise EngineError(
                f"this engine serves one model, and the request asks for {request.model!r}; try --model {request.model}=MODEL"
            )
        if request.continuation is not None:
            ready = Prepared(index, request, prompt, said=self._said(text, request.continuation, "continuation"))
        else:
            labels = self.label_tokens(text, request.sampling.labels)
            choices = {choice: self._said(text, choice, "choice") for choice in request.sampling.choices}
            ready = Prepared(index, request, prompt, labels, choices=choices)
        if ready.longest() >= max_len:
            scored = f" and {ready.longest() - len(prompt)} that are scored after it" if ready.longest() > len(prompt) else ""
            raise EngineError(
                f"the prompt has {len(prompt)} tokens{scored}, and the model reads {max_len}, at least one for the answer "
                "included; shorten it, or give a larger max_model_len where the model allows it"
            )
        return ready


def draw_keys(request: Request) -> list[str]:
    """What a request's draws are keyed on besides its seed: what was said, so that two prompts under one seed differ, and a
    larger `max_tokens` or another stop string carries the same text on."""
    return ["sample", *(part for turn in request.messages for part in (turn.role, turn.content))]


def rendered_requests(
    chat: ChatTokenizer, requests: Sequence[Request]
) -> tuple[list[tuple[int, Request, str]], list[tuple[int, EngineError]]]:
    """(index, request, text) of what can be rendered, and the failures of what cannot."""
    ready: list[tuple[int, Request, str]] = []
    failed: list[tuple[int, EngineError]] = []
    for index, request in enumerate(requests):
        try:
            ready.append((index, request, chat.render(request.messages)))
        except EngineError as error:
            failed.append((index, error))
    return ready, failed


def _plain(messages: Sequence[Message], is_open: bool) -> str:
    turns = [f"### {turn.role.capitalize()}:\n{turn.content}" for turn in messages]
    return "\n\n".join(turns if is_open else [*turns, "### Assistant:\n"])
