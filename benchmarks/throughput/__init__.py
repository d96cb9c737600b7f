"""Speed, shown as a ratio within one run. Each file runs by `python -m pasture.benchmarks.throughput.NAME`."""
