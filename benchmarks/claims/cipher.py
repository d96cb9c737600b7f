"""Does learning from a user's edits save edits? The PRELUDE loop in the text world (Gao et al. 2024, arXiv:2404.15269).

Prompts come one after another. A generator drafts an answer by the preference that a learner recalls, a user edits the draft by
rules that depend on the context, and the learner reads the edit. The learners: `cipher`, which recalls by context what edits
mean; `examples`, which is shown the edits themselves, recalled the same way; `agnostic`, which recalls the latest whatever they
were about; `none`, which learns nothing; and `oracle`, which knows the rules. The cost is what the user had to edit, in words. A
seed is a stream of prompts; intervals are over seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...annotators.prompting.steps import Unread, prose
from ...annotators.runner import annotate
from ...annotators.systems.cipher import EditingUser, Memory, Steps, edit_cost
from ...annotators.systems.icai.extraction import Embed, tfidf
from ...core.errors import InputError, PastureError
from ...core.protocols import Ask, Engine
from ...core.records import Abstention, Completion, Estimate, Item, Prompt, Revision
from ...core.seeds import rng_for
from ...core.store import Store
from ...eval.intervals.mean import mean_over_seeds
from ...eval.win_rates.win_rate import win_rate_from_scores
from ...simulators.text.actor.engine import Actor
from ...simulators.text.principles import read_rules
from ...simulators.text.world import TextWorld

LEARNERS = ("cipher", "examples", "agnostic", "none", "oracle")


@dataclass(frozen=True, slots=True)
class Round:
    """One prompt: the preference that was recalled for it, the edit's cost in words, and whether what was recalled says every rule
    of the context, and the opposite of none."""

    prompt: Prompt
    recalled: str
    cost: int
    is_right: bool


@dataclass(frozen=True, slots=True)
class Learned:
    """costs: words edited in a whole stream, mean over seeds, by learner. saved: `cipher`'s cost less each other's, paired by seed.
    right: share of the last quarter's rounds whose recalled preference says the rules of the context."""

    costs: dict[str, Estimate]
    saved: dict[str, Estimate]
    right: dict[str, Estimate]


class Session:
    """One learner's stream, as the one task of a run, so that its requests are kept, budgeted and resumed."""

    def __init__(self, learner: str, prompts: Sequence[Prompt], user: EditingUser, memory: Memory) -> None:
        if learner not in LEARNERS:
            raise InputError(f"there is no learner {learner!r}; known: {', '.join(LEARNERS)}")
        self.name = f"cipher-{learner}"
        self.learner, self.prompts, self.user, self.memory, self.steps = learner, prompts, user, memory, Steps()
        self.rounds: list[Round] = []

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Revision | Abstention:
        self.rounds, said = [], None
        try:
            for prompt in self.prompts:
                said = await self._round(prompt, ask, rng)
        except Unread as unread:
            return unread.because
        assert said is not None
        return said

    async def _round(self, prompt: Prompt, ask: Ask, rng: np.random.Generator) -> Revision:
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
        return said

    def _recalled(self, prompt: Prompt) -> str:
        if self.learner == "oracle":
            return self.user.rule(prompt)
        return self.memory.recall(prompt) if self.learner in ("cipher", "agnostic") else ""


def one_context(texts: Sequence[str]) -> np.ndarray:
    """The embedding of who does not tell contexts apart, [N, 1]."""
    return np.ones((len(texts), 1))


def stream(
    learner: str, prompts: Sequence[Prompt], user: EditingUser, engine: Engine, *, k: int = 5, store: Store | None = None
) -> list[Round]:
    """One learner's rounds. Raises PastureError where a reply could not be read or was not given, saying which."""
    embed: Embed = one_context if learner == "agnostic" else tfidf
    session = Session(learner, prompts, user, Memory(k, embed))
    said = annotate([Completion(prompts[0], "")], session, engine=engine, store=store).results[0]
    if isinstance(said, Abstention):
        raise PastureError(
            f"the stream of {learner!r} ended after {len(session.rounds)} rounds: {said.reason.value}: {said.detail}"
        )
    return session.rounds


def run(seeds: int = 4, rounds: int = 100, k: int = 5, user: EditingUser | None = None, engine: Engine | None = None) -> Learned:
    """user: by default one who edits by rule; engine: by default the text world's actor."""
    if seeds < 2 or rounds < 4:
        raise InputError(f"{seeds} seeds of {rounds} rounds were asked for; intervals need 2 seeds, and a stream 4 rounds")
    user, engine = user or EditingUser(), engine or Actor(temperature=0.0)
    costs: dict[str, list[float]] = {learner: [] for learner in LEARNERS}
    right: dict[str, list[float]] = {learner: [] for learner in LEARNERS}
    for seed in range(seeds):
        world = TextWorld(seed, sft=1, preference=rounds, unlabeled=1, eval=1)
        order = rng_for(seed, "cipher").permutation(rounds)
        prompts = [world.prompts("preference")[place] for place in order]
        for learner in LEARNERS:
            done = stream(learner, prompts, user, engine, k=k)
            costs[learner].append(float(sum(each.cost for each in done)))
            right[learner].append(float(np.mean([each.is_right for each in done[-(rounds // 4) :]])))

    def mean(values_S: list[float]) -> Estimate:
        return mean_over_seeds(np.array(values_S)[:, None])

    others = [learner for learner in LEARNERS if learner != "cipher"]
    saved = {other: mean([a - b for a, b in zip(costs["cipher"], costs[other], strict=True)]) for other in others}
    shares = {learner: win_rate_from_scores(each, range(seeds)) for learner, each in right.items()}  # within 0 and 1
    shares = {learner: replace(each, how=f"mean share of {seeds} streams, each a sample") for learner, each in shares.items()}
    return Learned({learner: mean(each) for learner, each in costs.items()}, saved, shares)


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m pasture.benchmarks.claims.cipher`: the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args(arguments)
    found = run(given.seeds, given.rounds)
    lines = [f"{'learner':<10} {'words edited':>26}  {'rules recalled, last quarter':>28}"]
    lines += [f"{each:<10} {_words(cost, 0):>26}  {_words(found.right[each], 2):>28}" for each, cost in found.costs.items()]
    lines += [f"cipher less {other}: {_words(difference, 0)} words" for other, difference in found.saved.items()]
    sys.stdout.write("\n".join(lines) + "\n")


def _words(estimate: Estimate, digits: int) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


if __name__ == "__main__":
    main()
