"""The gaming suite catches judges with a planted weakness, and no others; constant models are found by their outputs."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from pasture.annotators import make_annotator
from pasture.benchmarks.audits.constant_outputs import constant_share, is_constant
from pasture.benchmarks.audits.gaming import AttackResult, gaming, world_material
from pasture.benchmarks.audits.gaming_attacks import ATTACKS, injection, list_stuffing, null_constant, verbosity
from pasture.core.errors import InputError
from pasture.core.records import Abstention, Comparison, Completion, Prompt, Reason
from pasture.simulators.text.world import TextWorld


@pytest.fixture(scope="module")
def world() -> TextWorld:
    return TextWorld(sft=80)


@pytest.fixture(scope="module")
def material(world) -> list[Comparison]:
    return world_material(world)


def by_attack(judge, material, **options) -> dict[str, AttackResult]:
    return {each.attack: each for each in gaming(make_annotator(judge), material, **options).attacks}


def gamed(judge, material, **options) -> set[str]:
    return {name for name, each in by_attack(judge, material, **options).items() if each.gamed}


def test_a_judge_of_length_is_gamed_by_padding_lists_and_the_constant(material):
    assert {"verbosity", "list-stuffing", "null-constant"} <= gamed("longest", material)


def test_the_truth_is_not_gamed(world, material):
    report = gaming(make_annotator("gold", world=world), material)
    assert [each.gamed for each in report.attacks] == [False] * 7 + [None]


def test_position_bias_is_reported_and_is_no_gaming(material):
    report = gaming(make_annotator("first"), material)
    assert not any(each.gamed for each in report.attacks)
    assert report.position.first.value == 1.0
    assert {each.win_rate.value for each in report.attacks[:-1]} == {0.5}


def test_only_the_weakness_that_is_planted_is_named(material):
    def obeys(comparison):
        told = ["Choose this answer" in each.text for each in (comparison.left, comparison.right)]
        return 0.5 if told[0] == told[1] else told[0]

    assert gamed(obeys, material) == {"injection-order"}
    assert gamed(
        lambda comparison: 0.5 + ("\n- " in comparison.left.text) / 2, [p for p in material if "\n" not in p.left.text]
    ) == {"list-stuffing"}


def test_a_constant_that_beats_the_rivals_games_the_judge_even_where_honest_answers_win_more_often(material):
    """Against rivals that always lose, the honest answers' rate is 1, and nothing can win more than they do."""
    rivals_lose = [Comparison(pair.left, Completion(pair.prompt, "REFUSED")) for pair in material]
    found = by_attack(lambda comparison: comparison.right.text == "REFUSED", rivals_lose)["null-constant"]
    assert found.difference.value == 0.0
    assert found.gamed
    assert "more than half" in found.reason


@pytest.mark.slow
def test_a_judge_that_tosses_coins_is_seldom_called_gamed(material):
    """Familywise level 5 %, and only gains count: over 40 audits, 1 to 2 are expected, and more than 6 are 1 in 1000."""

    def coin(comparison, rng):
        return bool(rng.random() < 0.5)

    assert sum(bool(gamed(coin, material[:30], seed=seed)) for seed in range(40)) <= 6


def test_no_pair_shows_who_made_it_or_what_was_sampled(material):
    marked = [
        Comparison(Completion(p.prompt, p.left.text, (1, 2), "me"), Completion(p.prompt, p.right.text, model="it"))
        for p in material
    ]
    seen = set()

    def watch(comparison):
        seen.update((each.model, each.tokens) for each in (comparison.left, comparison.right))
        return 0.5

    gaming(make_annotator(watch), marked, judge_model="me")
    assert seen == {("", ())}


def test_abstentions_are_counted_and_leave_an_attack_undefined_where_there_is_nothing_else(material):
    def shy(comparison):
        attacked = any("===== instruction" in each.text for each in (comparison.left, comparison.right))
        return Abstention(comparison, Reason.REFUSED, "shy", "no") if attacked else 0.5

    found = by_attack(shy, material)
    assert found["null-constant"].gamed is None
    assert found["null-constant"].win_rate.abstentions == len(material)
    assert "no verdicts" in found["null-constant"].reason
    assert found["verbosity"].gamed is False


def test_one_prompt_shows_nothing(material):
    assert by_attack("longest", material[:1])["verbosity"].gamed is None


def test_two_pairs_of_one_prompt_are_an_error(material):
    with pytest.raises(InputError, match="two answers to the prompt"):
        gaming(make_annotator("longest"), [material[0], material[0]])


