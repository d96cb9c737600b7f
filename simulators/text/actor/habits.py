"""How an actor judges and writes: the options that make one actor differ from another."""

from dataclasses import KW_ONLY, dataclass, field, fields

from ....core.errors import InputError

_TRUTH = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}


@dataclass(eq=False)
class Habits:
    """The options of `engine.Actor`, where each is explained. Raises InputError for a value out of range, and for a `model` with an
    unknown name or a value of another type."""

    model: str = field(default="", repr=False)
    _: KW_ONLY
    temperature: float = 0.3
    skill: float = 1.0
    foresight: bool = False
    position_bias: float = 0.0
    taste: str = ""
    acceptable: float = 0.0
    sharpness: float = 1.0
    prose: bool = False
    seed: int = 0
    prices: tuple[float, float] = field(default=(0.0, 0.0), repr=False)

    def __post_init__(self) -> None:
        known = {each.name: getattr(self, each.name) for each in fields(self) if each.repr}
        for part in self.model.split(",") if self.model else ():
            name, _, text = (each.strip() for each in part.partition(":"))
            if name not in known:
                raise InputError(
                    f"the actor has no {name!r}, in the model {self.model!r}; it has: {', '.join(known)}; try skill:0.8"
                )
            kind = type(known[name])
            try:
                setattr(self, name, _TRUTH[text.lower()] if kind is bool else kind(text))
            except (ValueError, KeyError) as error:
                raise InputError(f"the actor's {name} is {text!r}; it is a {kind.__name__}, such as {known[name]}") from error
        self.model = ""  # in force, and not to be read again by a copy
        if not self.temperature >= 0 or not 0 <= self.skill <= 1:
            raise InputError(
                f"temperature={self.temperature} and skill={self.skill}: expected nats of 0 or more and a probability in [0, 1]"
            )
