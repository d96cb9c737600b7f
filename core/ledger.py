"""What a run costs: its budget, what was spent, and the price before the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from .errors import BudgetExceeded, InputError
from .records import Usage
from .requests import Reply, Request

TOKENS_AROUND_A_MESSAGE = 32  # room for what a chat template puts around one message; its default system message is one more
CHOICE_ROOM = 32  # tokens that an engine may put around a choice: a choice is not bound by `max_tokens`
CHARACTERS_A_TOKEN = 4  # of English under common tokenizers; for a price before the start only


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one run; None does not limit.
    dollars: paid to the engine. labels: items asked about, in their order. requests: sent to the engine (cached ones are free)."""

    dollars: float | None = None
    labels: int | None = None
    requests: int | None = None

    def __post_init__(self) -> None:
        for name in ("dollars", "labels", "requests"):
            limit = getattr(self, name)
            if limit is not None and not limit >= 0:
                raise InputError(f"the budget of {name} is {limit}; it is 0 or more, or None for no limit")

    def less(self, spent: Usage) -> Budget:
        """What is left of dollars and requests."""
        dollars = None if self.dollars is None else max(0.0, self.dollars - spent.dollars)
        return Budget(dollars, self.labels, None if self.requests is None else max(0, self.requests - spent.requests))


UNLIMITED = Budget()


