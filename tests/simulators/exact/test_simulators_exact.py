import subprocess
import sys

import numpy as np
import pytest
from pasture.core.errors import InputError, UnknownName
from pasture.core.records import Comparison, Completion, Prompt
from pasture.core.seeds import rng_for
from pasture.policies.closed_form import (
    best_of_n,
    expected_value,
    fit_bradley_terry,
    preference_matrix,
)
from pasture.simulators import WORLDS
from pasture.simulators.exact.world import SPLITS, ExactWorld, cyclic, overoptimised
from pasture.simulators.noise import bradley_terry

EXACT = ("exact", "exact-overoptimised", "exact-cyclic")
SMALL = {"prompts": 5, "responses": 8, "features": 4, "users": 3}


@pytest.fixture(scope="module")
def world() -> ExactWorld:
    return ExactWorld(3)


def rows(world: ExactWorld, split: str) -> slice:
    """Where a split stands in the world's arrays."""
    first = world.prompts(split)[0]
    start = [prompt for each in SPLITS for prompt in world.prompts(each)].index(first)
    return slice(start, start + len(world.prompts(split)))


@pytest.mark.parametrize("name", EXACT)
def test_a_registered_world_is_made_by_seed_and_options_and_knows_its_name(name: str) -> None:
    assert WORLDS.load(name)(seed=1, **SMALL).name == name


@pytest.mark.parametrize("name", EXACT)
def test_splits_are_disjoint_and_of_the_size_asked_for(name: str) -> None:
    world = WORLDS.load(name)(0, **SMALL)
    ids = [prompt.id for split in SPLITS for prompt in world.prompts(split)]
    assert len(set(ids)) == len(ids) == 30
    assert {split: len(world.prompts(split)) for split in SPLITS} == {"sft": 5, "preference": 10, "unlabeled": 10, "eval": 5}


@pytest.mark.parametrize("name", EXACT)
def test_one_seed_gives_one_world_and_another_seed_another(name: str) -> None:
    make = WORLDS.load(name)
    one, same, other = make(1, **SMALL), make(1, **SMALL), make(2, **SMALL)
    np.testing.assert_array_equal(one.utilities("user-01"), same.utilities("user-01"))
    assert one.demonstrations() == same.demonstrations()
    assert one.rivals(one.prompts("eval")) == same.rivals(same.prompts("eval"))
    assert not set(one.prompts("eval")) & set(other.prompts("eval"))
    assert np.abs(one.utilities() - other.utilities()).min() > 0
    assert [each.text for each in one.rivals(one.prompts("eval"))] != [each.text for each in other.rivals(other.prompts("eval"))]


@pytest.mark.parametrize("name", EXACT)
def test_gold_is_the_mean_of_the_users_and_users_differ(name: str) -> None:
    world = WORLDS.load(name)(0)
    everybody = np.stack([world.utilities(user) for user in world.users])
    assert world.users[0] == "user-00"
    assert len(world.users) == 8
    np.testing.assert_allclose(everybody.mean(0), world.utilities("gold"), atol=1e-9)
    assert everybody.std(0).mean() > 0.1


def test_users_without_spread_are_all_gold() -> None:
    world = ExactWorld(0, spread=0.0, **SMALL)
    np.testing.assert_allclose(world.utilities("user-02"), world.utilities(), atol=1e-12)


def test_utility_is_read_by_prompt_and_answer_in_any_order_and_without_tokens(world: ExactWorld) -> None:
    table = world.utilities("user-04")[rows(world, "eval")]
    prompts = world.prompts("eval")
    asked = [(7, 3), (0, 63), (7, 3), (99, 0)]
    given = [world.completion(prompts[p], answer) for p, answer in asked]
    bare = [Completion(each.prompt, each.text) for each in given]
    expected = [table[p, answer] for p, answer in asked]
    np.testing.assert_array_equal(world.utility(given, "user-04"), expected)
    np.testing.assert_array_equal(world.utility(bare, "user-04"), expected)
    assert world.utility([]).shape == (0,)


def test_demonstrations_are_better_than_the_reference_and_mixed(world: ExactWorld) -> None:
    sft = rows(world, "sft")
    reference_P = expected_value(world.reference_PM[sft], world.utilities()[sft])
    gain_P = world.utility(world.demonstrations()) - reference_P
    assert [each.prompt for each in world.demonstrations()] == list(world.prompts("sft"))
    assert gain_P.mean() > 0.5
    assert 0.05 < (gain_P < 0).mean() < 0.45


