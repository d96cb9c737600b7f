"""What `pasture annotate` makes of what was said: names put back, files written, and the facts shown."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from ...annotators.runner import Session
from ...core.errors import InputError
from ...core.files.feedback import KINDS, check_feedback_path, write_feedback
from ...core.files.preferences import PairFile
from ...core.files.tables import check_writable
from ...core.protocols import Annotator
from ...core.records import Abstention, Critique, Directive, Feedback, FollowUp, Preference, Ranking, Rating, Reaction, Usage
from ...core.records.items import Comparison, Completion, Item, Slate, blind
from ...core.results import Measure, estimate_json
from ..shared.console import aside, show_rows


class Told(NamedTuple):
    """What there is to know of results that are written."""

    about: dict[str, Any]
    rows: list[Measure]
    items: int
    reasons: dict[str, int]  # how many abstentions there are, by reason
    first: tuple[str, str] | None  # the reason and the detail of the first abstention
    usage: Usage
    seconds: float


class Blinded:
    """The items without the names of the models that wrote their answers, each time one iterates over it. count: how many there
    are. waiting: takes them as they were, to wait for their answers."""

    def __init__(self, items: Iterable[Item], count: int, waiting: deque[Any] | None = None) -> None:
        self.items, self.count, self.waiting = items, count, waiting

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Item]:
        for item in self.items:
            if self.waiting is not None:
                self.waiting.append(item)
            yield blind(item)


def are_pairs(items: Sequence[Item] | PairFile) -> TypeGuard[Sequence[Comparison] | PairFile]:
    return isinstance(items, PairFile) or all(isinstance(each, Comparison) for each in items)


def unblinded(said: Feedback | Abstention, item: Item) -> Feedback | Abstention:
    """The answer about the item with the makers' names on it, which the annotator did not see."""
    if isinstance(said, Directive):
        return said
    about = {Abstention: ("item", object), Preference: ("comparison", Comparison), Ranking: ("slate", Slate)}
    field, kind = about.get(type(said), ("completion", Completion))
    if not isinstance(item, kind):
        rule = "preferences are of pairs, rankings of slates, and all else of answers: give it --answers"
        raise InputError(f"the annotator gives a {type(said).__name__} of a {type(item).__name__}; {rule}")
    return said if getattr(said, field) is item else replace(said, **{field: item})


def check_out(out: Path, items: Sequence[Item] | PairFile) -> None:
    """Raises InputError for what would only fail after the work."""
    if are_pairs(items):
        check_writable(out, items.has_history if isinstance(items, PairFile) else any(each.prompt.history for each in items))
    else:
        check_feedback_path(out)


def annotate_items(items: Sequence[Item] | PairFile, judge: Annotator, session: Session, out: Path) -> Told:
    """Asks about answers or slates, and writes what was said, all of it in memory until then."""
    said = session.ask(list(Blinded(items, len(items))), judge)
    results = [unblinded(each, item) for each, item in zip(said.results, items, strict=True)]
    first = next(((each.reason.value, each.detail) for each in said.abstentions), None)
    return Told(*_feedback(results, out), len(items), dict(said.reasons), first, said.usage, said.seconds)


def facts_of(told: Told, judge: Annotator, session: Session) -> dict[str, Any]:
    """What scripts read, and the manifest holds."""
    usage, store = told.usage, session.store
    facts = {"annotator": judge.name, "engine": session.engine.name if session.engine else None, **told.about}
    facts |= {"abstentions": told.reasons, "requests": usage.requests, "cached": usage.cached}
    facts |= {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens, "dollars": usage.dollars}
    paid = {"requests": store.paid.requests, "dollars": store.paid.dollars} if store else None
    return facts | {"seconds": round(told.seconds, 3), "store": str(store.path) if store else None, "paid_in_all": paid}


def _feedback(results: Sequence[Feedback | Abstention], out: Path) -> tuple[dict[str, Any], list[Measure]]:
    """Writes what was said; what is to be told of it, and each aspect's mean score."""
    from ...eval.intervals.clusters import clustered_mean  # slow to import

    write_feedback(out, results)
    said: Counter[str] = Counter()
    scores: dict[str, list[tuple[float, str]]] = {}
    for each in results:
        if isinstance(each, Reaction):
            said[each.kind.value] += 1
        elif isinstance(each, Critique | FollowUp):
            said[each.polarity.value] += 1
        elif isinstance(each, Rating):
            for aspect, score in each.scores.items():
                scores.setdefault(aspect, []).append((score, each.completion.prompt.content))
    rows = []
    for aspect, found in scores.items():
        mean = clustered_mean([score for score, _ in found], [prompt for _, prompt in found])
        rows.append(Measure("scores", aspect, mean, "number", "mean score"))
    about = {"items": len(results), "kinds": dict(Counter(KINDS[type(each)] for each in results)), "said": dict(said)}
    means = {row.name: estimate_json(row.estimate) for row in rows}
    return about | {"scores": means, "out": str(out), "undecided": None}, rows


def show(told: Told, facts: dict[str, Any], manifest: Path, json: bool) -> None:
    """The facts and rows on standard output, and for people the first abstention on standard error."""
    if json:
        show_rows(told.rows, True, more=facts | {"manifest": str(manifest)})
        return
    asked = facts["requests"] + facts["cached"] > 0
    words = {"annotator": facts["annotator"] + (f" by {facts['engine']}" if facts["engine"] and asked else "")}
    if "pairs" in facts:
        words |= _about_pairs(facts, sum(facts["abstentions"].values()))
    else:
        words["items"] = f"{facts['items']}: " + ", ".join(f"{count} {kind}" for kind, count in facts["kinds"].items())
        words |= {f"  {what}": count for what, count in facts["said"].items()}
    words |= {f"  {reason}": count for reason, count in facts["abstentions"].items()}
    words["requests"] = f"{facts['requests']} sent, {facts['cached']} cached"
    words["tokens"] = f"{facts['prompt_tokens']} prompt, {facts['completion_tokens']} completion"
    words |= {"dollars": f"{facts['dollars']:.4f}", "seconds": f"{facts['seconds']:.1f}"}
    words |= {name: facts[name] for name in ("out", "undecided", "store")} | {"manifest": manifest}
    show_rows(told.rows, False, facts=words)
    if told.first:
        aside(f"first abstention: {told.first[0]}: {told.first[1][:300]}")


def _about_pairs(facts: dict[str, Any], abstentions: int) -> dict[str, Any]:
    neither = f" ({facts['neither']} found neither answer acceptable)" if facts["neither"] else ""
    counts = f"{facts['decided']} decided, {facts['ties']} tied, {abstentions} abstained{neither}"
    rows = {"pairs": f"{facts['pairs']}: {counts}"}
    if facts["silent"]:
        told = ", ".join(f"{count} {reason}" for reason, count in facts["silent"].items())
        rows["abstained inside a verdict"] = f"{sum(facts['silent'].values())} of those asked for a part of one: {told}"
    if (probability := facts["position"]["first"]["extra"].get("mean_probability")) is not None:
        rows["mean probability of the first shown"] = f"{probability:.3f}"
    if facts["label_mass"] is not None:
        rows["mean mass of the labels"] = f"{facts['label_mass']:.3g} of the first token's probability"
    return rows
