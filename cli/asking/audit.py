"""`pasture audit`: how far a judge can be trusted, found by asking it, or from what it once said; and whether it can be gamed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from ...annotators.runner import Session
from ...benchmarks.audits.audit import attack_report, audit_stored, gold_for, gold_from_annotator, gold_from_file, gold_from_world
from ...benchmarks.audits.audit import audit as audited
from ...benchmarks.audits.constant_outputs import constant_share, is_constant
from ...benchmarks.audits.gaming import attack_material, gaming, read_models
from ...core.errors import InputError
from ...core.files.preferences import read_pairs
from ...core.files.tables import check_folder
from ...core.protocols import Annotator, World
from ...core.results import estimate_json
from ...eval.files.labelled_pairs import read_labelled
from ...eval.judges.judge_audit import AuditReport
from ...report.audit_page import write_audit_page
from ..shared.commands import with_options
from ..shared.console import plain, show_price, show_rows
from ..shared.material import check_judges_pairs, named_annotator, named_world
from ..shared.options import Limit, Seed, Settings
from ..shared.session import Asking


@with_options
def audit(
    asking: Asking,
    annotator: Annotated[
        str, Argument(help="The annotator to audit: a name, a TOML, module:name, file.py:name; with --annotations, a name in them.")
    ],
    attacks: Annotated[bool, Option("--attacks", help="Can it be made to prefer an answer that is no better?")] = False,
    gold: Annotated[Path | None, Option(help="Gold labels: preferences, AlpacaEval's annotations, HH-RLHF.")] = None,
    against: Annotated[str | None, Option(help="Another annotator, whose verdicts are the gold labels.")] = None,
    annotations: Annotated[
        Path | None, Option(help="What ANNOTATOR said before: a file, or a folder with one file per seed. Nobody is asked.")
    ] = None,
    outputs: Annotated[
        list[Path] | None, Option(help="To be attacked: a model's outputs, or a folder with outputs/MODEL.json; repeat it.")
    ] = None,
    pairs: Annotated[Path | None, Option(help="Pairs. Under --attacks the left one is honest, the right one its rival.")] = None,
    world: Annotated[str | None, Option(help="Gives answers and truth. [default: text, if no files are given]")] = None,
    set: Settings = None,
    own: Annotated[str | None, Option(help="The model whose answers are the judge's own. [default: --model]")] = None,
    gold_noise: Annotated[float | None, Option(min=0, max=0.5, help="Share of wrong gold labels, if it is known.")] = None,
    seeds: Annotated[int | None, Option(min=1, help="How often it is asked. [default: 4; 1 with an engine]")] = None,
    limit: Limit = None,
    seed: Seed = 0,
    html: Annotated[Path | None, Option(help="Write the report as one HTML page, too.")] = None,
) -> None:
    """Audit a judge: agreement, bias, variance, consistency, price; with --attacks, whether it can be gamed."""
    if html is not None:
        check_folder(html)  # not only after all has been asked
    about_gold = {"--gold": gold, "--against": against, "--annotations": annotations, "--seeds": seeds}
    if attacks:
        _refuse(about_gold, "asks about gold", "--attacks")
        _refuse({"--gold-noise": gold_noise}, "is about gold labels", "--attacks")
        if pairs and outputs:
            raise InputError("both --pairs and --outputs were given; give the one whose answers are to be attacked")
    else:
        _refuse({"--outputs": outputs}, "holds answers to attack", "an audit without --attacks")
    if annotations:
        asked = {"--engine": asking.engine, "--model": asking.model, "--engine-set": asking.engine_set, "--store": asking.store}
        asked |= {"--world": world, "--against": against, "--seeds": seeds, "--set": set, "--pairs": pairs}
        _refuse(asked, "is for asking", "--annotations, where nobody is asked")
        if gold_noise is not None and gold is None:
            raise InputError(f"--gold-noise {gold_noise:g} is about gold labels, and there are none; give --gold")
        said = read_labelled(annotations, annotator).first(limit)
        labels = gold_for(said, gold, gold_noise) if gold else None
        _show(audit_stored(annotator, said, labels, seed=seed, own=own or ""), html, asking.json)
        return
    if not attacks:
        _check_gold(gold, gold_noise, against, pairs)
    known = named_world(world or (None if gold or pairs or outputs else "text"))
    judge = named_annotator(annotator, known, set or ())
    rival = named_annotator(against, known) if against else None
    for each in (judge, rival) if rival else (judge,):
        check_judges_pairs(each)
    served = asking.named_engine()  # last, when all else is seen to fit: it may take long to start
    its_own = own or (asking.model[0] if asking.model and len(asking.model) == 1 else "")
    with asking.session(served, Path("audit.pasture.sqlite"), seed) as session:
        if attacks:
            report, more, lines = _attacked(judge, session, its_own, known, outputs or (), pairs, limit)
        else:
            shown, labels = _gold(gold, gold_noise, pairs, known, limit)
            if rival:
                labels = gold_from_annotator(rival, shown, seed=seed, session=session)
            report = audited(judge, shown, labels, seeds=seeds or (1 if served else 4), seed=seed, own=its_own, session=session)
            report, more, lines = replace(report, facts={"engine": served.name if served else "none", **report.facts}), None, ()
        if asking.dry_run:
            show_price(session.quote, asking.json)
        else:
            _show(report, html, asking.json, more, lines)


def _refuse(options: Mapping[str, Any], what: str, where: str) -> None:
    """Nothing is accepted and ignored."""
    for name, value in options.items():
        if value is not None and value != []:
            raise InputError(f"{name} {what}, and does not go with {where}; leave one of them out")


def _check_gold(gold: Path | None, noise: float | None, against: str | None, pairs: Path | None) -> None:
    if gold and (against or pairs):
        raise InputError("--gold holds pairs and labels; leave out --against and --pairs, or leave out --gold")
    if pairs and not against:
        way_out = "say whose verdicts are the gold labels with --against, or give labels with --gold"
        raise InputError(f"--pairs have no labels; {way_out}")
    if noise is not None and not gold:
        raise InputError(f"--gold-noise {noise:g} is about the labels of --gold, and there are none")


def _gold(gold: Path | None, noise: float | None, pairs: Path | None, world: World | None, limit: int | None) -> tuple[Any, Any]:
    """The pairs to ask about, and their labels where there are any."""
    if gold:
        return gold_from_file(gold, limit, noise)
    if pairs:
        return read_pairs(pairs)[:limit], None
    assert world is not None
    return gold_from_world(world, limit)


def _attacked(
    judge: Annotator,
    session: Session,
    own: str,
    world: World | None,
    outputs: Sequence[Path],
    pairs: Path | None,
    limit: int | None,
) -> tuple[AuditReport, dict[str, Any], list[str]]:
    """Attacks the judge: the report, what its JSON holds beside the rows, and lines about the models' outputs."""
    files = read_models(outputs)
    shares = {maker: constant_share(answers) for maker, answers in files.items()}
    constant = [maker for maker, share in shares.items() if is_constant(share)]
    honest = {maker: each for maker, each in files.items() if maker not in constant}
    material, source = attack_material(pairs, honest if outputs else None, world, limit)
    found = gaming(judge, material, judge_model=own, world=world, seed=session.seed, session=session)
    alike = {
        maker: each.how if each.value is None else f"{each.value:.1%} of its outputs are alike" for maker, each in shares.items()
    }
    lines = [f"{maker}: {said}" for maker, said in alike.items()]
    lines += [f"{maker} is a constant-answer model: leave it out of any ranking" for maker in constant]
    attacks = [
        {"attack": each.attack, "gamed": each.gamed, "reason": each.reason}
        | {name: estimate_json(getattr(each, name)) for name in ("win_rate", "honest", "difference")}
        for each in found.attacks
    ]
    more = {"annotator": found.annotator, "material": source, "prompts": found.prompts, "attacks": attacks}  # as 0.1 had them
    more |= {"position": estimate_json(found.position.first)}
    more |= {"constant_models": [{"model": maker, "share": shares[maker].value} for maker in constant]}
    more |= {"models": [{"model": maker, "share": share.value, "how": share.how} for maker, share in shares.items()]}
    return attack_report(found, source), more, lines


def _show(
    report: AuditReport, html: Path | None, json: bool, more: Mapping[str, Any] | None = None, lines: Sequence[str] = ()
) -> None:
    if html:
        write_audit_page(report, html)
    if json:
        kept = {"annotator": report.annotator, "facts": dict(report.facts), "html": str(html) if html else None}
        show_rows(report.measures, json, more=kept | dict(more or {}))
        return
    facts = dict(report.facts) | ({"page": html} if html else {})
    show_rows(report.measures, json, title=f"Audit of {report.annotator}", facts=facts)
    for line in lines:
        typer.echo(plain(line))
