"""Prefers the answer whose density a strong model raises most over a weak one's (Xu et al. 2024, arXiv:2411.02481; departures:
docs/annotators/cdr.md).

reward(y) = log strong(y | x) - log weak(y | x), in nats. Where strong is weak tilted by exp(r / beta), that is r / beta and a
constant of the prompt, so differences are exactly r / beta's: what DPO calls the implicit reward."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from ...core.errors import InputError, UnknownName
from ...core.protocols import Ask, Policy, Rng
from ...core.records import Abstention, Comparison, Completion, Item, Message, Preference, Prompt, Rating, Reason
from ...core.requests import Request, Sampling
from ..annotator import Traits, completion_of
from ..judges.judge import log_likelihood
from ..prompting.prompted import Prompted, template_file, together

ROUTE = "route"  # in place of a domain: the strong model says which


class Cdr:
    """The log-density ratio of two models of an engine that serves several (`--model strong=... --model weak=...`).

    strong, weak: the names of the two. scale: log-odds a nat of reward, > 0. per_token: rewards are means a token, so that a long
    answer has no longer scale than a short one. domain: criterion and exemplars of `templates/cdr.toml`, which both models read
    before the prompt; blank is none, and `route` has the strong model say for each prompt which it is. criterion, exemplars: in
    place of the domain's, the latter tables of `prompt` and `answer`. A pair gets a Preference with p_left = sigmoid(scale *
    (reward of left - reward of right)), an answer a Rating (`reward`). Abstains on an empty answer and where a model gives no
    finite log-likelihood."""

    traits = Traits(engine=True, symmetric=True)

    def __init__(
        self,
        strong: str = "strong",
        weak: str = "weak",
        scale: float = 1.0,
        per_token: bool = False,
        domain: str = "",
        criterion: str | None = None,
        exemplars: Sequence[Mapping[str, str]] | None = None,
        name: str = "cdr",
    ) -> None:
        self.name, self.models, self.scale, self.per_token = name, (strong, weak), _checked(scale), per_token
        domains: Mapping[str, Mapping[str, Any]] = template_file("cdr")["domains"]
        if domain not in ("", ROUTE, *domains):
            raise UnknownName("domain", domain, (ROUTE, *domains))
        if domain == ROUTE and (criterion, exemplars) != (None, None):
            raise InputError("each prompt is routed to a domain's criterion and exemplars; leave out `criterion` and `exemplars`")
        self.domain = domain
        self._before = {name: _turns(each["criterion"], each["exemplars"]) for name, each in domains.items()}
        if domain != ROUTE:
            own = domains.get(domain, {"criterion": "", "exemplars": ()})
            said = own["criterion"] if criterion is None else criterion
            self._before[domain] = _turns(said, own["exemplars"] if exemplars is None else exemplars)
        self._routing = Sampling(max_tokens=8, choices=tuple(domains))
        self._question = Prompted("cdr", kind="prompt", name=name)

    def requests(self, completion: Completion, domain: str | None = None) -> tuple[Request, Request]:
        """The answer to be scored by the strong model, and by the weak one. domain: that it was routed to."""
        asked: Prompt = completion.prompt
        turns = (*self._before[self.domain if domain is None else domain], *asked.history, Message("user", asked.text))
        strong, weak = (Request(turns, continuation=completion.text, model=model) for model in self.models)
        return strong, weak

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Rating | Abstention:
        answers = (item.left, item.right) if isinstance(item, Comparison) else (completion_of(item, self.name),)
        if not all(each.text for each in answers):
            return Abstention(item, Reason.NOT_APPLICABLE, self.name, "an empty answer has no density to compare")
        domain = self.domain
        if domain == ROUTE:  # the strong model names the domain
            request = replace(self._question.request(item), sampling=self._routing, model=self.models[0])
            reply = await ask(request)
            domain = reply.text
            if domain not in self._before:
                return self._question.unread(item, request, reply, f"no domain among {', '.join(self._before)}")
        asked = [request for each in answers for request in self.requests(each, domain)]
        scores = [log_likelihood(reply, self.per_token) for reply in await together(map(ask, asked))]
        unread = tuple(request for request, score in zip(asked, scores, strict=True) if score is None)
        if unread:
            why = f"no finite log-likelihood from {', '.join(dict.fromkeys(request.model for request in unread))}"
            return Abstention(item, Reason.UNPARSABLE, self.name, why, unread=unread)
        known = [score for score in scores if score is not None]
        rewards = [strong - weak for strong, weak in zip(known[::2], known[1::2], strict=True)]
        return _said(item, rewards, self.scale, self.name)


class CdrPolicies:
    """The same of two policies, or of checkpoint folders of two causal language models, and without an engine.

    Answers with `tokens` are scored as they were sampled. Options are `Cdr`'s. From a folder torch is needed."""

    traits = Traits(symmetric=True)

    def __init__(
        self,
        strong: Policy | str | Path,
        weak: Policy | str | Path,
        scale: float = 1.0,
        per_token: bool = False,
        name: str = "cdr-policies",
    ) -> None:
        self.name, self.scale, self.per_token = name, _checked(scale), per_token
        self.policies = (_policy(strong), _policy(weak))

    def rewards(self, completions: Sequence[Completion]) -> np.ndarray:
        """log strong - log weak of each answer, in nats (a token, with `per_token`), shape [N]."""
        logprobs: list[np.ndarray] = []
        for policy in self.policies:
            scores = policy.token_scores(completions)
            total_N = scores.sequence_logprobs().detach().double().cpu().numpy()
            logprobs.append(total_N / scores.mask_NT.sum(dim=1).cpu().numpy() if self.per_token else total_N)
        return logprobs[0] - logprobs[1]

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Rating | Abstention:
        answers = (item.left, item.right) if isinstance(item, Comparison) else (completion_of(item, self.name),)
        rewards = [float(self.rewards([each])[0]) for each in answers]  # one at a time: no answer's score leans on its neighbour's
        if not np.isfinite(rewards).all():
            return Abstention(item, Reason.NOT_APPLICABLE, self.name, f"a policy gives an answer no probability: rewards {rewards}")
        return _said(item, rewards, self.scale, self.name)


def _said(item: Item, rewards: Sequence[float], scale: float, name: str) -> Preference | Rating:
    if isinstance(item, Comparison):
        return Preference(item, float(expit(scale * (rewards[0] - rewards[1]))), name, strength=abs(rewards[0] - rewards[1]))
    assert isinstance(item, Completion)
    return Rating(item, {"reward": rewards[0]}, name)


def _turns(criterion: str, exemplars: Sequence[Mapping[str, str]]) -> tuple[Message, ...]:
    """What both models read before the prompt."""
    if not all(isinstance(each, Mapping) and set(each) == {"prompt", "answer"} for each in exemplars):
        raise InputError(f"the exemplars are {exemplars!r}; each is a table of `prompt` and `answer`")
    shown = [Message(role, each[key]) for each in exemplars for role, key in (("user", "prompt"), ("assistant", "answer"))]
    return (*([Message("system", criterion.strip())] if criterion else ()), *shown)


def _checked(scale: float) -> float:
    if not 0.0 < scale < np.inf:
        raise InputError(f"the scale is {scale}; it is log-odds a nat of reward, more than 0")
    return scale


def _policy(given: Policy | str | Path) -> Policy:
    if not isinstance(given, str | Path):
        return given
    if not Path(given).is_dir():
        raise InputError(f"there is no checkpoint folder {str(given)!r}; give one that `pasture train` made, or a policy")
    from ...policies.causal_lm import CausalLMPolicy

    return CausalLMPolicy.load(given)
