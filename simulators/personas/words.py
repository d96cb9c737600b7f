"""A persona in words, for a judge's prompt: nothing, all of it, or a summary; any attribute can be left out.

After PERSONA Bench (arXiv:2407.17387): `full` is its one `key: value` a line, and leaving one attribute out at a time asks what a
judge makes of it. Departure: the summary is made by rule, so that it costs no call and says nothing that is not in the persona.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from ...core.errors import UnknownName
from .persona import ATTRIBUTES, BIG_FIVE, VALUES, Persona

LABELS = {"marital_status": "marital status", "earnings": "earnings a year", "language": "language at home", "big_five": "big five"}
DEGREES = ((-1.5, "very low"), (-0.5, "low"), (0.5, "average"), (1.5, "high"))
NOTABLE = 0.75
"""Standard deviations from the mean at which a summary mentions a trait."""


def render(persona: Persona, style: str = "full", without: Collection[str] = ()) -> str:
    """The persona in words. style: `none` (blank), `full` or `summary`. without: attributes of ATTRIBUTES to keep silent about.

    Each attribute is one line, whatever an imported persona's text holds, so that none can pose as another.
    """
    if style not in STYLES:
        raise UnknownName("persona style", style, STYLES)
    for attribute in without:
        if attribute not in ATTRIBUTES:
            raise UnknownName("persona attribute", attribute, ATTRIBUTES)
    said = {attribute: getattr(persona, attribute) for attribute in ATTRIBUTES if attribute not in without}
    return STYLES[style](said)


def leave_one_out(persona: Persona, style: str = "full", attributes: Sequence[str] = ATTRIBUTES) -> dict[str, str]:
    """For each attribute, the rendering without it."""
    return {attribute: render(persona, style, (attribute,)) for attribute in attributes}


def _none(said: Mapping[str, object]) -> str:
    return ""


def _full(said: Mapping[str, object]) -> str:
    lines = []
    for attribute, value in said.items():
        if attribute == "big_five":
            text = ", ".join(f"{degree(score)} {name}" for name, score in zip(BIG_FIVE, _scores(value), strict=True))
        elif attribute == "values":
            names = sorted(VALUES, key=lambda name: -getattr(value, name))
            text = "most to least important: " + ", ".join(name.replace("_", "-") for name in names)
        elif isinstance(value, tuple):
            text = "; ".join(map(_one_line, value)) or "none"
        else:
            text = _one_line(str(value))
        lines.append(f"{LABELS.get(attribute, attribute)}: {text}")
    return "\n".join(lines)


def _summary(said: Mapping[str, object]) -> str:
    age = f"{said['age']}-year-old " if "age" in said else ""
    noun = {"female": "woman", "male": "man"}.get(str(said.get("sex")), "person")
    article = "An" if age.startswith(("8", "18-")) else "A"
    facts = [_one_line(str(said[name])) for name in ("race", "marital_status", "employment") if name in said]
    facts += [f"education: {_one_line(str(said['education']))}"] if "education" in said else []
    facts += [_one_line(str(said["citizenship"]))] if said.get("citizenship", "citizen") != "citizen" else []
    facts += [f"speaks {_one_line(str(said['language']))} at home"] if said.get("language", "English") != "English" else []
    facts += ["has a disability"] if said.get("disability") == "yes" else []
    sentences = [f"{article} {age}{noun}{': ' if facts else ''}{', '.join(facts)}."]
    beliefs = [_one_line(str(said[name])) for name in ("ideology", "religion") if name in said]
    sentences += [f"Politics and faith: {', '.join(beliefs)}."] if beliefs else []
    if "big_five" in said:
        scores = zip(BIG_FIVE, _scores(said["big_five"]), strict=True)
        notable = [f"{degree(score)} {name}" for name, score in scores if abs(score) >= NOTABLE]
        sentences += [f"Character: {', '.join(notable)}."] if notable else []
    if "values" in said:
        order = sorted(VALUES, key=lambda name: -getattr(said["values"], name))
        shown = [name.replace("_", "-") for name in order]
        sentences.append(f"Cares most about {', '.join(shown[:3])}; least about {shown[-1]}.")
    for name in ("quirks", "mannerisms"):
        habits = said.get(name, ())
        if isinstance(habits, tuple) and habits:
            sentences.append("; ".join(map(_one_line, habits)).capitalize() + ".")
    return " ".join(sentences)


STYLES: dict[str, Callable[[Mapping[str, object]], str]] = {"none": _none, "full": _full, "summary": _summary}


def degree(score: float) -> str:
    """A standard score in words: very low, low, average (within half a standard deviation), high, very high."""
    return next((word for end, word in DEGREES if score <= end), "very high")


def _scores(value: object) -> tuple[float, ...]:
    assert isinstance(value, tuple)
    return value


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
