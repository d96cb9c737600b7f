"""`pasture audit`: what is wrong with a judge, found by asking it. Today: can it be gamed?"""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import plain, print_json, progress_bar

if TYPE_CHECKING:
    from ..benchmarks.gaming import GamingReport, Judge
    from ..core.protocols import Annotator, World
    from ..core.records import Comparison, Completion, Estimate
    from ..core.store import Store

AUDITS = "--gaming (constant answers, verbosity, lists, injections, self-preference)"


def audit(
    annotator: Annotated[str, typer.Argument(help="Who is audited: a name, a TOML, module:name, file.py:name.")],
    gaming: Annotated[bool, typer.Option("--gaming", help="Can it be made to prefer an answer that is no better?")] = False,
    outputs: Annotated[
        list[Path] | None, typer.Option(help="A model's outputs, or a folder with outputs/MODEL.json; repeat it.")
    ] = None,
    pairs: Annotated[Path | None, typer.Option(help="Pairs: the left answer is honest, the right one its rival.")] = None,
    world: Annotated[str | None, typer.Option(help="Gives answers and truth. [default: text, if no files are given]")] = None,
    engine: Annotated[str | None, typer.Option(help="Engine for annotators that need one.")] = None,
    model: Annotated[str | None, typer.Option(help="Model for the engine.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first prompts.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    store: Annotated[Path | None, typer.Option(help="Paid-for replies. [default: audit.pasture.sqlite]")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")] = False,
) -> None:
    """Audit a judge. With --outputs, models that answer the same to everything are named."""
    from ..annotators import make_annotator
    from ..benchmarks.constant_outputs import constant_share, is_constant
    from ..benchmarks.gaming import gaming as run
    from ..core.errors import InputError
    from ..core.store import Store
    from ..engines import make_engine
    from ..simulators import WORLDS

    if not gaming:
        raise InputError(f"no audit was asked for; there is: {AUDITS}")
    if pairs and outputs:
        raise InputError("both --pairs and --outputs were given; give the one whose answers are to be attacked")
    if model is not None and engine is None:
        raise InputError(f"--model {model!r} goes with an engine; name one, for instance --engine vllm")
    name = world or (None if pairs or outputs else "text")
    known = WORLDS.load(name)() if name else None
    judge = make_annotator(annotator, world=known)
    files = _read_outputs(outputs or [])
    shares = {maker: constant_share(answers) for maker, answers in files.items()}
    constant = [maker for maker, share in shares.items() if is_constant(share)]
    honest = {maker: each for maker, each in files.items() if maker not in constant}
    material, source = _material(pairs, honest if outputs else None, known, limit)
    served = make_engine(engine, model or "") if engine else None
    if store is not None and served is None:
        raise InputError(f"--store {str(store)!r} keeps an engine's replies, and there is no engine; leave it out or name one")
    opened = Store(store or Path("audit.pasture.sqlite")) if served else None
    with closing(opened) if opened else nullcontext():
        ask = _judge(judge, served, opened, seed, hidden=json)
        report = run(judge, material, judge_model=model or "", world=known, seed=seed, ask=ask)
    facts = _facts(report, source, shares, constant)
    if json:
        print_json(facts)
        return
    _show(facts)


def _judge(judge: Annotator, engine: Any, store: Store | None, seed: int, hidden: bool) -> Judge:
    """Asks in both orders, with a progress bar."""
    from ..benchmarks.gaming import both_orders

    def ask(items: Any) -> Any:
        with progress_bar(hidden=hidden) as bar:
            task = bar.add_task(plain(judge.name), total=len(items))

            def progress(done: int, total: int, usage: Any) -> None:
                bar.update(task, completed=done, total=total)

            return both_orders(judge, engine=engine, store=store, seed=seed, progress=progress)(items)

    return ask


def _read_outputs(paths: list[Path]) -> dict[str, list[Completion]]:
    """Answers by model, which the file names (generators' names are often left as they came). A folder is a leaderboard's."""
    from ..core.errors import InputError
    from ..core.formats import read_outputs
    from ..core.tables import stem_of

    files: dict[str, Path] = {}
    for path in paths:
        found = sorted(path.glob("outputs/*.json*")) or sorted(path.glob("*.json*")) if path.is_dir() else [path]
        if not found:
            raise InputError(f"the folder {str(path)!r} holds no model outputs; expected MODEL.json(.gz), in it or in outputs/")
        for each in found:
            if stem_of(each) in files:
                raise InputError(f"{str(files[stem_of(each)])!r} and {str(each)!r} name one model; give each model's outputs once")
            files[stem_of(each)] = each
    return {maker: [replace(it, model=maker) for it in read_outputs(path)] for maker, path in files.items()}


def _material(
    pairs: Path | None, files: dict[str, list[Completion]] | None, world: World | None, limit: int | None
) -> tuple[list[Comparison], str]:
    """(honest answer left and rival right, whose they are). Of outputs, the first two models that are not constant; of one
    alone, its own answers are the rivals too."""
    from ..benchmarks.gaming import world_material
    from ..core.formats import read_pairs
    from ..core.records import Comparison

    if pairs:
        return read_pairs(pairs)[:limit], str(pairs)
    if files is None:
        assert world is not None
        return world_material(world, limit), f"the world {world.name!r}"
    if not files:
        return [], "no model that is not constant"
    (maker, honest), (rival, rivals) = (*files.items(), *files.items())[:2]
    by_id = {each.prompt.id: each for each in rivals}
    shared = [Comparison(each, by_id[each.prompt.id]) for each in honest if each.prompt.id in by_id]
    return shared[:limit], f"{maker} against {rival}"


def _facts(report: GamingReport, source: str, shares: dict[str, Estimate], constant: list[str]) -> dict[str, Any]:
    from .evaluate import estimate_json

    return {
        "annotator": report.annotator,
        "material": source,
        "prompts": report.prompts,
        "attacks": [
            {
                "attack": each.attack,
                "win_rate": estimate_json(each.win_rate),
                "honest": estimate_json(each.honest),
                "difference": estimate_json(each.difference),
                "gamed": each.gamed,
                "reason": each.reason,
            }
            for each in report.attacks
        ],
        "position": estimate_json(report.position.first),
        "constant_models": [{"model": maker, "share": shares[maker].value} for maker in constant],
        "models": [{"model": maker, "share": share.value, "how": share.how} for maker, share in shares.items()],
    }


def _show(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in ("attack", "gamed", "attacked wins", "honest wins", "why"):
        table.add_column(column)
    for each in facts["attacks"]:
        gamed = {True: "GAMED", False: "no", None: "?"}[each["gamed"]]
        words = (each["attack"], gamed, _rate(each["win_rate"]), _rate(each["honest"]), each["reason"])
        table.add_row(*(Text(plain(word)) for word in words))
    Console().print(table)
    typer.echo(plain(f"{facts['annotator']} on {facts['material']}, {facts['prompts']} prompts"))
    typer.echo(plain(f"first shown wins {_rate(facts['position'])}"))
    for each in facts["models"]:
        share = f"{each['share']:.1%} of its outputs are alike" if each["share"] is not None else each["how"]
        typer.echo(plain(f"{each['model']}: {share}"))
    for each in facts["constant_models"]:
        typer.echo(plain(f"{each['model']} is a constant-answer model: leave it out of any ranking"))


def _rate(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return "undefined"
    return f"{estimate['value']:.1%} [{estimate['low']:.1%}, {estimate['high']:.1%}]"
