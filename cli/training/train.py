"""`pasture train`: one method in one world, saved as a policy that can be served, evaluated and trained on."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from ...benchmarks.ranking.cell import make_ground, train_method
from ...benchmarks.ranking.feedback import engine_of, feedback_source, training_annotator
from ...benchmarks.ranking.run_folder import price_of_pairs
from ...benchmarks.ranking.suite import check_suite, load_suite, suite_for, suite_record, suite_world, yields_policy
from ...core.manifest import command_line, write_manifest
from ...core.seeds import rng_for
from ...methods import METHODS
from ..shared.commands import with_options
from ..shared.console import aside, plain, print_json, problem, show_price
from ..shared.options import Seed, SuiteName, settings_from
from ..shared.session import Asking


@with_options
def train(
    asking: Asking,
    method: Annotated[str, Argument(help="A method's name, module:name, or a file.")],
    world: Annotated[str | None, Option(help="The world to train in. [default: the suite's, or text]")] = None,
    suite: SuiteName = "",
    feedback: Annotated[
        str | None, Option(help="Annotator that labels the training pairs; flipped only where --flip says so.")
    ] = None,
    flip: Annotated[float | None, Option(min=0, max=0.499, help="Share of training labels flipped. [default: the suite's]")] = None,
    labels: Annotated[int | None, Option(min=1, help="Label budget. [default: the suite's]")] = None,
    seed: Seed = 0,
    set_: Annotated[list[str] | None, Option("--set", help="A setting of the method, NAME=VALUE; repeat it.")] = None,
    out: Annotated[Path | None, Option(help="Folder of the policy. [default: runs/train/WORLD-METHOD-SEED]")] = None,
) -> None:
    """Train one method from the world's SFT policy and save what it made."""
    METHODS.entry(method)
    told = {"world": world, "feedback": feedback, "flip": flip, "labels": labels} | asking.of_suite()
    loaded = load_suite(suite or suite_for(world or "text"), settings_of=method, **told)
    settings = loaded.settings(method) | settings_from(set_ or ())
    loaded = replace(loaded, ranked=(method,), methods=loaded.methods | {method: settings})
    check_suite(loaded, ranked=False)
    folder = out or Path("runs/train") / f"{Path(loaded.world).stem}-{Path(method).stem}-{seed}"
    simulated = suite_world(loaded)
    with asking.session(engine_of(loaded), folder / "store.sqlite", seed) as session:
        if asking.dry_run:
            labels_of = training_annotator(loaded, simulated)
            show_price(price_of_pairs(loaded, labels_of, session, 2 * loaded.labels), asking.json)  # the shared ones, and its own
            return
        session.tell("preparing the base policy", 0, 3)
        base = simulated.base_policy(seed)
        session.tell("SFT and labelled pairs", 1, 3)
        ground = make_ground(loaded, seed, session)
        session.tell(f"training {method}", 2, 3)
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
    if asking.json:
        print_json(shown)
        return
    for each in shown.get("samples", []):
        typer.echo(plain(f"> {each['prompt']}\n  {each['answer']}"))
    typer.echo(plain(f"{method}: {source.bought} labels, {source.abstained} of them abstained; saved in {folder}"))
    if source.abstained > loaded.abstained * source.bought:
        problem(f"{source.abstained / source.bought:.0%} of the training labels abstained; {method} learned from the others")
    if "samples" in shown:
        aside(f"next: pasture evaluate {folder}")
