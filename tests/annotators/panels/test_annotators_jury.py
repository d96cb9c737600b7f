"""A jury follows Condorcet's curve, keeps ties and counts who is silent; judge, jury and debate run under one name."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from pasture.annotators import make_annotator
from pasture.annotators.judges.judge import Judge
from pasture.annotators.judges.worded import PromptedCritic
from pasture.annotators.panels.panel import Jury, OnModel
from pasture.annotators.panels.turns import ReviewLoop
from pasture.annotators.runner import annotate
from pasture.annotators.scripted.pairs import Gold
from pasture.annotators.systems.judge_jury_debate import CombinedJudge, JudgeJuryDebate, ScoreJudge
from pasture.annotators.wrappers.flip import Flip
from pasture.core.errors import EngineError, InputError
from pasture.core.records import Abstention, Comparison, Completion, Item, Preference, Prompt, Reason, Revision
from pasture.core.requests import Reply, Request
from pasture.core.store import Store
from pasture.engines.scripted import ScriptedEngine
from pasture.eval.judges.agreement import cohen_kappa
from scipy.stats import binom


class Says:
    """A member who always says this: P(left), None for silence, or `neither`."""

    def __init__(self, said: float | str | None, name: str = "member") -> None:
        self.said, self.name = said, name

    async def annotate(self, item: Item, ask: object, rng: object) -> Preference | Abstention:
        assert isinstance(item, Comparison)
        if self.said is None:
            return Abstention(item, Reason.REFUSED, self.name, "no comment")
        if self.said == "fails":
            raise EngineError("out of order")
        if self.said == "neither":
            return Abstention(item, Reason.NEITHER, self.name, "neither")
        assert isinstance(self.said, float)
        return Preference(item, self.said, self.name)


PAIR = Comparison(Completion(Prompt("q"), "one"), Completion(Prompt("q"), "other"))


def verdict(*said: float | str | None, rule: str = "majority", quorum: int = 1) -> Preference | Abstention:
    found = annotate([PAIR], Jury([Says(each) for each in said], rule, quorum)).results[0]
    assert isinstance(found, Preference | Abstention)
    return found


@pytest.mark.parametrize(("members", "p"), [(1, 0.7), (3, 0.7), (7, 0.7), (5, 0.6), (5, 0.4)])
def test_a_jury_follows_condorcets_curve(fake_world, some_pairs, members, p):
    # Condorcet: an odd majority of n independent members is right with probability sum over k > n/2 of C(n, k) p^k (1 - p)^(n - k).
    pairs, n, gold = some_pairs(600), members, Gold(fake_world)
    voters = [Flip(gold, 1 - p) if p >= 0.5 else Flip(Wrong(gold), p) for _ in range(n)]
    said = annotate(pairs, Jury(voters), seed=11).preferences
    right = sum((each.p_left > 0.5) == (fake_world.advantage(each.comparison) > 0) for each in said)
    expected = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n // 2 + 1, n + 1))
    low, high = binom.interval(0.9999, len(pairs), expected)
    assert low <= right <= high
    assert all(len(each.parts) == n for each in said)


class Wrong:
    """Says the opposite of `inner`."""

    def __init__(self, inner: Gold) -> None:
        self.inner, self.name = inner, "wrong"

    async def annotate(self, item: Item, ask: Callable, rng: np.random.Generator) -> Preference:
        said = await self.inner.annotate(item, ask, rng)
        return Preference(said.comparison, 1 - said.p_left, self.name)


def test_members_of_one_name_err_apart(fake_world, some_pairs):
    # Two flips at .3 agree with probability .7^2 + .3^2 = .58; two that drew alike would always agree.
    said = annotate(some_pairs(1000), Jury([Flip(Gold(fake_world), 0.3) for _ in range(2)])).preferences
    agree = sum(each.parts[0].p_left == each.parts[1].p_left for each in said)
    low, high = binom.interval(0.9999, 1000, 0.58)
    assert low <= agree <= high


def test_a_tie_stays_a_tie_and_a_tied_member_counts_for_neither_side():
    assert verdict(1.0, 0.0).is_tied
    assert verdict(0.5, 0.5, 0.5).is_tied
    assert verdict(0.9, 0.5, 0.5).p_left == 1.0


def test_the_mean_keeps_how_sure_the_members_are():
    # (.9 + .2 + .4) / 3 = .5: tied in the mean, 2 to 1 for right by majority.
    assert verdict(0.9, 0.2, 0.4, rule="mean").p_left == pytest.approx(0.5)
    assert verdict(0.9, 0.2, 0.4).p_left == 0.0


def test_who_abstains_is_counted_and_does_not_vote():
    said = verdict(1.0, None, None, "fails")
    assert said.p_left == 1.0
    assert said.rationale == "1 for left, 0 for right, 0 tied, 0 for neither, 3 abstained"
    assert (len(said.parts), len(said.silent)) == (1, 3)


def test_without_a_quorum_there_is_no_verdict():
    said = verdict(1.0, None, None, quorum=2)
    assert isinstance(said, Abstention)
    assert said.detail == "1 of 3 gave a verdict and the quorum is 2; the first who gave none: no comment"
    assert verdict(None, "fails").reason is Reason.REFUSED


def test_an_unreadable_member_is_not_kept():
    def respond(request: Request) -> Reply:
        return labels(0.9) if request.model == "good" else Reply("hm")

    with Store() as store:
        jury = Jury([OnModel(Judge(), "good"), OnModel(Judge(), "bad")])
        said = annotate([PAIR], jury, engine=ScriptedEngine(respond=respond, name="x"), store=store).preferences[0]
        assert (len(said.parts), len(said.silent), len(store)) == (1, 1, 1)


def half_read(request: Request) -> Reply:
    """The judge who is told to be brief is read, the other is not."""
    return labels(0.9) if "Be brief." in request.messages[0].content else Reply("hm")


@pytest.mark.parametrize("depth", ["swap", "jury", "on-model", "on-model of a swap"])
def test_an_unreadable_member_of_a_member_is_not_kept_either(depth):
    inner = Jury([Judge(system="Be brief.", name="brief"), Judge(name="other")])
    wrapped = {
        "swap": make_annotator("swap", inner=inner),
        "jury": Jury([inner]),
        "on-model": OnModel(inner, "m"),
        "on-model of a swap": OnModel(Jury([make_annotator("swap", inner=inner)]), "m"),
    }[depth]
    orders = 2 if "swap" in depth else 1
    with Store() as store:
        for _ in range(2):  # the second run asks again for what could not be read, and for nothing else
            said = annotate([PAIR], wrapped, engine=ScriptedEngine(respond=half_read, name="x"), store=store)
            assert len(said.preferences) == 1
            assert len(store) == orders
        assert said.usage.requests == orders
    if depth == "swap":
        assert len(said.preferences[0].silent) == 2


def test_neither_wins_only_as_a_majority_and_is_otherwise_no_vote():
    assert verdict("neither", "neither", 1.0).reason is Reason.NEITHER
    said = verdict("neither", 0.0, 0.0)
    assert (said.p_left, [each.reason for each in said.silent]) == (0.0, [Reason.NEITHER])
    assert verdict("neither", 1.0).p_left == 1.0
    assert verdict("neither", 0.2, 0.4, rule="mean").p_left == pytest.approx(0.3)


@pytest.mark.parametrize(
    "options", [{"members": []}, {"members": [Says(1.0)], "rule": "loudest"}, {"members": [Says(1.0)], "quorum": 2}]
)
def test_a_jury_that_cannot_be_is_refused(options):
    with pytest.raises(InputError):
        Jury(**options)


# The language model of what follows: it finds the shorter of two answers better, and writes whatever it is asked for.


def sections(text: str) -> dict[str, str]:
    """Title -> text of the fenced sections of a prompt, later ones winning."""
    lines, found, title = text.splitlines(), {}, ""
    for line in lines:
        if line.startswith("=====") and line.endswith("====="):
            title = line.strip("= ")
            found[title] = ""
        elif title:
            found[title] += line + "\n"
    return {title: text.strip() for title, text in found.items()}


def labels(p_a: float) -> Reply:
    return Reply("A" if p_a > 0.5 else "B", label_logprobs={"A": math.log(p_a), "B": math.log(1 - p_a)})


def likes_short(request: Request) -> Reply | str:
    shown = sections(request.messages[-1].content)
    if request.sampling.labels:
        return labels(0.9 if len(shown["answer A"]) < len(shown["answer B"]) else 0.1)
    wanted = json.loads(request.sampling.schema)["properties"]
    if "overall" in wanted:
        return json.dumps({"rationale": "length", "overall": max(10 - len(shown["answer"]) // 2, 1)})
    if "verdict" in wanted:
        better = "A" if len(shown["answer A"]) < len(shown["answer B"]) else "B"
        return json.dumps({"rationale": "length", "verdict": better, "strength": 2})
    return json.dumps({"argument": "It is short."})


def shorter_left(count: int = 5) -> list[Comparison]:
    prompts = [Prompt(f"question {k}") for k in range(count)]
    return [Comparison(Completion(each, "brief"), Completion(each, "a longer answer")) for each in prompts]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"form": "score"},
        {"form": "combined"},
        {"arrangement": "jury"},
        {"arrangement": "jury", "members": ["judge", "judge"], "rule": "mean"},
        {"arrangement": "debate", "rounds": 2},
    ],
)
def test_one_name_runs_every_arrangement(options):
    said = annotate(shorter_left(), make_annotator(JudgeJuryDebate, **options), engine=ScriptedEngine(respond=likes_short))
    assert all(each.p_left > 0.5 for each in said.preferences)
    assert len(said.preferences) == 5
    turned = [each.swapped() for each in shorter_left()]
    said = annotate(turned, make_annotator(JudgeJuryDebate, **options), engine=ScriptedEngine(respond=likes_short))
    assert all(each.p_left < 0.5 for each in said.preferences)


@pytest.mark.parametrize(
    "options",
    [{"arrangement": "trial"}, {"form": "sung"}, {"arrangement": "jury", "form": "score"}, {"members": ["longest"]}, {"rounds": 2}],
)
def test_what_an_arrangement_does_not_take_is_refused(options):
    with pytest.raises(InputError):
        make_annotator(JudgeJuryDebate, **options)


def test_scores_and_the_combined_verdict_tell_how_much_better():
    engine = ScriptedEngine(respond=likes_short)
    assert annotate(shorter_left(1), ScoreJudge(), engine=engine).preferences[0].strength == 10 - 5 // 2 - (10 - 15 // 2)
    assert annotate(shorter_left(1), CombinedJudge(), engine=engine).preferences[0].strength == 2.0


@pytest.mark.parametrize("make", [ScoreJudge, CombinedJudge])
def test_members_that_are_alike_and_draw_ask_apart_and_a_pair_asks_what_its_swap_asks(make):
    def asked(annotator, items):
        with Store() as store:
            annotate(items, annotator, engine=ScriptedEngine(respond=likes_short), store=store)
            return len(store)

    one, pairs = asked(make(temperature=1.0), shorter_left()), shorter_left()
    assert asked(Jury([make(temperature=1.0), make(temperature=1.0)]), pairs) == 2 * one
    assert asked(Jury([make(), make()]), pairs) == asked(make(), pairs) == one
    if make is ScoreJudge:  # an answer is scored by itself, so on either side alike
        assert asked(make(temperature=1.0), [*pairs, *(each.swapped() for each in pairs)]) == one


@pytest.mark.parametrize("said", ["11", '{"overall": 11}', '{"overall": true}', '{"overall": "high"}', "I like it."])
def test_a_score_off_the_scale_is_no_score(said):
    found = annotate(shorter_left(1), ScoreJudge(), engine=ScriptedEngine(respond=lambda _: said)).results[0]
    assert isinstance(found, Abstention)
    assert found.reason is Reason.UNPARSABLE


def test_a_member_on_a_model_asks_that_model():
    asked = []

    def respond(request: Request) -> Reply:
        asked.append(request.model)
        return labels(0.9 if request.model == "big" else 0.2)

    jury = Jury([OnModel(Judge(), "big"), OnModel(Judge(), "small")])
    said = annotate(shorter_left(1), jury, engine=ScriptedEngine(respond=respond, name="two")).preferences[0]
    assert sorted(asked) == ["big", "small"]
    assert [each.annotator for each in said.parts] == ["judge@big", "judge@small"]
    assert said.is_tied


# Self-family bias: answers of family x say "Indeed", and a judge of that family likes what its family says.


def family_pairs(rng: np.random.Generator, count: int = 400) -> list[tuple[Comparison, int]]:
    """Pairs of one answer by family x and one by y, with which is truly better (0 left, 1 right), independent of family."""
    pairs = []
    for k in range(count):
        prompt, better, x_place = Prompt(f"question {k}"), int(rng.integers(2)), int(rng.integers(2))
        texts = [("Indeed, " if place == x_place else "") + ("right" if place == better else "wrong") for place in range(2)]
        pairs.append((Comparison(Completion(prompt, texts[0]), Completion(prompt, texts[1])), better))
    return pairs


def family_judge(request: Request) -> Reply:
    """Log-odds 1 for the right answer; a model of family x adds 2 for its family's word."""
    shown = sections(request.messages[-1].content)
    a, b = shown["answer A"], shown["answer B"]
    margin = ("right" in a) - ("right" in b) + (2.0 if request.model == "x" else 0.0) * (("Indeed" in a) - ("Indeed" in b))
    return labels(1 / (1 + math.exp(-margin)))


