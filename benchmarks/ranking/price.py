"""What a ranking would buy, before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...annotators import make_annotator
from ...annotators.runner import Session
from ...core.ledger import Quote
from ...core.protocols import Annotator
from ...simulators.material import world_items
from .feedback import training_annotator
from .method_ranking import cell_paths
from .suite import Suite, suite_world

PROBES = 20
"""Pairs of the world whose dearest is taken for the price of every pair."""


@dataclass(frozen=True, slots=True)
class RankingPrice:
    """Trainings that the run folder lacks, with the labels and verdicts that they ask for at most, and their price."""

    trainings: int
    found: int
    """Trainings that are in the folder."""
    training_labels: int
    verdicts: int
    quote: Quote


def price_ranking(suite: Suite, folder: Path, session: Session) -> RankingPrice:
    """At most: each method may buy its labels anew, beside those that all methods of a seed share. What an answer costs is that of
    the dearest of PROBES pairs of the world's own answers."""
    paths = cell_paths(suite, folder, session)
    missing = [key for key, path in paths.items() if not path.is_file()]
    seeds = {seed for _, seed in missing}
    labels = suite.labels * (len(seeds) + sum(method != "sft" for method, _ in missing))
    verdicts = len(missing) * suite.eval_prompts * suite.samples
    world = suite_world(suite)
    judging = price_of_pairs(suite, make_annotator(suite.evaluator, world=world), session, verdicts)
    quote = price_of_pairs(suite, training_annotator(suite, world), session, labels) + judging
    return RankingPrice(len(missing), len(paths) - len(missing), labels, verdicts, quote)


def price_of_pairs(suite: Suite, annotator: Annotator, session: Session, count: int) -> Quote:
    """Of so many pairs, each as dear as the dearest of a few of the world's own."""
    if session.engine is None:
        return Quote(count)
    return Quote.most([session.price([pair], annotator) for pair in world_items(suite_world(suite), "pair", PROBES)], count)
