"""`pasture audit`: how far a judge can be trusted, found by asking it, or from what it once said; and whether it can be gamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..shared.console import plain, show_price, show_rows
from ..shared.material import check_judges_pairs, named_annotator, named_world
from ..shared.options import Dollars, DryRun, EngineName, EngineSet, Json, Limit, Models, Requests, Seed, Settings, StorePath
from ..shared.session import named_engine, opened_session
from .attack import attacked

if TYPE_CHECKING:
    from ...annotators.runner import Session
    from ...core.protocols import Annotator, World
    from ...eval.judges.judge_audit import AuditReport


def audit(
    annotator: Annotated[
        str,
        typer.Argument(
            help="The annotator to audit: a name, a TOML, module:name, file.py:name; with --annotations, a name in them."
        ),
    ],
    gold: Annotated[Path | None, typer.Option(help="Gold labels: preferences, AlpacaEval's annotations, HH-RLHF.")] = None,
    against: Annotated[str | None, typer.Option(help="Another annotator, whose verdicts are the gold labels.")] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="What ANNOTATOR said before: a file, or a folder with one file a seed. Nobody is asked.")
    ] = None,
    attacks: Annotated[bool, typer.Option("--attacks", help="Can it be made to prefer an answer that is no better?")] = False,
    outputs: Annotated[
        list[Path] | None, typer.Option(help="To be attacked: a model's outputs, or a folder with outputs/MODEL.json; repeat it.")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="Pairs. Under --attacks the left one is honest, the right one its rival.")
    ] = None,
    world: Annotated[str | None, typer.Option(help="Gives answers and truth. [default: text, if no files are given]")] = None,
    engine: EngineName = None,
    model: Models = None,
    engine_set: EngineSet = None,
    set: Settings = None,
    own: Annotated[str | None, typer.Option(help="The model whose answers are the judge's own. [default: --model]")] = None,
    gold_noise: Annotated[float | None, typer.Option(min=0, max=0.5, help="Share of wrong gold labels, if it is known.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How often it is asked. [default: 4; 1 with an engine]")] = None,
    limit: Limit = None,
    seed: Seed = 0,
    store: StorePath = None,
    budget_dollars: Dollars = None,
    budget_requests: Requests = None,
    dry_run: DryRun = False,
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML page, too.")] = None,
    json: Json = False,
) -> None:
    """Audit a judge: agreement, bias, variance, consistency, price; with --attacks, whether it can be gamed."""
    from ...core.errors import InputError
    from ...core.files.tables import check_folder

    if html is not None:
        check_folder(html)  # not only after all has been asked
    asked = {
        "--engine": engine,
        "--model": model,
        "--engine-set": engine_set,
        "--store": store,
        "--world": world,
        "--against": against,
        "--seeds": seeds,
    }
    asked |= {"--set": set}
    about_gold = {"--gold": gold, "--against": against, "--annotations": annotations, "--seeds": seeds}
    if attacks:
        _refuse(about_gold, "asks about gold", "--attacks")
        _refuse({"--gold-noise": gold_noise}, "is about gold labels", "--attacks")
        if pairs and outputs:
            raise InputError("both --pairs and --outputs were given; give the one whose answers are to be attacked")
    else:
        _refuse({"--outputs": outputs}, "holds answers to attack", "an audit without --attacks")
    if annotations:
        _refuse(asked | {"--pairs": pairs}, "is for asking", "--annotations, where nobody is asked")
        _show(_stored(annotator, annotations, gold, gold_noise, own, limit, seed), html, json)
        return
    if not attacks:
        _check_gold(gold, gold_noise, against, pairs)
    known = named_world(world or (None if gold or pairs or outputs else "text"))
    judge = named_annotator(annotator, known, set or (), both_orders=False, flip=0.0)
    rival = named_annotator(against, known, (), both_orders=False, flip=0.0) if against else None
    for each in (judge, rival) if rival else (judge,):
        check_judges_pairs(each)
    served = named_engine(engine, model, engine_set)  # last, when all else is seen to fit: it may take long to start
    its_own = own or (model[0] if model and len(model) == 1 else "")
    budget = {"dollars": budget_dollars, "requests": budget_requests}
    place = Path("audit.pasture.sqlite")
    with opened_session(served, store, place, seed=seed, **budget, dry_run=dry_run, hidden=json) as session:
        if attacks:
            report, more, lines = attacked(judge, session, its_own, known, outputs or (), pairs, limit)
        else:
            report, more, lines = _asked(judge, rival, session, its_own, known, gold, gold_noise, pairs, seeds, limit), None, ()
        if dry_run:
            show_price(session.quote, json)
        else:
            _show(report, html, json, more, lines)


def _refuse(options: Mapping[str, Any], what: str, where: str) -> None:
    """Nothing is accepted and ignored."""
    from ...core.errors import InputError

    for name, value in options.items():
        if value is not None and value != []:
            raise InputError(f"{name} {what}, and does not go with {where}; leave one of them out")


def _stored(
    name: str, annotations: Path, gold: Path | None, noise: float | None, own: str | None, limit: int | None, seed: int
) -> AuditReport:
    from ...benchmarks.audits.audit import audit_stored, gold_for
    from ...core.errors import InputError
    from ...eval.files.labelled_pairs import read_labelled

    if noise is not None and gold is None:
        raise InputError(f"--gold-noise {noise:g} is about gold labels, and there are none; give --gold")
    said = read_labelled(annotations, name).first(limit)
    return audit_stored(name, said, gold_for(said, gold, noise) if gold else None, seed=seed, own=own or "")


def _asked(
    judge: Annotator,
    rival: Annotator | None,
    session: Session,
    own: str,
    world: World | None,
    gold: Path | None,
    noise: float | None,
    pairs: Path | None,
    seeds: int | None,
    limit: int | None,
) -> AuditReport:
    from ...benchmarks.audits.audit import audit as run
    from ...benchmarks.audits.audit import gold_from_annotator, gold_from_file, gold_from_world
    from ...core.files.preferences import read_pairs

    if gold:
        shown, labels = gold_from_file(gold, limit, noise)
    elif pairs:
        shown, labels = read_pairs(pairs)[:limit], None
    else:
        assert world is not None
        shown, labels = gold_from_world(world, limit)
    if rival:
        labels = gold_from_annotator(rival, shown, seed=session.seed, session=session)
    engine = session.engine
    report = run(judge, shown, labels, seeds=seeds or (1 if engine else 4), seed=session.seed, own=own, session=session)
    return replace(report, facts={"engine": engine.name if engine else "none", **report.facts})


def _check_gold(gold: Path | None, noise: float | None, against: str | None, pairs: Path | None) -> None:
    from ...core.errors import InputError

    if gold and (against or pairs):
        raise InputError("--gold holds pairs and labels; leave out --against and --pairs, or leave out --gold")
    if pairs and not against:
        raise InputError(
            "--pairs have no labels; say whose verdicts are the gold labels with --against, or give labels with --gold"
        )
    if noise is not None and not gold:
        raise InputError(f"--gold-noise {noise:g} is about the labels of --gold, and there are none")


def _show(
    report: AuditReport, html: Path | None, json: bool, more: Mapping[str, Any] | None = None, lines: Sequence[str] = ()
) -> None:
    from ...report.audit_page import write_audit_page

    if html:
        write_audit_page(report, html)
    if json:
        kept = {"annotator": report.annotator, "facts": dict(report.facts), "html": str(html) if html else None}
        show_rows(report.measures, json, more=kept | dict(more or {}))
        return
    show_rows(
        report.measures, json, title=f"Audit of {report.annotator}", facts=dict(report.facts) | ({"page": html} if html else {})
    )
    for line in lines:
        typer.echo(plain(line))
