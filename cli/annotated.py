"""What `pasture annotate` makes of what was said: names put back, files written, and the facts shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .console import errors, plain

if TYPE_CHECKING:
    from ..annotators.runner import Annotations
    from ..core.records import Abstention, Estimate, Feedback, Item
    from ..core.store import Store


def blind(item: Item) -> Item:
    """The item without the names of those who made its answers."""
    from ..core.records import Comparison, Slate

    if isinstance(item, Comparison):
        return replace(item, left=replace(item.left, model=""), right=replace(item.right, model=""))
    if isinstance(item, Slate):
        return replace(item, completions=tuple(replace(each, model="") for each in item.completions))
    return replace(item, model="")


def unblinded(said: Feedback | Abstention, item: Item) -> Feedback | Abstention:
    """The answer about the item with the makers' names on it, which the annotator did not see."""
    from ..core.errors import InputError
    from ..core.records import Abstention, Comparison, Completion, Directive, Preference, Ranking, Slate

    if isinstance(said, Abstention):
        return replace(said, item=item)
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


def check_out(out: Path, items: Sequence[Item]) -> None:
    """Raises InputError for what would only fail after the work."""
    from ..core.feedback_files import check_feedback_path
    from ..core.records import Comparison
    from ..core.tables import check_writable

    if all(isinstance(each, Comparison) for each in items):
        check_writable(out, nested=any(each.prompt.history for each in items))
    else:
        check_feedback_path(out)


def facts_of(said: Annotations, results: Sequence[Feedback | Abstention], out: Path, store: Store | None) -> dict[str, Any]:
    """Writes the results, and says what there is to know of them."""
    from ..core.records import Comparison

    of_pairs = all(isinstance(getattr(each, "comparison", getattr(each, "item", None)), Comparison) for each in results)
    about = _preferences(results, out) if of_pairs else _feedback(results, out)
    usage = said.usage
    return {
        "annotator": said.annotator,
        "engine": said.engine or None,
        **about,
        "abstentions": dict(said.reasons),
        "requests": usage.requests,
        "cached": usage.cached,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "dollars": usage.dollars,
        "seconds": round(said.seconds, 3),
        "store": str(store.path) if store else None,
        "paid_in_all": {"requests": store.paid.requests, "dollars": store.paid.dollars} if store else None,
    }


def _preferences(results: Sequence[Any], out: Path) -> dict[str, Any]:
    from ..core.formats import write_preferences
    from ..eval.position_bias import position_bias  # slow to import

    written, bias = write_preferences(out, results), position_bias(results)
    abstained = sum(type(each).__name__ == "Abstention" for each in results)
    neither = sum(getattr(each, "neither", False) for each in results)
    return {
        "pairs": len(results),
        "decided": written.decided,
        "ties": written.undecided - abstained - neither,
        "neither": neither,
        "position": {"first": estimate_of(bias.first), "consistency": estimate_of(bias.consistency)},
        "out": str(written.path),
        "undecided": str(written.undecided_path) if written.undecided_path else None,
    }


def _feedback(results: Sequence[Feedback | Abstention], out: Path) -> dict[str, Any]:
    from ..core.feedback_files import KINDS, write_feedback
    from ..core.records import Critique, FollowUp, Rating, Reaction
    from ..eval.mean import clustered_mean

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


def estimate_of(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {name: getattr(estimate, name) for name in ("value", "low", "high", "n", "how")} | {"extra": dict(estimate.extra)}


def show(facts: dict[str, Any], said: Annotations, manifest: Path) -> None:
    """The facts as a table on standard output, and the first abstention on standard error."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    asked = facts["requests"] + facts["cached"] > 0
    rows = {"annotator": said.annotator + (f" by {said.engine}" if said.engine and asked else "")}
    rows |= _about_pairs(facts, len(said.abstentions)) if "pairs" in facts else _about_feedback(facts)
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
    if said.abstentions:
        first = said.abstentions[0]
        errors().print(plain(f"first abstention: {first.reason.value}: {first.detail[:300]}"), markup=False, highlight=False)


def _about_pairs(facts: dict[str, Any], abstentions: int) -> dict[str, str]:
    neither = f", {facts['neither']} neither acceptable" if facts["neither"] else ""
    counts = f"{facts['decided']} decided, {facts['ties']} tied{neither}, {abstentions} abstained"
    rows = {"pairs": f"{facts['pairs']}: {counts}"}
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
