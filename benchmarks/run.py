"""Run the benchmarks: `python -m benchmarks.run [--quick] [--scenario NAME ...] [--rounds N] [--against NAMES]`.

Exit codes: 0 measured, 1 a target answered wrongly or died, 2 something is not installed or an option is wrong.
"""

import argparse
import shlex
import sys
import time
from datetime import UTC, datetime

from msgspec import structs

from benchmarks import litellm
from benchmarks.machine import describe_machine, proxy_and_load_cores
from benchmarks.missing import Missing
from benchmarks.priority import describe_priority, take_priority
from benchmarks.results import Run, ScenarioResult, read_run, replaced, write_run
from benchmarks.rounds import run_scenario
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.table import print_scenario
from benchmarks.targets import TARGETS, Target, version_of

# A quick run is for a developer between two edits: fewer rounds of a quarter of the work.
QUICK_PERCENT = 25


def parse_options(arguments: list[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Measure fastgate beside nginx, in interleaved rounds.")
    names = [scenario.name for scenario in SCENARIOS]
    options.add_argument("--scenario", action="append", choices=names, metavar="NAME", help=f"only this, repeatable: {', '.join(names)}")
    options.add_argument("--rounds", type=int, help="measured rounds per scenario (default 5; 2 with --quick)")
    options.add_argument("--quick", action="store_true", help="about a minute: 2 rounds, a quarter of the requests, no naive proxies")
    options.add_argument("--priority", action="store_true", help="run at nice -20 (needs root), where other work shares the cores")
    options.add_argument("--against", help=f"comma-separated targets beside `direct`: {', '.join(TARGETS)}")
    options.add_argument("--out", help="name of the result, written to benchmarks/results/NAME.json (default: full, quick or partial)")
    options.add_argument(
        "--replace", action="store_true", help="put the scenarios into the result that is there, of the same machine and versions"
    )
    chosen = options.parse_args(arguments)
    chosen.rounds = chosen.rounds or (2 if chosen.quick else 5)
    chosen.against = (chosen.against or ("nginx,fastgate" if chosen.quick else "nginx,fastgate,aiohttp,fastapi")).split(",")
    unknown = [name for name in chosen.against if name not in TARGETS]
    if unknown:
        options.error(f"unknown target {unknown[0]!r}; there are {', '.join(TARGETS)}")
    chosen.out = chosen.out or ("partial" if chosen.scenario else "quick" if chosen.quick else "full")
    return chosen


def targets_of(scenario: Scenario, targets: list[Target]) -> list[Target]:
    """Return the targets of *scenario*: with fastgate also its own base, where a bound names one; LiteLLM where one names it."""
    compared = {bound.against for bound in scenario.bounds}
    wanted = []
    for target in targets:
        if target.name == "litellm" and "litellm" not in compared:
            continue
        wanted.append(target)
        if target.name == "fastgate" and "fastgate-same" in compared:
            wanted.append(TARGETS["fastgate-same"])
    return wanted


def main(arguments: list[str]) -> int:
    chosen = parse_options(arguments)
    began = time.monotonic()
    if chosen.priority:
        take_priority()
    targets = [TARGETS[name] for name in ("direct", *(name for name in chosen.against if name != "direct"))]
    results: list[ScenarioResult] = []
    percent = QUICK_PERCENT if chosen.quick else 100
    try:
        cores = proxy_and_load_cores()
        if "litellm" in chosen.against:
            litellm.install()
        machine = describe_machine()
        versions = {target.name: version_of(target) for target in targets if target.version}
        for row in SCENARIOS:
            scenario = row
            if chosen.scenario and scenario.name not in chosen.scenario:
                continue
            if chosen.quick and scenario.delay_us:
                # The number of streams is the load and stays; they are shorter.
                scenario = structs.replace(scenario, events=scenario.events // 2)
            try:
                result = run_scenario(scenario, targets_of(scenario, targets), chosen.rounds, percent, cores)
            except Missing as error:
                if not scenario.tls:
                    raise
                result = ScenarioResult(scenario=scenario, commands={}, skipped=str(error))
            results.append(result)
            print_scenario(result)
    except Missing as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    run = Run(
        command=shlex.join(["python", "-m", "benchmarks.run", *arguments]),
        finished_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        seconds=round(time.monotonic() - began, 1),
        percent=percent,
        machine={
            **machine,
            "priority": describe_priority(),
            "cores used": f"proxy {cores[0]}, load generator and upstream {cores[1]}",
        },
        versions={**versions, "python": sys.version.split()[0]},
        scenarios=results,
    )
    if chosen.replace:
        try:
            run = replaced(read_run(chosen.out), run)
        except ValueError as error:
            print(f"benchmarks: {error}", file=sys.stderr)
            return 2
    print(f"\n{run.seconds:.0f} s; written to {write_run(run, chosen.out)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
