"""What an annotator is asked about: pairs or answers of files, or a world's own; and the annotator that options name."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ...annotators import make_annotator
from ...annotators.annotator import needs, traits_of
from ...annotators.make import check_settings
from ...annotators.table import ANNOTATORS
from ...core.errors import InputError
from ...core.files.preferences import PairFile, join_outputs, read_outputs
from ...core.files.reading import is_file, read_toml
from ...core.protocols import Annotator, World
from ...core.records import Comparison, Completion, Item, Slate
from ...simulators import make_world
from ...simulators.material import world_items
from .options import settings_from

WORLD_ITEMS = 200  # items of a world that are asked about where no --limit says how many


def items_from(
    pairs: Path | None, against: Path | None, answers: Sequence[Path], world: World | None, kind: str, limit: int | None, seed: int
) -> Sequence[Item] | PairFile:
    """The items, of the `kind` that the annotator reads: `pair`, `answer` or `slate`."""
    if against and not pairs:
        raise InputError("--against is the rival of --pairs; give --pairs too")
    if pairs and answers:
        raise InputError("both --pairs and --answers were given; an annotator is asked about one of them")
    if pairs and against:
        return join_outputs(pairs, against)[:limit]
    if pairs:
        return PairFile(pairs, limit)
    if answers:
        return _answers(answers, kind)[:limit]
    if world is None:
        raise InputError("there is nothing to ask about; give --pairs or --answers, or a --world whose own answers are taken")
    return world_items(world, kind, limit or WORLD_ITEMS, seed)


def _answers(paths: Sequence[Path], kind: str) -> list[Item]:
    """One item per answer; for annotators that rank or compare, the answers of all files to one prompt. Where no prompt has two,
    an annotator that compares is given them one by one: some annotators of pairs read an answer too, the others refuse it."""
    answers = [answer for path in paths for answer in read_outputs(path)]
    by_prompt: dict[str, list[Completion]] = {}
    for answer in answers:
        by_prompt.setdefault(answer.prompt.id, []).append(answer)
    groups = [group for group in by_prompt.values() if len(group) >= 2]
    if kind == "answer" or (kind == "pair" and not groups):
        return list[Item](answers)
    if not groups:
        raise InputError("no prompt has two answers in --answers; repeat the option with another model's outputs")
    return [Slate(tuple(group)) if kind == "slate" else Comparison(group[0], group[1]) for group in groups]


def kind_of(annotator: str) -> str:
    """The kind of item that an annotator reads (`Traits.item`), by its name, its TOML or its file; `pair` for a name that is not
    known, which is refused where the annotator is made."""
    if annotator.endswith(".toml") and is_file(annotator):
        kind = read_toml(annotator, "an annotator file: a TOML with a `kind`").get("kind", "")
        return kind_of(str(kind)) if kind != annotator else "pair"
    try:
        return traits_of(ANNOTATORS.load(annotator)).item
    except InputError:
        return "pair"


def check_judges_pairs(annotator: Annotator) -> None:
    """Raises InputError for an annotator whose traits say that it judges no pairs, and for what wraps one."""
    if gives := traits_of(annotator).gives:
        makers = {name: ANNOTATORS.load(name) for name in ANNOTATORS.table}
        judges = [name for name, each in makers.items() if not traits_of(each).gives and not {"inner", "members"} & needs(each)]
        why = f"gives {gives} and judges no pairs, so there is nothing to hold against other verdicts"
        way_out = f"name one that does: {', '.join(judges)}, a wrapper or several of these, or one of your own"
        raise InputError(f"the annotator {annotator.name!r} {why}; {way_out}")
    for inner in (*getattr(annotator, "members", ()), *filter(None, [getattr(annotator, "inner", None)])):
        check_judges_pairs(inner)


def named_world(name: str | None, seed: int = 0) -> World | None:
    return make_world(name, seed=seed) if name else None


def named_annotator(
    name: str,
    world: World | None,
    settings: Sequence[str] = (),
    both_orders: bool = False,
    flip: float = 0.0,
    items: Iterable[Item] | None = None,
) -> Annotator:
    """The annotator with its options from `--set key=value`, in both orders and with noise where that is asked for."""
    options = settings_from(settings)
    check_settings(name, options)
    made = make_annotator(name, world=world, items=items, **options)
    if both_orders:
        made = make_annotator("swap", inner=made)
    return make_annotator("flip", inner=made, rate=flip) if flip else made
