"""Does learning from a user's edits save edits? The PRELUDE loop in the text world (Gao et al. 2024, arXiv:2404.15269).

Prompts come one after another. A generator drafts an answer by the preference that a learner recalls, a user edits the draft by
rules that depend on the context, and the learner reads the edit. The learners: `cipher`, which recalls by context what edits
mean; `examples`, which is shown the edits themselves, recalled the same way; `agnostic`, which recalls the latest whatever they
were about; `none`, which learns nothing; and `oracle`, which knows the rules. The cost is what the user had to edit, in words. A
seed is a stream of prompts; intervals are over seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...annotators.prompting.prompted import prose
from ...annotators.runner import Session
from ...annotators.systems.cipher import EditingUser, Memory, Steps, edit_cost
from ...annotators.systems.icai.extraction import Embed, tfidf
from ...core.errors import BudgetExceeded, EngineError, InputError, PastureError
from ...core.protocols import Ask, Unread
from ...core.records import Abstention, Completion, Prompt, Revision
from ...core.results import Measure
from ...core.seeds import rng_for
from ...simulators.text.actor.engine import Actor
from ...simulators.text.principles import read_rules
from ...simulators.text.world import TextWorld
from .claim import Check, Claim, check_seeds, over_seeds, share_over_seeds

LEARNERS = ("cipher", "examples", "agnostic", "none", "oracle")
SAVED = "cipher's words, less another's"


@dataclass(frozen=True, slots=True)
class Round:
    """One prompt: the preference that was recalled for it, the edit's cost in words, and whether what was recalled says every rule
    of the context, and the opposite of none."""

    prompt: Prompt
    recalled: str
    cost: int
    is_right: bool


class Learner:
    """One learner at its stream of prompts."""

    def __init__(self, learner: str, prompts: Sequence[Prompt], user: EditingUser, memory: Memory) -> None:
        if learner not in LEARNERS:
            raise InputError(f"there is no learner {learner!r}; known: {', '.join(LEARNERS)}")
        self.name = f"cipher-{learner}"
        self.learner, self.prompts, self.user, self.memory, self.steps = learner, prompts, user, memory, Steps()
        self.rounds: list[Round] = []

    async def learn(self, ask: Ask, rng: np.random.Generator) -> list[Round]:
        for prompt in self.prompts:
            await self._round(prompt, ask, rng)
        return self.rounds

    async def _round(self, prompt: Prompt, ask: Ask, rng: np.random.Generator) -> None:
        recalled = self._recalled(prompt)
        examples = self.memory.recall_edits(prompt) if self.learner == "examples" else []
        request = self.steps.draft_like(prompt, examples) if examples else self.steps.draft(prompt, recalled)
        draft = Completion(prompt, await prose(request, "answer", Completion(prompt, ""), ask, self.name))
        said = await self.user.annotate(draft, ask, rng)
        if isinstance(said, Abstention):
            raise Unread(said)
        assert isinstance(said, Revision)
        cost, rule = edit_cost(draft.text, said.text), self.user.rule(prompt)
        known = read_rules(recalled)
        self.rounds.append(
            Round(prompt, recalled, cost, all(known.get(on, 0.0) * nats > 0 for on, nats in read_rules(rule).items()))
        )
        if self.learner in ("cipher", "agnostic"):
            # What was recalled is confirmed by a draft that is left as it is; an edit speaks for itself.
            inferred = await prose(self.steps.infer(said), "preference", draft, ask, self.name) if cost else recalled
            self.memory.add(said, inferred)
        elif self.learner == "examples":
            self.memory.add(said, "")

    def _recalled(self, prompt: Prompt) -> str:
        if self.learner == "oracle":
            return self.user.rule(prompt)
        return self.memory.recall(prompt) if self.learner in ("cipher", "agnostic") else ""


def one_context(texts: Sequence[str]) -> np.ndarray:
    """A constant embedding: every context is the same, [N, 1]."""
    return np.ones((len(texts), 1))


def stream(learner: str, prompts: Sequence[Prompt], user: EditingUser, session: Session, *, k: int = 5) -> list[Round]:
    """One learner's rounds. Raises PastureError where a reply could not be read or was not given, saying which."""
    embed: Embed = one_context if learner == "agnostic" else tfidf
    done: list[Round] = []

    async def task(ask: Ask) -> list[Round]:
        nonlocal done
        learning = Learner(learner, prompts, user, Memory(k, embed))
        done = learning.rounds
        return await learning.learn(ask, rng_for(session.seed, learning.name, Completion(prompts[0], "").key))

    try:
        return session.run_task(f"cipher-{learner}", task)
    except (BudgetExceeded, EngineError, Unread) as error:
        raise PastureError(f"the stream of {learner!r} ended after {len(done)} rounds: {error}") from error


def run(seeds: int = 4, rounds: int = 100, k: int = 5) -> list[Measure]:
    """Words edited in a whole stream, and how often what was recalled says the rules, by learner.

    The user edits by rule; the text world's actor drafts and infers. k: how many contexts are recalled.
    """
    check_seeds(seeds)
    if rounds < 4:
        raise InputError(f"streams of {rounds} rounds were asked for; a stream has 4 rounds at least")
    user, session = EditingUser(), Session(Actor(temperature=0.0))
    costs: dict[str, list[float]] = {learner: [] for learner in LEARNERS}
    right: dict[str, list[float]] = {learner: [] for learner in LEARNERS}
    for seed in range(seeds):
        world = TextWorld(seed, sft=1, preference=rounds, unlabeled=1, eval=1)
        order = rng_for(seed, "cipher").permutation(rounds)
        prompts = [world.prompts("preference")[place] for place in order]
        for learner in LEARNERS:
            done = stream(learner, prompts, user, session, k=k)
            costs[learner].append(float(sum(each.cost for each in done)))
            right[learner].append(float(np.mean([each.is_right for each in done[-(rounds // 4) :]])))
    saved = {other: [a - b for a, b in zip(costs["cipher"], costs[other], strict=True)] for other in LEARNERS[1:]}
    means = "last quarter: what is recalled says every rule of the context"
    return [
        *(Measure("words edited", name, over_seeds(each), "words", "in a whole stream") for name, each in costs.items()),
        *(Measure(SAVED, name, over_seeds(each), "words", "paired by seed; below 0 saves") for name, each in saved.items()),
        *(Measure("rules recalled", name, share_over_seeds(each), "share", means) for name, each in right.items()),
    ]


CLAIM = Claim(run, (Check(SAVED, "none", below=True), Check(SAVED, "agnostic", below=True)))
