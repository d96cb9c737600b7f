"""Every kind of feedback to rows of JSON and back: one object a line, with its `kind`, and abstentions among them.

Preferences for training have their own columns, those of the field (see `formats.write_preferences`); here nothing that an
annotator said is lost, so that critiques, ratings and revisions can be kept, read again and learned from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..records import (
    Abstention,
    Comparison,
    Completion,
    Critique,
    Directive,
    Feedback,
    FollowUp,
    Item,
    Message,
    Polarity,
    Preference,
    Prompt,
    Ranking,
    Rating,
    Reaction,
    ReactionKind,
    Reason,
    Revision,
    Slate,
    Span,
)
from .tables import Row, check_writable, read_rows, write_rows

KINDS = {
    Preference: "preference",
    Rating: "rating",
    Ranking: "ranking",
    Critique: "critique",
    Revision: "revision",
    Reaction: "reaction",
    Directive: "directive",
    FollowUp: "follow-up",
    Abstention: "abstention",
}
SUFFIXES = (".jsonl", ".json", ".jsonl.gz", ".json.gz")


def check_feedback_path(path: Path | str) -> None:
    """Raises InputError for a path that `write_feedback` could not write."""
    if not str(path).lower().endswith(SUFFIXES):
        raise InputError(
            f"{str(path)!r} cannot hold feedback of every kind; give a path that ends in one of: {', '.join(SUFFIXES)}"
        )
    check_writable(path)


def write_feedback(path: Path | str, results: Iterable[Feedback | Abstention]) -> int:
    """Writes one object an answer, in order, and returns how many."""
    check_feedback_path(path)
    rows = [feedback_row(each) for each in results]
    import pyarrow as pa

    write_rows(path, rows, pa.schema([]))
    return len(rows)


def read_feedback(path: Path | str) -> list[Feedback | Abstention]:
    """What `write_feedback` wrote, but for usage, parts and requests. Raises InputError, naming the row, for anything else."""
    found: list[Feedback | Abstention] = []
    for number, row in enumerate(read_rows(path), 1):
        try:
            found.append(feedback_of_row(row))
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{str(path)!r}, row {number} is not feedback: {type(error).__name__}: {error}") from error
    return found


def feedback_row(said: Feedback | Abstention) -> dict[str, Any]:
    """The JSON object of one answer."""
    return {"kind": KINDS[type(said)], "annotator": said.annotator, **_fields(said)}


def _fields(said: Feedback | Abstention) -> dict[str, Any]:
    match said:
        case Preference():
            more = {"persona": said.persona, "rationale": said.rationale}
            strength = {} if said.strength is None else {"strength": said.strength}
            more = strength | {name: value for name, value in more.items() if value}
            return _item(said.comparison) | {"p_left": said.p_left} | more
        case Rating():
            return _item(said.completion) | {"scores": dict(said.scores), "rationale": said.rationale}
        case Ranking():
            return _item(said.slate) | {"order": list(said.order), "grades": list(said.grades) if said.grades else None}
        case Critique():
            spans = [{"start": each.start, "end": each.end, "category": each.category} for each in said.spans]
            return _item(said.completion) | {"text": said.text, "spans": spans, "polarity": said.polarity.value}
        case Revision():
            critique = {"critique": _fields(said.critique) | {"annotator": said.critique.annotator}} if said.critique else {}
            return _item(said.completion) | {"revision": said.text} | critique
        case Reaction():
            return _item(said.completion) | {"reaction": said.kind.value}
        case FollowUp():
            return _item(said.completion) | {"text": said.text, "polarity": said.polarity.value}
        case Directive():
            return {"text": said.text, "about": [_prompt(each) for each in said.about]}
        case Abstention():
            return _item(said.item) | {"reason": said.reason.value, "detail": said.detail}


def _prompt(prompt: Prompt) -> dict[str, Any]:
    history = {"history": [{"role": turn.role, "content": turn.content} for turn in prompt.history]} if prompt.history else {}
    return {"prompt": prompt.text, "id": prompt.id, **history}


def _item(item: Item) -> dict[str, Any]:
    if isinstance(item, Comparison):
        shown = {"left": item.left, "right": item.right}
        models = {f"{side}_model": each.model for side, each in shown.items() if each.model}
        return _prompt(item.prompt) | {side: each.text for side, each in shown.items()} | models
    if isinstance(item, Slate):
        answers = {"answers": [each.text for each in item.completions], "models": [each.model for each in item.completions]}
        return _prompt(item.prompt) | answers
    return _prompt(item.prompt) | {"answer": item.text} | ({"model": item.model} if item.model else {})


def feedback_of_row(row: Row) -> Feedback | Abstention:
    """The answer of one JSON object. Raises KeyError, TypeError, ValueError or InputError for what is none."""
    by, kind = str(row["annotator"]), row["kind"]
    if kind == "directive":
        return Directive(row["text"], by, tuple(_read_prompt(each) for each in row["about"]))
    item = _read_item(row)
    if kind == "abstention":
        return Abstention(item, Reason(row["reason"]), by, str(row.get("detail", "")))
    if isinstance(item, Comparison) and kind == "preference":
        if row.get("neither") is True:  # as 0.1 wrote it
            return Abstention(item, Reason.NEITHER, by, str(row.get("rationale", "")))
        rest = {name: row[name] for name in ("persona", "strength", "rationale") if name in row}
        return Preference(item, float(row["p_left"]), by, **rest)
    if isinstance(item, Slate) and kind == "ranking":
        grades = row.get("grades")
        return Ranking(item, tuple(row["order"]), by, None if grades is None else tuple(map(float, grades)))
    if isinstance(item, Completion):
        return _about_one(kind, item, row, by)
    raise InputError(f"a {kind!r} is not about a {type(item).__name__}")


def _about_one(kind: str, item: Completion, row: Row, by: str) -> Feedback:
    match kind:
        case "rating":
            return Rating(item, {str(name): float(score) for name, score in row["scores"].items()}, by, row.get("rationale", ""))
        case "critique":
            return _critique(item, row, by)
        case "revision":
            critique = row.get("critique")
            return Revision(item, row["revision"], by, _critique(item, critique, critique["annotator"]) if critique else None)
        case "reaction":
            return Reaction(item, ReactionKind(row["reaction"]), by)
        case "follow-up":
            return FollowUp(item, row["text"], by, Polarity(row["polarity"]))
    raise InputError(f"the kind {kind!r} is unknown; known: {', '.join(KINDS.values())}")


def _critique(item: Completion, row: Row, by: str) -> Critique:
    spans = tuple(Span(int(each["start"]), int(each["end"]), str(each["category"])) for each in row["spans"])
    return Critique(item, row["text"], by, spans, Polarity(row["polarity"]))


def _read_prompt(row: Mapping[str, Any]) -> Prompt:
    history: Sequence[Mapping[str, str]] = row.get("history", ())
    return Prompt(row["prompt"], str(row.get("id", "")), tuple(Message(turn["role"], turn["content"]) for turn in history))


def _read_item(row: Row) -> Item:
    prompt = _read_prompt(row)
    if "left" in row:
        sides = ((row[side], row.get(f"{side}_model", "")) for side in ("left", "right"))
        return Comparison(*(Completion(prompt, text, model=model) for text, model in sides))
    if "answers" in row:
        return Slate(tuple(Completion(prompt, text, model=m) for text, m in zip(row["answers"], row["models"], strict=True)))
    return Completion(prompt, row["answer"], model=row.get("model", ""))
