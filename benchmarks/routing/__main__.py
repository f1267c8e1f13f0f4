"""Compare routing strategies, `python -m benchmarks.routing --simulate [--seeds 101-110]`, or measure what a choice costs, `--cost`."""

from __future__ import annotations

import argparse
import shlex
import sys
import time

from benchmarks.machine import describe_machine
from benchmarks.routing.compare import STRATEGIES, compare, total
from benchmarks.routing.cost import measure_cost
from benchmarks.routing.kinds import KINDS, REQUESTS
from benchmarks.routing.report import PAGE, RESULT, Simulated, page, read, write

# Numbers were chosen on seeds below 100.
REPORTED_SEEDS = "101-110"


def parse_seeds(text: str) -> list[int]:
    """Return the seeds of "1,4,7-9"."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def parse_options(arguments: list[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m benchmarks.routing", description="Compare routing strategies.")
    what = options.add_mutually_exclusive_group(required=True)
    what.add_argument("--simulate", action="store_true", help="run every strategy in every simulated instance")
    what.add_argument("--cost", action="store_true", help="measure what a choice and an event cost")
    what.add_argument("--page", action="store_true", help=f"write {PAGE.name} from the last result")
    options.add_argument(
        "--seeds", type=parse_seeds, default=parse_seeds(REPORTED_SEEDS), help=f"such as 1,4,7-9 (default {REPORTED_SEEDS})"
    )
    options.add_argument("--kinds", default=",".join(kind.name for kind in KINDS), help="comma-separated (default: all)")
    options.add_argument("--strategies", default=";".join(STRATEGIES), help="parts of names, separated by semicolons (default: all)")
    options.add_argument("--requests", type=int, default=REQUESTS, help=f"of each instance (default {REQUESTS})")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--out", action="store_true", help=f"keep the result in {RESULT.name} and write {PAGE.name}")
    return options.parse_args(arguments)


def main(arguments: list[str]) -> int:
    chosen = parse_options(arguments)
    if chosen.cost:
        for line in measure_cost():
            print(line)
        return 0
    if chosen.page:
        PAGE.write_text(page(read()))
        return 0
    began = time.monotonic()
    wanted = tuple(name for name in STRATEGIES if any(part in name for part in chosen.strategies.split(";")))
    cells = compare(chosen.seeds, chosen.kinds.split(","), wanted, chosen.requests, chosen.processes)
    result = Simulated(
        command="python -m benchmarks.routing " + shlex.join(arguments),
        seconds=time.monotonic() - began,
        machine=describe_machine(),
        seeds=chosen.seeds,
        requests=chosen.requests,
        totals=[total(name, cells) for name in wanted],
        cells=cells,
    )
    print(page(result))
    if chosen.out:
        write(result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