def test_a_judge_that_shares_its_familys_feature_shows_it_and_a_jury_of_families_outvotes_it():
    shown = family_pairs(np.random.default_rng(0))
    pairs, gold = [pair for pair, _ in shown], np.array([1.0 - better for _, better in shown])
    engine = ScriptedEngine(respond=family_judge, name="families")

    def labelled(models: list[str]) -> tuple[float, float]:
        said = annotate(pairs, Jury([OnModel(Judge(), model) for model in models]), engine=engine).preferences
        kappa = cohen_kappa(np.array([each.p_left for each in said]), gold).value
        assert kappa is not None
        wins_of_x = np.mean([(each.p_left > 0.5) == each.comparison.left.text.startswith("Indeed") for each in said])
        return kappa, float(wins_of_x)

    kin, strangers, mixed = labelled(["x"]), labelled(["y"]), labelled(["x", "y", "z"])
    assert strangers[0] == mixed[0] == 1.0
    assert kin[1] == 1.0  # the planted 2 nats outweigh the truth's 1, so that x wins every pair,
    assert abs(kin[0]) < 0.15  # and truth, drawn apart from family, is met by chance
    assert 0.4 < strangers[1] < 0.6


def test_an_arrangement_is_known_by_its_name_in_a_report():
    named = [JudgeJuryDebate(), JudgeJuryDebate(form="score"), JudgeJuryDebate("jury"), JudgeJuryDebate("debate", name="mine")]
    assert [each.name for each in named] == [
        "judge-jury-debate(judge)",
        "judge-jury-debate(score judge)",
        "judge-jury-debate(jury)",
        "mine",
    ]


def test_another_model_may_review_than_writes():
    asked: list[Request] = []

    def respond(request: Request) -> Reply:
        asked.append(request)
        text = {"critique": "Too short.", "spans": [], "polarity": "blame", "revision": "Longer."}
        return Reply(json.dumps(text))

    loop = ReviewLoop(1, OnModel(PromptedCritic(), "reviewer"))
    answer = Completion(Prompt("q"), "a")
    (said,) = annotate([answer], loop, engine=ScriptedEngine(respond=respond, name="both")).results
    assert isinstance(said, Revision)
    assert sorted({each.model for each in asked}) == ["", "reviewer"]
