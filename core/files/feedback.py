"""Every kind of feedback to rows of JSON and back: one object a line, with its `kind`, and abstentions among them.

Preferences for training have their own columns, those of the field (see `preferences.write_preferences`); here nothing that an
annotator said is lost, so that critiques, ratings and revisions can be kept, read again and learned from."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import records
from ..errors import InputError
from ..records import Abstention, Comparison, Completion, Feedback, Item, Message, Preference, Prompt, Slate
from .tables import Row, check_writable, read_rows, write_rows

KINDS = {
    Preference: "preference",
    records.Rating: "rating",
    records.Ranking: "ranking",
    records.Critique: "critique",
    records.Revision: "revision",
    records.Reaction: "reaction",
    records.Directive: "directive",
    records.FollowUp: "follow-up",
    Abstention: "abstention",
}
SUFFIXES = (".jsonl", ".json", ".jsonl.gz", ".json.gz")


def check_feedback_path(path: Path | str) -> None:
    """Raises InputError for a path that `write_feedback` could not write."""
    if not str(path).lower().endswith(SUFFIXES):
        what = f"{str(path)!r} cannot hold feedback of every kind"
        raise InputError(f"{what}; give a path that ends in one of: {', '.join(SUFFIXES)}")
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
            more = {"strength": said.strength, "persona": said.persona, "rationale": said.rationale}
            given = {name: value for name, value in more.items() if value not in (None, "")}
            return _item(said.comparison) | {"p_left": said.p_left} | given
        case records.Rating():
            return _item(said.completion) | {"scores": dict(said.scores), "rationale": said.rationale}
        case records.Ranking():
            return _item(said.slate) | {"order": list(said.order), "grades": list(said.grades) if said.grades else None}
        case records.Critique():
            spans = [asdict(each) for each in said.spans]
            return _item(said.completion) | {"text": said.text, "spans": spans, "polarity": said.polarity.value}
        case records.Revision():
            critique = {"critique": _fields(said.critique) | {"annotator": said.critique.annotator}} if said.critique else {}
            return _item(said.completion) | {"revision": said.text} | critique
        case records.Reaction():
            return _item(said.completion) | {"reaction": said.kind.value}
        case records.FollowUp():
            return _item(said.completion) | {"text": said.text, "polarity": said.polarity.value}
        case records.Directive():
            return {"text": said.text, "about": [_prompt(each) for each in said.about]}
        case Abstention():
            return _item(said.item) | {"reason": said.reason.value, "detail": said.detail}


def _prompt(prompt: Prompt) -> dict[str, Any]:
    history = {"history": [asdict(turn) for turn in prompt.history]} if prompt.history else {}
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
        return records.Directive(row["text"], by, tuple(_read_prompt(each) for each in row["about"]))
    match kind, item := _read_item(row):
        case "abstention", _:
            return Abstention(item, records.Reason(row["reason"]), by, str(row.get("detail", "")))
        case "preference", Comparison() if row.get("neither") is True:  # as 0.1 wrote it
            return Abstention(item, records.Reason.NEITHER, by, str(row.get("rationale", "")))
        case "preference", Comparison():
            rest = {name: row[name] for name in ("persona", "strength", "rationale") if name in row}
            return Preference(item, float(row["p_left"]), by, **rest)
        case "ranking", Slate():
            grades = row.get("grades")
            return records.Ranking(item, tuple(row["order"]), by, None if grades is None else tuple(map(float, grades)))
        case "rating", Completion():
            scores = {str(name): float(score) for name, score in row["scores"].items()}
            return records.Rating(item, scores, by, row.get("rationale", ""))
        case "critique", Completion():
            return _critique(item, row, by)
        case "revision", Completion():
            critique = row.get("critique")
            given = _critique(item, critique, critique["annotator"]) if critique else None
            return records.Revision(item, row["revision"], by, given)
        case "reaction", Completion():
            return records.Reaction(item, records.ReactionKind(row["reaction"]), by)
        case "follow-up", Completion():
            return records.FollowUp(item, row["text"], by, records.Polarity(row["polarity"]))
    raise InputError(f"a {kind!r} is not about a {type(item).__name__}; the kinds are: {', '.join(KINDS.values())}")


def _critique(item: Completion, row: Row, by: str) -> records.Critique:
    spans = tuple(records.Span(int(each["start"]), int(each["end"]), str(each["category"])) for each in row["spans"])
    return records.Critique(item, row["text"], by, spans, records.Polarity(row["polarity"]))


def _read_prompt(row: Mapping[str, Any]) -> Prompt:
    history = tuple(Message(turn["role"], turn["content"]) for turn in row.get("history", ()))
    return Prompt(row["prompt"], str(row.get("id", "")), history)


def _read_item(row: Row) -> Item:
    prompt = _read_prompt(row)
    if "left" in row:
        sides = ((row[side], row.get(f"{side}_model", "")) for side in ("left", "right"))
        return Comparison(*(Completion(prompt, text, model=model) for text, model in sides))
    if "answers" in row:
        return Slate(tuple(Completion(prompt, text, model=m) for text, m in zip(row["answers"], row["models"], strict=True)))
    return Completion(prompt, row["answer"], model=row.get("model", ""))
