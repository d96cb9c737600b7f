"""`pasture rank` and `pasture quickstart`: a ranking of methods, on the terminal and as a page."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..shared.console import errors, plain, print_json, show_price
from ..shared.options import Dollars, DryRun, EngineName, EngineSet, Json, Models, Requests, StorePath
from ..shared.session import engine_told, opened_session

if TYPE_CHECKING:
    from ...annotators.runner import Session
    from ...benchmarks.ranking.suite import Suite
    from ...core.records import Estimate
    from ...core.results import RankingResult
    from ...report.sweep import NoiseRun

Out = Annotated[Path | None, typer.Option(help="Run folder; finished work found there is reused. [default: runs/SUITE]")]
Jobs = Annotated[int, typer.Option(min=1, help="Processes; each takes whole seeds.")]


def quickstart(json: Json = False, out: Out = None, jobs: Jobs = 2) -> None:
    """The main job: rank the reference methods in the text world, in minutes on two cores, with an HTML report."""
    from ...benchmarks.ranking.suite import load_suite

    folder = out or Path("runs/quickstart")
    with opened_session(None, None, folder, hidden=json) as session:
        _rank_and_show([load_suite("text")], folder, session, json, jobs)


def rank(
    suite: Annotated[str, typer.Option(help="A suite's name or a TOML file. [default: what fits the world]")] = "",
    world: Annotated[str | None, typer.Option(help="The world. [default: the suite's, or text]")] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="Methods to rank instead of the suite's; repeat it. module:name and files work.")
    ] = None,
    add: Annotated[list[str] | None, typer.Option(help="Methods to rank beside the suite's; repeat it.")] = None,
    feedback: Annotated[
        str | None, typer.Option(help="Annotator that labels the training pairs; its labels are flipped only where --flip says so.")
    ] = None,
    evaluator: Annotated[str | None, typer.Option(help="Annotator that judges the answers. [default: the suite's]")] = None,
    flip: Annotated[
        list[float] | None,
        typer.Option(min=0, max=0.499, help="Share of training labels flipped; repeat it for a sweep. [default: the suite's]"),
    ] = None,
    labels: Annotated[int | None, typer.Option(min=1, help="Label budget of each method and seed.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Independent trainings of each method.")] = None,
    eval_prompts: Annotated[int | None, typer.Option(min=1, help="Evaluation prompts; the worlds make as many as asked.")] = None,
    engine: EngineName = None,
    model: Models = None,
    engine_set: EngineSet = None,
    store: StorePath = None,
    budget_dollars: Dollars = None,
    budget_requests: Requests = None,
    out: Out = None,
    jobs: Jobs = 2,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Rank methods: same labels, same starting policy, blind evaluation, and the ranking by gold beside it."""
    from ...benchmarks.ranking.feedback import engine_of
    from ...benchmarks.ranking.suite import check_suite, load_suite, suite_for
    from ...core.errors import InputError

    told = {"feedback": feedback, "evaluator": evaluator, "labels": labels, "seeds": seeds, "eval_prompts": eval_prompts}
    told |= {"world": world, "ranked": method or None} | engine_told(engine, model, engine_set)
    if len(set(flip or ())) < len(flip or ()):
        raise InputError(f"--flip was given as {', '.join(f'{each:g}' for each in flip or ())}; give each share once")
    suites = [load_suite(suite or suite_for(world or "text"), add=add or (), flip=each, **told) for each in flip or [None]]
    folder = out or Path("runs") / (Path(suite).stem or suites[0].world)
    for each in suites:
        check_suite(each)
    budget = {"dollars": budget_dollars, "requests": budget_requests}
    served = engine_of(suites[0])
    with opened_session(served, store, folder / "store.sqlite", **budget, dry_run=dry_run, hidden=json) as session:
        if dry_run:
            _show_price(suites, folder, session, json)
        else:
            _rank_and_show(suites, folder, session, json, jobs)


def _folder_of(suite: Suite, suites: Sequence[Suite], out: Path) -> Path:
    return out / f"flip-{suite.flip:g}" if len(suites) > 1 else out


