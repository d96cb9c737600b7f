"""A leaderboard for the terminal, and as one HTML page: sortable, filterable, and open down to each comparison.

The page asks nothing of the network (CSP), and all text in it is a stranger's: Jinja escapes it, and the browser's data reaches the
page as text nodes only. Without JavaScript the table and the notes are there all the same."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup
from rich.table import Table
from rich.text import Text

from ..eval.files.alpaca_eval import Instructions, Judgments
from ..eval.leaderboards.leaderboard import LeaderboardRow
from .page import embedded_json
from .rows import empty_table
from .template import rendered, resource
from .text import interval, number, percent, visible, visible_everywhere

HEADINGS = ("model", "LC %", "interval", "win %", "SE", "n", "length")


def leaderboard_tables(rows: Sequence[LeaderboardRow]) -> list[Table]:
    """One table per judge and baseline, best first. Names are `Text`, never markup."""
    tables = []
    for (judge, baseline), group in groupby(rows, key=lambda row: (row.judge, row.baseline)):
        table = empty_table(f"Win rate against {baseline}, judged by {judge}", HEADINGS)
        for place, row in enumerate(group, start=1):
            controlled, raw = row.length_controlled, row.win_rate
            cells = (f"{place:2d} {visible(row.model)}", percent(controlled.value, 2), interval(controlled, 100, 1))
            cells += (percent(raw.value, 2), percent(raw.standard_error, 2), str(raw.n), number(row.avg_length, 0))
            table.add_row(*map(Text, cells))
        tables.append(table)
    return tables


def page(
    rows: Sequence[LeaderboardRow],
    judgments: Sequence[Judgments],
    notes: Sequence[tuple[str, Sequence[str]]] = (),
    known: Instructions | None = None,
    outputs: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """The page's HTML. notes: (heading, lines). outputs: by model, then instruction, for judgments without texts."""
    data = comparisons(rows, judgments, known, outputs or {})
    return rendered(
        "leaderboard.jinja",
        rows=rows,
        judges=sorted({row.judge for row in rows}),
        notes=notes,
        data=Markup(embedded_json(visible_everywhere(data))),
        script=Markup(resource("browser.js") + resource("leaderboard.js")),
    )


def comparisons(
    rows: Sequence[LeaderboardRow],
    judgments: Sequence[Judgments],
    known: Instructions | None,
    outputs: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """What the page's browser reads: every text once in `texts`, and for each row of the leaderboard its comparisons as
    [instruction, model's output, baseline's output, score], texts by their place, null where unknown."""
    place: dict[str, int] = {}
    by_name = {(each.model, each.judge, each.baseline): each for each in judgments}
    shown = [by_name[row.model, row.judge, row.baseline] for row in rows]
    found = [[_comparison(of, at, known, outputs, place) for at in range(len(of.ids))] for of in shown]
    return {"texts": list(place), "comparisons": found}


def _comparison(
    of: Judgments, at: int, known: Instructions | None, outputs: Mapping[str, Mapping[str, str]], place: dict[str, int]
) -> list[int | float | None]:
    if of.texts is not None:
        texts = [column[at] for column in of.texts]
    else:
        asked = known.texts.get(of.ids[at]) if known else None
        instruction = f"instruction {of.ids[at]}" if asked is None else asked
        texts = [instruction, *(outputs.get(name, {}).get(instruction) for name in (of.model, of.baseline))]
    score = float(of.scores_N[at])
    spots = [None if text is None else place.setdefault(text, len(place)) for text in texts]
    return [*spots, None if math.isnan(score) else round(score, 6)]
