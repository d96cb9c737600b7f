"""`pasture annotate`: pairs in, preferences out, by any annotator and engine; killed at any moment, it goes on where it was."""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import errors, plain, print_json, progress_bar

if TYPE_CHECKING:
    from ..annotators.runner import Annotations
    from ..core.formats import Written
    from ..core.ledger import Quote
    from ..core.protocols import Annotator, Engine
    from ..core.records import Abstention, Comparison, Estimate, Preference
    from ..core.store import Store
    from ..eval.position_bias import PositionBias


def annotate(
    pairs: Annotated[Path, typer.Option(help="Pairs: .jsonl, .json, .csv, .parquet or a data set folder.")],
    annotator: Annotated[
        str, typer.Option(help="Who judges: a name of `pasture annotators list`, a TOML, module:name, file.py:name.")
    ],
    out: Annotated[Path | None, typer.Option(help="Where preferences go: .parquet, .jsonl, .json, .csv, or a folder.")] = None,
    against: Annotated[Path | None, typer.Option(help="Rival's model outputs, where --pairs is a file of model outputs.")] = None,
    engine: Annotated[str | None, typer.Option(help="Engine for annotators that need one: vllm, transformers ...")] = None,
    model: Annotated[str | None, typer.Option(help="Model for the engine.")] = None,
    world: Annotated[str | None, typer.Option(help="World for annotators that know one.")] = None,
    both_orders: Annotated[bool, typer.Option("--both-orders", help="Ask in both orders and average.")] = False,
    flip: Annotated[float, typer.Option(min=0, max=0.5, help="Share of labels flipped at random.")] = 0.0,
    store: Annotated[Path | None, typer.Option(help="Paid-for replies. [default: pasture.sqlite beside --out]")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first pairs.")] = None,
    budget_dollars: Annotated[float | None, typer.Option(min=0, help="Stop before more than this is spent.")] = None,
    budget_requests: Annotated[int | None, typer.Option(min=0, help="Stop before more requests than this are sent.")] = None,
    budget_labels: Annotated[int | None, typer.Option(min=0, help="Ask about no more pairs than this.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would buy, and stop.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")] = False,
) -> None:
    """Judge pairs. Nothing is paid for twice: replies are kept in the store as they come."""
    from ..annotators.runner import annotate as run
    from ..annotators.runner import price
    from ..core.errors import InputError, PastureError
    from ..core.formats import write_preferences
    from ..core.ledger import Budget
    from ..core.store import Store

    if out is None and not dry_run:
        raise InputError("there is no --out; say where the preferences go, for instance --out prefs.parquet")
    shown = _read(pairs, against, out)[:limit]
    judge = _annotator(annotator, world, both_orders, flip)
    blind = [replace(each, left=replace(each.left, model=""), right=replace(each.right, model="")) for each in shown]
    served = named_engine(engine, model)
    kept_at = store or (out.parent if out else Path()) / "pasture.sqlite"
    # A dry run makes no store, and without an engine there is nothing to keep.
    opened = Store(kept_at) if served and (not dry_run or kept_at.is_file()) else None
    with closing(opened) if opened else nullcontext():
        if dry_run:
            _show_price(price(blind, judge, served, opened, seed), json)
            return
        assert out is not None
        with progress_bar(hidden=json) as bar:
            task = bar.add_task(plain(f"{judge.name}: {len(shown)} pairs"), total=len(shown))
            said = run(
                blind,
                judge,
                engine=served,
                store=opened,
                seed=seed,
                budget=Budget(budget_dollars, budget_labels, budget_requests),
                progress=lambda done, total, usage: bar.update(task, completed=done, total=total),
            )
        from ..eval.position_bias import position_bias  # slow to import, and not needed to keep what is paid for

        results = [_unblinded(each, pair) for each, pair in zip(said.results, shown, strict=True)]
        written = write_preferences(out, results)
        bias = position_bias(results)
        facts = _facts(said, written, bias, opened)
    manifest = _write_manifest(out, facts, pairs, against, seed, annotator, engine, model, world)
    if json:
        print_json(facts | {"manifest": str(manifest)})
    else:
        _show(facts, said, bias, manifest)
    if not said.preferences:
        first = said.abstentions[0]
        raise PastureError(f"no pair got a verdict; the first abstention: {first.reason.value}: {first.detail}")


def _read(pairs: Path, against: Path | None, out: Path | None) -> list[Comparison]:
    """The pairs, and nothing that would only fail after the work."""
    from ..core.formats import join_outputs, read_pairs
    from ..core.tables import check_writable

    shown = join_outputs(pairs, against) if against else read_pairs(pairs)
    if out is not None:
        check_writable(out, nested=any(pair.prompt.history for pair in shown))
    return shown


def _annotator(name: str, world: str | None, both_orders: bool, flip: float) -> Annotator:
    from ..annotators import make_annotator
    from ..simulators import WORLDS

    made = make_annotator(name, world=WORLDS.load(world)() if world else None)
    if both_orders:
        made = make_annotator("swap", inner=made)
    return make_annotator("flip", inner=made, rate=flip) if flip else made


def named_engine(name: str | None, model: str | None) -> Engine | None:
    """The engine that the options name; None where they name none."""
    from ..core.errors import InputError
    from ..engines import make_engine

    if name is None:
        if model is not None:
            raise InputError(f"--model {model!r} goes with an engine; name one, for instance --engine vllm")
        return None
    return make_engine(name, model or "")


def _unblinded(said: Any, pair: Comparison) -> Preference | Abstention:
    """The verdict about the pair with the makers' names on it, which the annotator did not see."""
    from ..core.errors import InputError
    from ..core.records import Abstention, Preference

    if isinstance(said, Preference):
        return replace(said, comparison=pair)
    if isinstance(said, Abstention):
        return replace(said, item=pair)
    raise InputError(f"the annotator gives a {type(said).__name__}; `pasture annotate` writes preferences")


def _facts(said: Annotations, written: Written, bias: PositionBias, store: Store | None) -> dict[str, Any]:
    usage = said.usage
    return {
        "annotator": said.annotator,
        "engine": said.engine or None,
        "pairs": len(said.results),
        "decided": written.decided,
        "ties": written.undecided - len(said.abstentions),
        "abstentions": dict(said.reasons),
        "position": {"first": _estimate(bias.first), "consistency": _estimate(bias.consistency)},
        "requests": usage.requests,
        "cached": usage.cached,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "dollars": usage.dollars,
        "seconds": round(said.seconds, 3),
        "out": str(written.path),
        "undecided": str(written.undecided_path) if written.undecided_path else None,
        "store": str(store.path) if store else None,
        "paid_in_all": {"requests": store.paid.requests, "dollars": store.paid.dollars} if store else None,
    }


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {name: getattr(estimate, name) for name in ("value", "low", "high", "n", "how")} | {"extra": dict(estimate.extra)}


def _write_manifest(
    out: Path,
    facts: dict[str, Any],
    pairs: Path,
    against: Path | None,
    seed: int,
    annotator: str,
    engine: str | None,
    model: str | None,
    world: str | None,
) -> Path:
    from ..core.manifest import command_line, write_manifest

    asked = {"pairs": str(pairs), "against": str(against) if against else None, "seed": seed, "annotator": annotator}
    asked |= {"engine": engine, "model": model, "world": world}
    return write_manifest(out.with_name(f"{out.name}.manifest.json"), command=command_line(), asked=asked, result=facts)


def _show_price(quote: Quote, json: bool) -> None:
    from dataclasses import asdict

    if json:
        print_json(asdict(quote))
        return
    typer.echo(
        f"{quote.items} pairs; {quote.requests} requests to send, {quote.cached} in the store; about {quote.prompt_tokens} prompt "
        f"tokens and at most {quote.completion_tokens} completion tokens; at most about {quote.dollars:.4f} dollars"
    )


def _show(facts: dict[str, Any], said: Annotations, bias: PositionBias, manifest: Path) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, pad_edge=False)
    rows = {
        "annotator": said.annotator + (f" by {said.engine}" if said.engine else ""),
        "pairs": f"{facts['pairs']}: {facts['decided']} decided, {facts['ties']} ties, {len(said.abstentions)} abstentions",
        **{f"  {reason}": str(count) for reason, count in facts["abstentions"].items()},
        "first shown wins": _words(bias.first),
    }
    if bias.first.value is not None:
        rows["  mean probability"] = f"{bias.first.extra['mean_probability']:.3f} for the first shown"
    if bias.consistency is not None:
        rows["same in both orders"] = _words(bias.consistency)
    rows["requests"] = f"{facts['requests']} sent, {facts['cached']} cached"
    rows["tokens"] = f"{facts['prompt_tokens']} prompt, {facts['completion_tokens']} completion"
    rows["dollars"] = f"{facts['dollars']:.4f}"
    rows["seconds"] = f"{facts['seconds']:.1f}"
    for name, value in rows.items():
        table.add_row(Text(plain(name)), Text(plain(value)))
    console = Console()
    console.print(table)
    for name in ("out", "undecided", "store"):
        if facts[name]:
            console.print(plain(f"{name}: {facts[name]}"), markup=False, highlight=False, soft_wrap=True)
    console.print(plain(f"manifest: {manifest}"), markup=False, highlight=False, soft_wrap=True)
    if said.abstentions:
        first = said.abstentions[0]
        errors().print(plain(f"first abstention: {first.reason.value}: {first.detail[:300]}"), markup=False, highlight=False)


def _words(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"undefined ({estimate.how})"
    interval = "" if estimate.low is None or estimate.high is None else f" [{estimate.low:.3f}, {estimate.high:.3f}]"
    return f"{estimate.value:.3f}{interval} of {estimate.n} ({estimate.how})"