def _show_price(suites: Sequence[Suite], out: Path, session: Session, json: bool) -> None:
    from dataclasses import asdict

    from ...benchmarks.ranking.run_folder import price_ranking

    prices = [price_ranking(each, _folder_of(each, suites, out), session) for each in suites]
    quote = sum((each.quote for each in prices[1:]), start=prices[0].quote)
    counts = {name: sum(getattr(each, name) for each in prices) for name in ("trainings", "found", "training_labels", "verdicts")}
    if json:
        print_json({"cells": counts["trainings"], **counts, **asdict(quote)})
        return
    found = f" ({counts['found']} more are in {str(out)!r})" if counts["found"] else ""
    asked = f"at most {counts['training_labels']} training labels and {counts['verdicts']} verdicts"
    typer.echo(plain(f"{counts['trainings']} trainings (methods x seeds){found}; {asked}"))
    if session.engine:
        show_price(quote, json)
    else:
        typer.echo("by rule: no request and no dollar")


def _rank_and_show(suites: Sequence[Suite], out: Path, session: Session, json: bool, jobs: int) -> None:
    from ...benchmarks.ranking.method_ranking import rank as run
    from ...core.errors import InputError
    from ...report.page import write_page
    from ...report.sweep import NoiseRun, write_sweep

    started = time.perf_counter()
    runs: list[NoiseRun] = []
    for each in suites:
        folder = _folder_of(each, suites, out)

        def show(done: int, total: int, what: str, name: str = each.world) -> None:
            session.tell(f"{name}: {what}", done, total)

        try:
            result = run(each, folder, session=session, jobs=jobs, report=show)
        except OSError as error:
            raise InputError(f"the run folder {str(folder)!r} cannot be written ({error}); give another with --out") from error
        runs.append(NoiseRun(each.flip, result, write_page(result, folder / "index.html").relative_to(out).as_posix()))
    if len(runs) > 1:
        write_sweep(runs, out / "index.html")
    if json:
        print_json(ranking_json(runs[0].result) | ({"runs": _sweep_json(runs)} if len(runs) > 1 else {}))
    else:
        _show(runs, out)
        errors().print(f"{time.perf_counter() - started:.0f} s; results in {plain(str(out))}", markup=False, highlight=False)


def _sweep_json(runs: list[NoiseRun]) -> list[dict[str, Any]]:
    return [{"flip": each.flip, **ranking_json(each.result)} for each in runs]


def _show(runs: list[NoiseRun], out: Path) -> None:
    from rich.console import Console

    from ...report.sweep import sweep_table
    from ...report.tables import ranking_summary

    console = Console()
    for each in runs:
        if len(runs) > 1:
            console.print(f"\nflip {each.flip:g}", highlight=False)
        console.print(ranking_summary(each.result))
        console.print(plain(f"\npage: {out / each.page}"), markup=False, highlight=False, soft_wrap=True)
    if len(runs) > 1:
        console.print(sweep_table(runs))
        console.print(plain(f"\npage of all: {out / 'index.html'}"), markup=False, highlight=False, soft_wrap=True)


def ranking_json(result: RankingResult) -> dict[str, Any]:
    """The ranking as scripts read it: `measures`, and the keys of 0.1 and what the page says. Rates are shares in [0, 1];
    gold is the gold win rate, kl in nats per answer. pairs: `separated` is by Holm's p-value."""
    from ...core.results import json_safe
    from ...report.headline import abstained, verdict

    def ends(of: Estimate, name: str = "value", before: str = "") -> dict[str, float | None]:
        return {name: of.value, f"{before}low": of.low, f"{before}high": of.high}

    ranking = [
        {"method": each.method, **ends(each.win_rate, "win_rate"), "n": each.win_rate.n, "abstentions": each.win_rate.abstentions}
        | {**ends(each.gold_win_rate, "gold", "gold_"), "kl": each.kl.value}
        | {"labels": each.labels, "label_abstentions": each.label_abstentions}
        for each in result.methods
    ]
    pairs = [
        {"better": each.better, "worse": each.worse, **ends(each.difference, "difference")}
        | {"p_holm": each.difference.extra.get("p_holm"), "separated": each.is_separated}
        for each in result.pairs
    ]
    return json_safe(
        {
            "ranking": ranking,
            "spearman": ends(result.spearman),
            "kendall": ends(result.kendall),
            "pairs": pairs,
            "headline": [verdict(result), *abstained(result)],
            "feedback": result.feedback,
            "evaluator": result.evaluator,
            "measures": [each.as_json() for each in result.rows()],
        }
    )
