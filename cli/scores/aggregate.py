"""`pasture aggregate`: the labels that several workers gave, made into one per item, and how far each worker can be relied on."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pyarrow as pa
from typer import Argument, Option

from ...core.files.tables import check_writable, write_rows
from ...core.results import Measure
from ...eval.files.votes import read_votes
from ...eval.labels.consensus import majority
from ...eval.labels.dawid_skene import dawid_skene, one_coin
from ...eval.labels.glad import glad
from ..shared.console import show_rows
from ..shared.options import BootstrapSeed, Json


class Aggregation(StrEnum):
    majority = "majority"
    one_coin = "one-coin"
    dawid_skene = "dawid-skene"
    glad = "glad"


def aggregate(
    labels: Annotated[Path, Argument(help="Rows of worker, item and label; or preferences by several annotators.")],
    how: Annotated[Aggregation, Option(help="The model of workers.")] = Aggregation.dawid_skene,
    resamples: Annotated[int, Option(min=0, help="Bootstrap resamples for the workers' intervals; 0 for none.")] = 200,
    seed: BootstrapSeed = 0,
    out: Annotated[Path | None, Option(help="Write item, label and probability here: .jsonl, .json, .csv or .parquet.")] = None,
    json: Json = False,
) -> None:
    """One label per item from the votes of many, none where two are equally likely, and each worker's reliability."""
    if out:
        check_writable(out)
    votes = read_votes(labels)
    if how is Aggregation.majority:
        found = majority(votes)
    else:
        model = {Aggregation.one_coin: one_coin, Aggregation.dawid_skene: dawid_skene, Aggregation.glad: glad}[how]
        found = model(votes, resamples=resamples, seed=seed)
    if out:
        schema = pa.schema([("item", pa.string()), ("label", pa.string()), ("probability", pa.float64())])
        labelled = zip(found.items, found.posterior_IL.max(axis=1).tolist(), strict=True)
        labels_of = {item: None if label is None else str(label) for item, label in found.label.items()}
        written = [{"item": str(item), "label": labels_of[item], "probability": best} for item, best in labelled]
        write_rows(out, written, schema)
    means = "agrees with the others" if how is Aggregation.majority else "right on an item drawn at random"
    rows = [Measure("reliability", str(name), each, "share", means) for name, each in found.reliability.items()]
    decided = sum(label is not None for label in found.label.values())
    counts = {"items": len(found.items), "labelled": decided, "votes": found.votes, "abstentions": found.abstentions}
    show_rows(rows, json, title=f"Reliability of workers, {found.how}", facts=counts | {"out": str(out) if out else None})
