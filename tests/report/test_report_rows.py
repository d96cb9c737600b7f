"""The one printer of rows: every estimate prints and serialises, and text of strangers cannot act."""

import json
import math
from io import StringIO

import pytest
from pasture.cli.shared.console import json_text, show_rows
from pasture.core.records import Estimate
from pasture.core.results import Measure
from pasture.report.rows import notes, picture, rows_table
from pasture.report.template import rendered
from pasture.report.text import shown, shown_interval
from rich.console import Console

UNDEFINED = [None, math.nan]
ENDS = [None, math.nan, math.inf, 0.5]
UNITS = ["share", "difference", "kappa", "correlation", "dollars", "number", "nats", "words edited"]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("value", [*UNDEFINED, 0.25, -0.25, math.inf])
def test_every_estimate_prints_and_serialises_in_every_printer(value: float | None, unit: str) -> None:
    for low in ENDS:
        for high in ENDS:
            row = Measure("group", "name", Estimate(value, low, high, 3, "the reason", extra={"p": math.nan}), unit)
            told = json.loads(json_text({"measures": [row.as_json()]}), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
            assert told["measures"][0]["extra"] == {"p": None}
            undefined = value is None or math.isnan(value)
            assert (shown(row.estimate, unit) == "–") == undefined
            assert "nan" not in shown(row.estimate, unit) + shown_interval(row.estimate, unit)
            assert ("reason" in "".join(notes([row]))) == (not shown_interval(row.estimate, unit))
            assert undefined <= (picture(row) == "")
            Console(file=StringIO()).print(rows_table([row]))


def test_units_are_shown_as_people_write_them() -> None:
    of = Estimate(0.5, 0.25, 0.75, 9, "how")
    assert [shown(of, unit) for unit in UNITS] == [
        "50.0 %", "+50.0 points", "0.50", "0.50", "$0.50", "0.50", "0.50 nats", "0.50 words edited",
    ]  # fmt: skip
    assert [shown_interval(of, unit) for unit in UNITS[:3]] == ["[25.0, 75.0]", "[25.0, 75.0]", "[0.25, 0.75]"]


def test_names_are_printed_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "better [v2] [/b] [link=x]\x1b[31m\u202e{{ 7*7 }}</td><script>"
    row = Measure(evil, evil, Estimate(None, None, None, 0, evil), "share", evil, evil)
    show_rows([row, Measure("other", "plain", row.estimate, "share")], False, title=evil, facts={evil: evil})
    printed = capsys.readouterr().out.replace("\n", "")
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert printed.count("better [v2]") >= 5
    page = rendered(
        "audit.jinja", report={"annotator": evil, "facts": {}, "measures": (row,)}, groups=[(evil, [row])], conclusions=[evil]
    )
    assert "<script" not in page
    assert "\u202e" not in page
    assert "better [v2]" in page
