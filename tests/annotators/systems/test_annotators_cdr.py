"""The log-density ratio of a tilted pair is the reward and a constant; two equal models tie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from pasture.annotators import make_annotator
from pasture.annotators.runner import annotate
from pasture.annotators.systems.cdr import Cdr, CdrPolicies
from pasture.core.errors import InputError
from pasture.core.protocols import TokenScores
from pasture.core.records import Abstention, Comparison, Completion, Preference, Prompt, Rating, Reason
from pasture.core.requests import Reply, Request
from pasture.core.seeds import rng_for
from pasture.core.store import Store
from pasture.engines import Routed
from pasture.engines.scripted import ScriptedEngine
from pasture.policies.tabular import ResponseTable, TabularPolicy
from pasture.simulators.exact.world import ExactWorld
from pasture.simulators.text.actor.engine import Actor
from pasture.simulators.text.world import TextWorld

WORLD = ExactWorld(3, prompts=20, responses=12)


def tilted(strength: float, noise: float = 0.0) -> TabularPolicy:
    """reference * exp(strength * (gold utility + noise)), normalised a prompt."""
    seen_PM = WORLD.utilities() + noise * rng_for(0, "noise").normal(size=WORLD.utilities().shape)
    logits_PM = WORLD.reference_logits_PM + strength * seen_PM
    everything = [prompt for split in ("sft", "preference", "unlabeled", "eval") for prompt in WORLD.prompts(split)]
    rows = [WORLD._rows[prompt.id] for prompt in everything]
    return TabularPolicy(ResponseTable.of(everything, logits_PM[rows], WORLD.features_PMD[rows]))


def pairs(count: int = 300) -> list[Comparison]:
    rng = rng_for(7, "pairs")
    found = []
    for k in range(count):
        prompt = WORLD.prompts("preference")[k % 40]
        left, right = rng.choice(12, size=2, replace=False).tolist()
        found.append(Comparison(WORLD.completion(prompt, left), WORLD.completion(prompt, right)))
    return found


def accuracy(strength: float, noise: float) -> float:
    said = annotate(pairs(), CdrPolicies(tilted(strength, noise), tilted(0.0))).preferences
    return float(np.mean([(each.p_left > 0.5) == (WORLD.advantage(each.comparison) > 0) for each in said]))


@pytest.mark.parametrize("beta", [0.1, 1.0, 5.0])
def test_of_a_tilted_pair_it_is_the_reward_over_beta_and_a_constant_of_the_prompt(beta):
    cdr = CdrPolicies(tilted(1 / beta), tilted(0.0))
    for prompt in WORLD.prompts("eval")[:5]:
        answers = [WORLD.completion(prompt, k) for k in range(12)]
        constant_M = cdr.rewards(answers) - WORLD.utility(answers) / beta
        assert np.ptp(constant_M) < 1e-10 * max(1, 1 / beta)


def test_of_a_pair_it_is_the_bradley_terry_probability_at_beta():
    beta = 0.7
    for said in annotate(pairs(20), CdrPolicies(tilted(1 / beta), tilted(0.0), scale=beta)).preferences:
        assert said.p_left == pytest.approx(1 / (1 + np.exp(-WORLD.advantage(said.comparison))), abs=1e-10)


def test_accuracy_rises_with_the_gap():
    # Both models see gold with an own error of 3 nats; the weak one by half the strength, then less.
    close, wide = tilted(0.45, 0.0), tilted(0.0)
    found = []
    for weak in (close, wide):
        jitter = rng_for(1, "jitter").normal(size=WORLD.utilities().shape) * 0.3
        noisy = TabularPolicy(
            ResponseTable.of(
                wide.table.prompts, tilted(0.5).table.reference_logits_PM.numpy() + jitter, wide.table.features_PMD.numpy()
            )
        )
        said = annotate(pairs(), CdrPolicies(noisy, weak)).preferences
        found.append(np.mean([(each.p_left > 0.5) == (WORLD.advantage(each.comparison) > 0) for each in said]))
    assert found[0] + 0.1 < found[1]
    assert accuracy(1.0, 3.0) < accuracy(1.0, 1.0) < accuracy(1.0, 0.0) == 1.0


def test_two_equal_models_tie_on_everything():
    assert all(each.is_tied for each in annotate(pairs(50), CdrPolicies(tilted(1.0), tilted(1.0))).preferences)
    engine = Routed({"strong": Actor(), "weak": Actor()})
    assert all(each.is_tied for each in annotate(text_pairs(10), Cdr(), engine=engine).preferences)


def text_pairs(count: int) -> list[Comparison]:
    world, rng = TextWorld(0, sft=1, preference=count, unlabeled=1, eval=1), rng_for(2, "text")
    return [Comparison(*(world.answer(each, q, rng) for q in (0.3, 0.8))) for each in world.prompts("preference")]


def test_through_an_engine_of_two_models_it_is_the_difference_of_their_tilts():
    # The actor's log-likelihood is a constant a word plus sharpness times worth, so the ratio is 2 times worth.
    world = TextWorld(0, sft=1, preference=40, unlabeled=1, eval=1)
    engine = Routed({"strong": Actor(sharpness=2.0), "weak": Actor(sharpness=0.0)})
    for said in annotate(text_pairs(40), Cdr(scale=0.5), engine=engine).preferences:
        assert said.p_left == pytest.approx(1 / (1 + np.exp(-world.advantage(said.comparison))), abs=1e-9)
        rated = annotate([said.comparison.left], Cdr(), engine=engine).results[0]
        assert isinstance(rated, Rating)
        assert rated.scores["reward"] == pytest.approx(2 * world.utility([said.comparison.left])[0], abs=1e-9)


def by_model(request: Request) -> Reply:
    """Strong: -1 nat a word; weak: -2 nats a word."""
    words = len(str(request.continuation).split())
    return Reply("", logprob=-words * (1.0 if request.model == "strong" else 2.0), completion_tokens=words)


PAIR = Comparison(Completion(Prompt("q"), "one two three four"), Completion(Prompt("q"), "one"))


def test_the_mean_a_token_does_not_pay_for_length():
    engine = ScriptedEngine(respond=by_model)
    # In all the ratio is 1 nat a word: 4 against 1, so sigmoid(3); a token it is 1 and 1.
    assert annotate([PAIR], Cdr(), engine=engine).preferences[0].p_left == pytest.approx(1 / (1 + np.exp(-3)))
    assert annotate([PAIR], Cdr(per_token=True), engine=engine).preferences[0].is_tied
    assert annotate([PAIR], Cdr(), engine=engine).preferences[0].strength == pytest.approx(3.0)


class PerWord:
    """A policy that gives every word the same log-probability."""

    def __init__(self, nats: float) -> None:
        self.nats = nats

    def token_scores(self, completions: Sequence[Completion]) -> TokenScores:
        words = [len(each.text.split()) for each in completions]
        mask_NT = torch.arange(max(words)) < torch.tensor(words)[:, None]
        return TokenScores(self.nats * mask_NT.double(), torch.zeros(mask_NT.shape), mask_NT)


def test_the_mean_a_token_of_two_policies_does_not_pay_for_length_either():
    policies: Any = (PerWord(-1.0), PerWord(-2.0))
    assert annotate([PAIR], CdrPolicies(*policies)).preferences[0].p_left == pytest.approx(1 / (1 + np.exp(-3)))
    assert annotate([PAIR], CdrPolicies(*policies, per_token=True)).preferences[0].is_tied
    assert CdrPolicies(*policies, per_token=True).rewards([PAIR.left, PAIR.right]) == pytest.approx([1.0, 1.0])


def test_criterion_and_exemplars_stand_before_the_prompt_for_both_models():
    strong, weak = Cdr(domain="chat").requests(PAIR.left)
    assert [turn.role for turn in strong.messages] == ["system", "user", "assistant", "user"]
    assert (strong.messages, strong.continuation) == (weak.messages, weak.continuation)
    assert (strong.model, weak.model) == ("strong", "weak")
    own = Cdr(criterion="Be brief.", exemplars=[{"prompt": "a", "answer": "b"}]).requests(PAIR.left)[0]
    assert [turn.content for turn in own.messages] == ["Be brief.", "a", "b", "q"]
    assert len(Cdr().requests(PAIR.left)[0].messages) == 1


def test_without_a_density_there_is_no_verdict():
    empty = Comparison(Completion(Prompt("q"), ""), Completion(Prompt("q"), "x"))
    assert annotate([empty], Cdr(), engine=ScriptedEngine(respond=by_model)).abstentions[0].reason is Reason.NOT_APPLICABLE

    def mute(request: Request) -> Reply:
        return by_model(request) if request.model == "strong" else Reply("", logprob=float("nan"), completion_tokens=1)

    said = annotate([PAIR], Cdr(), engine=ScriptedEngine(respond=mute, name="mute")).results[0]
    assert isinstance(said, Abstention)
    assert (said.reason, said.detail) == (Reason.UNPARSABLE, "no finite log-likelihood from weak")
    assert len(said.unread) == 2


def routed(word: str, asked: list[Request]):
    def respond(request: Request) -> Reply:
        asked.append(request)
        if request.sampling.choices:
            return Reply(word)
        return Reply("", logprob=-float(len(request.messages[0].content)), completion_tokens=1)

    return ScriptedEngine(respond=respond, name=f"routed-{word}")


def test_a_prompt_is_routed_to_its_domain_by_the_strong_model_and_both_read_that_criterion():
    asked: list[Request] = []
    said = annotate([PAIR, PAIR.left], Cdr(domain="route"), engine=routed("safety", asked)).results
    questions = [each for each in asked if each.sampling.choices]
    assert len(questions) == 1  # both items are about one prompt
    assert (questions[0].model, questions[0].sampling.choices) == ("strong", ("chat", "safety", "reasoning"))
    assert PAIR.prompt.text in questions[0].messages[-1].content
    scored = {each.messages for each in asked if each.continuation is not None}
    assert scored == {Cdr(domain="safety").requests(PAIR.left)[0].messages}
    assert [type(each) for each in said] == [Preference, Rating]


def test_where_no_domain_is_named_it_abstains_and_says_so():
    with Store() as store:
        (said,) = annotate([PAIR], Cdr(domain="route"), engine=routed("cooking", []), store=store).results
        assert isinstance(said, Abstention)
        assert (said.reason, len(said.unread), len(store)) == (Reason.UNPARSABLE, 1, 0)
        assert "no domain among chat, safety, reasoning; it said 'cooking'" in said.detail


@pytest.mark.parametrize(
    "options", [{"scale": 0.0}, {"domain": "cooking"}, {"exemplars": [{"prompt": "a"}]}, {"domain": "route", "criterion": "x"}]
)
def test_a_ratio_that_cannot_be_is_refused(options):
    with pytest.raises(InputError):
        make_annotator(Cdr, **options)
    with pytest.raises(InputError, match="no checkpoint folder"):
        CdrPolicies("nowhere", "nowhere")
