"""`pasture train`: one method in one world, saved as a policy that can be served, evaluated and trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..shared.console import errors, plain, print_json, problem, show_price
from ..shared.material import settings_from
from ..shared.options import Dollars, DryRun, EngineName, EngineSet, Json, Models, Requests, Seed, StorePath
from ..shared.session import engine_told, opened_session

if TYPE_CHECKING:
    from ...benchmarks.ranking.suite import Suite


def train(
    method: Annotated[str, typer.Argument(help="A method's name, module:name, or a file.")],
    world: Annotated[str | None, typer.Option(help="The world to train in. [default: the suite's, or text]")] = None,
    suite: Annotated[str, typer.Option(help="A suite's name or a TOML file. [default: what fits the world]")] = "",
    feedback: Annotated[
        str | None, typer.Option(help="Annotator that labels the training pairs; flipped only where --flip says so.")
    ] = None,
    flip: Annotated[
        float | None, typer.Option(min=0, max=0.499, help="Share of training labels flipped. [default: the suite's]")
    ] = None,
    labels: Annotated[int | None, typer.Option(min=1, help="Label budget. [default: the suite's]")] = None,
    seed: Seed = 0,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting of the method, NAME=VALUE; repeat it.")] = None,
    engine: EngineName = None,
    model: Models = None,
    engine_set: EngineSet = None,
    store: StorePath = None,
    budget_dollars: Dollars = None,
    budget_requests: Requests = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the policy. [default: runs/train/WORLD-METHOD-SEED]")] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Train one method from the world's SFT policy and save what it made."""
    from ...benchmarks.ranking.feedback import engine_of, feedback_source, training_annotator
    from ...benchmarks.ranking.ground import make_ground, train_method
    from ...benchmarks.ranking.run_folder import price_of_pairs
    from ...benchmarks.ranking.suite import check_suite, load_suite, suite_for, suite_record, suite_world, yields_policy
    from ...core.manifest import command_line, write_manifest
    from ...core.seeds import rng_for
    from ...methods import METHODS

    METHODS.entry(method)
    told = {"world": world, "feedback": feedback, "flip": flip, "labels": labels} | engine_told(engine, model, engine_set)
    loaded = load_suite(suite or suite_for(world or "text"), settings_of=method, **told)
    loaded = _with_settings(loaded, method, set_ or [])
    check_suite(loaded, ranked=False)
    folder = out or Path("runs/train") / f"{Path(loaded.world).stem}-{Path(method).stem}-{seed}"
    simulated, budget = suite_world(loaded), {"dollars": budget_dollars, "requests": budget_requests}
    place = folder / "store.sqlite"
    with opened_session(engine_of(loaded), store, place, seed=seed, **budget, dry_run=dry_run, hidden=json) as session:
        if dry_run:
            labels_of = training_annotator(loaded, simulated)
            show_price(price_of_pairs(loaded, labels_of, session, 2 * loaded.labels), json)  # the shared ones, and its own
            return
        tell = session.tell
        tell("preparing the base policy", 0, 3)
        base = simulated.base_policy(seed)
        tell("SFT and labelled pairs", 1, 3)
        ground = make_ground(loaded, seed, session)
        tell(f"training {method}", 2, 3)
        start = base if METHODS.entry(method).traits.get("starts_from") == "base" else ground.sft
        source = feedback_source(loaded, simulated, seed, ground.offline, session)
        trained, curve = train_method(loaded, method, start, source, seed)
    trained.save(folder)
    facts = {"method": method, "world": loaded.world, "seed": seed, "labels": source.bought, "abstentions": source.abstained}
    made = {"settings": loaded.settings(method), "suite": suite_record(loaded)}
    write_manifest(folder / "manifest.json", command=command_line(), **made, **facts)
    shown: dict[str, Any] = {**facts, "folder": str(folder)}
    if yields_policy(method):
        answers = trained.sample(simulated.prompts("eval")[:3], 1, rng_for(seed, "show"))
        shown["last"] = {k: getattr(curve.points[-1], k) for k in ("reward", "kl", "length", "entropy")} if curve.points else None
        shown["samples"] = [{"prompt": row[0].prompt.text, "answer": row[0].text} for row in answers]
    if json:
        print_json(shown)
        return
    for each in shown.get("samples", []):
        typer.echo(plain(f"> {each['prompt']}\n  {each['answer']}"))
    typer.echo(plain(f"{method}: {source.bought} labels, {source.abstained} of them abstained; saved in {folder}"))
    if source.abstained > loaded.abstained * source.bought:
        problem(f"{source.abstained / source.bought:.0%} of the training labels abstained; {method} learned from the others")
    if "samples" in shown:
        errors().print(plain(f"next: pasture evaluate {folder}"), markup=False, highlight=False)


def _with_settings(suite: Suite, method: str, settings: list[str]) -> Suite:
    """The suite with NAME=VALUE settings put into the method's table. Values are TOML; a bare word is text."""
    from dataclasses import replace

    return replace(suite, ranked=(method,), methods=suite.methods | {method: suite.settings(method) | settings_from(settings)})
