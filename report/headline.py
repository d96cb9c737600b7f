"""A ranking in a few sentences, each true of the numbers beside it; and for the terminal, under its table."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from ..core.results import Measure, MethodResult, RankingResult
from .rows import wide_table
from .text import interval, number, percent, visible

MANY = 4  # names that a sentence can hold
FEWEST = 3  # methods that a rank correlation can say something of: two are in the same order or in the other
SHOWN = {"win rate": "win_rate", "gold": "gold_win_rate", "value": "gold_value", "KL": "kl"}
"""Column in the terminal -> measure of a method."""
ABSTAINED = 0.2  # share of abstentions above which they are named, where the suite does not say


def winner(result: RankingResult) -> MethodResult | None:
    """The method with the highest win rate; None where none is defined."""
    judged = [each for each in result.methods if each.win_rate.value is not None]
    return max(judged, key=lambda each: each.win_rate.value or 0.0, default=None)


def within_reach(result: RankingResult) -> list[str]:
    """Methods that cannot be told apart from the first (by paired differences with Holm's correction), in the ranking's order."""
    best = winner(result)
    others = [each for each in result.pairs if best and each.better == best.method and each.difference.value is not None]
    return [each.worse for each in others if not each.is_separated]


def title(result: RankingResult) -> str:
    """The ranking in one line: which method came first, or which share the first place."""
    best, near = winner(result), within_reach(result)
    if best is None:
        return "No method has a win rate"
    if len(result.methods) == 1:
        return f"{visible(best.method)} won {percent(best.win_rate.value)} %"
    if not near:
        return f"{visible(best.method)} came first"
    return f"{_names([best.method, *near], 'methods')} cannot be told apart"


def verdict(result: RankingResult) -> str:
    """Which method has the highest win rate, and from which others it can be told apart."""
    best, near = winner(result), within_reach(result)
    if best is None:
        return "Nothing was judged."
    rate = f"{percent(best.win_rate.value)} % of its comparisons {interval(best.win_rate, 100, 1)}"
    if len(result.methods) == 1:
        return f"{visible(best.method)} won {rate}. It was the only method."
    first = f"{visible(best.method)} won most: {rate}."
    if not result.pairs:
        return first  # results of 0.1
    test = "by paired differences with Holm's correction"
    if not near:
        return f"{first} It is ahead of every other method, {test}."
    return f"{first} It cannot be told apart from {_names(near, 'other methods')}, {test}."


def agreement(result: RankingResult) -> str:
    """Does the ranking agree with the known truth?"""
    rho, tau = result.spearman, result.kendall
    if not has_agreement(result):
        why = rho.how if rho.value is None else f"undefined: {len(result.methods)} methods, and it needs {FEWEST}"
        return f"Rank correlation with gold is {why}."
    kendall = f"Kendall's tau {number(tau.value)} {interval(tau)}"
    return f"Spearman correlation with the gold ranking: {number(rho.value)} {interval(rho)}; {kendall}."


def has_agreement(result: RankingResult) -> bool:
    """Whether a rank correlation is defined, and of enough methods to say something."""
    return result.spearman.value is not None and len(result.methods) >= FEWEST


def abstained(result: RankingResult) -> list[str]:
    """A sentence for each method whose training labels abstained, and one for verdicts that did, above the suite's share."""
    suite = result.manifest.get("suite")
    share = suite.get("abstained", ABSTAINED) if isinstance(suite, dict) else ABSTAINED
    lost = {visible(each.method): (each.label_abstentions or 0) / each.labels for each in result.methods if each.labels > 0}
    many, found = {name: part for name, part in lost.items() if part > share}, []
    if many:
        most = f"{'up to ' if len(many) > 1 else ''}{percent(max(many.values()), 0)} %"
        found.append(f"Of the training labels of {_names(list(many), 'methods')}, {most} abstained.")
    rates = {each.method: each.win_rate for each in result.methods}
    unjudged = [name for name, rate in rates.items() if rate.abstentions > share * (rate.n + rate.abstentions)]
    if unjudged:
        found.append(f"Of the verdicts on {_names(unjudged, 'methods')}, more than {percent(share, 0)} % are abstentions.")
    return found


def _names(names: Sequence[str], many: str) -> str:
    """Names in a sentence, or how many there are."""
    if len(names) > MANY:
        return f"{len(names)} {many}"
    shown = [visible(each) for each in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def ranking_summary(result: RankingResult) -> RenderableType:
    """One line per method, best first, and what the numbers say in words. `gold` and `value` are the win rate and mean utility by
    gold; lengths, labels and times are on the page."""
    rows = [
        Measure(each.method, name, getattr(each, field), "share" if field.endswith("win_rate") else "number")
        for each in result.methods
        for name, field in SHOWN.items()
    ]
    level = f"{result.methods[0].win_rate.level:.0%}" if result.methods else "95%"
    heading = f"Win rate against fixed answers, {result.world} world ({level} intervals)"
    table = wide_table(rows, heading, without_interval=("gold", "value", "KL"), counted="win rate")
    lost = [f"{visible(each.method)} {each.label_abstentions}/{each.labels}" for each in result.methods if each.label_abstentions]
    labels = f"Training labels that abstained: {', '.join(lost)}." if lost else ""
    made = f"Labelled by {visible(result.feedback)}; judged by {visible(result.evaluator)}."
    lines = (verdict(result), *abstained(result), labels, agreement(result), made)
    return Group(table, *(Text(line) for line in lines if line))