def test_rivals_are_reference_answers() -> None:
    world = ExactWorld(0, prompts=2000, responses=5, features=3, reference_sd=1.0)
    reference_PM = world.reference_PM[rows(world, "eval")]
    answers_P = np.array([each.tokens[0] for each in world.rivals(world.prompts("eval"))])
    # drawn from p, an answer's own probability has mean sum p^2 and second moment sum p^3
    mean_P = (reference_PM**2).sum(1)
    error = np.sqrt(((reference_PM**3).sum(1) - mean_P**2).sum()) / 2000
    assert reference_PM[np.arange(2000), answers_P].mean() == pytest.approx(mean_P.mean(), abs=4 * error)
    assert error < 0.005


def test_rivals_follow_the_seed_even_where_the_reference_is_uniform() -> None:
    one, other = (ExactWorld(seed, reference_sd=0.0) for seed in (0, 1))
    texts = [[each.text for each in world.rivals(world.prompts("eval"))] for world in (one, other)]
    assert np.mean([a == b for a, b in zip(*texts, strict=True)]) < 0.2


def test_the_probability_is_bradley_terry_on_utilities(world: ExactWorld) -> None:
    prompt = world.prompts("preference")[4]
    left, right = world.completion(prompt, 2), world.completion(prompt, 9)
    u_left, u_right = world.utility([left, right], "user-01")
    p = world.probability(Comparison(left, right), "user-01", temperature=2.0)
    assert p == pytest.approx(1 / (1 + np.exp(-(u_left - u_right) / 2)))
    assert world.preference_matrix(prompt, "user-01", 2.0)[2, 9] == pytest.approx(p)
    assert world.probability(Comparison(right, left), "user-01", 2.0) == pytest.approx(1 - p)


def test_cyclic_preferences_are_a_game_that_no_utility_explains() -> None:
    world = cyclic(0)
    prompt = world.prompts("eval")[0]
    preferences = world.preference_matrix(prompt)
    np.testing.assert_allclose(preferences + preferences.T, 1.0, atol=1e-12)
    log_odds = np.log(preferences / preferences.T)
    # a utility's log-odds add up to zero round every triangle
    assert np.abs(log_odds[:, :, None] + log_odds[None, :, :] - log_odds[:, None, :]).max() > 1.0
    left, right = world.completion(prompt, 5), world.completion(prompt, 6)
    assert world.probability(Comparison(left, right)) == pytest.approx(preferences[5, 6])
    best = preference_matrix(world.utilities()[rows(world, "eval")][0]).sum(1).argmax()
    assert preferences[:, best].max() > 0.55  # what has the most utility is beaten by another answer


def test_gold_rises_and_then_falls_with_n_where_length_is_misspecified() -> None:
    world = overoptimised(0)
    rng = rng_for(0, "pairs")
    train, test = rows(world, "preference"), rows(world, "eval")
    prompt_N, (left_N, right_N) = rng.integers(200, size=4000), rng.integers(64, size=(2, 4000))
    features_PMD, utility_PM = world.features_PMD[train], world.utilities()[train]
    p_N = np.asarray(bradley_terry(utility_PM[prompt_N, left_N] - utility_PM[prompt_N, right_N]))
    labels_N = (rng.random(4000) < p_N).astype(float)
    weights_D = fit_bradley_terry(features_PMD[prompt_N, left_N] - features_PMD[prompt_N, right_N], labels_N)

    def curve(target_PM: np.ndarray) -> np.ndarray:
        policies = [best_of_n(world.reference_PM[test], world.features_PMD[test] @ weights_D, 2**k) for k in range(11)]
        return np.array([expected_value(policy_PM, target_PM).mean() for policy_PM in policies])

    gold, proxy = curve(world.utilities()[test]), curve(world.features_PMD[test] @ weights_D)
    peak = int(gold.argmax())
    assert 2 <= peak <= 4  # n = 4, 8 or 16
    assert (np.diff(gold[: peak + 1]) > 0).all()
    assert (np.diff(gold[peak:]) < 1e-9).all()
    assert gold[-1] - gold[0] < 0.5 * (gold[peak] - gold[0])
    assert (np.diff(proxy) > 0).all()


def test_gold_only_rises_with_n_where_the_reward_is_well_specified(world: ExactWorld) -> None:
    reward_PM = world.features_PMD @ world.tastes["gold"]
    values = [expected_value(best_of_n(world.reference_PM, reward_PM, 2**k), world.utilities()).mean() for k in range(11)]
    assert (np.diff(values) > 0).all()


@pytest.mark.parametrize("make", [ExactWorld, cyclic])
def test_the_closed_form_truth_is_what_many_answers_show(make: type[ExactWorld]) -> None:
    world = make(0)
    policy = world.base_policy(0)
    answers = policy.sample(world.prompts("eval"), 400, rng_for(0))
    closed = world.truth(policy, [])
    seen = world.truth(Blind(), answers)  # pyright: ignore[reportArgumentType]
    assert closed.values_P.shape == closed.win_rates_P.shape == (100,)
    # one answer's utility has a standard deviation of about 1.5: four standard errors of 40,000 are .03
    assert seen.values_P.mean() == pytest.approx(closed.values_P.mean(), abs=0.03)
    assert seen.win_rates_P.mean() == pytest.approx(closed.win_rates_P.mean(), abs=0.01)
    row = rows(world, "eval").start
    rival = world.rivals(world.prompts("eval"))[0]
    by_hand = world.reference_PM[row] @ world.preference_matrix(world.prompts("eval")[0])[:, rival.tokens[0]]
    assert closed.win_rates_P[0] == pytest.approx(by_hand, abs=1e-12)


