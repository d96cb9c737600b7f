"""A ranking as one HTML page that needs nothing else: no network, no other file, and most of it no JavaScript.

All text is a stranger's. Jinja escapes it; the browser's data is JSON with no `<`, `>` or `&` in it, and reaches the page as
text nodes only. The page's own policy (CSP) forbids every request."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ..core.files.writing import write_atomically
from ..core.results import RankingResult
from . import headline, plots, text
from .template import rendered, resource

EMBEDDED = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def write_page(result: RankingResult, path: Path) -> Path:
    """Writes the page, whole or not at all, and returns its path."""
    write_atomically(path, page(result))
    return path


def page(result: RankingResult) -> str:
    """The page's HTML. The same result gives the same bytes."""
    judged = any(each.win_rate.value is not None for each in result.methods)
    drawn = {"ranking": plots.ranking_plot(result)} if judged else {}
    if any(each.win_rate.value is not None and each.gold_win_rate.value is not None for each in result.methods):
        drawn |= {"agreement": plots.agreement_plot(result), "frontier": plots.frontier_plot(result)}
    return rendered(
        "page.jinja",
        result=result,
        best=headline.winner(result),
        title=headline.title(result),
        verdict=headline.verdict(result),
        abstained=headline.abstained(result),
        has_agreement=headline.has_agreement(result),
        agreement=headline.agreement(result),
        looks=plots.looks([each.method for each in result.methods]),
        pictures={name: Markup(svg) for name, svg in drawn.items()},
        curves={name: Markup(svg) for name, svg in plots.curve_plots(result).items()},
        made=_facts(text.visible_everywhere(dict(result.manifest))),
        data=Markup(embedded_json(text.visible_everywhere([asdict(each) for each in result.examples]))),
        script=Markup(resource("browser.js") + resource("page.js")),
    )


def embedded_json(value: Any) -> str:
    """JSON that means the same inside `<script type="application/json">`: ASCII, with `<`, `>` and `&` as escapes, so that no
    text can close the element. Raises ValueError for NaN and infinities, which JSON does not have."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).translate(EMBEDDED)


def _facts(manifest: Mapping[str, Any], depth: int = 0) -> list[tuple[str, str | list]]:
    """A manifest as (name, value) rows; a table inside of it is a list of such rows, two deep, and then words."""
    return [
        (name.replace("_", " "), _facts(value, depth + 1) if isinstance(value, Mapping) and value and depth < 2 else _said(value))
        for name, value in manifest.items()
    ]


def _said(value: Any) -> str:
    if isinstance(value, Mapping) and value:
        words = [f"({_said(each)})" if isinstance(each, Mapping) else _said(each) for each in value.values()]
        return ", ".join(f"{name.replace('_', ' ')} {said}" for name, said in zip(value, words, strict=True))
    if isinstance(value, list | tuple):
        return ", ".join(_said(each) for each in value) or text.UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return text.UNKNOWN if value is None or value in ({}, "") else str(value)
