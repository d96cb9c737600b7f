"""Personas a second: 1,586 of them, as many as PERSONA has, cold (with the census table raked) and warm, in one run:
`python -m pasture.benchmarks.throughput.personas_sampling`."""

import time

from ...simulators.personas.population import population

PERSONAS = 1_586
BAR_SECONDS = 1.0


def main() -> None:
    print(f"{PERSONAS} personas (the bar is {BAR_SECONDS:g} s)")
    for what, seed in (("cold, census table raked", 0), ("warm", 1), ("warm", 2)):
        wall, cpu = time.perf_counter(), time.process_time()
        drawn = population(PERSONAS, seed)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{what}: {wall:.2f} s wall, {cpu:.2f} s of one core, {len(drawn) / cpu:,.0f} a second of a core")


if __name__ == "__main__":
    main()
