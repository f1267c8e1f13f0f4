"""Requests at a time: a lane for each worker, all lanes under one limit, and a dead worker's lane is cleared."""

import mmap
import os
import random
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgate._core import Cells
from tests.support.forked import fork, together

LANES = 8


def cells() -> Cells:
    return Cells(mmap.mmap(-1, 4096))


@given(st.lists(st.tuples(st.integers(0, LANES - 1), st.booleans()), max_size=3000), st.integers(0, 2040))
def test_lanes_count_like_numbers_of_their_own(steps: list[tuple[int, bool]], limit: int) -> None:
    shared, oracle = cells(), [0] * LANES
    for lane, up in steps:
        if up:
            wanted = sum(oracle) < limit and oracle[lane] < 255
            assert shared.acquire(0, lane, limit) is wanted
            oracle[lane] += wanted
        else:
            shared.release(0, lane)
            oracle[lane] = max(0, oracle[lane] - 1)
        assert shared.in_use(0) == sum(oracle)
    assert shared.word(0) & (2**64 - 1) == sum(count << (8 * lane) for lane, count in enumerate(oracle))


def test_all_lanes_together_are_full_at_two_thousand_and_forty() -> None:
    shared = cells()
    assert sum(shared.acquire(0, lane, 10**6) for lane in range(LANES) for _ in range(300)) == 2040
    assert shared.in_use(0) == 2040


@pytest.mark.parametrize("lane", range(LANES))
def test_a_release_too_many_takes_nothing_from_the_other_lanes(lane: int) -> None:
    shared = cells()
    for other in range(LANES):
        assert other == lane or shared.acquire(0, other, 100)
    before = shared.word(0)
    shared.release(0, lane)
    assert shared.word(0) == before


def test_processes_never_have_more_than_the_limit_and_leave_nothing() -> None:
    shared, limit = cells(), 5

    def run(lane: int) -> int:
        chance = random.Random(lane)
        held = peak = 0
        for _ in range(20_000):
            if held and chance.random() < 0.6:
                shared.release(0, lane)
                held -= 1
            elif shared.acquire(0, lane, limit):
                held += 1
            peak = max(peak, shared.in_use(0))
        for _ in range(held):
            shared.release(0, lane)
        return peak

    assert max(together([lambda lane=lane: run(lane) for lane in range(4)])) == limit
    assert shared.word(0) == 0


def test_a_killed_workers_lane_is_cleared_and_the_others_stay() -> None:
    shared = cells()
    assert shared.acquire(0, 2, 8)
    ready, told = os.pipe()

    def run() -> None:
        while shared.acquire(0, 7, 8):
            pass
        os.write(told, b"x")
        signal.pause()

    child = fork(run)
    assert os.read(ready, 1) == b"x"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready)
    os.close(told)
    assert shared.in_use(0) == 8
    assert not shared.acquire(0, 2, 8)
    shared.clear_lane(0, 7)
    assert shared.in_use(0) == 1
    assert sum(shared.acquire(0, 7, 8) for _ in range(10)) == 7


def test_there_are_eight_lanes() -> None:
    for lane in (-1, 8):
        with pytest.raises(IndexError):
            cells().acquire(0, lane, 1)
        with pytest.raises(IndexError):
            cells().clear_lane(0, lane)
