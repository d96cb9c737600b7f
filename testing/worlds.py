"""What every world promises (`core.protocols.World`)."""

import numpy as np

from ..core.protocols import World
from ..core.records import Comparison, Completion
from ..core.seeds import rng_for
from ..simulators.material import world_items

SPLITS = ("sft", "preference", "unlabeled", "eval")


def check_world(world: World, seed: int = 0) -> None:
    """Raises AssertionError where a world breaks a promise: splits hold prompts and are the same at every look; one demonstration
    for each prompt of `sft`; `utility`, `features` and `advantage` agree in shape and sign; a repaired answer is worth no less; the
    base policy answers every eval prompt, and `truth` gives a value for each that was asked about."""
    for law in WORLD_LAWS:
        law(world, seed)


def keeps_its_prompts(world: World, seed: int) -> None:
    """Every split holds prompts with ids of their own, and demonstrations answer `sft`."""
    for split in SPLITS:
        prompts = world.prompts(split)
        assert prompts, f"{world.name!r} has no prompts in {split!r}"
        assert len({each.id for each in prompts}) == len(prompts), f"{world.name!r} repeats a prompt in {split!r}"
        assert list(prompts) == list(world.prompts(split)), f"{world.name!r} gave other prompts of {split!r} at a second look"
    asked, answered = [each.id for each in world.prompts("sft")], [each.prompt.id for each in world.demonstrations()]
    assert asked == answered, f"{world.name!r}: demonstrations do not answer `sft` in order"


def measures_soundly(world: World, seed: int) -> None:
    """`utility`, `features`, `weights` and `advantage` agree, for gold and every user."""
    pairs = [each for each in world_items(world, "pair", 8, seed) if isinstance(each, Comparison)]
    answers: list[Completion] = [each for pair in pairs for each in (pair.left, pair.right)]
    features_NA = world.features(answers)
    assert features_NA.shape == (len(answers), len(world.aspects)), f"{world.name!r}: features have the shape {features_NA.shape}"
    for user in ("gold", *world.users):
        utility_N = np.asarray(world.utility(answers, user))
        assert utility_N.shape == (len(answers),), f"{world.name!r}: utilities to {user!r} have the shape {utility_N.shape}"
        assert np.isfinite(utility_N).all(), f"{world.name!r}: a utility to {user!r} is not finite"
        assert world.weights(user).shape == (len(world.aspects),), f"{world.name!r}: {user!r} has no weight for some aspect"
        for pair in pairs:
            there, back = world.advantage(pair, user), world.advantage(pair.swapped(), user)
            said = f"a pair and its swap have the advantages {there} and {back} to {user!r}"
            assert abs(there + back) < 1e-9, f"{world.name!r}: {said}"


def repairs_to_no_harm(world: World, seed: int) -> None:
    """An answer with all its faults repaired is worth no less to gold."""
    for pair in world_items(world, "pair", 8, seed):
        assert isinstance(pair, Comparison)
        before, after = world.utility([pair.left, world.mended(pair.left)])
        assert after >= before - 1e-9, f"{world.name!r}: repairing the faults of an answer took {before - after} nats from gold"


def knows_the_truth(world: World, seed: int) -> None:
    """The base policy answers the prompts that it is asked about, and `truth` has one value for each of them."""
    policy = world.base_policy(seed)
    prompts = list(world.prompts("eval"))[:4]
    answers = policy.sample(prompts, 2, rng_for(seed, "check"))
    assert [each.prompt.id for row in answers for each in row] == [prompt.id for prompt in prompts for _ in range(2)]
    truth = world.truth(policy, answers)
    shapes = (np.shape(truth.values_P), np.shape(truth.win_rates_P))
    assert shapes == ((4,), (4,)), f"{world.name!r}: the truth of 4 prompts has the shapes {shapes}"


WORLD_LAWS = (keeps_its_prompts, measures_soundly, repairs_to_no_harm, knows_the_truth)