class Blind:
    """A policy that is known by its answers alone."""


def test_truth_wants_an_answer_to_each_prompt_asked() -> None:
    world = ExactWorld(0, **SMALL)
    answers = [[world.completion(prompt, 0)] for prompt in world.prompts("eval")]
    for wrong in ([], [*answers[:-1], []], [[*answers[0], *answers[1]]]):
        with pytest.raises(InputError, match="answers"):
            world.truth(Blind(), wrong)  # pyright: ignore[reportArgumentType]


def test_truth_is_of_the_prompts_asked_in_their_order() -> None:
    world = ExactWorld(0, **SMALL)
    policy, asked = world.base_policy(0), world.prompts("eval")[3:0:-1]
    answers = [[world.completion(prompt, 0)] for prompt in asked]
    whole = world.truth(policy, [])
    assert world.truth(policy, answers).values_P.tolist() == whole.values_P[3:0:-1].tolist()
    assert world.truth(Blind(), answers).values_P.tolist() == world.utility([row[0] for row in answers]).tolist()  # pyright: ignore


def test_more_eval_prompts_change_nothing_of_the_others() -> None:
    small, large = ExactWorld(0, **SMALL), ExactWorld(0, **SMALL, eval=12)
    assert [len(large.prompts(split)) for split in SPLITS] == [5, 10, 10, 12]
    assert [prompt.id for split in SPLITS for prompt in large.prompts(split)][:30] == [
        prompt.id for split in SPLITS for prompt in small.prompts(split)
    ]
    assert large.rivals(small.prompts("eval")) == small.rivals(small.prompts("eval"))
    assert large.demonstrations() == small.demonstrations()
    np.testing.assert_array_equal(large.utilities()[:30], small.utilities())
    np.testing.assert_array_equal(large.reference_PM[:30], small.reference_PM)


@pytest.mark.parametrize(
    "option",
    [
        {"prompts": True}, {"seed": "x"}, {"utility_sd": -1}, {"spread": float("nan")}, {"length_cost": float("inf")},
        {"reference_sd": "1"}, {"eval": 3}, {"cyclic": float("nan")}, {"users": 2.5}, {"demonstration_beta": 0},
    ],
)  # fmt: skip
def test_an_option_of_a_wrong_kind_or_out_of_range_is_refused(option: dict) -> None:
    with pytest.raises(InputError, match=next(iter(option))):
        ExactWorld(**{**SMALL, **option})


def test_the_base_policy_is_the_reference_and_each_call_gives_an_independent_copy() -> None:
    world = ExactWorld(0, **SMALL)
    policy, other = world.base_policy(0), world.base_policy(1)
    next(iter(policy.parameters())).data.add_(1.0)
    probabilities = other.probabilities(world.prompts("eval"))  # pyright: ignore[reportAttributeAccessIssue]
    np.testing.assert_allclose(probabilities.detach().numpy(), world.reference_PM[rows(world, "eval")], atol=1e-12)


def test_what_is_not_of_the_world_is_refused(world: ExactWorld) -> None:
    prompt = world.prompts("eval")[0]
    with pytest.raises(InputError, match="is not of exact world 3"):
        world.utility([Completion(Prompt("another"), "response 1", (1,))])
    with pytest.raises(InputError, match="no answer 64"):
        world.utility([world.completion(prompt, 64)])
    with pytest.raises(InputError, match="no answer -1"):
        world.utility([Completion(prompt, "?", (-1,))])
    with pytest.raises(InputError, match="is not an answer of a table"):
        world.utility([Completion(prompt, "forty-two")])
    with pytest.raises(UnknownName, match="Did you mean 'user-01'"):
        world.utility([], "user-1")
    with pytest.raises(UnknownName, match="Did you mean 'preference'"):
        world.prompts("preferences")


@pytest.mark.parametrize("option", ["prompts", "responses", "features", "users"])
def test_a_world_too_small_to_be_one_is_refused(option: str) -> None:
    with pytest.raises(InputError, match=f"{option}=0"):
        ExactWorld(0, **{option: 0})


def test_worlds_are_made_and_asked_without_torch() -> None:
    script = (
        "import sys; from pasture.simulators import WORLDS; w = WORLDS.load('exact')(0, prompts=2); "
        "w.utility(w.rivals(w.prompts('eval'))); import pasture.simulators.noise; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
