"""A persona in words, for a judge's prompt: nothing, all of it, or a summary; any attribute can be left out.

After PERSONA Bench (arXiv:2407.17387): `full` is its one `key: value` per line, and leaving one attribute out at a time asks what a
judge makes of it. Departure: the summary is made by rule, so that it costs no call and says nothing that is not in the persona."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ...core.errors import UnknownName
from .persona import ATTRIBUTES, BIG_FIVE, Persona, Values

LABELS = {"marital_status": "marital status", "earnings": "earnings a year", "language": "language at home", "big_five": "big five"}
DEGREES = ((-1.5, "very low"), (-0.5, "low"), (0.5, "average"), (1.5, "high"))
NOTABLE = 0.75  # standard deviations from the mean at which a summary mentions a trait


def render(persona: Persona, style: str = "full", without: Collection[str] = ()) -> str:
    """The persona in words. style: `none` (blank), `full` or `summary`. without: attributes of ATTRIBUTES to leave out.

    Each attribute is one line, whatever an imported persona's text holds, so that none can pose as another."""
    if style not in STYLES:
        raise UnknownName("persona style", style, STYLES)
    for attribute in without:
        if attribute not in ATTRIBUTES:
            raise UnknownName("persona attribute", attribute, ATTRIBUTES)
    said = {attribute: getattr(persona, attribute) for attribute in ATTRIBUTES if attribute not in without}
    return STYLES[style](said)


def _full(said: Mapping[str, Any]) -> str:
    lines = []
    for attribute, value in said.items():
        if attribute == "big_five":
            text = ", ".join(f"{degree(score)} {name}" for name, score in zip(BIG_FIVE, value, strict=True))
        elif attribute == "values":
            text = "most to least important: " + ", ".join(_ordered(value))
        elif isinstance(value, tuple):
            text = "; ".join(map(_one_line, value)) or "none"
        else:
            text = _one_line(str(value))
        lines.append(f"{LABELS.get(attribute, attribute)}: {text}")
    return "\n".join(lines)


def _summary(said: Mapping[str, Any]) -> str:
    age = f"{said['age']}-year-old " if "age" in said else ""
    noun = {"female": "woman", "male": "man"}.get(str(said.get("sex")), "person")
    article = "An" if age.startswith(("8", "18-")) else "A"
    lines = {name: _one_line(str(value)) for name, value in said.items()}
    facts = [lines[name] for name in ("race", "marital_status", "employment") if name in said]
    facts += [f"education: {lines['education']}"] if "education" in said else []
    facts += [lines["citizenship"]] if said.get("citizenship", "citizen") != "citizen" else []
    facts += [f"speaks {lines['language']} at home"] if said.get("language", "English") != "English" else []
    facts += ["has a disability"] if said.get("disability") == "yes" else []
    sentences = [f"{article} {age}{noun}{': ' if facts else ''}{', '.join(facts)}."]
    beliefs = [lines[name] for name in ("ideology", "religion") if name in said]
    sentences += [f"Politics and faith: {', '.join(beliefs)}."] if beliefs else []
    if "big_five" in said:
        scores = zip(BIG_FIVE, said["big_five"], strict=True)
        notable = [f"{degree(score)} {name}" for name, score in scores if abs(score) >= NOTABLE]
        sentences += [f"Character: {', '.join(notable)}."] if notable else []
    if "values" in said:
        shown = _ordered(said["values"])
        sentences.append(f"Cares most about {', '.join(shown[:3])}; least about {shown[-1]}.")
    for name in ("quirks", "mannerisms"):
        if said.get(name):
            sentences.append("; ".join(map(_one_line, said[name])).capitalize() + ".")
    return " ".join(sentences)


STYLES: dict[str, Callable[[Mapping[str, Any]], str]] = {"none": lambda said: "", "full": _full, "summary": _summary}


def degree(score: float) -> str:
    """A standard score in words: very low, low, average (within half a standard deviation), high, very high."""
    return next((word for end, word in DEGREES if score <= end), "very high")


def _ordered(values: Values) -> list[str]:
    return [name.replace("_", "-") for name in values.ordered()]


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
