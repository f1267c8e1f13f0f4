"""What hedges are asked by: the quantile of how long answers take to begin, and a budget that all workers keep together."""

import mmap
import os
import random

import pytest

from fastgate._core import Fleet

# A bucket's width: a quarter of an octave.
STEP = 2 ** (1 / 4)
SIZE = Fleet.size(2, 2, 4)


def fleet(shared: mmap.mmap, lane: int = 0) -> Fleet:
    return Fleet(shared, 2, 2, 4, lane, 1)


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("spread", [0.1, 0.3, 0.5])
def test_the_time_is_the_quantile_of_what_was_seen(quantile: float, spread: float) -> None:
    seen = fleet(mmap.mmap(-1, SIZE))
    chance = random.Random(7)
    samples = [chance.lognormvariate(-1, spread) for _ in range(250)]
    for sample in samples:
        seen.learn_first_content(1, sample, whole=True)
    exact = sorted(samples)[int(len(samples) * quantile)]
    assert exact / STEP <= seen.first_content_s(1, quantile, whole=True) <= exact * STEP
    assert seen.first_content_s(0, quantile, whole=True) == seen.first_content_s(1, quantile) == 0


def test_prompts_and_answers_of_other_lengths_are_seen_apart() -> None:
    seen = fleet(mmap.mmap(-1, SIZE))
    kinds: list[dict[str, float]] = [{"prompt_tokens": tokens} for tokens in (10, 5000, 50_000, 100_000)]
    bounds: list[dict[str, float]] = [{"max_tokens": tokens} for tokens in (0, 64, 1024, 4096)]
    for at, (kind, bound) in enumerate(zip(kinds, bounds, strict=True)):
        for _ in range(40):
            seen.learn_first_content(0, 2.0**at, **kind)  # type: ignore[arg-type]
            seen.learn_first_content(0, 2.0 ** (at + 4), whole=True, **bound)  # type: ignore[arg-type]
    for at, (kind, bound) in enumerate(zip(kinds, bounds, strict=True)):
        assert 2.0**at / STEP <= seen.first_content_s(0, 0.95, **kind) <= 2.0**at * STEP  # type: ignore[arg-type]
        assert 2.0 ** (at + 4) / STEP <= seen.first_content_s(0, 0.95, whole=True, **bound) <= 2.0 ** (at + 4) * STEP  # type: ignore[arg-type]


def test_stalls_say_nothing_of_how_long_answers_take() -> None:
    seen = fleet(mmap.mmap(-1, SIZE))
    for at in range(200):
        seen.learn_first_content(0, 7.0 if at % 5 == 0 else 1.0)
    assert 1 / STEP <= seen.first_content_s(0, 0.95) <= STEP


def test_nothing_is_known_before_twenty_answers() -> None:
    seen = fleet(mmap.mmap(-1, SIZE))
    for _ in range(19):
        seen.learn_first_content(0, 1.0)
    assert seen.first_content_s(0, 0.95) == 0
    seen.learn_first_content(0, 1.0)
    assert seen.first_content_s(0, 0.95) > 0
    # One in a hundred is not known from twenty.
    assert seen.first_content_s(0, 0.99) == 0


def test_old_answers_are_forgotten() -> None:
    seen = fleet(mmap.mmap(-1, SIZE))
    for took_s in (4.0, 1.0, 1.0):
        for _ in range(500):
            seen.learn_first_content(0, took_s)
    assert 1 / STEP <= seen.first_content_s(0, 0.7) <= STEP


def test_any_time_has_its_place() -> None:
    seen = fleet(mmap.mmap(-1, SIZE))
    for _ in range(20):
        seen.learn_first_content(0, 0)
        seen.learn_first_content(1, 1e6)
    assert 0 < seen.first_content_s(0, 0.95) < 0.002
    assert seen.first_content_s(1, 0.95) > 600


def test_a_hedge_is_paid_for_by_requests() -> None:
    budget = fleet(mmap.mmap(-1, SIZE))
    for _ in range(49):
        budget.earn_hedge(0, 0.02)
    assert not budget.spend_hedge(0)
    budget.earn_hedge(0, 0.02)
    assert not budget.spend_hedge(1)
    assert budget.spend_hedge(0)
    assert not budget.spend_hedge(0)


def test_a_quiet_time_earns_a_hundred_hedges_at_the_most() -> None:
    budget = fleet(mmap.mmap(-1, SIZE))
    for _ in range(100_000):
        budget.earn_hedge(0, 0.02)
    assert sum(budget.spend_hedge(0) for _ in range(200)) == 100


def test_workers_spend_exactly_what_they_have_earned_together() -> None:
    shared = mmap.mmap(-1, SIZE)
    workers, requests = 4, 20_000
    readers = []
    children = []
    for lane in range(workers):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            own = fleet(shared, lane)
            spent = 0
            for _ in range(requests):
                own.earn_hedge(0, 0.1)
                spent += own.spend_hedge(0)
            os.write(write, b"%d" % spent)
            os._exit(0)
        os.close(write)
        readers.append(read)
        children.append(child)
    spent = 0
    for read in readers:
        with os.fdopen(read, "rb") as pipe:
            spent += int(pipe.read())
    for child in children:
        os.waitpid(child, 0)
    rest = fleet(shared)
    spent += sum(rest.spend_hedge(0) for _ in range(200))
    assert spent == workers * requests // 10