class Ledger:
    """Spending against a budget.

    A request is sent only where its worst case fits into what is left: a prompt has at most as many tokens as UTF-8 bytes,
    and an answer at most `max_tokens`. What it really cost is charged afterwards, so that the budget is used up well. Where a
    server bills more than a request allows, the budget can be passed by that one answer, and `overshot` says so."""

    def __init__(
        self,
        budget: Budget = UNLIMITED,
        prices: tuple[float, float] = (0.0, 0.0),
        prices_by_model: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        """prices: dollars per million prompt and completion tokens. prices_by_model: the same for each `Request.model`, where an
        engine serves several; a model that is not in it has `prices`."""
        self.budget = budget
        self.prices = prices
        self.prices_by_model = prices_by_model or {}
        self.refused = 0
        self._requests = 0
        self._tokens: dict[tuple[float, float], list[int]] = {prices: [0, 0]}

    @property
    def usage(self) -> Usage:
        """What was spent so far."""
        prompt, completion = (sum(tokens[part] for tokens in self._tokens.values()) for part in (0, 1))
        dollars = sum((tokens[0] * prices[0] + tokens[1] * prices[1]) / 1e6 for prices, tokens in self._tokens.items())
        return Usage(self._requests, 0, prompt, completion, dollars)

    def dollars(self, prompt_tokens: int, completion_tokens: int, model: str = "") -> float:
        prices = self.prices_by_model.get(model, self.prices)
        return (prompt_tokens * prices[0] + completion_tokens * prices[1]) / 1e6

    def worst_case(self, request: Request) -> float:
        """The most that a request can cost, in dollars."""
        return self.dollars(*most_tokens(request), request.model)

    def affordable(self, requests: Sequence[Request]) -> int:
        """How many of the first `requests` may be sent at once without any risk of passing the budget."""
        count = len(requests)
        if self.budget.requests is not None:
            count = min(count, max(self.budget.requests - self.usage.requests, 0))
        if self.budget.dollars is None:
            return count
        left = self.budget.dollars - self.usage.dollars
        for index, request in enumerate(requests[:count]):
            left -= self.worst_case(request)
            if left < 0:
                return index
        return count

    def charge(self, reply: Reply | Usage, model: str = "") -> Usage:
        """Books one reply of the engine (or the tokens of one that is of no use) and returns what it cost. model: the model that
        the request asked for."""
        tokens = self._tokens.setdefault(self.prices_by_model.get(model, self.prices), [0, 0])
        self._requests += 1
        tokens[0] += reply.prompt_tokens
        tokens[1] += reply.completion_tokens
        dollars = self.dollars(reply.prompt_tokens, reply.completion_tokens, model)
        return Usage(1, 0, reply.prompt_tokens, reply.completion_tokens, dollars)

    @property
    def overshot(self) -> str:
        """By how much the budget of dollars is passed; blank where it is not."""
        over = 0.0 if self.budget.dollars is None else self.usage.dollars - self.budget.dollars
        if over <= 1e-9 * self.usage.dollars:
            return ""
        passed = f"the budget of {self.budget.dollars} dollars is passed by {over:.6f}"
        return f"{passed}, for an answer was billed for more tokens than its request allows; raise it with --budget-dollars"

    def exceeded(self, request: Request) -> BudgetExceeded:
        """The error for a request that does not fit, which is counted in `refused`."""
        self.refused += 1
        if self.budget.requests is not None and self.usage.requests >= self.budget.requests:
            what = f"the budget of {self.budget.requests} requests is used up; raise it with --budget-requests"
        else:
            left = (self.budget.dollars or 0.0) - self.usage.dollars
            if left < 0:
                return BudgetExceeded(f"{self.overshot}: finished work is kept and is not paid for again")
            room = f"the budget of {self.budget.dollars} dollars has {left:.6f} left"
            what = f"{room} and the next request may cost {self.worst_case(request):.6f}; raise it with --budget-dollars"
        return BudgetExceeded(f"{what}: finished work is kept and is not paid for again")


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of a run before it starts.

    `requests` at most would go to the engine, with `prompt_tokens` and `completion_tokens` at most, for `dollars` at most; `cached`
    are free. A prompt has at most as many tokens as bytes; `about_prompt_tokens` and `about_dollars` are an estimate, with tokens
    of CHARACTERS_A_TOKEN characters, and answers at their longest. is_bound: whether all turns of every item could be followed;
    otherwise more may be asked, and all of these are "at least"."""

    items: int
    requests: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    dollars: float = 0.0
    about_prompt_tokens: int = 0
    about_dollars: float = 0.0
    is_bound: bool = True

    @staticmethod
    def most(quotes: Sequence[Quote], count: int) -> Quote:
        """Of `count` items, each as dear as the dearest of those quoted, none of them found in a store."""
        names = [each.name for each in fields(Quote) if each.name not in ("items", "cached", "is_bound")]
        most = {name: count * max(getattr(each, name) for each in quotes) for name in names}
        return Quote(count, is_bound=all(each.is_bound for each in quotes), **most)

    def __add__(self, other: Quote) -> Quote:
        """Of both, one after the other."""
        both = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        return Quote(**both | {"is_bound": self.is_bound and other.is_bound})


def most_tokens(request: Request) -> tuple[int, int]:
    """The most prompt and completion tokens that a request can be billed for: a token is at least one byte."""
    text = sum(len(turn.content.encode("utf-8", "surrogatepass")) for turn in request.messages)
    prompt = text + TOKENS_AROUND_A_MESSAGE * (len(request.messages) + 1) + len(request.sampling.schema.encode())
    return _counted(request, prompt, len((request.continuation or "").encode("utf-8", "surrogatepass")))


def answer_room(request: Request) -> int:
    """The most tokens that an answer has: `max_tokens`, or what the longest choice can take."""
    choices = request.sampling.choices
    return CHOICE_ROOM + max(len(choice.encode()) for choice in choices) if choices else request.sampling.max_tokens


def approximate_tokens(request: Request) -> tuple[int, int]:
    """About how many prompt tokens a request is billed for, and how many it can generate or score."""
    characters = sum(len(turn.content) for turn in request.messages) + len(request.sampling.schema)
    return _counted(request, characters // CHARACTERS_A_TOKEN, len(request.continuation or "") // CHARACTERS_A_TOKEN + 1)


def _counted(request: Request, prompt: int, scored: int) -> tuple[int, int]:
    if request.continuation is not None:
        return prompt + scored, scored
    if request.sampling.labels and (request.sampling.choices or request.sampling.schema):
        return 2 * prompt, answer_room(request) + 1  # an engine may have to ask for each on its own
    return prompt, answer_room(request)
