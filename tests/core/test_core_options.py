"""Options of the wrong type are refused before the maker sees them, and everything that it may be given passes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pasture.annotators import make_annotator
from pasture.core.errors import InputError
from pasture.core.registry import check_types
from pasture.engines import make_engine


def maker(
    thinks: bool = False,
    raters: int = 1,
    rate: float = 0.1,
    name: str = "",
    weights: Mapping[str, float] | None = None,
    labels: Sequence[str] = ("A", "B"),
    without: Collection[str] = (),
    file: Sequence[str] | str | Path | None = None,
    anything: Any = None,
    bare=None,
) -> None:
    """One option of each type."""


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("thinks", "maybe", "it is true or false"),
        ("thinks", 1, "it is true or false"),
        ("raters", "two", "it is a whole number"),
        ("raters", 1.5, "it is a whole number"),
        ("raters", True, "it is a whole number"),
        ("rate", "much", "it is a number, such as 0.5"),
        ("rate", None, "it is a number"),
        ("name", 3, "it is text"),
        ("weights", 4, "it is a table"),
        ("weights", [1], "it is a table"),
        ("labels", "AB", "it is a list"),
        ("without", "religion", "it is a list"),
    ],
)
def test_a_value_of_another_type_is_refused(option: str, value: Any, expected: str):
    with pytest.raises(InputError, match=f"the option '{option}' of somebody is .*; {expected}"):
        check_types(maker, {option: value}, "somebody")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("thinks", True),
        ("raters", np.int64(2)),
        ("rate", 1),
        ("rate", np.float32(0.5)),
        ("weights", None),
        ("weights", {"a": 1}),
        ("labels", ["A", "B"]),
        ("without", {"religion"}),
        ("file", "prefs.jsonl"),
        ("file", Path("prefs.jsonl")),
        ("anything", object()),
        ("bare", object()),
        ("unknown", 1),
    ],
)
def test_a_value_that_fits_passes_and_so_does_what_no_plain_type_says(option: str, value: Any):
    check_types(maker, {option: value}, "somebody")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("judge", {"thinks": "maybe"}),
        ("flip", {"inner": "longest", "rate": "much"}),
        ("ultrafeedback", {"raters": "two"}),
        ("janus", {"values": "formal"}),
        ("judge-jury-debate", {"arrangement": "debate", "rounds": "two"}),
        ("persona", {"without": "religion"}),
        ("icai", {"preferences": (), "fit": {"top": "3"}}),
    ],
)
def test_annotators_refuse_them_with_the_name_of_the_option(name: str, options: dict[str, Any]):
    with pytest.raises(InputError, match=r"the option '\w+' of .* is '.*'; it is"):
        make_annotator(name, **options)


def test_engines_refuse_them_too():
    with pytest.raises(InputError, match="the option 'skill' of the engine 'actor' is 'good'; it is a number"):
        make_engine("actor", skill="good")
