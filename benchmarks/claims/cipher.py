"""Does learning from a user's edits save edits? The PRELUDE loop in the text world (Gao et al. 2024, arXiv:2404.15269).

Prompts come one after another. A generator drafts an answer by the preference that a learner recalls, a user edits the draft by
rules that depend on the context, and the learner reads the edit. The learners: `cipher`, which recalls by context what edits
mean; `examples`, which is shown the edits themselves, recalled the same way; `agnostic`, which recalls the latest whatever they
were about; `none`, which learns nothing; and `oracle`, which knows the rules. The cost is what the user had to edit, in words. A
seed is a stream of prompts; intervals are over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...annotators.prompting.prompted import prose
from ...annotators.runner import Session
from ...annotators.systems.cipher import EditingUser, Memory, Steps, edit_cost
from ...annotators.systems.icai.extraction import tfidf
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


async def _round(learner: str, prompt: Prompt, user: EditingUser, memory: Memory, ask: Ask, rng: np.random.Generator) -> Round:
    """One prompt drafted, edited and learned from, which changes the memory."""
    name, steps = f"cipher-{learner}", Steps()
    recalled = user.rule(prompt) if learner == "oracle" else memory.recall(prompt) if learner in ("cipher", "agnostic") else ""
    examples = memory.recall_edits(prompt) if learner == "examples" else []
    request = steps.draft_like(prompt, examples) if examples else steps.draft(prompt, recalled)
    draft = Completion(prompt, await prose(request, "answer", Completion(prompt, ""), ask, name))
    said = await user.annotate(draft, ask, rng)
    if isinstance(said, Abstention):
        raise Unread(said)
    assert isinstance(said, Revision)
    cost, known = edit_cost(draft.text, said.text), read_rules(recalled)
    is_right = all(known.get(on, 0.0) * nats > 0 for on, nats in read_rules(user.rule(prompt)).items())
    if learner in ("cipher", "agnostic"):
        # What was recalled is confirmed by a draft that is left as it is; an edit speaks for itself.
        inferred = await prose(steps.infer(said), "preference", draft, ask, name) if cost else recalled
        memory.add(said, inferred)
    elif learner == "examples":
        memory.add(said, "")
    return Round(prompt, recalled, cost, is_right)


def stream(learner: str, prompts: Sequence[Prompt], user: EditingUser, session: Session, *, k: int = 5) -> list[Round]:
    """One learner's rounds. Raises PastureError where a reply could not be read or was not given, saying which."""
    name, done = f"cipher-{learner}", list[Round]()
    embed = tfidf if learner != "agnostic" else lambda texts: np.ones((len(texts), 1))  # one context for all

    async def task(ask: Ask) -> list[Round]:
        done.clear()
        memory, rng = Memory(k, embed), rng_for(session.seed, name, first)
        for prompt in prompts:
            done.append(await _round(learner, prompt, user, memory, ask, rng))
        return done

    first = Completion(prompts[0], "").key
    try:
        return session.run_task(name, task)
    except (BudgetExceeded, EngineError, Unread) as error:
        raise PastureError(f"the stream of {learner!r} ended after {len(done)} rounds: {error}") from error


def run(seeds: int = 4, rounds: int = 100, k: int = 5) -> list[Measure]:
    """Words edited in a whole stream, and how often what was recalled says the rules, by learner.

    The user edits by rule; the text world's actor drafts and infers. k: how many contexts are recalled."""
    check_seeds(seeds)
    if rounds < 4:
        raise InputError(f"streams of {rounds} rounds were asked for; a stream has 4 rounds at least")
    user, session = EditingUser(), Session(Actor(temperature=0.0))
    costs, right = ({learner: list[float]() for learner in LEARNERS} for _ in range(2))
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
