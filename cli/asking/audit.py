"""`pasture audit`: how far a judge can be trusted, found by asking it, or from what it once said; and whether it can be gamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..shared.console import plain, progress_bar, show_rows
from ..shared.material import check_judges_pairs, named_annotator, named_engine, named_world, opened_store

if TYPE_CHECKING:
    from ...benchmarks.audits.audit import Asking
    from ...core.protocols import Annotator, Engine, World
    from ...core.store import Store
    from ...eval.judges.judge_audit import AuditReport


def audit(
    annotator: Annotated[
        str, typer.Argument(help="Who is audited: a name, a TOML, module:name, file.py:name; with --annotations, a name in them.")
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
    engine: Annotated[str | None, typer.Option(help="Engine for annotators that need one.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Model for the engine; several as NAME=MODEL.")] = None,
    engine_set: Annotated[list[str] | None, typer.Option(help="An option of the engine, as key=value; repeat it.")] = None,
    set: Annotated[list[str] | None, typer.Option("--set", help="An option of ANNOTATOR, as key=value; repeat it.")] = None,
    own: Annotated[str | None, typer.Option(help="The model whose answers are the judge's own. [default: --model]")] = None,
    gold_noise: Annotated[float | None, typer.Option(min=0, max=0.5, help="Share of wrong gold labels, if it is known.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How often it is asked. [default: 4; 1 with an engine]")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first pairs (under --attacks, prompts).")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    store: Annotated[Path | None, typer.Option(help="Paid-for replies. [default: audit.pasture.sqlite]")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML page, too.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")] = False,
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
    truth = world or (None if gold or pairs or outputs else "text")
    with _set_up(annotator, set or (), against, truth, engine, model or (), engine_set or (), own, seed, store, hidden=json) as at:
        if attacks:
            _attacked(at, outputs or (), pairs, limit, html, json)
        else:
            _show(_asked(at, gold, gold_noise, pairs, seeds, limit), html, json)


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
    at: _SetUp,
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
        assert at.world is not None
        shown, labels = gold_from_world(at.world, limit)
    if at.rival:
        labels = gold_from_annotator(at.rival, shown, seed=at.seed, asking=at.asking)
    times = seeds or (1 if at.engine else 4)
    report = run(at.judge, shown, labels, seeds=times, seed=at.seed, own=at.own, asking=at.asking)
    return replace(report, facts={"engine": at.engine.name if at.engine else "none", **report.facts})


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


class _SetUp(NamedTuple):
    """Who is audited, and by what: the truth's world, the engine, and how items are put to an annotator."""

    judge: Annotator
    rival: Annotator | None
    world: World | None
    engine: Engine | None
    asking: Asking
    own: str
    seed: int


@contextmanager
def _set_up(
    annotator: str,
    settings: Sequence[str],
    against: str | None,
    world: str | None,
    engine: str | None,
    model: Sequence[str],
    engine_settings: Sequence[str],
    own: str | None,
    seed: int,
    store: Path | None,
    hidden: bool,
) -> Iterator[_SetUp]:
    """The store is open, and progress is shown, within. The engine starts last, when all else is seen to fit."""
    from ...annotators import make_annotator
    from ...engines import named_models

    known = named_world(world)
    judge = named_annotator(annotator, known, settings, both_orders=False, flip=0.0)
    rival = make_annotator(against, world=known) if against else None
    for each in (judge, rival) if rival else (judge,):
        check_judges_pairs(each)
    served = named_engine(engine, model, engine_settings)
    only = named_models(model)
    with opened_store(store, Path("audit.pasture.sqlite"), served) as kept:
        asking = _asking(served, kept, hidden)
        yield _SetUp(judge, rival, known, served, asking, own or (only if isinstance(only, str) else ""), seed)


def _asking(engine: Engine | None, store: Store | None, hidden: bool) -> Asking:
    """Asks with a progress bar."""
    from ...benchmarks.audits.audit import runner

    def ask(items: Any, annotator: Annotator, seed: int) -> Any:
        with progress_bar(hidden=hidden) as bar:
            task = bar.add_task(plain(annotator.name), total=len(items))

            def progress(done: int, total: int, usage: Any) -> None:
                bar.update(task, completed=done, total=total)

            return runner(engine=engine, store=store, progress=progress)(items, annotator, seed)

    return ask


def _attacked(at: _SetUp, outputs: Sequence[Path], pairs: Path | None, limit: int | None, html: Path | None, json: bool) -> None:
    from ...annotators import make_annotator
    from ...benchmarks.audits.attack_material import attack_material, read_models
    from ...benchmarks.audits.audit import attack_report
    from ...benchmarks.audits.constant_outputs import constant_share, is_constant
    from ...benchmarks.audits.gaming import gaming

    files = read_models(outputs)
    shares = {maker: constant_share(answers) for maker, answers in files.items()}
    constant = [maker for maker, share in shares.items() if is_constant(share)]
    honest = {maker: each for maker, each in files.items() if maker not in constant}
    material, source = attack_material(pairs, honest if outputs else None, at.world, limit)
    swap = make_annotator("swap", inner=at.judge)
    ask = lambda items: at.asking(items, swap, at.seed)  # noqa: E731
    report = gaming(at.judge, material, judge_model=at.own, world=at.world, seed=at.seed, ask=ask)
    _show(attack_report(report, source), html, json, _attack_facts(report, source) | _constant_facts(shares, constant))
    if json:
        return
    for maker, share in shares.items():
        typer.echo(plain(f"{maker}: {f'{share.value:.1%} of its outputs are alike' if share.value is not None else share.how}"))
    for maker in constant:
        typer.echo(plain(f"{maker} is a constant-answer model: leave it out of any ranking"))


def _attack_facts(report: Any, source: str) -> dict[str, Any]:
    """The keys that 0.1 had beside the rows."""
    from ...core.results import estimate_json

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
    }


def _constant_facts(shares: Mapping[str, Any], constant: list[str]) -> dict[str, Any]:
    return {
        "constant_models": [{"model": maker, "share": shares[maker].value} for maker in constant],
        "models": [{"model": maker, "share": share.value, "how": share.how} for maker, share in shares.items()],
    }


def _show(report: AuditReport, html: Path | None, json: bool, more: Mapping[str, Any] | None = None) -> None:
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
