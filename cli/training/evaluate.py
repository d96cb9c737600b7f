"""`pasture evaluate`: the win rate of a trained policy, or of a file of outputs against another."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..shared.console import show_rows

if TYPE_CHECKING:
    from ...core.results import Measure


def evaluate(
    target: Annotated[Path, typer.Argument(help="A folder of `pasture train`, or a file of model outputs.")],
    against: Annotated[Path | None, typer.Option(help="The rival's outputs, where TARGET is a file.")] = None,
    annotator: Annotated[str, typer.Option(help="Who judges.")] = "pool",
    samples: Annotated[int | None, typer.Option(min=1, help="Answers judged a prompt, for a policy. [default: 1]")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    engine: Annotated[str | None, typer.Option(help="Engine for annotators that need one.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Model for the engine; several as NAME=MODEL.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")] = False,
) -> None:
    """Win rate with its interval: blind, in random order, clustered by prompt."""
    from ...core.errors import InputError
    from ...core.results import estimate_json

    if target.is_dir():
        if against:
            raise InputError(
                f"--against {str(against)!r} goes with a file of outputs, and {str(target)!r} is a policy's folder; leave it out"
            )
        if len(model or ()) > 1:
            raise InputError(f"{len(model or ())} models were given, and a policy's judge asks one; give --model once")
        shown = _policy(target, annotator, samples or 1, seed, engine, model[0] if model else None)
    elif not target.exists():
        raise InputError(f"no {str(target)!r}; expected a folder of `pasture train`, or a file of model outputs")
    elif not against:
        raise InputError(f"{str(target)!r} is a file of outputs; say whose outputs it is compared with: --against FILE")
    elif samples:
        raise InputError(f"--samples {samples} goes with a policy, and {str(target)!r} is a file of outputs; leave it out")
    else:
        shown = _outputs(target, against, annotator, seed, engine, model)
    facts, rows = shown
    keys = {each.name.replace(" ", "_"): estimate_json(each.estimate) for each in rows}  # as 0.1 had them
    show_rows(rows, json, facts=facts, more=keys)


def _policy(
    folder: Path, annotator: str, samples: int, seed: int, engine: str | None, model: str | None
) -> tuple[dict[str, str], list[Measure]]:
    from ...benchmarks.ranking.cell import judge
    from ...benchmarks.ranking.checkpoint import load_policy, read_manifest
    from ...benchmarks.ranking.suite import check_suite, suite_of, suite_world
    from ...core.results import Measure
    from ...core.seeds import rng_for
    from ...core.store import Store
    from ...eval.intervals.mean import mean_over_seeds
    from ...eval.win_rates.win_rate import win_rate

    made = read_manifest(folder)
    told = {"world": made["world"], "evaluator": annotator, "samples": samples, "engine": engine or "", "model": model or ""}
    # Of the suite only what says which prompts are asked: a folder from a stranger never says which code is loaded.
    kept: dict[str, Any] = each if isinstance(each := made.get("suite"), dict) else {}
    same = {key: kept[key] for key in ("world_options", "eval_prompts") if key in kept}
    suite = suite_of({"ranked": ["sft"], "feedback": annotator, **same, **told}, f"the suite in {str(folder / 'manifest.json')!r}")
    check_suite(suite)
    policy, world = load_policy(folder), suite_world(suite)
    prompts = world.prompts("eval")[: suite.eval_prompts]
    answers = policy.sample(prompts, samples, rng_for(seed, "evaluate"))
    with closing(Store(folder / "store.sqlite")) if engine else nullcontext() as store:
        said, is_left = judge(suite, world, answers, store)
    truth = world.truth(policy, answers)
    return {"method": made["method"], "evaluator": annotator}, [
        Measure("", "win rate", win_rate(said, is_left), "share", "against the world's rivals, as the evaluator sees it"),
        Measure("", "gold win rate", mean_over_seeds(truth.win_rates_P[None]), "share", "the same by the world's truth"),
        Measure("", "gold value", mean_over_seeds(truth.values_P[None]), "nats", "mean true utility of the answers"),
    ]


def _outputs(
    target: Path, against: Path, annotator: str, seed: int, engine: str | None, model: Sequence[str] | None
) -> tuple[dict[str, str], list[Measure]]:
    from ...annotators import make_annotator
    from ...annotators.runner import annotate
    from ...core.files.preferences import read_outputs_pair
    from ...core.results import Measure
    from ...eval.win_rates.pairing import blind_pairs
    from ...eval.win_rates.win_rate import win_rate
    from ..shared.material import named_engine, opened_store

    candidates, rivals = read_outputs_pair(target, against)
    comparisons, is_left = blind_pairs(candidates, rivals, seed=seed)
    served = named_engine(engine, model)
    with opened_store(None, target.with_suffix(".pasture.sqlite"), served) as store:
        said = annotate(comparisons, make_annotator(annotator), engine=served, store=store, seed=seed).results
    rate = Measure("", "win rate", win_rate(said, is_left), "share", "of the candidate's answers against the rival's")
    return {"candidate": str(target), "rival": str(against), "evaluator": annotator}, [rate]
