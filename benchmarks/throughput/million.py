"""A million annotations in bounded memory: pairs from a generator, labels from rules, preferences to disk in parts.

    python -m pasture.benchmarks.throughput.million                 peak memory and speed for 100,000 and 1,000,000
    python -m pasture.benchmarks.throughput.million --kills 3       and the same with three SIGKILLs on the way

Each size runs in a process of its own (`--items N --out FILE` is that process). Started again after a kill, it goes on after its
last part; the file at the end is that of a run without kills, which is checked by its content's hash."""

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ...annotators import make_annotator
from ...annotators.runner import annotate_stream
from ...core.files.parts import PreferenceParts
from ...core.records import Abstention, Comparison, Completion, Preference, Prompt

RATE = 0.25


def pairs(count: int) -> Iterator[Comparison]:
    """Pairs of short texts, made as they are wanted; the longer answer is left in every other one."""
    for number in range(count):
        prompt = Prompt(f"Question {number}: what is said in {number % 7 + 2} words?", f"q{number}")
        long, short = (Completion(prompt, f"{number} " + "word " * (5 + number % 3 + more)) for more in (2, 0))
        yield Comparison(long, short) if number % 2 else Comparison(short, long)


def work(count: int, out: Path, rows: int, seed: int = 0) -> dict[str, Any]:
    """Annotates `count` pairs into `out`, going on with what is there; says how long it took and how much memory there was."""
    started = time.perf_counter()
    annotator = make_annotator("flip", inner="longest", rate=RATE)
    parts = PreferenceParts(out, {"annotator": annotator.name, "seed": seed, "items": count}, rows=rows)
    before = parts.done
    for said in annotate_stream(parts.left(pairs(count)), annotator, seed=seed):
        assert isinstance(said, Preference | Abstention)
        parts.add(said)
    labelled = time.perf_counter() - started
    written = parts.finish()
    return {
        "items": count,
        "found": before,
        "decided": written.decided,
        "seconds": time.perf_counter() - started,
        "pairs_a_second": (count - before) / labelled,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def content_hash(path: Path) -> str:
    """Of the rows of a Parquet file, a batch in memory at a time."""
    import pyarrow.parquet as pq

    hasher = hashlib.blake2b(digest_size=8)
    for batch in pq.ParquetFile(path).iter_batches(20_000):
        hasher.update(json.dumps(batch.to_pylist()).encode()[1:-1])
    return hasher.hexdigest()


def _apart(count: int, out: Path, rows: int, kills: int) -> dict[str, Any]:
    """`work` in a process of its own, which is killed `kills` times, each after some more parts."""
    command = [sys.executable, "-m", __spec__.name, "--items", str(count), "--rows", str(rows), "--out", str(out)]
    parts = out.with_name(f"{out.name}.parts")
    for kill in range(1, kills + 1):
        wanted = kill * (count // rows) // (kills + 1)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while process.poll() is None and len(list(parts.glob("*.parquet"))) < wanted:
            time.sleep(0.01)
        process.kill()
        process.wait()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout) | {"kills": kills}


def main(
    size: Annotated[list[int], typer.Option()] = [100_000, 1_000_000],  # noqa: B006
    kills: int = 0,
    rows: int = 20_000,
    items: int | None = None,
    out: Path | None = None,
) -> None:
    """size: how many annotations; repeat it. kills: run the largest once more, killed so many times. rows: results in a part.
    items, out: one run of this size in this process, and where its preferences go (.parquet)."""
    if (items is None) != (out is None):
        raise SystemExit("--items and --out go together")
    if items is not None and out is not None:
        print(json.dumps(work(items, out, rows)))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'annotations':>12}{'peak MiB':>10}{'pairs/s':>10}{'seconds':>9}{'kills':>7}{'found':>9}  content")
        runs = [(each, 0) for each in size] + ([(max(size), kills)] if kills else [])
        hashes: dict[int, str] = {}
        for number, (count, killed) in enumerate(runs):
            path = Path(folder) / f"{number}.parquet"
            found = _apart(count, path, rows, killed)
            same = content_hash(path)
            path.unlink()
            figures = f"{found['peak_mib']:>10.0f}{found['pairs_a_second']:>10,.0f}{found['seconds']:>9.1f}"
            print(f"{count:>12,}{figures}{killed:>7}{found['found']:>9,}  {same}")
            if hashes.setdefault(count, same) != same:
                raise SystemExit(f"the killed run of {count} wrote {same}, the whole one {hashes[count]}")


if __name__ == "__main__":
    typer.run(main)
