"""What an evaluator may and may not see."""

import random

import pytest
from pasture.core.errors import InputError
from pasture.core.records import Completion, Preference, Prompt
from pasture.eval.win_rates.pairing import blind_pairs
from pasture.eval.win_rates.win_rate import win_rate


def answers(model: str, count: int = 200, start: int = 0) -> list[Completion]:
    return [Completion(Prompt(f"question {k}"), f"{model}'s answer {k}", (1, 2), model) for k in range(start, start + count)]


def test_nothing_tells_whose_answer_is_whose() -> None:
    comparisons, candidate_is_left = blind_pairs(answers("dpo"), answers("rival"), seed=0)
    shown = [each for pair in comparisons for each in (pair.left, pair.right)]
    assert {each.model for each in shown} == {""}
    assert {each.tokens for each in shown} == {()}
    assert 70 < sum(candidate_is_left) < 130
    for pair, is_left in zip(comparisons, candidate_is_left, strict=True):
        assert (pair.left if is_left else pair.right).text.startswith("dpo")
        assert (pair.right if is_left else pair.left).text.startswith("rival")


def test_the_order_is_the_pairs_and_not_the_batchs() -> None:
    candidates, rivals = answers("dpo"), answers("rival")
    comparisons, sides = blind_pairs(candidates, rivals, seed=3)
    alone = [blind_pairs([each], rivals, seed=3) for each in random.Random(0).sample(candidates, 20)]
    shown = dict(zip((pair.prompt.id for pair in comparisons), zip(comparisons, sides, strict=True), strict=True))
    assert all(shown[pair.prompt.id] == (pair, side) for [pair], [side] in alone)
    assert blind_pairs(candidates, rivals, seed=4)[1] != sides


def test_calling_the_rival_the_candidate_shows_the_same_and_mirrors_the_win_rate() -> None:
    candidates, rivals = answers("dpo", 40), answers("rival", 40)
    comparisons, sides = blind_pairs(candidates, rivals, seed=1)
    mirrored, other_sides = blind_pairs(rivals, candidates, seed=1)
    assert mirrored == comparisons
    assert other_sides == [not side for side in sides]
    feedback = [Preference(pair, len(pair.left.text) % 3 / 2, "judge") for pair in comparisons]
    ours, theirs = win_rate(feedback, sides).value, win_rate(feedback, other_sides).value
    assert ours is not None
    assert theirs is not None
    assert ours + theirs == pytest.approx(1)


def test_several_answers_to_one_prompt_meet_the_same_rival() -> None:
    prompt = Prompt("one question")
    candidates = [Completion(prompt, text) for text in ("first", "second", "second")]
    comparisons, _ = blind_pairs(candidates, [Completion(prompt, "rival")], seed=0)
    assert len(comparisons) == 3
    assert comparisons[1] == comparisons[2]


def test_a_missing_or_doubled_rival_is_named() -> None:
    with pytest.raises(InputError, match="question 5"):
        blind_pairs(answers("dpo", 10), answers("rival", 5), seed=0)
    with pytest.raises(InputError, match="two answers"):
        blind_pairs(answers("dpo", 5), answers("rival", 5) * 2, seed=0)
