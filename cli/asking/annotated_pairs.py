"""How `pasture annotate` works through pairs: read, asked about and written as they come, so that memory is bounded, and a run that
was killed goes on after its last part."""

import hashlib
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from ...annotators.runner import Session
from ...annotators.runner.run import silent_in
from ...benchmarks.ranking.cell_key import texts_in
from ...core.files.parts import PreferenceParts
from ...core.files.preferences import PairFile
from ...core.files.reading import is_file, read_toml
from ...core.protocols import Annotator
from ...core.records import Abstention, Comparison, Preference, Reason
from ...core.results import Measure, estimate_json
from ..shared.console import aside
from .annotated import Blinded, Told, unblinded

PART_ROWS, PART_SECONDS = 10_000, 30.0
"""A part is written when it has so many results, or when the last one was written so long ago."""


def annotate_pairs(
    pairs: Sequence[Comparison] | PairFile, judge: Annotator, session: Session, out: Path, asked: Mapping[str, Any]
) -> Told:
    """Asks about each pair, and writes what was said. asked: what makes the results, so that only such a run goes on."""
    # Not those of the engine's options: an engine may write to a file, and its replies are kept by what was asked.
    files = files_in([asked[name] for name in ("annotator", "set", "world", "engine")])
    parts = PreferenceParts(out, {**asked, "files": files}, PART_ROWS, PART_SECONDS, _note)
    # From the first part that holds what failed for a passing reason, all is asked again: what was paid for is in the store.
    parts.keep(sum(1 for _ in takewhile(lambda note: not note["passing"], parts.notes())))
    left, found = parts.left(pairs), parts.done
    if found:
        aside(f"going on after {found} of {len(pairs)} pairs, which {str(parts.folder)!r} holds")
    session.answered_before(found)
    waiting: deque[Comparison] = deque()
    started = time.perf_counter()
    with session.stream(Blinded(left, len(pairs) - found, waiting), judge) as stream:
        try:
            for said in stream:
                answer = unblinded(said, waiting.popleft())
                assert isinstance(answer, Preference | Abstention)
                parts.add(answer)
        except KeyboardInterrupt:
            parts.flush()
            raise
    seconds = time.perf_counter() - started
    about, rows, reasons, first = _finished(parts)
    about |= {"found": found} if found else {}
    return Told(about, rows, len(pairs), reasons, first, stream.usage, seconds)


def _note(results: Sequence[Preference | Abstention]) -> dict[str, Any]:
    """What the facts are made of and the file does not say, of one part."""
    from ...eval.judges.position_bias import shown_in  # slow to import

    silent = [each for said in results if isinstance(said, Preference) for each in silent_in(said)]
    abstentions = [each for each in results if isinstance(each, Abstention)]
    return {
        "reasons": Counter(each.reason.value for each in abstentions),
        "silent": Counter(each.reason.value for each in silent),
        "first": [abstentions[0].reason.value, abstentions[0].detail] if abstentions else None,
        "passing": any(each.reason in (Reason.ENGINE_FAILED, Reason.OVER_BUDGET) for each in (*abstentions, *silent)),
        "shown": shown_in(results).as_lists(),
        "masses": [mass for said in results if isinstance(said, Preference) for mass in _masses(said)],
    }


def _masses(said: Preference) -> Iterator[float]:
    """What the labels had of the first token's probability, wherever the verdict or a part of it was read from labels."""
    if said.label_mass is not None:
        yield said.label_mass
    for part in said.parts:
        yield from _masses(part)


def _finished(parts: PreferenceParts) -> tuple[dict[str, Any], list[Measure], dict[str, int], tuple[str, str] | None]:
    """Makes the file; the facts and rows of all that is in it, whichever run it is from; abstentions by reason, and the first."""
    from ...eval.judges.position_bias import Shown, all_shown, position_bias

    parts.flush()
    reasons, silent = Counter[str](), Counter[str]()
    first, shown, masses = None, [], []
    for note in parts.notes():
        reasons.update(note["reasons"])
        silent.update(note["silent"])
        first = first or note["first"]
        shown.append(Shown(**note["shown"]))
        masses += note.get("masses", [])  # notes of 0.1 have none
    bias, pairs, written = position_bias(all_shown(shown)), parts.done, parts.finish()
    about = {
        "pairs": pairs,
        "decided": written.decided,
        "ties": written.undecided - reasons.total(),
        "neither": reasons["neither"],
        "silent": dict(silent),
        "position": {"first": estimate_json(bias.first), "consistency": bias.consistency and estimate_json(bias.consistency)},
        "label_mass": sum(masses) / len(masses) if masses else None,
        "out": str(written.path),
        "undecided": str(written.undecided_path) if written.undecided_path else None,
    }
    rows = [Measure("position", "first shown wins", bias.first, "share", "0.5 without position bias")]
    if (same := bias.consistency) is not None:
        rows.append(Measure("position", "same in both orders", same, "share", "both orders name one answer, or a tie"))
    return about, rows, dict(reasons), tuple(first) if first else None


def files_in(words: Any) -> dict[str, str]:
    """A hash of each file that the words (an option, a list or a table of them) name, and of those that a TOML among them names: an
    annotator whose file was edited is another annotator."""
    found: dict[str, str] = {}
    named = [(text, Path()) for text in texts_in(words)]
    for text, folder in named:  # which grows by what TOMLs name
        if not 0 < len(text) < 200 or not text.isprintable():
            continue
        value = text.partition("=")[2] or text  # an option is `key=value`
        for path in {Path(each) for word in (text, value) for each in (word, word.partition(":")[0], folder / word)}:
            if str(path) not in found and is_file(path):
                found[str(path)] = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
                if path.suffix == ".toml":
                    named += [(each, path.parent) for each in texts_in(read_toml(path, "a TOML"))]
    return found
