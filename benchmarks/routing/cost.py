"""What a choice and the events of a request cost, in nanoseconds: minima of repeats, in the compiled code."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

from fastgate._core import STRATEGIES, Fleet

REPEATS = 9
TIMES = 100_000


def loaded(count: int, lanes: int = 8) -> tuple[Fleet, list[object]]:
    """Return a fleet in which everything is measured and under load, with the attempts that make it so."""
    fleet = Fleet(mmap.mmap(-1, Fleet.size(count, 1, lanes)), count, 1, lanes, 0, 1)
    now = 1_000_000
    for turn in range(40):
        attempts = [fleet.dispatch(0, number, now, 100 + turn * 10) for number in range(count) for _ in range(1 + turn % 3)]
        for attempt in attempts:
            attempt.first_byte(now + 200_000 + turn * 1000)
            attempt.ended(100 + turn, now + 2_000_000 + turn * 10_000)
        now += 3_000_000
    return fleet, [fleet.dispatch(0, number, now, 300) for number in range(count) for _ in range(3)]


def measure_cost() -> Iterator[str]:
    """Return a line for each number."""
    for count in (4, 16, 64):
        fleet, attempts = loaded(count)
        for strategy in STRATEGIES:
            taken = min(fleet.time_picks(strategy, 0, 122_000_000, 300, TIMES) for _ in range(REPEATS))
            yield f"pick, {count} deployments, {strategy}: {taken:.0f} ns"
        del attempts
    fleet, _open = loaded(4)
    columns = zip(*(fleet.time_events(0, 122_000_000, TIMES) for _ in range(REPEATS)), strict=True)
    for event, taken in zip(("dispatched", "first byte", "chunk", "ended"), columns, strict=True):
        yield f"{event}: {min(taken):.0f} ns"
