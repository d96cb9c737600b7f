"""The text world's rules by hand, its generator's quality, its splits and its population. No model is trained here."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.errors import InputError, UnknownName
from pasture.core.records import Completion, Prompt
from pasture.core.seeds import rng_for
from pasture.simulators import WORLDS
from pasture.simulators.text.answers import compose
from pasture.simulators.text.grammar import FACTS, SENTENCES, Format, Instruction, Role, Tone, parse_instruction
from pasture.simulators.text.prompts import SHARES, draw_prompts, random_instruction
from pasture.simulators.text.rules import FEATURES, GOLD, check, features
from pasture.simulators.text.world import TextWorld

FULL = "What is the capital of France? Mention tea. Never say very. Use at most 10 words. Be formal. Write a list."
GOOD = "- Certainly.\n- It is Paris.\n- I like tea."


@pytest.fixture(scope="module")
def world() -> TextWorld:
    return TextWorld(0)


def value(prompt: str, answer: str) -> float:
    return float(TextWorld(0, sft=1, preference=1, unlabeled=1, eval=1).utility([Completion(Prompt(prompt), answer)])[0])


def test_a_prompt_is_read_from_its_text() -> None:
    expected = Instruction("capital", "France", "tea", "very", 10, None, Tone.FORMAL, Format.LIST)
    assert parse_instruction(FULL) == expected
    assert expected.render() == FULL
    assert parse_instruction("Where does a bat live? Use at least 8 words.") == Instruction("home", "bat", at_least=8)


@given(st.integers(0, 2**32), st.integers(0, 1))
def test_every_prompt_says_its_instruction(seed: int, form: int) -> None:
    instruction = random_instruction(np.random.default_rng(seed))
    assert parse_instruction(instruction.render(form)) == instruction


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "''"),
        ("Write a poem.", "Write a poem."),
        ("What is the capital of Atlantis?", "Atlantis"),
        ("What colour is snow? Be brave.", "Be brave."),
        ("What colour is snow? Be formal. Be casual.", "Be casual."),
    ],
)
def test_a_foreign_prompt_is_refused_with_an_example(world: TextWorld, text: str, part: str) -> None:
    with pytest.raises(InputError, match="such as 'What is the capital of France") as error:
        world.utility([Completion(Prompt(text), "It is white.")])
    assert part in str(error.value)


def test_a_good_answer_has_everything() -> None:
    found = check(FULL, GOOD)
    assert (found.fact, found.mentioned, found.avoided, found.length_miss) == (1, True, True, 0)
    assert (found.tone, found.format_ok, found.words, found.broken_words, found.repeated, found.fillers) == (1, True, 7, 0, 0, 0)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("It is Paris.", 1),
        ("Paris is the capital of France.", 1),
        ("It is Rome.", -1),
        ("It is Paris. It is Rome.", -1),
        ("The capital of Spain is Madrid.", -1),  # true, and not what was asked
        ("The capital of Spain is Paris.", -1),
        ("It is green.", 0),  # says nothing about a capital
        ("Paris.", 0),  # no sentence
        ("", 0),
    ],
)
def test_facts_are_read_from_sentences(answer: str, expected: int) -> None:
    assert check("Name the capital of France.", answer).fact == expected


def test_every_fact_is_true_of_its_subject_alone() -> None:
    for kind, facts in FACTS.items():
        for subject, true in facts.items():
            for told in facts.values():
                claims = [each.claim for each in SENTENCES.values() if each.claim and each.claim.kind == kind]
                assert any(claim.subject == subject and claim.value == told for claim in claims)
                text = Instruction(kind, subject).render()
                right = next(each.text for each in SENTENCES.values() if each.claim and each.claim.value == told)
                assert check(text, right).fact == (1 if told == true else -1)


@pytest.mark.parametrize(("answer", "expected"), [("I like tea.", True), ("TEA!", True), ("I like teapots.", False), ("", False)])
def test_a_mentioned_word_stands_alone_in_any_case(answer: str, expected: bool) -> None:
    assert check(FULL, answer).mentioned is expected


@pytest.mark.parametrize(("answer", "expected"), [("I am very sure.", False), ("Very!", False), ("Everyone.", True), ("", True)])
def test_an_avoided_word_is_missed_in_any_case(answer: str, expected: bool) -> None:
    assert check(FULL, answer).avoided is expected


@pytest.mark.parametrize(
    ("wish", "words", "miss"),
    [("most 10", 10, 0), ("most 10", 13, 3), ("most 10", 0, 0), ("least 8", 8, 0), ("least 8", 5, 3), ("least 8", 20, 0)],
)
def test_length_is_counted_in_words(wish: str, words: int, miss: int) -> None:
    found = check(f"What colour is snow? Use at {wish} words.", " ".join(["white"] * words))
    assert (found.words, found.length_miss) == (words, miss)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("Certainly. It is Paris.", 1), ("It is Paris.", 0), ("Hey! It is Paris.", -1), ("Hey! It is Paris. Kind regards.", -1)],
)
def test_one_word_of_the_other_tone_spoils_it(answer: str, expected: int) -> None:
    assert check("Name the capital of France. Be formal.", answer).tone == expected
    assert check("Name the capital of France. Be casual.", answer).tone == (
        -1 if "Certainly" in answer or "Kind" in answer else -expected
    )


@pytest.mark.parametrize(
    ("answer", "is_list", "is_plain"),
    [
        ("- It is Paris.\n- I like tea.", True, False),
        ("- It is Paris.", False, False),  # one item is no list, and no plain text either
        ("It is Paris.\n- I like tea.", False, False),
        ("It is Paris. I like tea.", False, True),
    ],
)
def test_a_list_has_two_items_and_nothing_else(answer: str, is_list: bool, is_plain: bool) -> None:
    assert check("Name the capital of France. Write a list.", answer).format_ok is is_list
    assert check("Name the capital of France. No list.", answer).format_ok is is_plain


def test_broken_english_repetition_and_idle_talk_are_counted() -> None:
    found = check("Name the capital of France.", "It is Paris. It is Paris. Let me think. Paris tea the dogs")
    assert (found.broken_words, found.repeated, found.fillers) == (4, 1, 1)
    assert check("Name the capital of France.", "").broken_words == 5
    assert check("Name the capital of France.", " \n- \n").broken_words == 5


def test_what_is_not_asked_is_not_judged() -> None:
    found = check("Name the capital of France.", "Hey! It is Paris.")
    assert (found.mentioned, found.avoided, found.length_miss, found.tone, found.format_ok) == (None, None, None, None, None)


def test_gold_by_hand() -> None:
    # fact 1.3, mention 1.0, tone 0.7, list 0.5; nothing else
    assert value(FULL, GOOD) == pytest.approx(1.3 + 1.0 + 0.7 + 0.5)
    # false fact -1.3; tea 1.0; "very" -1.0; 12 words, 2 too many, -0.25 each; casual -0.7; no list -0.5; one filler -0.15
    bad = "Hey! It is Rome. I am very sure. Do not forget tea."
    assert check(FULL, bad).words == 12
    assert value(FULL, bad) == pytest.approx(-1.3 + 1.0 - 1.0 - 0.5 - 0.7 - 0.5 - 0.15)
    # four words of no sentence, -0.15 each; no list was asked for
    assert value("Name the capital of France.", "Paris tea the dogs") == pytest.approx(-0.6)


def test_counts_are_bounded_so_that_no_answer_is_bottomless() -> None:
    assert value("Name the capital of France. Use at most 8 words.", "Rome " * 5000) == pytest.approx(-20 * 0.15 - 8 * 0.25)


@pytest.mark.slow
def test_quality_raises_gold_without_exception() -> None:
    rng = np.random.default_rng(0)
    means, spreads = [], []
    for quality in np.linspace(0, 1, 6):
        rows = []
        for _ in range(1500):
            instruction = random_instruction(rng)
            rows.append(features(instruction.render(), compose(instruction, float(quality), rng)))
        utility = np.array(rows) @ np.array(list(GOLD.values()))
        means.append(utility.mean())
        spreads.append(utility.std())
    assert np.all(np.diff(means) > 0.3)
    assert 2.0 < means[-1] - means[0] < 5.0
    assert all(0.5 < spread < 2.5 for spread in spreads)


@given(st.integers(0, 2**32))
def test_quality_one_is_faultless(seed: int) -> None:
    rng = np.random.default_rng(seed)
    instruction = random_instruction(rng)
    found = check(instruction.render(), compose(instruction, 1.0, rng))
    assert found.fact == 1
    assert found.mentioned is not False
    assert found.avoided is not False
    assert not found.length_miss
    assert found.tone in (None, 1)
    assert found.format_ok is not False
    assert (found.broken_words, found.repeated) == (0, 0)


def test_a_quality_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="in \\[0, 1\\]"):
        compose(Instruction("capital", "France"), 1.5, np.random.default_rng(0))


def test_splits_are_disjoint_deterministic_and_grow_at_the_end(world: TextWorld) -> None:
    again, other, larger = TextWorld(0), TextWorld(1), TextWorld(0, eval=200)
    seen: dict[str, str] = {}
    for split, size in (("sft", 600), ("preference", 600), ("unlabeled", 400), ("eval", 100)):
        prompts = world.prompts(split)
        assert len({prompt.id for prompt in prompts}) == size
        assert prompts == again.prompts(split)
        assert prompts != other.prompts(split)
        for each in (*prompts, *other.prompts(split)):
            assert seen.setdefault(each.id, split) == split
    assert larger.prompts("eval")[:100] == world.prompts("eval")
    assert all(seen.get(each.id) is None for each in draw_prompts(0, "pretraining", 2000))
    assert sorted(bucket for share in SHARES.values() for bucket in share) == list(range(16))


def test_names_that_are_not_there_are_refused(world: TextWorld) -> None:
    with pytest.raises(UnknownName, match="known: eval"):
        world.prompts("test")
    with pytest.raises(UnknownName, match="user-00"):
        world.utility([], "nobody")
    with pytest.raises(InputError, match="eval=0"):
        TextWorld(0, eval=0)


def test_gold_is_the_mean_of_the_users_who_differ(world: TextWorld) -> None:
    answers = world.demonstrations()[:200]
    gold = world.utility(answers)
    users_UN = np.array([world.utility(answers, user) for user in world.users])
    assert len(world.users) == 13
    np.testing.assert_allclose(users_UN.mean(axis=0), gold, atol=1e-12)
    agreement = [np.corrcoef(gold, utility)[0, 1] for utility in users_UN]
    assert 0.6 < min(agreement) < 0.99


def test_users_differ_in_their_taste_for_length(world: TextWorld) -> None:
    prompt = Prompt("Name the capital of France.")
    short, long = (
        Completion(prompt, "It is Paris."),
        Completion(prompt, "It is Paris. Many people love rice. Many people love tea."),
    )
    gains = [np.subtract(*world.utility([long, short], user)) for user in world.users]
    assert min(gains) < -0.1 < 0.1 < max(gains)
    assert np.subtract(*world.utility([long, short])) == pytest.approx(0.0)


def test_rivals_and_demonstrations_are_fixed_and_ordered_in_quality(world: TextWorld) -> None:
    prompts = world.prompts("sft")
    rivals, shown = world.rivals(prompts), world.demonstrations()
    assert world.rivals(prompts[::-1])[::-1] == rivals
    assert [each.prompt for each in shown] == list(prompts)
    assert shown == TextWorld(0).demonstrations()
    assert world.utility(rivals).mean() + 0.2 < world.utility(shown).mean() < 2.0
    assert not any(each.model for each in (*rivals, *shown))


def test_truth_is_the_mean_over_a_policys_answers(world: TextWorld) -> None:
    prompts = world.prompts("eval")[:2]
    rivals = world.rivals(prompts)
    empty = [Completion(prompt, "") for prompt in prompts]
    truth = world.truth(None, [[rival, answer] for rival, answer in zip(rivals, empty, strict=True)])  # type: ignore[arg-type]
    gold, lost = world.utility(rivals), world.utility(empty)
    np.testing.assert_allclose(truth.values_P, (gold + lost) / 2)
    np.testing.assert_allclose(truth.win_rates_P, (0.5 + 1 / (1 + np.exp(gold - lost))) / 2)  # against itself one half
    with pytest.raises(InputError, match="at least one answer"):
        world.truth(None, [[]])  # type: ignore[arg-type]


def test_an_annotators_call_is_cheap(world: TextWorld) -> None:
    rng = rng_for(0, "cheap")
    answers = [world.answer(prompt, 0.5, rng) for prompt in world.prompts("preference")]
    start = time.process_time()
    for left, right in pairwise(answers):
        world.utility([left])
        world.utility([right])
    assert (time.process_time() - start) / (2 * len(answers)) < 300e-6  # ~30 us on an idle core


def test_the_world_needs_no_torch_until_it_is_asked_for_a_policy() -> None:
    code = (
        "import sys; from pasture.simulators.text.world import TextWorld; w = TextWorld(0, sft=2);"
        "w.utility(w.demonstrations()); assert not {'torch', 'transformers', 'tokenizers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_registry_makes_this_world() -> None:
    assert WORLDS.load("text") is TextWorld


def test_features_and_weights_are_in_one_order() -> None:
    row = dict(zip(FEATURES, features(FULL, GOOD), strict=True))
    assert row["fact"] == row["mention"] == row["tone"] == row["format"] == 1
    assert row["words"] == 7
    assert {each.role for each in SENTENCES.values()} == set(Role)
