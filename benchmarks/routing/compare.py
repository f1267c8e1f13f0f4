"""Every strategy in every instance, as ratios to the better of two clairvoyants."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from multiprocessing import get_context

from msgspec import Struct

from benchmarks.routing import baselines
from benchmarks.routing.kinds import KINDS, make
from benchmarks.routing.routers import Clairvoyant, Compiled
from benchmarks.routing.run import Outcome, Router, simulate

# Names of the report -> what makes the router.
STRATEGIES: dict[str, Callable[[], Router]] = {
    "expected-latency, slots and limits known": lambda: Compiled("expected-latency", known=True),
    "slots and limits known, 4 workers": lambda: Compiled("expected-latency", known=True, workers=4),
    "expected-latency, nothing known": lambda: Compiled("expected-latency"),
    "nothing known, 4 workers": lambda: Compiled("expected-latency", workers=4),
    "nothing known, 4 workers that share nothing": lambda: Compiled("expected-latency", workers=4, shared=False),
    "latency-based-routing": lambda: Compiled("latency-based-routing"),
    "least-busy": lambda: Compiled("least-busy"),
    "round-robin": lambda: Compiled("round-robin"),
    "simple-shuffle": lambda: Compiled("simple-shuffle"),
    "usage-based-routing-v2": lambda: Compiled("usage-based-routing-v2"),
    "C3, full scan": baselines.C3,
    "Prequal-like": baselines.Prequal,
    "Peak-EWMA, best of two": baselines.PeakEwma,
    "least busy of two": baselines.PowerOfTwo,
    "LiteLLM least-busy": baselines.LeastBusyFirst,
    "LiteLLM latency-based-routing": baselines.LatencyBased,
    "LiteLLM usage-based-routing-v2": baselines.UsageBased,
}
MEASURES = ("mean", "p95", "p99")


class Cell(Struct, frozen=True, kw_only=True):
    """One strategy at one kind and load, over all seeds; ratios are geometric means of those of each seed."""

    kind: str
    load: float
    strategy: str
    mean: float
    p95: float
    p99: float
    # Useful answers as a share of the clairvoyant's.
    goodput: float
    # Per request: attempts that failed, of them 429s; and requests without an answer.
    failures: float
    limited: float
    unanswered: float


class Total(Struct, frozen=True, kw_only=True):
    """One strategy over all cells."""

    strategy: str
    mean: float
    p95: float
    p99: float
    worst_p95: float
    worst_cell: str
    goodput: float
    least_goodput: float
    limited: float
    unanswered: float


def measures_of(outcome: Outcome) -> tuple[float, float, float]:
    latencies = sorted(outcome.latencies_s)
    count = len(latencies)
    return sum(latencies) / count, latencies[int(count * 0.95)], latencies[int(count * 0.99)]


def geometric_mean(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


def compare_seed(job: tuple[str, float, int, int, tuple[str, ...]]) -> list[tuple[str, tuple[float, ...]]]:
    """Return for each strategy its ratios and counts in one instance."""
    name, load, seed, count, strategies = job
    kind = next(kind for kind in KINDS if kind.name == name)
    instance = make(kind, load, seed, count)
    seers = [simulate(instance, Clairvoyant(social=social)) for social in (False, True)]
    best = min(seers, key=lambda outcome: measures_of(outcome)[0])
    reference = measures_of(best)
    useful = max(1, *(outcome.useful for outcome in seers))
    rows = []
    for strategy in strategies:
        outcome = simulate(instance, STRATEGIES[strategy]())
        counted = len(outcome.latencies_s)
        ratios = [value / base for value, base in zip(measures_of(outcome), reference, strict=True)]
        counts = (outcome.useful / useful, outcome.failures / count, outcome.limited / count, outcome.unanswered / counted)
        rows.append((strategy, (*ratios, *counts)))
    return rows


def compare(seeds: Sequence[int], kinds: Sequence[str], strategies: tuple[str, ...], count: int, processes: int) -> list[Cell]:
    """Return a cell for each kind, load and strategy."""
    places = [(kind.name, load) for kind in KINDS if kind.name in kinds for load in kind.loads]
    jobs = [(name, load, seed, count, strategies) for name, load in places for seed in seeds]
    with get_context("spawn").Pool(processes) as pool:
        results = pool.map(compare_seed, jobs, chunksize=1)
    gathered: dict[tuple[str, float, str], list[tuple[float, ...]]] = {}
    for (name, load, *_), rows in zip(jobs, results, strict=True):
        for strategy, numbers in rows:
            gathered.setdefault((name, load, strategy), []).append(numbers)
    cells = []
    for (name, load, strategy), samples in gathered.items():
        columns = list(zip(*samples, strict=True))
        ratios = dict(zip(MEASURES, map(geometric_mean, columns[:3]), strict=True))
        goodput, failures, limited, unanswered = (sum(column) / len(column) for column in columns[3:])
        cells.append(
            Cell(
                kind=name,
                load=load,
                strategy=strategy,
                **ratios,
                goodput=goodput,
                failures=failures,
                limited=limited,
                unanswered=unanswered,
            )
        )
    return cells


def total(strategy: str, cells: Sequence[Cell]) -> Total:
    own = [cell for cell in cells if cell.strategy == strategy]
    worst = max(own, key=lambda cell: cell.p95)
    return Total(
        strategy=strategy,
        mean=geometric_mean(cell.mean for cell in own),
        p95=geometric_mean(cell.p95 for cell in own),
        p99=geometric_mean(cell.p99 for cell in own),
        worst_p95=worst.p95,
        worst_cell=f"{worst.kind} at {worst.load:g}",
        goodput=sum(cell.goodput for cell in own) / len(own),
        least_goodput=min(cell.goodput for cell in own),
        limited=sum(cell.limited for cell in own) / len(own),
        unanswered=sum(cell.unanswered for cell in own) / len(own),
    )
