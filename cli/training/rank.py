"""`pasture rank`, `quickstart` and `report`: a ranking of methods, on the terminal and as a page."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer import Argument, Option

from ...annotators.runner import Session
from ...benchmarks.ranking.feedback import engine_of
from ...benchmarks.ranking.method_ranking import rank as run
from ...benchmarks.ranking.run_folder import price_ranking
from ...benchmarks.ranking.suite import Suite, check_suite, load_suite, suite_for
from ...core.errors import InputError
from ...core.records import Estimate
from ...core.results import RankingResult, json_safe
from ...report.headline import abstained, ranking_summary, verdict
from ...report.page import write_page
from ...report.sweep import NoiseRun, sweep_table, write_sweep
from ..shared.commands import with_options
from ..shared.console import aside, plain, print_json, show_price
from ..shared.options import Json, SuiteName
from ..shared.session import Asking

Out = Annotated[Path | None, Option(help="Run folder; finished work found there is reused. [default: runs/SUITE]")]
Jobs = Annotated[int, Option(min=1, help="Processes; each takes whole seeds.")]


def quickstart(json: Json = False, out: Out = None, jobs: Jobs = 2) -> None:
    """The main job: rank the reference methods in the text world, in minutes on two cores, with an HTML report."""
    folder = out or Path("runs/quickstart")
    with Asking(json=json).session(None, folder) as session:
        _rank_and_show([load_suite("text")], folder, session, json, jobs)


@with_options
def rank(
    asking: Asking,
    suite: SuiteName = "",
    world: Annotated[str | None, Option(help="The world. [default: the suite's, or text]")] = None,
    method: Annotated[
        list[str] | None, Option(help="Methods to rank instead of the suite's; repeat it. module:name and files work.")
    ] = None,
    add: Annotated[list[str] | None, Option(help="Methods to rank beside the suite's; repeat it.")] = None,
    feedback: Annotated[
        str | None, Option(help="Annotator that labels the training pairs; its labels are flipped only where --flip says so.")
    ] = None,
    evaluator: Annotated[str | None, Option(help="Annotator that judges the answers. [default: the suite's]")] = None,
    flip: Annotated[
        list[float] | None,
        Option(min=0, max=0.499, help="Share of training labels flipped; repeat it for a sweep. [default: the suite's]"),
    ] = None,
    labels: Annotated[int | None, Option(min=1, help="Label budget of each method and seed.")] = None,
    seeds: Annotated[int | None, Option(min=1, help="Independent trainings of each method.")] = None,
    eval_prompts: Annotated[int | None, Option(min=1, help="Evaluation prompts; the worlds make as many as asked.")] = None,
    out: Out = None,
    jobs: Jobs = 2,
) -> None:
    """Rank methods: same labels, same starting policy, blind evaluation, and the ranking by gold beside it."""
    told = {"feedback": feedback, "evaluator": evaluator, "labels": labels, "seeds": seeds, "eval_prompts": eval_prompts}
    told |= {"world": world, "ranked": method or None} | asking.of_suite()
    if len(set(flip or ())) < len(flip or ()):
        raise InputError(f"--flip was given as {', '.join(f'{each:g}' for each in flip or ())}; give each share once")
    suites = [load_suite(suite or suite_for(world or "text"), add=add or (), flip=each, **told) for each in flip or [None]]
    folder = out or Path("runs") / (Path(suite).stem or suites[0].world)
    for each in suites:
        check_suite(each)
    with asking.session(engine_of(suites[0]), folder / "store.sqlite") as session:
        if asking.dry_run:
            _show_price(suites, folder, session, asking.json)
        else:
            _rank_and_show(suites, folder, session, asking.json, jobs)


def report(
    run: Annotated[Path, Argument(help="A run folder of `pasture rank`, or its ranking.json.")],
    out: Annotated[Path | None, Option(help="Where the page goes. [default: index.html in the run folder]")] = None,
    json: Json = False,
) -> None:
    """Write the page of a finished run and print its ranking."""
    path = run / "ranking.json" if run.is_dir() else run
    result = RankingResult.load(path)
    page = write_page(result, out or path.parent / "index.html")
    if json:
        print_json(ranking_json(result))
        return
    Console().print(ranking_summary(result))
    typer.echo(plain(f"page: {page}"))


def _folder_of(suite: Suite, suites: Sequence[Suite], out: Path) -> Path:
    return out / f"flip-{suite.flip:g}" if len(suites) > 1 else out


def _show_price(suites: Sequence[Suite], out: Path, session: Session, json: bool) -> None:
    prices = [price_ranking(each, _folder_of(each, suites, out), session) for each in suites]
    quote = sum((each.quote for each in prices[1:]), start=prices[0].quote)
    counts = {name: sum(getattr(each, name) for each in prices) for name in ("trainings", "found", "training_labels", "verdicts")}
    if json:
        print_json({"cells": counts["trainings"], **counts, **asdict(quote)})
        return
    found = f" ({counts['found']} more are in {str(out)!r})" if counts["found"] else ""
    asked = f"at most {counts['training_labels']} training labels and {counts['verdicts']} verdicts"
    trainings = "1 training" if counts["trainings"] == 1 else f"{counts['trainings']} trainings"
    typer.echo(plain(f"{trainings} (methods x seeds){found}; {asked}"))
    if session.engine:
        show_price(quote, json)
    else:
        typer.echo("by rule: no request and no dollar")


def _rank_and_show(suites: Sequence[Suite], out: Path, session: Session, json: bool, jobs: int) -> None:
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
        all_runs = {"runs": [{"flip": each.flip, **ranking_json(each.result)} for each in runs]} if len(runs) > 1 else {}
        print_json(ranking_json(runs[0].result) | all_runs)
        return
    console = Console()
    for each in runs:
        if len(runs) > 1:
            console.print(f"\nflip {each.flip:g}", highlight=False)
        console.print(ranking_summary(each.result))
        console.print(plain(f"\npage: {out / each.page}"), markup=False, highlight=False, soft_wrap=True)
    if len(runs) > 1:
        console.print(sweep_table(runs))
        console.print(plain(f"\npage of all: {out / 'index.html'}"), markup=False, highlight=False, soft_wrap=True)
    aside(f"{time.perf_counter() - started:.0f} s; results in {out}")


def ranking_json(result: RankingResult) -> dict[str, Any]:
    """The ranking as scripts read it: `measures`, and the keys of 0.1 and what the page says. Rates are shares in [0, 1];
    gold is the gold win rate, kl in nats per answer. pairs: `separated` is by Holm's p-value."""

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
    found = {"ranking": ranking, "spearman": ends(result.spearman), "kendall": ends(result.kendall), "pairs": pairs}
    found |= {"headline": [verdict(result), *abstained(result)], "feedback": result.feedback, "evaluator": result.evaluator}
    return json_safe(found | {"measures": [each.as_json() for each in result.rows()]})
