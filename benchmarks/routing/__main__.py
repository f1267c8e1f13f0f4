"""Compare routing strategies: `--simulate` in a simulated world, `--real` through a gateway; `--cost` is what a choice costs.

Without any of these: `--real --quick`.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time

from benchmarks.machine import describe_machine
from benchmarks.results import RESULTS
from benchmarks.routing import real_results
from benchmarks.routing.compare import STRATEGIES, compare, total
from benchmarks.routing.cost import measure_cost
from benchmarks.routing.kinds import KINDS, REQUESTS
from benchmarks.routing.real import BRIEF, FULL, chosen_strategies, run_all
from benchmarks.routing.real_report import section, summary
from benchmarks.routing.report import PAGE, Simulated, page, read, write

# Numbers were chosen on seeds below 100.
REPORTED_SEEDS = "101-110"
# Each takes a tenth of a core.
TOGETHER = 6


def parse_seeds(text: str) -> list[int]:
    """Return the seeds of "1,4,7-9"."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def parse_options(arguments: list[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m benchmarks.routing", description="Compare routing strategies.")
    what = options.add_mutually_exclusive_group()
    what.add_argument("--simulate", action="store_true", help="run every strategy in every simulated instance")
    what.add_argument("--real", action="store_true", help="run every strategy through a gateway, between real servers and a real load")
    what.add_argument("--cost", action="store_true", help="measure what a choice and an event cost")
    what.add_argument("--page", action="store_true", help=f"write {PAGE.name} from the last results")
    options.add_argument("--quick", action="store_true", help="of --real, a little of everything, in less than two minutes")
    options.add_argument("--together", type=int, default=TOGETHER, help=f"runs of --real at a time (default {TOGETHER})")
    options.add_argument(
        "--seeds", type=parse_seeds, default=parse_seeds(REPORTED_SEEDS), help=f"such as 1,4,7-9 (default {REPORTED_SEEDS})"
    )
    options.add_argument("--kinds", default=",".join(kind.name for kind in KINDS), help="comma-separated (default: all)")
    options.add_argument("--strategies", default="", help="parts of names, separated by semicolons (default: all)")
    options.add_argument("--requests", type=int, default=REQUESTS, help=f"of each instance (default {REQUESTS})")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--out", action="store_true", help=f"keep the result in {RESULTS.name}/ and write {PAGE.name}")
    chosen = options.parse_args(arguments)
    if not (chosen.simulate or chosen.real or chosen.cost or chosen.page):
        chosen.real = chosen.quick = True
    return chosen


def write_page() -> None:
    """Write the page and its plots from the last results."""
    from benchmarks.routing.real_plot import write_plots  # noqa: PLC0415 - only a page needs matplotlib

    text = page(read())
    if real_results.REAL.exists():
        result = real_results.read(real_results.REAL)
        write_plots(result, RESULTS)
        text += section(result)
    PAGE.write_text(text)


def run_real(chosen: argparse.Namespace, command: str) -> int:
    """Run strategies for real, print what came of it, and keep it if that is wanted; return 1 if a run broke."""
    result = run_all(BRIEF if chosen.quick else FULL, chosen_strategies(chosen.strategies), chosen.together, command)
    print(summary(result))
    if chosen.quick or chosen.out:
        real_results.write(result, real_results.QUICK if chosen.quick else real_results.REAL)
    if chosen.out and not chosen.quick:
        write_page()
    return 1 if result.broken else 0


def main(arguments: list[str]) -> int:
    chosen = parse_options(arguments)
    if chosen.cost:
        for line in measure_cost():
            print(line)
        return 0
    if chosen.page:
        write_page()
        return 0
    command = "python -m benchmarks.routing " + shlex.join(arguments)
    if chosen.real:
        return run_real(chosen, command)
    began = time.monotonic()
    wanted = tuple(name for name in STRATEGIES if any(part in name for part in chosen.strategies.split(";")))
    cells = compare(chosen.seeds, chosen.kinds.split(","), wanted, chosen.requests, chosen.processes)
    result = Simulated(
        command=command,
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
        write_page()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
