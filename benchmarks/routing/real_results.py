"""What real runs leave behind, as one JSON file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.results import RESULTS
from benchmarks.routing.real_figures import Figures
from benchmarks.routing.real_run import Busy

REAL = RESULTS / "routing-real.json"
QUICK = RESULTS / "routing-real-quick.json"
# The kinds over which the bounds of real runs are meant.
JUDGED_KINDS = ("cpu-slots", "fast-slow", "degrade", "heavy-tail", "cpu-api")
# Names of figures.
LATENCIES = ("mean", "p50", "p95", "p99")
FIRSTS = ("first_p50", "first_p95", "first_p99")


class Cell(Struct, frozen=True, kw_only=True):
    """One strategy in one place."""

    kind: str
    # Of what the servers can take.
    share: float
    strategy: str
    # How many times shorter seconds were than those of the kind.
    factor: float
    requests: int
    clairvoyant: Figures
    # By the same strategy in the same instance, the mean of several runs.
    simulated: Figures
    # None: it was not run, and why.
    real: Figures | None = None
    # By the simulated servers, each request sent where it went for real.
    replayed: Figures | None = None
    why_not: str = ""
    # Requests that servers failed, and that their rate limits refused.
    failures: int = 0
    limited: int = 0
    # Answers that were not what the server said.
    wrong: int = 0
    # Of the requests that reached each server.
    shares: list[float] = []
    busy: Busy | None = None


class Drop(Struct, frozen=True, kw_only=True):
    """One of four equal servers falls to a tenth, and recovers."""

    strategy: str
    drop_s: float
    back_s: float
    why_not: str = ""
    # Its share of the requests of each second.
    shares: list[float] = []
    # From 5 s after the drop until the recovery.
    share_dropped: float = 0.0
    # Seconds from the recovery until its share of 5 s was 15 %; None: never.
    recovered_s: float | None = None
    failed: int = 0


class Failing(Struct, frozen=True, kw_only=True):
    """One of three servers fails everything."""

    strategy: str
    why_not: str = ""
    requests: int = 0
    # That the caller saw.
    errors: int = 0
    # Requests that reached the failing server, per caller's request.
    attempts: float = 0.0


class Limited(Struct, frozen=True, kw_only=True):
    """A rate-limited API beside two servers, and more requests than it may take."""

    strategy: str
    # Its limit: configured, in header fields, or told by 429s only.
    told: str
    why_not: str = ""
    requests: int = 0
    errors: int = 0
    # 429s per caller's request.
    limited: float = 0.0
    # Share of its limit that was used, after the first tenth of the time.
    used: float = 0.0


class RealRuns(Struct, frozen=True, kw_only=True):
    """One call of `python -m benchmarks.routing --real`."""

    command: str
    seconds: float
    machine: dict[str, str]
    seed: int
    # Runs at a time.
    together: int
    # Of the configuration, accepted by the gateway and without effect.
    no_effect: list[str]
    cells: list[Cell]
    drops: list[Drop]
    failing: list[Failing]
    limited: list[Limited]
    # Runs without a result: the time was up, or they broke, and how.
    left_out: int = 0
    broken: list[str] = []


def write(result: RealRuns, path: Path) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(rounded(msgspec.to_builtins(result))), indent=1) + b"\n")


def read(path: Path) -> RealRuns:
    return msgspec.json.decode(path.read_bytes(), type=RealRuns)


def rounded(value: object) -> object:
    """Return *value* with six digits of each number: the rest is noise."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


def geometric(values: Iterable[float]) -> float:
    """Return the geometric mean; 0 of none."""
    logs = [math.log(max(value, 1e-9)) for value in values]
    return math.exp(sum(logs) / len(logs)) if logs else 0.0


def ratio(cells: Sequence[Cell], figure: str, *, to: str = "clairvoyant") -> float:
    """Return how many times *to*'s a figure of the real runs is."""
    pairs = [(getattr(cell.real, figure), getattr(getattr(cell, to), figure)) for cell in cells if cell.real is not None]
    return geometric(real / base for real, base in pairs if base)


def strategies_of(result: RealRuns) -> list[str]:
    rows: list[Cell | Drop | Failing | Limited] = [*result.cells, *result.drops, *result.failing, *result.limited]
    return list(dict.fromkeys(row.strategy for row in rows))
