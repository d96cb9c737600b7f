"""How long the main job takes, by stage: `python -m pasture.benchmarks.throughput.quickstart [--warm]`.

Runs the installed `pasture quickstart` in an empty folder with an empty cache (`--warm` keeps the user's cache, so the base
policy is not trained). Stages are summed over processes, so on two cores they add up to about twice the wall-clock."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BAR_SECONDS = 300


def main() -> None:
    warm = "--warm" in sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        environment = os.environ | ({} if warm else {"PASTURE_CACHE": str(Path(folder) / "cache")})
        started = time.perf_counter()
        command = [sys.executable, "-m", "pasture.cli", "quickstart", "--json", "--out", str(out)]
        printed = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout
        wall = time.perf_counter() - started
        ranking = json.loads(printed)
        stages = json.loads((out / "manifest.json").read_text())["seconds_by_stage"]
    for stage, seconds in stages.items():
        print(f"{stage:>14}  {seconds:7.1f} s")
    cache = "user's cache" if warm else "empty cache"
    print(f"{'wall-clock':>14}  {wall:7.1f} s  ({cache}, {os.cpu_count()} cores, {len(ranking['ranking'])} methods)")
    print(f"{'the bar':>14}  {BAR_SECONDS:7.1f} s")


if __name__ == "__main__":
    main()
