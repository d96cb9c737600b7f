"""What every method promises (`Config` and `train`, see CONTRIBUTING)."""

from copy import deepcopy
from dataclasses import fields, is_dataclass
from typing import Any

from ..benchmarks.ranking.feedback import MeteredFeedback
from ..core.protocols import Policy
from ..core.records import Comparison, Preference
from ..core.seeds import rng_for
from ..methods import METHODS
from ..simulators.exact.world import ExactWorld

QUANTITIES = {"reward", "kl", "length", "entropy"}  # what a method logs at a handful of steps, each None where it does not have it


def check_method(method: Any, **settings: Any) -> None:
    """Raises AssertionError where a method breaks a promise: every setting has a default, and settings are frozen; the same seed
    gives the same answer to the bit; the policy that it starts from and the labels stay as they were; it logs the four quantities
    at rising steps; it buys no more labels than it is given.

    method: a module with `Config` and `train`, or what names one: a registered name, `module` or `path/to/file.py`. settings: of
    its `Config`, for a world of 10 prompts with 8 answers each."""
    module = METHODS.load(method) if isinstance(method, str) else method
    for law in METHOD_LAWS:
        law(module, settings)


def tiny_world() -> ExactWorld:
    """The world that methods are checked in: 10 prompts, 8 answers each, 4 features."""
    return ExactWorld(0, prompts=10, responses=8, features=4)


def moved_policy(world: ExactWorld) -> Policy:
    """A policy that is not at its own zero, so that a method that forgets the reference is found out."""
    import torch

    policy = world.base_policy(0)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.1)
    return policy


def labels_of(world: ExactWorld, policy: Policy) -> list[Preference]:
    """Gold's probabilities for pairs that the policy samples."""
    rows = policy.sample(list(world.prompts("preference")) * 2, 2, rng_for(0, "pairs"))
    return [Preference(pair, world.probability(pair), "gold") for pair in (Comparison(*row) for row in rows)]


def trained(
    module: Any, settings: dict[str, Any], seed: int = 0, start: Policy | None = None, labels: Any = None
) -> tuple[Any, ...]:
    """(what `train` yields, its log as rows, the feedback that it had)."""
    world = tiny_world()
    start = start or moved_policy(world)
    offline = labels_of(world, start) if labels is None else labels
    feedback = MeteredFeedback(world.prompts("unlabeled"), world.demonstrations(), offline, lambda items: [], len(offline))
    rows: list[dict[str, Any]] = []

    def log(step: int, **values: Any) -> None:
        rows.append({"step": step, **values})

    made = module.train(start, feedback, module.Config(**settings), rng=rng_for(seed, module.__name__), log=log)
    return made, rows, feedback


def has_frozen_defaults(module: Any, settings: dict[str, Any]) -> None:
    """`Config` is a frozen dataclass with a default for every setting."""
    config: Any = module.Config()
    assert is_dataclass(config), f"{module.__name__}.Config is not a dataclass"
    for each in fields(config):
        try:
            setattr(config, each.name, getattr(config, each.name))
        except AttributeError:
            continue
        raise AssertionError(f"{module.__name__}.Config.{each.name} can be set; make the dataclass frozen")


def repeats_itself_to_the_bit(module: Any, settings: dict[str, Any]) -> None:
    """The same seed gives the same parameters and the same log."""
    import torch

    (first, log, _), (again, log_again, _) = trained(module, settings), trained(module, settings)
    same = all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert same, f"{module.__name__} gave other parameters under the same seed; draw from `rng` alone"
    assert log == log_again, f"{module.__name__} logged other numbers under the same seed"


def leaves_its_inputs_alone(module: Any, settings: dict[str, Any]) -> None:
    """The policy that it starts from keeps its parameters and no gradient, and the labels stay as they were."""
    import torch

    world = tiny_world()
    start = moved_policy(world)
    labels = labels_of(world, start)
    before, labels_before = [each.detach().clone() for each in start.parameters()], deepcopy(labels)
    trained(module, settings, start=start, labels=labels)
    kept = all(torch.equal(a, b) for a, b in zip(before, start.parameters(), strict=True))
    assert kept, f"{module.__name__} changed the policy that it was given; train a copy"
    is_clean = all(each.grad is None for each in start.parameters())
    assert is_clean, f"{module.__name__} left gradients in the policy that it was given"
    assert labels == labels_before, f"{module.__name__} changed the labels that it was given"


def logs_its_course(module: Any, settings: dict[str, Any]) -> None:
    """One to twelve rows with the four quantities, at rising steps."""
    _, rows, _ = trained(module, settings)
    assert 1 <= len(rows) <= 12, f"{module.__name__} logged {len(rows)} rows; log a handful"
    missing = [row["step"] for row in rows if not set(row) >= QUANTITIES]
    assert not missing, f"{module.__name__} logged without some of {sorted(QUANTITIES)} at the steps {missing}"
    steps = [row["step"] for row in rows]
    assert steps == sorted(set(steps)), f"{module.__name__} logged at the steps {steps}, which do not rise"


def stays_within_its_labels(module: Any, settings: dict[str, Any]) -> None:
    """It buys no more labels than there are."""
    _, _, feedback = trained(module, settings)
    assert feedback.labels_left >= 0, f"{module.__name__} bought {feedback.bought} labels, which is more than it was given"


METHOD_LAWS = (has_frozen_defaults, repeats_itself_to_the_bit, leaves_its_inputs_alone, logs_its_course, stays_within_its_labels)
