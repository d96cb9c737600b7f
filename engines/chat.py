"""From requests to tokens, and from a label to the token whose probability is asked.

Prompts are `core.language_models.prompts`'. What is said next (a label, a choice, a continuation) is taken letter by letter,
without a space before it: after a template's header the model begins with "A", not with " A". Give " A" where that is meant.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ..core.errors import EngineError, InputError
from ..core.language_models.prompts import ChatEncoder
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


class ChatTokenizer(ChatEncoder):
    """A Hugging Face tokenizer seen as a renderer of requests; see `ChatEncoder`."""

    def __init__(self, tokenizer: Any, *, thinking: bool = False) -> None:
        super().__init__(tokenizer, thinking=thinking)
        self.after = lru_cache(maxsize=65536)(self._after)

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
            ready = Prepared(index, request, prompt, said=self._said(text, self.inert(request.continuation), "continuation"))
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


ROUNDED = 1e-3
"""What probabilities that were rounded may leave over where they leave nothing, or less."""


def with_bounds(held: dict[str, float], labels: Sequence[str], shown: Sequence[float]) -> dict[str, float]:
    """`held` and, where it names a label at all, the others of `labels`, which are not among the likeliest first tokens: each is
    no likelier than the least of those, nor than what they leave over, and is given half of that.

    shown: the log-probabilities of the likeliest first tokens.
    """
    if not held:
        return held
    least, left_over = math.exp(min(shown)), 1.0 - sum(map(math.exp, shown))
    most = min(least, left_over if left_over > 0 else ROUNDED)
    return dict.fromkeys(labels, math.log(most / 2) if most > 0 else -math.inf) | held


def rendered_requests(
    chat: ChatTokenizer, requests: Sequence[Request]
) -> tuple[list[tuple[int, Request, str]], list[tuple[int, EngineError]]]:
    """(index, request, text) of what can be rendered, and the failures of what cannot."""
    ready: list[tuple[int, Request, str]] = []
    failed: list[tuple[int, EngineError]] = []
    for index, request in enumerate(requests):
        at_once = request.continuation is not None or bool(request.sampling.labels or request.sampling.choices)
        try:
            ready.append((index, request, chat.render(request.messages, at_once=at_once)))
        except InputError as error:
            failed.append((index, EngineError(str(error))))
    return ready, failed
