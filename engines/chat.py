"""From requests to tokens, and from a label to the token whose probability is asked.

Prompts are `core.language_models.prompts`'. What is said next (a label, a choice, a continuation) is taken letter by letter,
without a space before it: after a template's header the model begins with "A", not with " A". Give " A" where that is meant."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ..core.errors import EngineError, InputError
from ..core.language_models.prompts import ChatEncoder
from ..core.requests import Request

Rendered = tuple[int, Request, str]  # the index of a request, the request, and the text of its prompt
Failed = tuple[int, EngineError]
TAIL = 64  # characters before a label that can change how it is split into tokens
ROUNDED = 1e-3  # what probabilities that were rounded may leave over where they leave nothing, or less


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
                alike = f"the labels {twin!r} and {label!r} begin with the same token {piece!r} for this model"
                way_out = "use labels that begin differently (such as 'A' and 'B'), or score continuations"
                raise EngineError(f"{alike}, so the first token cannot tell them apart; {way_out}")
            tokens[label] = first
        return tokens

    def _said(self, text: str, said: str, kind: str) -> list[int]:
        if not said:
            raise EngineError(f"the {kind} is empty; it has at least one token")
        return list(self.after(text[-TAIL:], said))

    def prepare(self, rendered: Sequence[Rendered], max_len: int) -> tuple[list[Prepared], list[Failed]]:
        """Rendered requests in tokens, and those that cannot be asked. `max_len` holds prompt and answer."""
        ready: list[Prepared] = []
        failed: list[Failed] = []
        prompts = self.encode([text for _, _, text in rendered])
        for (index, request, text), prompt in zip(rendered, prompts, strict=True):
            try:
                ready.append(self._prepared(index, request, text, prompt, max_len))
            except EngineError as error:
                failed.append((index, error))
        return ready, failed

    def _prepared(self, index: int, request: Request, text: str, prompt: list[int], max_len: int) -> Prepared:
        check_model(request)
        if request.continuation is not None:
            ready = Prepared(index, request, prompt, said=self._said(text, self.inert(request.continuation), "continuation"))
        else:
            labels = self.label_tokens(text, request.sampling.labels)
            choices = {choice: self._said(text, choice, "choice") for choice in request.sampling.choices}
            ready = Prepared(index, request, prompt, labels, choices=choices)
        if ready.longest() >= max_len:
            scored = f" and {ready.longest() - len(prompt)} that are scored after it" if ready.longest() > len(prompt) else ""
            what = f"the prompt has {len(prompt)} tokens{scored}, and the model reads {max_len}, at least one for the answer"
            raise EngineError(f"{what} included; shorten it, or give a larger max_model_len where the model allows it")
        return ready


def check_model(request: Request) -> None:
    """Raises EngineError for a request that asks an engine of one model for a model of its own."""
    if asked := request.model:
        raise EngineError(f"this engine serves one model, and the request asks for {asked!r}; try --model {asked}=MODEL")


def draw_keys(request: Request) -> list[str]:
    """What a request's draws are keyed on besides its seed: what was said, so that two prompts under one seed differ, and a
    larger `max_tokens` or another stop string carries the same text on."""
    return ["sample", *(part for turn in request.messages for part in (turn.role, turn.content))]


def with_bounds(held: dict[str, float], labels: Sequence[str], shown: Sequence[float]) -> dict[str, float]:
    """`held` and, where it names a label at all, the others of `labels`, which are not among the likeliest first tokens: each is
    not likelier than the least of those, nor than what they leave over, and is given half of that.
    shown: the log-probabilities of the likeliest first tokens."""
    if not held:
        return held
    least, left_over = math.exp(min(shown)), 1.0 - sum(map(math.exp, shown))
    most = min(least, left_over if left_over > 0 else ROUNDED)
    return dict.fromkeys(labels, math.log(most / 2) if most > 0 else -math.inf) | held


def rendered_requests(chat: ChatTokenizer, requests: Sequence[Request]) -> tuple[list[Rendered], list[Failed]]:
    """Requests with their prompts' texts, and the failures of those that cannot be rendered."""
    ready: list[Rendered] = []
    failed: list[Failed] = []
    for index, request in enumerate(requests):
        at_once = request.continuation is not None or bool(request.sampling.labels or request.sampling.choices)
        try:
            ready.append((index, request, chat.render(request.messages, at_once=at_once)))
        except InputError as error:
            failed.append((index, EngineError(str(error))))
    return ready, failed
