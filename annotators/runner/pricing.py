"""The price of a run before it starts: the annotator is played to its end with made-up answers, and the engine is asked nothing.

What an annotator asks next can depend on what it was told, so each item is played in several ways (`STYLES`), with the longest
answers that each request allows, and the dearest way counts. A reply that the store holds is used as it is. An annotator may
declare `most_requests`, the most that it asks about one item, where made-up answers do not lead to its end."""

import copy
import json
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from ...core.ledger import CHARACTERS_A_TOKEN, Budget, Ledger, Quote, approximate_tokens, most_tokens
from ...core.protocols import Annotator, Ask, Rng
from ...core.records import Abstention, Feedback, Item, Reason
from ...core.requests import Reply, Request
from ...core.store import Store
from .desk import Desk
from .run import Run, silent_in
from .stream import Stream

Style = Callable[[int, bytes], float]
"""By how many requests of the item came before, and by the request's key: where between the first (0) and the last (1) of what can
be said the answer is."""
STYLES: tuple[Style, ...] = (
    lambda number, key: 0.0,
    lambda number, key: 1.0,
    lambda number, key: number % 2,
    lambda number, key: 0.5,
    lambda number, key: key[0] / 255,
)
LONGEST_LIST = 4  # entries of a list that its schema does not bound
CERTAIN = 0.999


class Price(NamedTuple):
    """Of one request: at most, and about (a token is CHARACTERS_A_TOKEN characters)."""

    requests: float
    prompt_tokens: float
    completion_tokens: float
    dollars: float
    about_prompt_tokens: float
    about_dollars: float


def played(
    items: Sequence[Item], annotator: Annotator, model: str, store: Store | None, seed: int, ledger: Ledger
) -> tuple[Quote, tuple[Feedback | Abstention, ...]]:
    """What asking would buy at most, and what was said in one of the plays. model: the engine's name."""
    plays = [_Player(annotator, model, store or None, style, ledger) for style in STYLES]
    labels = Budget(labels=ledger.budget.labels)
    results = [tuple(Stream(Run(items, player, Desk(None, None, Ledger(labels)), seed, 4096, None))) for player in plays]
    asked = items[: ledger.budget.labels]
    ways = [[player.plays[id(item)] for player in plays] for item in asked]
    requests, prompt, completion, dollars, about_prompt, about_dollars = (_most(ways, place) for place in range(len(Price._fields)))
    is_bound = _is_declared(annotator) or all(any(play.is_whole for play in of_item) for of_item in ways)
    cached = sum(len(of_item[0].cached) for of_item in ways)
    counts = (len(asked), int(requests), cached, math.ceil(prompt), math.ceil(completion))
    return Quote(*counts, dollars, math.ceil(about_prompt), about_dollars, is_bound), results[-1]


def _is_declared(annotator: Annotator) -> bool:
    """Whether how much is asked is known without a play: the annotator says so, or it wraps one that ends with its one request."""
    inner = (*getattr(annotator, "members", ()), *filter(None, [getattr(annotator, "inner", None)]))
    known = (getattr(each, "most_requests", 0) == 1 or _is_declared(each) for each in inner)
    return hasattr(annotator, "most_requests") or any(known)


class _Play:
    """One item, played to its end."""

    def __init__(self) -> None:
        self.prices: dict[bytes, Price] = {}
        self.cached: set[bytes] = set()
        self.more = 0  # requests that the annotator declares beyond those that were seen
        self.is_whole = False  # whether the end was an answer; otherwise more may be asked than was seen


class _Player:
    """An annotator at work on made-up answers in one style."""

    def __init__(self, annotator: Annotator, model: str, held: Store | None, style: Style, ledger: Ledger) -> None:
        self.name = annotator.name
        self.plays: dict[int, _Play] = {}  # by the identity of the item
        self._model, self._held, self._style, self._ledger = model, held, style, ledger
        try:
            self._inner = copy.deepcopy(annotator)  # some learn from what they are told, and this is made up
        except Exception:  # noqa: BLE001 (a user's annotator may hold anything)
            self._inner = annotator
        self._declared = getattr(annotator, "most_requests", 0)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Feedback | Abstention:
        play = self.plays[id(item)] = _Play()
        before = rng.bit_generator.state
        said = await self._end(item, rng, play, self._held)
        if play.cached and _is_unreadable(said):  # a real run takes such replies out of the store, and asks anew
            rng.bit_generator.state, play.cached = before, set()
            said = await self._end(item, rng, play, None)
        play.more = max(0, self._declared - len(play.prices) - len(play.cached))
        play.is_whole = said is not None and not _is_unreadable(said)
        return said or Abstention(item, Reason.UNPARSABLE, self.name)

    async def _end(self, item: Item, rng: Rng, play: _Play, held: Store | None) -> Feedback | Abstention | None:
        """What is said in the end; None where the annotator broke on a made-up answer."""
        number = 0

        async def answered(request: Request) -> Reply:
            nonlocal number
            key = request.key(self._model)
            reply = held.get_many([key]).get(key) if held else None
            if reply is None:
                most, about = most_tokens(request), approximate_tokens(request)
                dollars, about_dollars = (self._ledger.dollars(*tokens, request.model) for tokens in (most, about))
                play.prices[key] = Price(1, *most, dollars, about[0], about_dollars)
                reply = longest_reply(request, self._style(number, key), key.hex())
            else:
                play.cached.add(key)
            number += 1
            return reply

        try:
            return await self._inner.annotate(item, answered, rng)
        except Exception:
            if not number:
                raise
            return None


