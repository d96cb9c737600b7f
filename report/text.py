"""Numbers and strangers' text, written for people: what a report prints is made here.

An answer under test may hold anything: terminal codes, direction overrides, half of a surrogate pair. They are made visible,
so that they can neither act nor hide."""

import math
import unicodedata
from typing import Any

from ..core.records import Estimate

UNKNOWN = "–"  # what stands where a value is undefined: never a 0

SCALES = {"share": 100.0, "difference": 100.0}
DIGITS = {"share": 1, "difference": 1}  # of the units that are not shown as they are, with two digits
BARE = ("number", "kappa", "correlation")  # units that are not named beside the value

HIDDEN = {0x061C, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xE0000, 0xE0080)}
"""Direction marks and overrides, invisible spaces and tag characters."""


def visible(text: str) -> str:
    """`text` with newlines and tabs kept, other control characters as their pictures (ESC is ␛), and characters that hide or
    turn text round as ⟨U+202E⟩."""
    return "".join(each if each.isprintable() and ord(each) not in HIDDEN else _shown(each) for each in text)


def _shown(character: str) -> str:
    code = ord(character)
    if character in "\n\t":
        return character
    if code < 0x20 or code == 0x7F:
        return chr(0x2400 + code) if code < 0x20 else "␡"
    if code in (0x2028, 0x2029, 0x85):
        return "\n"
    if unicodedata.category(character) == "Zs" or (code == 0x200D and character.strip()):
        return character  # spaces of other widths, and the joiner of emoji
    return f"⟨U+{code:04X}⟩"


def visible_everywhere(value: Any) -> Any:
    """The same for all the text inside of a JSON value, keys too."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(key)): visible_everywhere(each) for key, each in value.items()}
    return [visible_everywhere(each) for each in value] if isinstance(value, list | tuple) else value


def number(value: float | None, digits: int = 2) -> str:
    """With a real minus sign, and none before a rounded 0; a dash where undefined."""
    return UNKNOWN if value is None or math.isnan(value) else f"{value:z.{digits}f}".replace("-", "−")


def percent(rate: float | None, digits: int = 1) -> str:
    """A rate in [0, 1], in percent, without the sign."""
    return UNKNOWN if rate is None else number(100 * rate, digits)


def interval(estimate: Estimate, scale: float = 1.0, digits: int = 2) -> str:
    """`[low, high]`, times `scale`; empty where there is none."""
    ends = (estimate.low, estimate.high)
    if any(end is None or math.isnan(end) for end in ends):
        return ""
    return f"[{', '.join(number(scale * end, digits) for end in ends if end is not None)}]"


def is_defined(estimate: Estimate) -> bool:
    """Whether there is a value: neither None nor NaN."""
    return estimate.value is not None and not math.isnan(estimate.value)


def shown(estimate: Estimate, unit: str) -> str:
    """The value: a share in percent, a difference in points with its sign, dollars, or a number with its unit; a dash where
    undefined. Units: `core.results.Measure`."""
    if estimate.value is None or not is_defined(estimate):
        return UNKNOWN
    value = number(SCALES.get(unit, 1.0) * estimate.value, DIGITS.get(unit, 2))
    if unit == "difference":
        return f"{'+' if estimate.value > 0 else ''}{value} points"
    if unit == "dollars":
        return f"${value}"
    return value if unit in BARE else f"{value} {'%' if unit == 'share' else unit}"


def shown_interval(estimate: Estimate, unit: str) -> str:
    """`[low, high]` in the unit of the value; empty where there is none."""
    return interval(estimate, SCALES.get(unit, 1), DIGITS.get(unit, 2)) if is_defined(estimate) else ""


def duration(seconds: float) -> str:
    """Seconds as a person says them: 0.4 s, 47 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
