"""What the actor makes of a request: the fenced sections that it was shown, whose taste it is to have, what each answer is then
worth, and the habits that make one actor differ from another.

Sections are read from all turns of the user, later ones over earlier ones; within a turn only fences of the greatest length count,
so that data cannot close a fence that was made longer than any in it. A persona's character and values are read back from its
rendering (`personas.words.render`) as a reader would: coarsely, from what the words still say."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from functools import lru_cache
from itertools import count

import numpy as np

from ....core.errors import InputError
from ....core.requests import Message, Request
from ....core.seeds import rng_for
from ...personas.parameters import TRAITS
from ...personas.persona import BIG_FIVE, VALUES
from ...personas.traits import loadings
from ..grammar import parse_instruction
from ..principles import Taste, read_rules, read_stated_rules, reasons, style, value
from ..rules import FEATURES, GOLD, taste_scale

IGNORED = 0.02  # what is left of the actor's own taste where `principles` are to be followed: enough to break their ties
HELP = ("reference", "critique", "critique A", "critique B", "argument for A", "argument for B")
"""Sections that halve the noise of a judgement."""
GUESS = 2.0  # standard deviation in nats of what an unskilled actor takes an answer to be worth
SHOWN_BY_AN_EDIT = 2  # rules that an edit shows, at most
STRANGE = "the actor understands the text world's prompts alone, and this is another; take --world text, or an engine with a model"
DEGREES = {"very low": -1.9, "low": -0.9, "average": 0.0, "high": 0.9, "very high": 1.9}
"""Standard scores that a degree in words stands for."""
FIRST, LAST = 1.5, -1.5  # standard scores of the most and the least important of the ten values; others by rank between them
OUTCOMES = {"wrong": -1.0, "right": 1.0, "nothing": 0.0}  # word of an outcome -> the fact feature that it speaks of
_TRUTH = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
_DEGREE = re.compile(rf"({'|'.join(sorted(DEGREES, key=len, reverse=True))}) ({'|'.join(BIG_FIVE)})\b")
_NAMES = "{0}(?:, {0})*".format("(?:" + "|".join(value.replace("_", "-") for value in VALUES) + ")")
_ORDER = re.compile(rf"most to least important: ({_NAMES})")
_SOME = re.compile(rf"Cares most about ({_NAMES}); least about ({_NAMES})")
_FENCE = re.compile(r"^(={5,}) ([^=\n]+?) \1[ \t]*$", re.MULTILINE)


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
                wrong = f"the actor has no {name!r}, in the model {self.model!r}; it has: {', '.join(known)}"
                raise InputError(f"{wrong}; try skill:0.8")
            kind = type(known[name])
            try:
                setattr(self, name, _TRUTH[text.lower()] if kind is bool else kind(text))
            except (ValueError, KeyError) as error:
                raise InputError(f"the actor's {name} is {text!r}; it is a {kind.__name__}, such as {known[name]}") from error
        self.model = ""  # in force, and not to be read again by a copy
        if not self.temperature >= 0 or not 0 <= self.skill <= 1:
            what = f"temperature={self.temperature} and skill={self.skill}: expected nats of 0 or more and a probability in [0, 1]"
            raise InputError(what)


def sections_of(messages: Sequence[Message]) -> tuple[dict[str, str], str]:
    """(title -> what stands in the fence, the text outside all fences of the last turn of the user)."""
    found: dict[str, str] = {}
    plain = ""
    for turn in messages:
        if turn.role != "user":
            continue
        fences = list(_FENCE.finditer(turn.content))
        longest = max((len(each[1]) for each in fences), default=0)
        fences = [each for each in fences if len(each[1]) == longest]
        ends = [*(each.start() for each in fences[1:]), len(turn.content)][: len(fences)]
        plain = turn.content[: fences[0].start()] if fences else turn.content
        for fence, end in zip(fences, ends, strict=True):
            inside = turn.content[fence.end() : end]
            if fence[2] == "end":
                plain += inside
            else:
                found[fence[2]] = inside.strip("\n")
    return found, plain


@dataclass(frozen=True, slots=True)
class Scene:
    """A request as the actor sees it. Answers are keyed by `A` and `B`, by `1`, `2` ..., or by a blank where there is one."""

    habits: Habits
    sections: Mapping[str, str]
    plain: str
    prompt: str
    answers: Mapping[str, str]
    taste: Taste
    worth: Mapping[str, float]
    """Nats to that taste, as far as the actor knows, its bias for the first place included."""
    judged: Mapping[str, float]
    """The same with noise."""
    noise: float
    """Nats: the scale that the noise was drawn with."""
    heat: float
    """Nats: the request's sampling temperature, at which what is written is drawn."""
    rng: np.random.Generator

    def label(self, named: str) -> str:
        """The label itself, or that of the first answer where it is blank."""
        return named or next(iter(self.answers), "")

    def text(self, named: str) -> str:
        """The answer of this label, or the first; blank where there is none."""
        return self.answers.get(self.label(named), "")

    def judgement(self, named: str) -> float:
        """What that answer is judged to be worth, in nats; 0 where there is none."""
        return self.judged.get(self.label(named), 0.0)

    def changed(self, label: str) -> dict[str, float]:
        """What looks otherwise than it is: under foresight a fact looks right until its outcome is shown."""
        if not self.habits.foresight or label not in self.answers:
            return {}
        outcome = self.sections.get(f"outcome {label}".strip())
        fact = style(self.prompt, self.answers[label])["fact"]
        told = (worth for word, worth in OUTCOMES.items() if outcome and word in outcome)
        return {"fact": next(told, abs(fact))}


