"""`pasture fit pool|constitution`: annotators fitted to somebody's own labels."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from ...annotators import make_annotator
from ...annotators.systems.icai.extraction import fit_constitution, price_constitution
from ...benchmarks.fits.pool import check_toml, fit_to_labels, write_pool, write_table
from ...core.errors import PastureError
from ...core.files.labels import read_preferences
from ...core.ledger import Quote
from ...core.protocols import Annotator
from ...core.results import estimate_json
from ...eval.files.labelled_pairs import read_labelled
from ..shared.commands import with_options
from ..shared.console import aside, plain, print_json, show_price, show_rows
from ..shared.material import named_world
from ..shared.options import Limit, Seed, WorldName
from ..shared.session import Asking

fit = typer.Typer(no_args_is_help=True, help="Annotators fitted to labels of your own.", rich_markup_mode=None)

Labels = Annotated[Path, Option(help="Your labels: preferences (prompt, chosen, rejected), or prompt, left, right, p_left.")]
Out = Annotated[Path, Option(help="The annotator, as a TOML.")]


@dataclass(frozen=True)
class Proposing(Asking):
    """As `Asking`, of a language model."""

    engine: Annotated[str, Option(help="The engine of the language model that proposes principles and votes.")] = field()


@fit.command("pool")
@with_options
def pool(
    asking: Asking,
    labels: Labels,
    out: Out,
    member: Annotated[list[str], Option(help="A candidate: a name, a TOML, module:name, file.py:name; repeat it.")],
    world: WorldName = None,
    limit: Limit = None,
    seed: Seed = 0,
) -> None:
    """Fit the shares of a pool's members, and how often its labels are flipped, to labels of your own."""
    check_toml(out)
    known = named_world(world)
    specs = dict(zip(member, member, strict=True))
    for name in specs:
        path, colon, attribute = name.partition(":")
        if path.endswith((".toml", ".py")):  # in the written TOML paths are seen from its folder
            specs[name] = os.path.relpath(Path(path).resolve(), out.resolve().parent) + colon + attribute
    members: dict[str, Annotator] = {name: make_annotator(name, world=known) for name in specs}
    labelled = read_labelled(labels).first(limit)
    with asking.session(asking.named_engine(), out.parent / "pasture.sqlite", seed) as session:
        if asking.dry_run:
            quote = sum((session.price(labelled.pairs, each) for each in members.values()), start=Quote(0))
            show_price(quote, asking.json)
            return
        found = fit_to_labels(labelled, members, session)
    write_pool(out, found, specs)
    keys = {name: estimate_json(getattr(found, name)) for name in ("flip", "log_loss", "gain", "agreement")}  # as 0.1 had them
    keys["shares"] = {name: estimate_json(each) for name, each in found.shares.items()}
    show_rows(found.rows(), asking.json, facts={"out": str(out), "best_member": found.best_member}, more=keys)


@fit.command("constitution")
@with_options
def constitution(
    asking: Proposing,
    labels: Labels,
    out: Out,
    top: Annotated[int, Option(min=1, help="Principles at most. Few are followed better than many.")] = 5,
    proposing: Annotated[int, Option(min=1, help="Pairs that principles are proposed for, at most.")] = 100,
    voting: Annotated[int, Option(min=1, help="Pairs that each principle votes on, at most.")] = 200,
    limit: Limit = None,
    seed: Seed = 0,
) -> None:
    """Extract the principles behind labels of your own (Inverse Constitutional AI), and write a judge that follows them."""
    check_toml(out)
    preferences = read_preferences(labels)[:limit]
    wanted: dict[str, Any] = {"proposing": proposing, "voting": voting, "seed": seed}
    with asking.session(asking.named_engine(), out.parent / "pasture.sqlite", seed) as session:
        if asking.dry_run:
            show_price(price_constitution(preferences, session, **wanted), asking.json)
            return
        found = fit_constitution(preferences, session, top=top, **wanted)
    if not found.constitution:
        dropped = f"{len(found.dropped)} were proposed and dropped"
        raise PastureError(f"no principle explains these {found.pairs} labels better than chance; {dropped}")
    write_table(out, {"kind": "icai", "constitution": list(found.constitution)})
    rows = [
        {"principle": each.text, "accuracy": each.accuracy, "relevance": each.relevance, "votes": each.right + each.wrong}
        for each in found.kept
    ]
    counts = {"pairs": found.pairs, "proposals": found.proposals, "votes": found.votes, "silent": len(found.silent)}
    if asking.json:
        print_json({"out": str(out), **counts, "dropped": len(found.dropped), "constitution": rows})
        return
    for each in rows:
        right = f"{each['accuracy']:6.1%} right of {each['votes']} votes ({each['relevance']:.0%} of pairs)"
        typer.echo(plain(f"{right}  {each['principle']}"))
    asked = f"{found.proposals} proposals and {found.votes} votes asked for, {len(found.silent)} of them not to be had"
    typer.echo(plain(f"{found.pairs} labels; {asked}; {len(found.dropped)} principles dropped; written to {out}"))
    for first in found.silent[:1]:
        aside(f"first of these: {first.reason.value}: {first.detail[:300]}")
