"""Real processes on one cell: no more is admitted than alone, whatever becomes of them."""

import mmap
import os
import signal
import time
from collections import Counter

import pytest

from fastgate._core import Cells, RateLimit
from tests.support.forked import fork, together
from tests.support.gateway import SCALE

S = 1_000_000_000
START = 5_000 * S


def cells() -> Cells:
    return Cells(mmap.mmap(-1, 4096))


def hammer(shared: Cells, limit: RateLimit, seconds: float) -> tuple[int, int, int]:
    """Return how many were admitted in *seconds* and until one was refused, when the first asked, and just before the last did."""
    count, first = 0, time.monotonic_ns()
    while True:
        last = time.monotonic_ns()
        if shared.take(0, limit) == 0:
            count += 1
        elif last - first > seconds * S:
            return count, first, last


@pytest.mark.parametrize("processes", [2, 8])
def test_processes_admit_the_burst_and_the_rate_and_nothing_of_it_is_lost(processes: int) -> None:
    shared = cells()
    # The burst is what the rate brings in five seconds: nothing is lost while nobody of them runs, however few CPUs they share.
    rate = int(20_000 / SCALE)
    limit = RateLimit(rate, period_s=1, burst=5 * rate)
    results = together([lambda: hammer(shared, limit, 0.5)] * processes)
    total, end = sum(count for count, _, _ in results), time.monotonic_ns()
    first, last = min(first for _, first, _ in results), max(last for _, _, last in results)
    assert total <= limit.burst + limit.limit * (end - first) / S + 1
    assert total >= 0.99 * (limit.burst + limit.limit * (last - first) / S)


@pytest.mark.parametrize("processes", [2, 8])
def test_at_one_moment_processes_admit_exactly_the_burst_together(processes: int) -> None:
    shared, limit = cells(), RateLimit(20_011)
    counts = together([lambda: sum(shared.take(0, limit, 1, START) == 0 for _ in range(20_011))] * processes)
    assert sum(counts) == 20_011
    assert shared.word(0) == START + limit.burst_ns


def test_all_or_nothing_holds_between_processes_that_take_in_different_orders() -> None:
    shared, burst = cells(), 60_001
    tight, ample = RateLimit(burst), RateLimit(10**6)
    # Each pair of them shares a tight cell; its own cell is ample. Every refusal of one meets the charges of the others.
    orders = [(0, 1), (1, 0), (0, 2), (2, 1)]

    def run(number: int) -> int:
        asks = [(8 * (number + 3), ample, "requests", 1), *((8 * cell, tight, "requests", 1) for cell in orders[number])]
        return sum(shared.borrow(asks, START).wait_ns == 0 for _ in range(2 * burst))

    counts = together([lambda number=number: run(number) for number in range(len(orders))])
    taken = Counter({cell: sum(count for count, order in zip(counts, orders, strict=True) if cell in order) for cell in range(3)})
    for cell, count in taken.items():
        assert count <= burst
        assert shared.remaining(8 * cell, tight, START) == burst - count
        assert shared.reset_ns(8 * cell, START) == count * tight.increment_ns
    # Nobody could go on: of any two cells that somebody needs, one is used up.
    assert all(max(taken[one], taken[other]) == burst for one, other in orders)
    for number, count in enumerate(counts):
        assert shared.remaining(8 * (number + 3), ample, START) == 10**6 - count


def test_processes_that_borrow_and_settle_leave_exactly_what_they_used() -> None:
    shared, limit = cells(), RateLimit(10**6, burst=10**8)
    shared.take(0, limit, 1, START)

    def run(number: int) -> int:
        used = 0
        for turn in range(3000):
            borrowed = shared.borrow([(0, limit, "tokens", turn % 700)], START)
            assert borrowed.wait_ns == 0
            if turn % 7 == number:
                borrowed.give_back()
            else:
                borrowed.settle(tokens=turn % 900)
                used += turn % 900
        return used

    counts = together([lambda number=number: run(number) for number in range(4)])
    assert shared.word(0) == START + (1 + sum(counts)) * limit.increment_ns


def test_what_a_killed_process_had_borrowed_wears_off() -> None:
    shared, limit = cells(), RateLimit(60)
    ready, told = os.pipe()

    def run() -> None:
        kept = shared.borrow([(0, limit, "tokens", 60)], START)
        os.write(told, b"%d" % kept.wait_ns)
        signal.pause()

    child = fork(run)
    assert os.read(ready, 1) == b"0"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready)
    os.close(told)
    assert shared.take(0, limit, 1, START) == S
    assert shared.remaining(0, limit, START + 60 * S) == 60
