"""`pasture annotate`: pairs in, preferences out (or answers in, and any other feedback out), by any annotator and engine; killed at
any moment, it goes on where it was."""

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from ...core.errors import InputError, PastureError
from ...core.manifest import command_line, write_manifest
from ..shared.commands import with_options
from ..shared.console import show_price
from ..shared.material import items_from, kind_of, named_annotator, named_world
from ..shared.options import Limit, Seed, Settings
from ..shared.session import Asking
from .annotated import Blinded, annotate_items, are_pairs, check_out, facts_of, show
from .annotated_pairs import annotate_pairs


@with_options
def annotate(
    asking: Asking,
    annotator: Annotated[
        str, Option(help="The annotator: a name of `pasture annotators list`, a TOML, module:name, file.py:name.")
    ],
    pairs: Annotated[Path | None, Option(help="Pairs: .jsonl, .json, .csv, .parquet or a data set folder.")] = None,
    out: Annotated[Path | None, Option(help="Where it goes: .parquet, .jsonl, .json, .csv, or a folder.")] = None,
    against: Annotated[Path | None, Option(help="Rival's model outputs, where --pairs is a file of model outputs.")] = None,
    answers: Annotated[
        list[Path] | None, Option(help="Model outputs, for annotators that rate or rank answers; repeat it.")
    ] = None,
    world: Annotated[str | None, Option(help="World for annotators that know one; gives the items where no file does.")] = None,
    set: Settings = None,
    both_orders: Annotated[bool, Option("--both-orders", help="Ask in both orders and average.")] = False,
    flip: Annotated[float, Option(min=0, max=0.5, help="Share of labels flipped at random.")] = 0.0,
    seed: Seed = 0,
    limit: Limit = None,
    budget_labels: Annotated[int | None, Option(min=0, help="Ask about no more items than this.")] = None,
) -> None:
    """Ask an annotator about pairs, answers or slates. Nothing is paid for twice: replies are kept in the store as they come.

    Pairs are worked through in bounded memory. Killed, the same command goes on after the last part in the folder OUT.parts; from
    the first part with an item that the engine failed on, or that was over budget, it asks again."""
    if out is None and not asking.dry_run:
        raise InputError("there is no --out; say where the answers go, for instance --out prefs.parquet")
    known = named_world(world)
    kind = "pair" if pairs else kind_of(annotator)
    shown = items_from(pairs, against, answers or (), known, kind, limit, seed)
    if out is not None:
        check_out(out, shown)
    blinded = Blinded(shown, len(shown))
    judge = named_annotator(annotator, known, set or (), both_orders, flip, blinded)
    files: dict[str, Any] = {"pairs": pairs, "against": against, "answers": answers}
    asked = {"annotator": annotator, "set": set or [], "world": world}
    asked |= {"engine": asking.engine, "model": asking.model, "engine_set": asking.engine_set}
    asked |= {"both_orders": both_orders, "flip": flip, "seed": seed, "limit": limit}
    place = (out.parent if out else Path()) / "pasture.sqlite"
    with asking.session(asking.named_engine(), place, seed, budget_labels) as session:
        if asking.dry_run:
            show_price(session.price(list(blinded), judge), asking.json)
            return
        assert out is not None
        if are_pairs(shown):  # those of another file are seen to be others, and a file that was moved is the same
            told = annotate_pairs(shown, judge, session, out, asked)
        else:
            told = annotate_items(shown, judge, session, out)
        facts = facts_of(told, judge, session)
    files = {name: [str(each) for each in it] if isinstance(it, list) else it and str(it) for name, it in files.items()}
    manifest = out.with_name(f"{out.name}.manifest.json")
    write_manifest(manifest, command=command_line(), asked=asked | files, result=facts)
    show(told, facts, manifest, asking.json)
    if told.first and sum(told.reasons.values()) == told.items:
        raise PastureError(f"no item got an answer; the first abstention: {': '.join(told.first)}")
