"""Battles between models in place of judgments against a baseline: what `pasture leaderboard` does with a file of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..shared.console import plain, print_json

if TYPE_CHECKING:
    from ...core.files.tables import Row
    from ...core.records import Estimate


def rate_battles(rows: list[Row], path: Path, refused: list[str], resamples: int, seed: int, out: list[Path], json: bool) -> None:
    """Bradley-Terry ratings on the arena's scale, 1000 + 400/ln(10) nats over the mean model."""
    import json as encoder

    from ...core.errors import InputError
    from ...core.files.writing import write_atomically
    from ...eval.files.battles import battles_of_rows
    from ...eval.leaderboards.tables import csv_text
    from ...eval.rankings.bradley_terry import bradley_terry_ratings

    if refused:
        raise InputError(
            f"{str(path)!r} holds battles, and {', '.join(refused)} are for judgments against a baseline; leave them out"
        )
    for each in out:
        if each.suffix.lower() == ".html":
            raise InputError(f"--out {str(each)!r} is a page; ratings of battles are written as .json or .csv")
    fought = battles_of_rows(rows, path)
    if not len(fought):
        why = "; ".join((f"{fought.abstentions} rows without a verdict", *fought.notes))
        raise InputError(f"{str(path)!r} holds no verdict between two models ({why}); give battles that somebody judged")
    found = bradley_terry_ratings(fought, seed, resamples)
    told = [_rating(model, each) for model, each in found.items()]
    for each in out:
        text = encoder.dumps(told, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
        write_atomically(each, text if each.suffix.lower() == ".json" else csv_text(told))
    if json:
        print_json(told)
        return
    for place, each in enumerate(told, 1):
        shown = "undefined" if each["rating"] is None else f"{each['rating']:7.1f}"
        ends = "" if each["low"] is None else f" [{each['low']:.1f}, {each['high']:.1f}]"
        typer.echo(plain(f"{place:3d}  {shown}{ends}  {each['model']}  ({each['n']} battles)"))
    for line in dict.fromkeys((*(each.how for each in found.values()), f"{fought.abstentions} abstentions", *fought.notes)):
        typer.echo(plain(f"\n{line}"))


def _rating(model: str, of: Estimate) -> dict[str, Any]:
    from ...eval.rankings.bradley_terry import ELO_A_NAT

    rating, low, high = (None if nats is None else float(1000 + ELO_A_NAT * nats) for nats in (of.value, of.low, of.high))
    return {
        "model": model, "rating": rating, "low": low, "high": high, "n": of.n, "abstentions": of.abstentions, "how": of.how
    }  # fmt: skip
