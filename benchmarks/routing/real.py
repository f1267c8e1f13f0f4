"""Run every strategy through a real gateway, several runs at a time, within a bounded time."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct, structs

from benchmarks.machine import describe_machine
from benchmarks.routing.real_figures import STRATEGIES, Figures, Priced, Strategy, clairvoyant, figures_of, replayed, simulated
from benchmarks.routing.real_results import Cell, Drop, Failing, Limited, RealRuns
from benchmarks.routing.real_run import no_effect, refusals, run, why_not
from benchmarks.routing.real_server import TAKEN
from benchmarks.routing.real_world import BACK_S, DROP_S, LOADS, SEED, SHARES, Place, one_drops, one_fails, one_limited, place

# Of the random choices of a simulated router.
SIMULATED_SEEDS = range(1, 6)
# A degraded server must have lost its traffic after so long, and is watched for so long after it has recovered.
SHED_S, WATCHED_S = 5.0, 60.0
BACK_SHARE, WINDOW_S = 0.15, 5
TOLD = ("configured", "header fields", "429s only")

Row = Cell | Drop | Failing | Limited


class Extent(Struct, frozen=True, kw_only=True):
    """How much is run."""

    kinds: tuple[str, ...]
    # Indices of SHARES.
    loads: tuple[int, ...]
    requests: int
    span_s: float
    drop: tuple[float, float, float]
    failing_s: float
    limited_s: float
    # How a strategy may come to know the limit.
    told: tuple[str, ...]
    # No run is begun after so long.
    at_most_s: float


FULL = Extent(
    kinds=tuple(LOADS), loads=tuple(range(len(SHARES))), requests=500, span_s=20, drop=(DROP_S, BACK_S, BACK_S + WATCHED_S),
    failing_s=20, limited_s=60, told=TOLD, at_most_s=22 * 60,
)  # fmt: skip
BRIEF = Extent(
    kinds=("cpu-slots", "fast-slow", "degrade"), loads=(1,), requests=120, span_s=5, drop=(4, 12, 20), failing_s=5, limited_s=8,
    told=TOLD[:2], at_most_s=95,
)  # fmt: skip


def averaged(figures: Sequence[Figures]) -> Figures:
    """Return the mean of each figure; counts are rounded."""
    sums = {name: sum(getattr(each, name) for each in figures) / len(figures) for name in Figures.__struct_fields__}
    return Figures(**{name: round(value) if name in ("failed", "spend_nanodollars") else value for name, value in sums.items()})


def run_cell(place: Place, strategy: Strategy) -> Cell:
    """Return one strategy in one place: real, and simulated."""
    cell = Cell(
        kind=place.kind,
        share=place.share,
        strategy=strategy.name,
        factor=place.factor,
        requests=len(place.instance.requests),
        clairvoyant=clairvoyant(place),
        simulated=averaged([simulated(place, Priced(strategy, place.factor, seed)) for seed in SIMULATED_SEEDS]),
    )
    if reason := why_not(strategy):
        return structs.replace(cell, why_not=reason)
    ran = run(place, strategy)
    failures, limited = refusals(ran.seen)
    counts = [len(server.arrivals) for server in ran.seen.servers]
    return structs.replace(
        cell,
        real=figures_of(place, ran.fates),
        replayed=replayed(place, ran.fates),
        failures=failures,
        limited=limited,
        wrong=ran.wrong,
        shares=[count / max(1, sum(counts)) for count in counts],
        busy=ran.busy,
    )


def run_drop(place: Place, strategy: Strategy, drop_s: float, back_s: float) -> Drop:
    row = Drop(strategy=strategy.name, drop_s=drop_s, back_s=back_s)
    if reason := why_not(strategy):
        return structs.replace(row, why_not=reason)
    ran = run(place, strategy)
    end_s = int(place.span_s)

    def share(from_s: float, to_s: float) -> float:
        counts = [sum(from_s <= at < to_s for at, _ in server.arrivals) for server in ran.seen.servers]
        return counts[0] / max(1, sum(counts))

    ends = range(WINDOW_S, int(end_s - back_s) + 1)
    recovered = (second for second in ends if share(back_s + second - WINDOW_S, back_s + second) >= BACK_SHARE)
    return structs.replace(
        row,
        shares=[share(second, second + 1) for second in range(end_s)],
        share_dropped=share(drop_s + SHED_S, back_s),
        recovered_s=next(recovered, None),
        failed=sum(not fate.answered for fate in ran.fates),
    )


def run_failing(place: Place, strategy: Strategy) -> Failing:
    if reason := why_not(strategy):
        return Failing(strategy=strategy.name, why_not=reason)
    ran = run(place, strategy)
    requests = len(ran.fates)
    return Failing(
        strategy=strategy.name,
        requests=requests,
        errors=sum(not fate.answered for fate in ran.fates),
        attempts=refusals(ran.seen)[0] / requests,
    )


def run_limited(place: Place, strategy: Strategy, told: str) -> Limited:
    if reason := why_not(strategy):
        return Limited(strategy=strategy.name, told=told, why_not=reason)
    ran = run(place, strategy, headers=told == "header fields")
    requests, spec = len(ran.fates), place.instance.servers[0]
    from_s = place.span_s / 10
    taken = sum(what == TAKEN and from_s <= at < place.span_s for at, what in ran.seen.servers[0].arrivals)
    return Limited(
        strategy=strategy.name,
        told=told,
        requests=requests,
        errors=sum(not fate.answered for fate in ran.fates),
        limited=refusals(ran.seen)[1] / requests,
        used=taken / (spec.rpm / 60 * (place.span_s - from_s)),
    )


def plan(extent: Extent, strategies: Sequence[Strategy]) -> list[Callable[[], Row]]:
    """Return the runs, the longest first, so that the last ones end at about the same time."""
    drop_s, back_s, _ = extent.drop
    drops, fails, limits = one_drops(*extent.drop), one_fails(extent.failing_s), one_limited(extent.limited_s)
    places = [place(kind, load, SEED, extent.requests, extent.span_s) for kind in extent.kinds for load in extent.loads]
    jobs: list[Callable[[], Row]] = [lambda strategy=each: run_drop(drops, strategy, drop_s, back_s) for each in strategies]  # type: ignore[misc]
    ways = [(each, told) for each in strategies for told in extent.told if (told == TOLD[0]) == each.known]
    jobs += [lambda strategy=each, told=told: run_limited(limits, strategy, told) for each, told in ways]  # type: ignore[misc]
    jobs += [lambda strategy=each: run_failing(fails, strategy) for each in strategies]  # type: ignore[misc]
    jobs += [lambda where=where, strategy=each: run_cell(where, strategy) for where in places for each in strategies]  # type: ignore[misc]
    return jobs


def chosen_strategies(text: str) -> list[Strategy]:
    """Return the strategies whose names have one of the parts of *text*, between semicolons; what is no part of any is taken as it is."""
    found: list[Strategy] = []
    for part in text.split(";"):
        found += [each for each in STRATEGIES if part in each.name] or [Strategy(name=part, routing=part)]
    return list(dict.fromkeys(found))


def run_all(extent: Extent, strategies: Sequence[Strategy], together: int, command: str) -> RealRuns:
    """Run everything, *together* runs at a time, and return what came of it; a run that breaks does not end the others."""
    began = time.monotonic()
    machine = describe_machine()
    jobs = plan(extent, strategies)
    lock, done = threading.Lock(), 0
    broken: list[str] = []

    def work(job: Callable[[], Row]) -> Row | None:
        nonlocal done
        row = None
        try:
            row = job() if time.monotonic() - began < extent.at_most_s else None
        except RuntimeError as error:
            # A run that broke costs its own row, not those of a quarter of an hour.
            broken.append(str(error))
            print(error, file=sys.stderr)
        with lock:
            done += 1
            print(f"{done}/{len(jobs)} {time.monotonic() - began:.0f} s: {said(row)}", file=sys.stderr, flush=True)
        return row

    with ThreadPoolExecutor(together) as pool:
        rows = list(pool.map(work, jobs))
    return RealRuns(
        command=command,
        seconds=time.monotonic() - began,
        machine=machine,
        seed=SEED,
        together=together,
        no_effect=no_effect(strategies),
        cells=[row for row in rows if isinstance(row, Cell)],
        drops=[row for row in rows if isinstance(row, Drop)],
        failing=[row for row in rows if isinstance(row, Failing)],
        limited=[row for row in rows if isinstance(row, Limited)],
        left_out=rows.count(None),
        broken=broken,
    )


def said(row: Row | None) -> str:
    """Return a line about *row*, for who waits."""
    if row is None:
        return "no result"
    what = f"{row.kind} at {row.share:g}" if isinstance(row, Cell) else type(row).__name__.lower()
    if row.why_not:
        return f"{what}, {row.strategy}: {row.why_not}"
    if isinstance(row, Cell) and row.real:
        mean, p95 = (getattr(row.real, name) / getattr(row.clairvoyant, name) for name in ("mean", "p95"))
        return f"{what}, {row.strategy}: {mean:.2f}x the clairvoyant's mean, p95 {p95:.2f}x, {row.real.failed} failed"
    return f"{what}, {row.strategy}"
