"""What `pasture annotate` makes of what was said: names put back, files written, and the facts shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from ..shared.console import errors, estimate_of, plain, progress_bar

if TYPE_CHECKING:
    from ...core.files.pair_files import PairFile
    from ...core.ledger import Budget
    from ...core.protocols import Annotator, Engine
    from ...core.records import Abstention, Comparison, Estimate, Feedback, Item, Usage
    from ...core.store import Store


class Work(NamedTuple):
    """Who is asked, at whose cost, and where the answers go."""

    judge: Annotator
    engine: Engine | None
    store: Store | None
    seed: int
    budget: Budget
    out: Path
    hidden: bool
    """Whether there is no progress to be shown."""


class Told(NamedTuple):
    """What there is to know of results that are written."""

    about: dict[str, Any]
    items: int
    reasons: dict[str, int]
    """How many abstentions there are, by reason."""
    first: tuple[str, str] | None
    """The reason and the detail of the first abstention."""
    usage: Usage
    seconds: float


class Blinded:
    """The items without the names of those who made their answers, each time one iterates over it."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = items

    def __iter__(self) -> Iterator[Item]:
        from ...core.records import blind

        return map(blind, self.items)


def are_pairs(items: Sequence[Item] | PairFile) -> TypeGuard[Sequence[Comparison] | PairFile]:
    from ...core.files.pair_files import PairFile
    from ...core.records import Comparison

    return isinstance(items, PairFile) or all(isinstance(each, Comparison) for each in items)


def unblinded(said: Feedback | Abstention, item: Item) -> Feedback | Abstention:
    """The answer about the item with the makers' names on it, which the annotator did not see."""
    from ...core.errors import InputError
    from ...core.records import Abstention, Comparison, Completion, Directive, Preference, Ranking, Slate

    if isinstance(said, Abstention):
        return replace(said, item=item)
    if isinstance(said, Preference) and said.comparison is item:
        return said
    if isinstance(said, Preference) and isinstance(item, Comparison):
        return replace(said, comparison=item)
    if isinstance(said, Ranking) and isinstance(item, Slate):
        return replace(said, slate=item)
    if isinstance(said, Directive):
        return said
    if not isinstance(said, Preference | Ranking) and isinstance(item, Completion):
        return replace(said, completion=item)
    raise InputError(
        f"the annotator gives a {type(said).__name__} of a {type(item).__name__}; preferences are of pairs, rankings of slates, "
        "and all else of answers: give it --answers"
    )


def check_out(out: Path, items: Sequence[Item] | PairFile) -> None:
    """Raises InputError for what would only fail after the work."""
    from ...core.files.feedback import check_feedback_path
    from ...core.files.pair_files import PairFile
    from ...core.files.tables import check_writable

    if are_pairs(items):
        check_writable(out, items.has_history if isinstance(items, PairFile) else any(each.prompt.history for each in items))
    else:
        check_feedback_path(out)


def annotate_items(items: Sequence[Item] | PairFile, work: Work) -> Told:
    """Asks about answers or slates, and writes what was said, all of it in memory until then."""
    from ...annotators.runner import annotate

    with progress_bar(hidden=work.hidden) as bar:
        task = bar.add_task(plain(f"{work.judge.name}: {len(items)} items"), total=len(items))
        said = annotate(
            list(Blinded(items)),
            work.judge,
            engine=work.engine,
            store=work.store,
            seed=work.seed,
            budget=work.budget,
            progress=lambda done, total, usage: bar.update(task, completed=done, total=total),
        )
    results = [unblinded(each, item) for each, item in zip(said.results, items, strict=True)]
    first = next(((each.reason.value, each.detail) for each in said.abstentions), None)
    return Told(_feedback(results, work.out), len(items), dict(said.reasons), first, said.usage, said.seconds)


def facts_of(told: Told, work: Work) -> dict[str, Any]:
    """What scripts read, and the manifest holds."""
    usage, store = told.usage, work.store
    return {
        "annotator": work.judge.name,
        "engine": work.engine.name if work.engine else None,
        **told.about,
        "abstentions": told.reasons,
        "requests": usage.requests,
        "cached": usage.cached,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "dollars": usage.dollars,
        "seconds": round(told.seconds, 3),
        "store": str(store.path) if store else None,
        "paid_in_all": {"requests": store.paid.requests, "dollars": store.paid.dollars} if store else None,
    }


