"""`pasture rank` and `pasture quickstart`: a ranking of methods, on the terminal and as a page."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..shared.console import errors, plain, print_json, progress_bar

if TYPE_CHECKING:
    from ...benchmarks.ranking.suite import Suite
    from ...core.results import RankingResult
    from ...report.sweep import NoiseRun

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")]
Out = Annotated[Path | None, typer.Option(help="Run folder; finished work found there is reused. [default: runs/SUITE]")]
Jobs = Annotated[int, typer.Option(min=1, help="Processes; each takes whole seeds.")]


def quickstart(json: Json = False, out: Out = None, jobs: Jobs = 2) -> None:
    """The main job: rank the reference methods in the text world, in minutes on two cores, with an HTML report."""
    from ...benchmarks.ranking.suite import load_suite

    _rank_and_show([load_suite("text")], out or Path("runs/quickstart"), json, jobs)


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
    engine: Annotated[str | None, typer.Option(help="Engine for annotators that need one.")] = None,
    model: Annotated[str | None, typer.Option(help="Model for the engine.")] = None,
    out: Out = None,
    jobs: Jobs = 2,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and what it would buy, and stop.")] = False,
    json: Json = False,
) -> None:
    """Rank methods: same labels, same starting policy, blind evaluation, and the ranking by gold beside it."""
    from ...benchmarks.ranking.suite import load_suite, suite_for
    from ...core.errors import InputError

    told = {"feedback": feedback, "evaluator": evaluator, "labels": labels, "seeds": seeds, "eval_prompts": eval_prompts}
    told |= {"world": world, "ranked": method or None, "engine": engine, "model": model}
    if len(set(flip or ())) < len(flip or ()):
        raise InputError(f"--flip was given as {', '.join(f'{each:g}' for each in flip or ())}; give each share once")
    suites = [load_suite(suite or suite_for(world or "text"), add=add or (), flip=each, **told) for each in flip or [None]]
    if dry_run:
        _price(suites, json)
        return
    _rank_and_show(suites, out or Path("runs") / (Path(suite).stem or suites[0].world), json, jobs)


def _price(suites: list[Suite], json: bool) -> None:
    from ...benchmarks.ranking.suite import check_suite

    cells = labels = verdicts = 0
    for each in suites:
        check_suite(each)
        cells += len(each.ranked) * each.seeds
        labels += each.labels * each.seeds
        verdicts += len(each.ranked) * each.seeds * each.eval_prompts * each.samples
    if json:
        print_json({"cells": cells, "training_labels": labels, "verdicts": verdicts})
    else:
        asked = (
            f" through {suites[0].engine} {suites[0].model}".rstrip() if suites[0].engine else ", by rule: no request and no dollar"
        )
        typer.echo(plain(f"{cells} trainings (methods x seeds); {labels} training labels and {verdicts} verdicts{asked}"))


def _rank_and_show(suites: list[Suite], out: Path, json: bool, jobs: int) -> None:
    from ...benchmarks.ranking.method_ranking import rank as run
    from ...core.errors import InputError
    from ...report.page import write_page
    from ...report.sweep import write_sweep

    started = time.perf_counter()
    runs: list[NoiseRun] = []
    for each in suites:
        folder = out / f"flip-{each.flip:g}" if len(suites) > 1 else out
        with progress_bar(hidden=json) as bar:
            task = bar.add_task(plain(f"{each.world}: {len(each.ranked)} methods"), total=len(each.ranked) * each.seeds)

            def show(done: int, total: int, what: str, task: Any = task, bar: Any = bar, name: str = each.world) -> None:
                bar.update(task, completed=done, total=total, description=plain(f"{name}: {what}"))

            try:
                result = run(each, folder, jobs=jobs, report=show)
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
    """The ranking as scripts read it. Rates are shares in [0, 1]; gold is the gold win rate, kl in nats per answer.

    pairs: every two methods, as on the page; `separated` is by Holm's p-value."""
    from ...report.headline import abstained, verdict

    return {
        "ranking": [
            {
                "method": each.method,
                "win_rate": each.win_rate.value,
                "low": each.win_rate.low,
                "high": each.win_rate.high,
                "n": each.win_rate.n,
                "abstentions": each.win_rate.abstentions,
                "gold": each.gold_win_rate.value,
                "gold_low": each.gold_win_rate.low,
                "gold_high": each.gold_win_rate.high,
                "kl": each.kl.value,
                "labels": each.labels,
                "label_abstentions": each.label_abstentions,
            }
            for each in result.methods
        ],
        "spearman": {"value": result.spearman.value, "low": result.spearman.low, "high": result.spearman.high},
        "kendall": {"value": result.kendall.value, "low": result.kendall.low, "high": result.kendall.high},
        "pairs": [
            {
                "better": each.better,
                "worse": each.worse,
                "difference": each.difference.value,
                "low": each.difference.low,
                "high": each.difference.high,
                "p_holm": each.difference.extra.get("p_holm"),
                "separated": each.is_separated,
            }
            for each in result.pairs
        ],
        "headline": [verdict(result), *abstained(result)],
        "feedback": result.feedback,
        "evaluator": result.evaluator,
    }
