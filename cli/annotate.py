"""`pasture annotate`: pairs in, preferences out (or answers in, and any other feedback out), by any annotator and engine; killed at
any moment, it goes on where it was."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .annotated import blind, check_out, facts_of, show, unblinded
from .console import plain, print_json, progress_bar
from .material import items_from, kind_of, named_annotator, named_engine, named_world

if TYPE_CHECKING:
    from ..core.ledger import Quote


def annotate(
    annotator: Annotated[
        str, typer.Option(help="Who is asked: a name of `pasture annotators list`, a TOML, module:name, file.py:name.")
    ],
    pairs: Annotated[Path | None, typer.Option(help="Pairs: .jsonl, .json, .csv, .parquet or a data set folder.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where it goes: .parquet, .jsonl, .json, .csv, or a folder.")] = None,
    against: Annotated[Path | None, typer.Option(help="Rival's model outputs, where --pairs is a file of model outputs.")] = None,
    answers: Annotated[list[Path] | None, typer.Option(help="Model outputs, for who reads answers or slates; repeat it.")] = None,
    engine: Annotated[str | None, typer.Option(help="Engine for annotators that need one: vllm, openai, actor ...")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Model for the engine; several as NAME=MODEL.")] = None,
    engine_set: Annotated[list[str] | None, typer.Option(help="An option of the engine, as key=value; repeat it.")] = None,
    world: Annotated[
        str | None, typer.Option(help="World for annotators that know one; gives the items where no file does.")
    ] = None,
    set: Annotated[list[str] | None, typer.Option("--set", help="An option of the annotator, as key=value; repeat it.")] = None,
    both_orders: Annotated[bool, typer.Option("--both-orders", help="Ask in both orders and average.")] = False,
    flip: Annotated[float, typer.Option(min=0, max=0.5, help="Share of labels flipped at random.")] = 0.0,
    store: Annotated[Path | None, typer.Option(help="Paid-for replies. [default: pasture.sqlite beside --out]")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first items.")] = None,
    budget_dollars: Annotated[float | None, typer.Option(min=0, help="Stop before more than this is spent.")] = None,
    budget_requests: Annotated[int | None, typer.Option(min=0, help="Stop before more requests than this are sent.")] = None,
    budget_labels: Annotated[int | None, typer.Option(min=0, help="Ask about no more items than this.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would buy, and stop.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")] = False,
) -> None:
    """Ask an annotator about pairs, answers or slates. Nothing is paid for twice: replies are kept in the store as they come."""
    from ..annotators.runner import annotate as run
    from ..annotators.runner import price
    from ..core.errors import InputError, PastureError
    from ..core.ledger import Budget
    from ..core.store import Store

    if out is None and not dry_run:
        raise InputError("there is no --out; say where the answers go, for instance --out prefs.parquet")
    known = named_world(world)
    kind = "pair" if pairs else kind_of(annotator)
    shown = items_from(pairs, against, answers or (), known, kind, limit, seed)
    if out is not None:
        check_out(out, shown)
    blinded = [blind(each) for each in shown]
    judge = named_annotator(annotator, known, set or (), both_orders, flip, blinded)
    served = named_engine(engine, model, engine_set or ())
    kept_at = store or (out.parent if out else Path()) / "pasture.sqlite"
    # A dry run makes no store, and without an engine there is nothing to keep.
    opened = Store(kept_at) if served and (not dry_run or kept_at.is_file()) else None
    with closing(opened) if opened else nullcontext():
        if dry_run:
            _show_price(price(blinded, judge, served, opened, seed), json)
            return
        assert out is not None
        with progress_bar(hidden=json) as bar:
            task = bar.add_task(plain(f"{judge.name}: {len(shown)} items"), total=len(shown))
            said = run(
                blinded,
                judge,
                engine=served,
                store=opened,
                seed=seed,
                budget=Budget(budget_dollars, budget_labels, budget_requests),
                progress=lambda done, total, usage: bar.update(task, completed=done, total=total),
            )
        results = [unblinded(each, item) for each, item in zip(said.results, shown, strict=True)]
        facts = facts_of(said, results, out, opened)
    asked = {"annotator": annotator, "set": set or [], "pairs": pairs, "against": against, "answers": answers, "world": world}
    asked |= {
        "engine": engine,
        "model": model,
        "engine_set": engine_set,
        "both_orders": both_orders,
        "flip": flip,
        "seed": seed,
        "limit": limit,
    }
    manifest = _write_manifest(out, facts, asked)
    if json:
        print_json(facts | {"manifest": str(manifest)})
    else:
        show(facts, said, manifest)
    if len(said.abstentions) == len(said.results):
        first = said.abstentions[0]
        raise PastureError(f"no item got an answer; the first abstention: {first.reason.value}: {first.detail}")


def _write_manifest(out: Path, facts: dict[str, Any], asked: dict[str, Any]) -> Path:
    from ..core.manifest import command_line, write_manifest

    plain_asked = {
        name: [str(it) for it in v] if isinstance(v, list) else str(v) if isinstance(v, Path) else v for name, v in asked.items()
    }
    return write_manifest(out.with_name(f"{out.name}.manifest.json"), command=command_line(), asked=plain_asked, result=facts)


def _show_price(quote: Quote, json: bool) -> None:
    from dataclasses import asdict

    if json:
        print_json(asdict(quote))
        return
    typer.echo(
        f"{quote.items} items; {quote.requests} requests to send, {quote.cached} in the store; about {quote.prompt_tokens} prompt "
        f"tokens and at most {quote.completion_tokens} completion tokens; at most about {quote.dollars:.4f} dollars"
    )