def see(request: Request, habits: Habits) -> Scene | None:
    """None where there is no instruction of the text world to be found."""
    sections, plain = sections_of(request.messages)
    prompt = _prompt(sections, plain)
    if prompt is None:
        return None
    turns = [turn.content for turn in request.messages if turn.role == "system"]
    turns += [turn.content for turn in request.messages if turn.role == "user"][:1]
    heat = request.sampling.temperature
    rng = rng_for(habits.seed, "actor", request.sampling.seed if heat > 0 else 0, *turns)
    answers, taste = _answers(sections), _taste(sections, habits.taste)
    noise = habits.temperature * (0.5 if any(title in sections for title in HELP) else 1.0)
    scene = Scene(habits, sections, plain, prompt, answers, taste, {}, {}, noise, heat, rng)
    worth = dict(zip(answers, (GUESS * rng.normal(size=len(answers))).tolist(), strict=True))
    if rng.random() < habits.skill:
        worth = {label: value(taste, prompt, text, scene.changed(label)) for label, text in answers.items()}
    if len(worth) > 1:
        worth[scene.label("")] += habits.position_bias
    drawn = rng.gumbel(size=len(answers)).tolist()
    judged = {label: at + noise * chance for (label, at), chance in zip(worth.items(), drawn, strict=True)}
    return replace(scene, worth=worth, judged=judged)


def _prompt(sections: Mapping[str, str], plain: str) -> str | None:
    for text in (sections.get("instruction"), plain.strip()):
        try:
            if text:
                parse_instruction(text)
                return text
        except InputError:
            pass
    return None


def _answers(sections: Mapping[str, str]) -> dict[str, str]:
    if "answer A" in sections and "answer B" in sections:
        return {label: sections[f"answer {label}"] for label in "AB"}
    numbered = sorted(int(title[7:]) for title in sections if re.fullmatch(r"answer \d+", title))
    if numbered:
        return {str(number): sections[f"answer {number}"] for number in numbered}
    one = next((sections[title] for title in ("answer", "draft") if title in sections), None)
    return {} if one is None else {"": one}


def _taste(sections: Mapping[str, str], own: str) -> dict[str, float]:
    """Gold, what is known of the person, and what rules add. Where principles are shown they are nearly all that counts, and what
    they say matters little counts nothing."""
    rules: dict[str, float] = dict(read_rules(own))
    for number in count(1):  # earlier edits, the last of them the nearest
        if f"edited {number}" not in sections:
            break
        prompt, draft, edited = (sections.get(f"{part} {number}", "") for part in ("instruction", "draft", "edited"))
        rules |= read_rules(" ".join(reasons(prompt, edited, draft, SHOWN_BY_AN_EDIT)))
    taste = dict(GOLD)
    for title in ("persona", "values"):
        person = read_taste(sections.get(title, ""))
        taste = {name: weight + (person[name] if person else 0.0) for name, weight in taste.items()}
        rules |= read_rules(sections.get(title, "")) if person is None else read_stated_rules(sections[title])
    if "principles" in sections:
        principles = read_rules(sections["principles"])
        rules |= {name: weight for name, weight in principles.items() if weight * GOLD.get(name, 0.0) >= 0}
        taste = {name: IGNORED * weight for name, weight in taste.items()}
    return taste | {name: taste.get(name, 0.0) + weight for name, weight in rules.items()}


@lru_cache(maxsize=4096)
def read_taste(text: str) -> dict[str, float] | None:
    """By how many nats a unit this persona's weights of the text world's features depart from the mean ones; None where the text
    says nothing of character or values. Do not change it."""
    found = {name: DEGREES[degree] for degree, name in _DEGREE.findall(text)}
    order, some = _ORDER.search(text), _SOME.search(text)
    ranks = np.linspace(FIRST, LAST, len(VALUES)).tolist()
    if order:
        found |= dict(zip(_values(order[1]), ranks, strict=False))
    elif some:
        found |= dict(zip(_values(some[1]), ranks, strict=False)) | {_values(some[2])[0]: LAST}
    traits_T = np.array([found.get(name, 0.0) for name in TRAITS])
    return dict(zip(FEATURES, (traits_T @ _loadings() * taste_scale()).tolist(), strict=True)) if found else None


@lru_cache(maxsize=1)
def _loadings() -> np.ndarray:
    return loadings(FEATURES)


def _values(names: str) -> list[str]:
    return [name.replace("-", "_") for name in names.split(", ")]


def weights_of(taste: Taste) -> np.ndarray:
    """The part of a taste that the world's features have, [F]."""
    return np.array([taste.get(name, 0.0) for name in FEATURES])