def _most(ways: Sequence[Sequence[_Play]], place: int) -> float:
    """The sum over items of the dearest way of each, in one field of Price; a request that several items share counts once."""
    bought: dict[bytes, float] = {}
    more = 0.0
    for of_item in ways:
        rest = [play.more * max((price[place] for price in play.prices.values()), default=0.0) for play in of_item]
        totals = [sum(price[place] for price in play.prices.values()) for play in of_item]
        dearest = max(range(len(of_item)), key=lambda way: totals[way] + rest[way])
        bought |= {key: price[place] for key, price in of_item[dearest].prices.items()}
        more += rest[dearest]
    return math.fsum(bought.values()) + more


def _is_unreadable(said: Feedback | Abstention | None) -> bool:
    return isinstance(said, Abstention) and any(each.reason is Reason.UNPARSABLE for each in silent_in(said))


def longest_reply(request: Request, where: float, name: str) -> Reply:
    """A reply that uses all the room that the request gives. where: between the first (0) and the last (1) label, choice or number.
    name: a word that makes its texts differ from those of other requests."""
    sampling = request.sampling
    if request.continuation is not None:
        return Reply("", logprob=-1.0 - where, completion_tokens=1)
    logprobs: dict[str, float] = {}
    if sampling.labels:
        chosen, likely = _one_of(sampling.labels, where), CERTAIN if where in (0.0, 1.0) else 0.5 + abs(where - 0.5) * 0.99
        others = (1.0 - likely) / max(len(sampling.labels) - 1, 1)
        logprobs = {label: math.log(likely if label == chosen else others) for label in sampling.labels}
    room = sampling.max_tokens * CHARACTERS_A_TOKEN
    if sampling.choices:
        text = _one_of(sampling.choices, where)
    elif sampling.schema:
        schema = json.loads(sampling.schema)
        texts, counted = count(), count()
        _instance(schema, 0.0, lambda: str(next(counted)))
        share = max(1, (room - len(json.dumps(_instance(schema, where, lambda: "")))) // max(next(counted), 1))
        text = json.dumps(_instance(schema, where, lambda: _words(f"{name[:8]}x{next(texts)}", share)))
    else:
        text = _one_of(sampling.labels, where) if sampling.labels else _words(name[:8], room)
    return Reply(text, label_logprobs=logprobs)


def _one_of(options: Sequence[Any], where: float) -> Any:
    return options[min(int(where * len(options)), len(options) - 1)]


def _words(word: str, characters: int) -> str:
    return (f"{word} " * (characters // (len(word) + 1) + 1))[:characters].strip() or word[:characters]


def _instance(schema: Any, where: float, text: Callable[[], str], place: int = 0) -> Any:
    """A value that a JSON Schema allows, with the shortest lists for 0, and else the longest. text: makes each free text. place: in
    the list around it."""
    if not isinstance(schema, Mapping):
        return text()
    if "enum" in schema:
        return _one_of(schema["enum"], where)
    match schema.get("type"):
        case "object":
            return {name: _instance(each, where, text) for name, each in schema.get("properties", {}).items()}
        case "array":
            longest = int(schema.get("maxItems", max(LONGEST_LIST, schema.get("minItems", 0))))
            entries = range(longest if where else int(schema.get("minItems", 0)))
            return [_instance(schema.get("items"), where, text, k) for k in (reversed(entries) if where == 1.0 else entries)]
        case "integer" | "number" as kind:
            low = schema.get("minimum", 1)
            value = low + (where * (schema["maximum"] - low) if "maximum" in schema else place)
            return round(value) if kind == "integer" else value
        case "boolean":
            return where >= 0.5
        case "null":
            return None
        case _:
            return text()[: schema.get("maxLength")]
