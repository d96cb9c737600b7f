"""Language models whose verdict is read from probabilities: of the two labels that say which answer is better, or of the answers.

Departs from AlpacaEval (Li et al. 2023) and MT-bench (Zheng et al. 2023, arXiv:2306.05685): one token out, and p_left is the
softmax over the labels' log-probabilities, so nothing is parsed from text and a judge that leans tells how far. With
`thinks` it writes its chain of thought first (one more request), and the labels are read after it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...core.errors import InputError
from ...core.protocols import Ask, Rng
from ...core.records import Abstention, Comparison, Item, Message, Preference, Reason
from ...core.registry import check_types
from ...core.requests import LEAST_MASS, Reply, Request, label_shares
from ..annotator import Traits, pair_of, shared_seed
from ..prompting.prompted import Prompted, template_file, together

PARTS = ("system", "shared", "pair", "labels", "persona", "ask", "think", "max_tokens", "temperature", "least_mass")


class Judge:
    """The judge of `templates/judge.toml`, with any of its parts replaced.

    system: the system message; blank for none. shared, pair, persona: Jinja parts of the question (see `Template`).
    ask: the question at the end, blank where `pair` is replaced and this is not. labels: what the model says for the answer
    shown first and for the second, one token each where possible. thinks: have it answer `think` in words first; `max_tokens` and
    `temperature` are of those words. template: the file to start from; extras: further variables that the parts may use.
    least_mass: abstains where the labels together have less of the first token's probability, or the engine gives one none."""

    traits = Traits(engine=True)

    def __init__(
        self,
        system: str | None = None,
        shared: str | None = None,
        pair: str | None = None,
        labels: tuple[str, str] | list[str] | None = None,
        name: str = "",
        persona: str | None = None,
        ask: str | None = None,
        think: str | None = None,
        thinks: bool = False,
        max_tokens: int | None = None,
        temperature: float | None = None,
        template: str = "judge",
        extras: Sequence[str] = (),
        least_mass: float = LEAST_MASS,
    ) -> None:
        if not 0 <= least_mass < 1:
            raise InputError(f"least_mass is {least_mass}; it is a probability in [0, 1)")
        self.least_mass = least_mass
        said: Any = template_file(template).get("labels", ("A", "B")) if labels is None else labels
        found = tuple(said) if isinstance(said, list | tuple) else ()
        if len(found) != 2 or not all(isinstance(each, str) and each for each in found) or found[0] == found[1]:
            expected = "they are two different, non-empty strings, the first for the answer shown first"
            raise InputError(f"the labels are {said!r}; {expected}")
        self.labels: tuple[str, str] = found
        if pair is not None and ask is None and not thinks:
            ask = ""  # whoever writes the pair's part may have put the question there
        own: dict[str, Any] = {"name": name, "system": system, "shared": shared, "pair": pair, "persona": persona, "ask": ask}
        own |= {"think": think, "max_tokens": max_tokens, "temperature": temperature}
        self.question = Prompted(template, extras=extras, labels=self.labels, thinks=thinks, **own)
        self.name, self.thinks = self.question.name, thinks

    def request(self, pair: Comparison, seed: int = 0, **extras: str) -> Request:
        return self.question.request(pair, seed, **extras)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        return await self.verdict(item, ask, rng)

    async def verdict(self, item: Item, ask: Ask, rng: Rng, **extras: str) -> Preference | Abstention:
        """The verdict, with what the template's `extras` show."""
        pair = pair_of(item, self.name)
        request = self.request(pair, shared_seed(rng) if self.thinks else 0, **extras)
        reply, thoughts = await ask(request), ""
        if self.thinks:
            thoughts = reply.text.strip()
            if not thoughts:
                return self.question.unread(pair, request, reply, "it had no thoughts")
            request = self.question.verdict_after(request, reply)
            reply = await ask(request)
        read = label_shares(reply, self.labels, self.least_mass)
        if read.why:
            return self.question.unread(pair, request, reply, read.why)
        return Preference(pair, read.shares[self.labels[0]], self.name, rationale=thoughts, label_mass=read.mass)


def check_parts(parts: Mapping[str, Any], who: str) -> None:
    """Raises InputError for a part that one with a judge of its own cannot hand to it, or of another type. who: as in "the
    annotator 'janus'"."""
    for part in (each for each in parts if each not in PARTS):
        raise InputError(f"{who} was given {part!r}, which is not a part of its judge; the parts: {', '.join(PARTS)}")
    check_types(Judge, parts, who)


class Likelihood:
    """p_left = sigmoid(difference of the answers' mean log-likelihoods / temperature).

    temperature: in nats per token, > 0; 0.1 makes a difference of 0.1 nats per token a preference of .73. It sets how sure the
    label is and never which answer wins. Abstains on an empty answer, which has no mean."""

    traits = Traits(engine=True, symmetric=True)

    def __init__(self, temperature: float = 0.1, name: str = "likelihood") -> None:
        if not temperature > 0.0:
            raise InputError(f"the temperature is {temperature}; it is a scale in nats per token, more than 0")
        self.temperature, self.name = temperature, name

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        if not pair.left.text or not pair.right.text:
            return Abstention(pair, Reason.NOT_APPLICABLE, self.name, "an empty answer has no mean log-likelihood")
        turns = (*pair.prompt.history, Message("user", pair.prompt.text))
        requests = [Request(turns, continuation=answer.text) for answer in (pair.left, pair.right)]
        means = [log_likelihood(reply) for reply in await together(map(ask, requests))]
        unread = tuple(request for request, mean in zip(requests, means, strict=True) if mean is None)
        left, right = means
        if left is None or right is None:
            return Abstention(pair, Reason.UNPARSABLE, self.name, "the engine gave no finite log-likelihood", unread=unread)
        gap = min(max((right - left) / self.temperature, -700.0), 700.0)
        return Preference(pair, 1.0 / (1.0 + math.exp(gap)), self.name)


def log_likelihood(reply: Reply, per_token: bool = True) -> float | None:
    """Of a scored continuation, in nats (a token); None where the engine gave none that is finite."""
    if reply.logprob is None or not math.isfinite(reply.logprob) or reply.completion_tokens < 1:
        return None
    return reply.logprob / (reply.completion_tokens if per_token else 1)
