"""What is in flight is counted by all workers together, and comes back to zero whatever becomes of requests and workers."""

import mmap
import os
import random
import signal

import pytest

from fastgate._core import Fleet
from tests.support.fleets import START, S, fleet, in_flight

WORKERS = 4
OUTCOMES = ("ended", "server", "timeout", "rate_limited", "caller", "cancelled", "dropped")


def live(worker: Fleet, requests: int, seed: int) -> None:
    """Send *requests* and let each end in some way."""
    chance = random.Random(seed)
    now = START
    open_attempts = []
    for _ in range(requests):
        now += chance.randrange(50_000)
        attempt = worker.dispatch(0, chance.randrange(worker.deployments), now, chance.randrange(1, 3000), whole=chance.random() < 0.2)
        open_attempts.append(attempt)
        for other in chance.sample(open_attempts, min(3, len(open_attempts))):
            other.progress(chance.randrange(1, 400), now)
        if len(open_attempts) > 20:
            finish(open_attempts.pop(chance.randrange(20)), chance, now)
    for attempt in open_attempts:
        finish(attempt, chance, now)


def finish(attempt: object, chance: random.Random, now: int) -> None:
    outcome = chance.choice(OUTCOMES)
    if outcome == "ended":
        attempt.ended(chance.randrange(2000), now)  # type: ignore[attr-defined]
    elif outcome != "dropped":
        attempt.failed(outcome, now, chance.randrange(2) * S)  # type: ignore[attr-defined]


def assert_nothing_in_flight(shown: Fleet) -> None:
    for row in shown.snapshot(START):
        assert (row["in_flight"], row["without_first_byte"], row["work_s"], row["tokens"], row["stall"]) == (0, 0, 0.0, 0, 1.0)


def fork(run: object) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            run()  # type: ignore[operator]
            status = 0
        finally:
            os._exit(status)
    return child


@pytest.mark.parametrize("seed", range(3))
def test_ten_thousand_requests_of_mixed_outcome_leave_nothing_in_flight(seed: int) -> None:
    worker = fleet(5)
    live(worker, 10_000, seed)
    assert_nothing_in_flight(worker)


def test_an_event_behind_the_end_is_nothing() -> None:
    worker = fleet(1)
    attempt = worker.dispatch(0, 0, START, 100)
    attempt.ended(10, START + S)
    attempt.ended(10, START + S)
    attempt.failed("server", START + S)
    attempt.first_byte(START + S)
    attempt.progress(5, START + S)
    assert_nothing_in_flight(worker)


def test_workers_see_what_the_others_have_in_flight() -> None:
    region = mmap.mmap(-1, Fleet.size(2, 1, WORKERS))
    workers = [fleet(2, lanes=WORKERS, lane=lane, memory=region) for lane in range(WORKERS)]
    attempts = [worker.dispatch(0, 0, START, 100) for worker in workers for _ in range(2)]
    assert in_flight(workers[3], START) == [8, 0]
    assert workers[0].snapshot(START)[0]["in_flight_by_worker"] == [2] * WORKERS
    assert {worker.pick("least-busy", 0, START, 100) for worker in workers} == {1}
    del attempts
    assert in_flight(workers[0], START) == [0, 0]


def test_processes_on_one_region_leave_nothing_in_flight() -> None:
    region = mmap.mmap(-1, Fleet.size(3, 1, WORKERS))
    children = [fork(lambda lane=lane: live(fleet(3, lanes=WORKERS, lane=lane, memory=region), 3000, lane)) for lane in range(WORKERS)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * WORKERS
    assert_nothing_in_flight(fleet(3, lanes=WORKERS, memory=region))


def test_a_killed_workers_lane_is_cleared_and_the_others_stay() -> None:
    region = mmap.mmap(-1, Fleet.size(2, 1, 2))
    survivor = fleet(2, lanes=2, lane=0, memory=region)
    kept = survivor.dispatch(0, 1, START, 100)
    ready, told = os.pipe()

    def run() -> None:
        doomed = fleet(2, lanes=2, lane=1, memory=region)
        attempts = [doomed.dispatch(0, 0, START, 100) for _ in range(7)]
        doomed.hold(0, 3)
        doomed.hold_since(0, START)
        attempts[0].progress(9, START)
        os.write(told, b"x")
        signal.pause()

    child = fork(run)
    assert os.read(ready, 1) == b"x"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready)
    os.close(told)
    assert in_flight(survivor, START) == [7, 1]
    assert survivor.oldest_lane(0) == 1
    survivor.clear_lane(1)
    assert in_flight(survivor, START) == [0, 1]
    assert survivor.oldest_lane(0) == -1
    kept.ended(5, START + S)
    assert_nothing_in_flight(survivor)


def test_the_worker_that_holds_the_oldest_request_is_known_to_all() -> None:
    region = mmap.mmap(-1, Fleet.size(1, 2, 3))
    workers = [Fleet(region, 1, 2, 3, lane, 1) for lane in range(3)]
    workers[1].hold_since(1, START + 5)
    workers[2].hold_since(1, START + 3)
    assert [worker.oldest_lane(1) for worker in workers] == [2, 2, 2]
    assert workers[0].oldest_lane(0) == -1


def test_memory_that_is_too_small_or_not_aligned_is_refused() -> None:
    region = mmap.mmap(-1, 2 * Fleet.size(2, 1, 1))
    with pytest.raises(ValueError, match="too few"):
        Fleet(region, 9, 9, 1, 0, 1)
    with pytest.raises(ValueError, match="multiple of 64"):
        Fleet(memoryview(region)[8:], 2, 1, 1, 0, 1)


def test_numbers_out_of_range_are_refused() -> None:
    small = fleet(2)
    with pytest.raises(IndexError):
        small.dispatch(0, 2, START, 1)
    with pytest.raises(IndexError):
        small.pick("least-busy", 1, START, 1)
    with pytest.raises(ValueError, match="lane 1 of 1"):
        small.clear_lane(1)