def _feedback(results: Sequence[Feedback | Abstention], out: Path) -> dict[str, Any]:
    from ...core.files.feedback import KINDS, write_feedback
    from ...core.records import Critique, FollowUp, Rating, Reaction
    from ...eval.intervals.mean import clustered_mean

    write_feedback(out, results)
    said: Counter[str] = Counter()
    scores: dict[str, list[float]] = {}
    prompts: dict[str, list[str]] = {}
    for each in results:
        if isinstance(each, Reaction):
            said[each.kind.value] += 1
        elif isinstance(each, Critique | FollowUp):
            said[each.polarity.value] += 1
        elif isinstance(each, Rating):
            for aspect, score in each.scores.items():
                scores.setdefault(aspect, []).append(score)
                prompts.setdefault(aspect, []).append(each.completion.prompt.id)
    means = {aspect: estimate_of(clustered_mean(values, prompts[aspect])) for aspect, values in scores.items()}
    kinds = dict(Counter(KINDS[type(each)] for each in results))
    return {"items": len(results), "kinds": kinds, "said": dict(said), "scores": means, "out": str(out), "undecided": None}


def show(facts: dict[str, Any], first: tuple[str, str] | None, manifest: Path) -> None:
    """The facts as a table on standard output, and the first abstention on standard error."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    asked = facts["requests"] + facts["cached"] > 0
    rows = {"annotator": facts["annotator"] + (f" by {facts['engine']}" if facts["engine"] and asked else "")}
    rows |= _about_pairs(facts, sum(facts["abstentions"].values())) if "pairs" in facts else _about_feedback(facts)
    rows |= {f"  {reason}": str(count) for reason, count in facts["abstentions"].items()}
    rows["requests"] = f"{facts['requests']} sent, {facts['cached']} cached"
    rows["tokens"] = f"{facts['prompt_tokens']} prompt, {facts['completion_tokens']} completion"
    rows["dollars"] = f"{facts['dollars']:.4f}"
    rows["seconds"] = f"{facts['seconds']:.1f}"
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in rows.items():
        table.add_row(Text(plain(name)), Text(plain(value)))
    console = Console()
    console.print(table)
    for name in ("out", "undecided", "store"):
        if facts[name]:
            console.print(plain(f"{name}: {facts[name]}"), markup=False, highlight=False, soft_wrap=True)
    console.print(plain(f"manifest: {manifest}"), markup=False, highlight=False, soft_wrap=True)
    if first:
        errors().print(plain(f"first abstention: {first[0]}: {first[1][:300]}"), markup=False, highlight=False)


def _about_pairs(facts: dict[str, Any], abstentions: int) -> dict[str, str]:
    neither = f" ({facts['neither']} found neither answer acceptable)" if facts["neither"] else ""
    counts = f"{facts['decided']} decided, {facts['ties']} tied, {abstentions} abstained{neither}"
    rows = {"pairs": f"{facts['pairs']}: {counts}"}
    if facts["silent"]:
        told = ", ".join(f"{count} {reason}" for reason, count in facts["silent"].items())
        rows["silent in a verdict"] = f"{sum(facts['silent'].values())} of those asked for a part of one: {told}"
    first, consistency = facts["position"]["first"], facts["position"]["consistency"]
    rows["first shown wins"] = _words(first)
    if first["value"] is not None:
        rows["  mean probability"] = f"{first['extra']['mean_probability']:.3f} for the first shown"
    if consistency is not None:
        rows["same in both orders"] = _words(consistency)
    return rows


def _about_feedback(facts: dict[str, Any]) -> dict[str, str]:
    rows = {"items": f"{facts['items']}: " + ", ".join(f"{count} {kind}" for kind, count in facts["kinds"].items())}
    rows |= {f"  {what}": str(count) for what, count in facts["said"].items()}
    hows = {mean["how"] for mean in facts["scores"].values()}
    alike = hows.pop() if len(hows) == 1 and len(facts["scores"]) > 1 else ""
    rows |= {f"  {aspect}": _words(mean, alike) for aspect, mean in facts["scores"].items()}
    return rows | ({"  intervals": alike} if alike else {})


def _words(estimate: dict[str, Any], alike: str = "") -> str:
    """A value, its interval and how it was had, unless that is `alike`, which stands below."""
    if estimate["value"] is None:
        return f"undefined ({estimate['how']})"
    interval = "" if estimate["low"] is None or estimate["high"] is None else f" [{estimate['low']:.3f}, {estimate['high']:.3f}]"
    how = "" if estimate["how"] == alike else f" ({estimate['how']})"
    return f"{estimate['value']:.3f}{interval} of {estimate['n']}{how}"


def words_of(each: Estimate) -> str:
    """A value with its interval, in a few characters; why there is none, where there is none."""
    if each.value is None:
        return each.how
    interval = f" [{each.low:.3f}, {each.high:.3f}]" if each.low is not None and each.high is not None else ""
    return f"{each.value:.3f}{interval}"
