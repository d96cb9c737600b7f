"""Annotators of pairs that ask no engine: by a world's latent utility (its mean user without noise, one user who chooses with
noise, and the pool), and by rule: `longest`, `first`, the control that a judge's position bias is measured against, and `spammer`.

Bradley & Terry 1952 for the choice; the pool asks one user of the world a pair, as AlpacaFarm (Dubois et al. 2023,
arXiv:2305.14387) asks one of its simulated annotators."""

from dataclasses import dataclass

from ...core.errors import InputError
from ...core.protocols import Ask, Rng, World
from ...core.records import Comparison, Item, Preference
from ...simulators.noise import bradley_terry, draw
from ..annotator import Traits, pair_of


@dataclass(frozen=True, slots=True)
class Gold:
    """Prefers what the population's mean user prefers, with certainty; equal utilities tie."""

    traits = Traits(symmetric=True)
    world: World
    name: str = "gold"

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference:
        pair = pair_of(item, self.name)
        return Preference(pair, float(bradley_terry(self.world.advantage(pair), 0.0)), self.name)


@dataclass(frozen=True)
class WorldUser:
    """Answers as one user of a world. user: a name of `world.users`, or `gold` for the mean user."""

    world: World
    user: str = "gold"

    def __post_init__(self) -> None:
        if self.user != "gold" and self.user not in self.world.users:
            some = ", ".join([*self.world.users[:5], "gold"])
            raise InputError(f"the world {self.world.name!r} has no user {self.user!r}; its users are: {some} ...")


@dataclass(frozen=True)
class BradleyTerry(WorldUser):
    """One user, who prefers left with probability sigmoid(advantage / temperature).

    temperature: noise in nats, >= 0. soft: return that probability; otherwise (the default) a hard label drawn from it."""

    traits = Traits(symmetric=True)
    temperature: float = 1.0
    soft: bool = False
    name: str = "bradley-terry"

    def __post_init__(self) -> None:
        _check_temperature(self.temperature)
        super().__post_init__()

    def advantage(self, pair: Comparison) -> float:
        """What left is worth more than right, in nats."""
        return self.world.advantage(pair, self.user)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference:
        pair = pair_of(item, self.name)
        p_left = float(bradley_terry(self.advantage(pair), self.temperature))
        return Preference(pair, p_left if self.soft else draw(p_left, pair, rng), self.name)


@dataclass(frozen=True, slots=True)
class UserPool:
    """The world's population: each pair is put to one of its users, drawn at random, who chooses as `BradleyTerry` does."""

    traits = Traits(symmetric=True)
    world: World
    temperature: float = 1.0
    soft: bool = False
    name: str = "pool"

    def __post_init__(self) -> None:
        _check_temperature(self.temperature)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference:
        pair = pair_of(item, self.name)
        user = self.world.users[int(rng.integers(len(self.world.users)))]
        p_left = float(bradley_terry(self.world.advantage(pair, user), self.temperature))
        return Preference(pair, p_left if self.soft else draw(p_left, pair, rng), self.name, persona=user)


def _check_temperature(temperature: float) -> None:
    if not temperature >= 0.0:
        raise InputError(f"the temperature is {temperature}; it is a scale in nats, 0 (the better answer wins) or more")


HABITS = ("random", "first", "last", "longer", "shorter")


@dataclass(frozen=True, slots=True)
class Longest:
    """Prefers the answer of more characters; equal lengths tie."""

    traits = Traits(symmetric=True)
    name: str = "longest"

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference:
        pair = pair_of(item, self.name)
        left, right = len(pair.left.text), len(pair.right.text)
        return Preference(pair, 0.5 if left == right else float(left > right), self.name)


@dataclass(frozen=True, slots=True)
class First:
    """Prefers whichever answer is shown first: pure position bias."""

    name: str = "first"

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference:
        return Preference(pair_of(item, self.name), 1.0, self.name)


@dataclass(frozen=True, slots=True)
class Spammer:
    """Answers by `habit`, whatever the question: `random` (the default: a fair coin a pair), `first`, `last`, `longer` or `shorter`
    (in characters; equal lengths tie). To be put into a pool: `members = ["judge", {use = "spammer", habit = "first"}]`."""

    traits = Traits(symmetric=True)
    habit: str = "random"
    name: str = ""

    def __post_init__(self) -> None:
        if self.habit not in HABITS:
            raise InputError(f"a spammer's habit is {self.habit!r}; it is one of: {', '.join(HABITS)}")
        if not self.name:
            object.__setattr__(self, "name", f"spammer({self.habit})")

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference:
        pair = pair_of(item, self.name)
        if self.habit == "random":
            return Preference(pair, draw(0.5, pair, rng), self.name)
        if self.habit in ("first", "last"):
            return Preference(pair, float(self.habit == "first"), self.name)
        longer = len(pair.left.text) - len(pair.right.text)
        p_left = 0.5 if longer == 0 else float(longer > 0)
        return Preference(pair, p_left if self.habit == "longer" else 1.0 - p_left, self.name)