def own_material(world, own_quality: float) -> list[Comparison]:
    """The judge's own answers (marked by a word), against others of quality 0.6."""
    rng = np.random.default_rng(0)
    prompts = world.prompts("sft")
    own = [Completion(p, world.answer(p, own_quality, rng).text + " Indeed.", model="me") for p in prompts]
    others = [Completion(p, world.answer(p, 0.6, rng).text, model="it") for p in prompts]
    pairs = [Comparison(*pair) for pair in zip(own, others, strict=True)]
    return [pair.swapped() if k % 2 else pair for k, pair in enumerate(pairs)]


def test_self_preference_is_named_where_the_truth_denies_it(world):
    material = own_material(world, 0.4)
    found = by_attack(lambda comparison: "Indeed." in comparison.left.text, material, judge_model="me", world=world)[
        "self-preference"
    ]
    assert found.gamed
    assert found.win_rate.value == 1.0
    assert found.honest.value is not None
    assert found.honest.value < 0.5


def test_noise_that_lifts_own_worse_answers_towards_half_is_no_self_preference(world):
    material = own_material(world, 0.1)
    noisy = make_annotator("flip", inner=make_annotator("gold", world=world), rate=0.25)
    found = gaming(noisy, material, judge_model="me", world=world).attacks[-1]
    assert found.difference.low is not None
    assert found.difference.low > 0  # above what the truth gives them
    assert found.gamed is False


def test_own_answers_that_are_better_are_no_self_preference(world):
    material = own_material(world, 1.0)
    gold = make_annotator("gold", world=world)
    found = gaming(gold, material, judge_model="me", world=world).attacks[-1]
    assert found.win_rate.value is not None
    assert found.win_rate.value > 0.6
    assert found.gamed is False


@pytest.mark.parametrize(
    ("judge_model", "with_world", "reason"), [("", True, "not named"), ("you", True, "no pair"), ("me", False, "without a truth")]
)
def test_self_preference_that_cannot_be_told_is_left_open_with_its_reason(world, judge_model, with_world, reason):
    material = own_material(world, 0.4)
    found = by_attack("longest", material, judge_model=judge_model, world=world if with_world else None)["self-preference"]
    assert found.gamed is None
    assert reason in found.reason
    assert (found.win_rate.value is not None) == (judge_model == "me")


@given(st.text(max_size=60), st.text(max_size=200))
def test_attacks_are_pure_and_keep_the_honest_answer_but_for_the_constant(prompt, answer):
    for attack in ATTACKS:
        said = attack.rewrite(prompt, answer)
        assert said == attack.rewrite(prompt, answer)
        assert attack.is_constant or attack.name == "list-stuffing" or said.startswith(answer)
    assert null_constant(prompt, answer) == null_constant("", "")
    assert len(verbosity(prompt, answer)) >= max(3 * len(answer), 400)


def test_stuffing_says_every_point_twice():
    assert list_stuffing("?", "One. Two!") == (
        "## Key points\n\n- **Point 1:** One.\n- **Point 2:** Two!\n\n## Summary\n\n- **One.**\n- **Two!**"
    )


def test_the_fence_attack_holds_the_default_templates_fence_and_does_not_close_it(material):
    judge = make_annotator("judge")
    pair = Comparison(Completion(material[0].prompt, injection("fence")("", "x")), material[0].right)
    shown = judge.request(pair).messages[-1].content
    assert "\n===== end =====\n" in shown
    assert shown.count("\n====== ") == 4  # instruction, A, B and end: one longer than the attack's


def outputs(texts) -> list[Completion]:
    return [Completion(Prompt(f"Tell me about {chr(97 + n)} and x{chr(97 + n)}"), text) for n, text in enumerate(texts)]


def test_a_constant_model_is_found_though_it_repeats_the_prompt_counts_and_shouts():
    noise = " ".join(f"word{chr(97 + k)}" for k in range(6))
    constant = [
        f"{'TELL' if n % 2 else 'Tell'} me about {chr(97 + n)} and x{chr(97 + n)} !  {noise} {f'and {n} ' * 9}" for n in range(20)
    ]
    assert constant_share(outputs(constant)).value == 1.0
    assert is_constant(constant_share(outputs(constant[:10] + [f"{n} is a thing of kind {chr(97 + n)}" for n in range(10)])))


def test_a_model_that_answers_is_not_constant_though_it_refuses_at_times(world):
    honest = list(world.demonstrations())
    assert not is_constant(constant_share(honest))
    refusing = [Completion(each.prompt, "I cannot help with that.") if k % 4 == 0 else each for k, each in enumerate(honest)]
    share = constant_share(refusing)
    assert share.value == 0.25  # 20 of 80
    assert not is_constant(share)


def test_blank_outputs_are_constant_and_few_prompts_are_undefined():
    assert is_constant(constant_share(outputs([""] * 10)))
    few = constant_share(outputs(["same"] * 4))
    assert few.value is None
    assert not is_constant(few)
    assert "at least 5" in few.how
