"""`pasture evaluate`: the win rate of a trained policy, or of a file of outputs against another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from ...annotators.runner import Session
from ...benchmarks.ranking.cell import judge
from ...benchmarks.ranking.checkpoint import load_policy, read_manifest
from ...benchmarks.ranking.suite import check_suite, suite_of, suite_world, yields_policy
from ...core.errors import InputError
from ...core.files.preferences import read_outputs_pair
from ...core.results import Measure, estimate_json
from ...core.seeds import rng_for
from ...eval.intervals.clusters import mean_over_seeds
from ...eval.win_rates.pairing import blind_pairs
from ...eval.win_rates.win_rate import win_rate
from ...methods import METHODS
from ..shared.commands import with_options
from ..shared.console import show_price, show_rows
from ..shared.material import named_annotator, named_world
from ..shared.options import Seed, Settings, WorldName
from ..shared.session import Asking


@with_options
def evaluate(
    asking: Asking,
    target: Annotated[Path, Argument(help="A folder of `pasture train`, or a file of model outputs.")],
    against: Annotated[Path | None, Option(help="The rival's outputs, where TARGET is a file.")] = None,
    annotator: Annotated[str, Option(help="The annotator that judges.")] = "pool",
    samples: Annotated[int | None, Option(min=1, help="Answers judged per prompt, for a policy. [default: 1]")] = None,
    set: Settings = None,
    world: WorldName = None,
    seed: Seed = 0,
) -> None:
    """Win rate with its interval: blind, in random order, clustered by prompt."""
    is_policy = target.is_dir()
    if not is_policy and not target.exists():
        raise InputError(f"no {str(target)!r}; expected a folder of `pasture train`, or a file of model outputs")
    what, others = ("a policy's folder", ("--against", "--world")) if is_policy else ("a file of outputs", ("--samples",))
    for name, value in (("--against", against), ("--world", world), ("--samples", samples)):
        if value is not None and name in others:
            raise InputError(f"{name} {value} does not go with {what}; leave it out")
    if not is_policy and not against:
        raise InputError(f"{str(target)!r} is a file of outputs; say whose outputs it is compared with: --against FILE")
    place = target / "store.sqlite" if is_policy else target.with_suffix(".pasture.sqlite")
    with asking.session(asking.named_engine(), place, seed) as session:
        if against:
            evaluator = named_annotator(annotator, named_world(world), set or ())
            candidates, rivals = read_outputs_pair(target, against)
            comparisons, is_left = blind_pairs(candidates, rivals, seed=session.seed)
            rate, means = (
                win_rate(session.ask(comparisons, evaluator).results, is_left),
                "of the candidate's answers against the rival's",
            )
            facts = {"candidate": str(target), "rival": str(against), "evaluator": evaluator.name}
            rows = [Measure("", "win rate", rate, "share", means)]
        else:
            facts, rows = _policy(target, annotator, set or (), samples or 1, session)
        if asking.dry_run:
            show_price(session.quote, asking.json)
            return
    keys = {each.name.replace(" ", "_"): estimate_json(each.estimate) for each in rows}  # as 0.1 had them
    show_rows(rows, asking.json, facts=facts, more=keys)


def _policy(
    folder: Path, annotator: str, settings: Sequence[str], samples: int, session: Session
) -> tuple[dict[str, str], list[Measure]]:
    made = read_manifest(folder)
    if made["method"] in METHODS.entries() and not yields_policy(made["method"]):
        what = METHODS.entry(made["method"]).traits["yields"]
        raise InputError(f"{str(folder)!r} holds a {what}, which gives no answers to judge; train a policy, for instance with dpo")
    # Of the suite only what says which prompts are asked: a folder from a stranger never says which code is loaded.
    kept: dict[str, Any] = each if isinstance(each := made.get("suite"), dict) else {}
    same = {key: kept[key] for key in ("world_options", "eval_prompts", "prompts") if key in kept}
    told = {"world": made["world"], "ranked": ["sft"], "samples": samples, **same}
    suite = suite_of(told, f"the suite in {str(folder / 'manifest.json')!r}")
    check_suite(suite, annotators=False)
    policy, world = load_policy(folder), suite_world(suite)
    evaluator = named_annotator(annotator, world, settings)
    prompts = world.prompts("eval")[: suite.eval_prompts]
    answers = policy.sample(prompts, samples, rng_for(session.seed, "evaluate"))
    said, is_left = judge(evaluator, world, answers, session)
    truth = world.truth(policy, answers)
    return {"method": made["method"], "evaluator": annotator}, [
        Measure("", "win rate", win_rate(said, is_left), "share", "against the world's rivals, as the evaluator sees it"),
        Measure("", "gold win rate", mean_over_seeds(truth.win_rates_P[None]), "share", "the same by the world's truth"),
        Measure("", "gold value", mean_over_seeds(truth.values_P[None]), "nats", "mean true utility of the answers"),
    ]
