"""A bucket of one word admits what a bucket of fractions admits, to the nanosecond."""

import mmap
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgate._core import Cells, RateLimit
from tests.oracle.buckets import Bucket

S = 1_000_000_000
START = 5_000 * S
MOST = 2**63 - 1


def cells() -> Cells:
    return Cells(mmap.mmap(-1, 4096))


def admitted(bucket: Cells, limit: RateLimit, now_ns: int, most: int, units: int = 1) -> int:
    """Return how many requests of *units* are admitted at one moment."""
    return next((count for count in range(most) if bucket.take(0, limit, units, now_ns)), most)


LIMITS = st.builds(
    RateLimit,
    st.integers(1, 10**9),
    period_s=st.sampled_from([1.0, 60.0, 3600.0, 86400.0]),
    smooth=st.booleans(),
    burst=st.sampled_from([0, 0, 1, 7, 360]),
)
# (nanoseconds later, what is done, a fraction of the burst in thousandths): more than the burst among them.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 999, 10**6, 10**9, 61 * 10**9, 10**13]),
        st.sampled_from(["take", "take", "take", "charge", "settle", "wait"]),
        st.integers(0, 1100),
    ),
    max_size=60,
)


@given(LIMITS, STEPS)
def test_a_bucket_admits_what_one_of_fractions_admits(limit: RateLimit, steps: list[tuple[int, str, int]]) -> None:
    bucket, oracle, now = cells(), Bucket(limit.increment_ns, limit.burst), START
    given_out = 0
    for later, done, thousandths in steps:
        now += later
        units = -(-limit.burst * thousandths // 1000)
        if done == "take":
            wait = bucket.take(0, limit, units, now)
            assert wait == oracle.take(units, now)
            given_out += units if wait == 0 else 0
        elif done == "charge":
            bucket.charge(0, limit, units, now)
            oracle.charge(units, now)
            given_out += units
        elif done == "settle":
            units = min(units, given_out)
            borrowed = bucket.borrow([(0, limit, "tokens", 0)], now)
            if borrowed.wait_ns == 0:
                oracle.take(0, now)
                borrowed.settle(tokens=units)
                oracle.settle(units)
                given_out += units
        assert bucket.wait(0, limit, units, now) == oracle.wait_ns(units, now)
        assert bucket.remaining(0, limit, now) == max(0, oracle.at(now) // 1)


@given(LIMITS, st.lists(st.integers(0, 10**11), max_size=200))
def test_no_interval_sees_more_than_the_burst_and_what_the_rate_brings(limit: RateLimit, gaps: list[int]) -> None:
    bucket, now = cells(), START
    times = []
    for gap in gaps:
        now += gap
        times += [now] * admitted(bucket, limit, now, 20)
    # What a bucket of any age admits behind its first n requests: the worst interval begins with one of them.
    for first, begin in enumerate(times[:40]):
        for count, end in enumerate(times[first:], 1):
            assert (count - limit.burst) * limit.increment_ns <= end - begin


@pytest.mark.parametrize(("limit", "burst"), [(1, 1), (2, 2), (7, 7), (600, 600), (700_003, 40), (10**9, 999), (90_000_001, 10_000)])
def test_at_one_moment_exactly_the_burst_is_admitted(limit: int, burst: int) -> None:
    rate = RateLimit(limit, burst=burst)
    assert rate.burst == burst
    for units in (1, 3):
        assert admitted(cells(), rate, START, burst + 5, units) == burst // units
    bucket = cells()
    assert bucket.take(0, rate, burst, START) == 0
    assert bucket.take(0, rate, 1, START) == rate.increment_ns


@pytest.mark.parametrize(("limit", "burst"), [(600, 60), (9, 1), (1, 1), (25, 2)])
def test_smooth_admits_a_tenth_at_once_and_one_at_least(limit: int, burst: int) -> None:
    rate = RateLimit(limit, smooth=True)
    assert rate.burst == burst
    assert admitted(cells(), rate, START, 100) == burst


def test_a_unit_is_never_cheaper_than_the_limit_says() -> None:
    for limit in (1, 3, 7, 600, 999_999, 59_999_999_999, 10**15):
        assert RateLimit(limit).increment_ns * limit >= 60 * S
        assert (RateLimit(limit).increment_ns - 1) * limit < 60 * S


@given(LIMITS, st.integers(0, 500), st.integers(1, 1000))
def test_a_retry_at_the_told_time_is_admitted_and_no_earlier(limit: RateLimit, charged: int, thousandths: int) -> None:
    bucket = cells()
    units = -(-limit.burst * thousandths // 1000)
    bucket.charge(0, limit, -(-limit.burst * charged // 100), START)
    wait = bucket.take(0, limit, units, START)
    if wait:
        assert 0 < bucket.take(0, limit, units, START + wait - 1) == 1
        assert bucket.take(0, limit, units, START + wait) == 0


def test_a_refusal_leaves_the_word_as_it_was() -> None:
    bucket, limit = cells(), RateLimit(60)
    assert admitted(bucket, limit, START, 100) == 60
    before = bucket.word(0)
    assert [bucket.take(0, limit, 1, START + part * 10**8) for part in range(10)] == [S - part * 10**8 for part in range(10)]
    assert bucket.word(0) == before


def test_more_than_the_burst_is_never_admitted() -> None:
    bucket, limit = cells(), RateLimit(100, smooth=True)
    assert bucket.take(0, limit, 11, START) == -1
    assert bucket.word(0) == 0
    assert bucket.take(0, limit, 10, START) == 0


def test_what_is_given_back_late_gives_no_burst() -> None:
    bucket, limit = cells(), RateLimit(100)
    borrowed = bucket.borrow([(0, limit, "tokens", 100)], START)
    later = START + 3600 * S
    borrowed.settle(tokens=1)
    assert bucket.remaining(0, limit, later) == 100
    assert admitted(bucket, limit, later, 300) == 100


def test_what_was_used_beyond_the_estimate_is_owed() -> None:
    bucket, limit = cells(), RateLimit(60)
    borrowed = bucket.borrow([(0, limit, "tokens", 10)], START)
    borrowed.settle(tokens=90)
    assert bucket.remaining(0, limit, START) == 0
    assert bucket.take(0, limit, 1, START) == 31 * S
    assert bucket.take(0, limit, 1, START + 31 * S) == 0


def test_remaining_and_reset_are_what_headers_say() -> None:
    bucket, limit = cells(), RateLimit(60)
    assert (bucket.remaining(0, limit, START), bucket.reset_ns(0, START)) == (60, 0)
    bucket.take(0, limit, 15, START)
    assert (bucket.remaining(0, limit, START), bucket.reset_ns(0, START)) == (45, 15 * S)
    assert (bucket.remaining(0, limit, START + S // 2), bucket.reset_ns(0, START + 20 * S)) == (45, 0)


def test_a_clock_read_earlier_than_anothers_is_no_burst() -> None:
    bucket, limit = cells(), RateLimit(60)
    times = [START + step for step in (0, -5, 7, -9, 3, -1)]
    assert sum(admitted(bucket, limit, now, 100) for now in times) == 60


def test_no_number_is_so_large_that_a_bucket_turns_over() -> None:
    bucket, limit = cells(), RateLimit(1, period_s=365 * 86400)
    assert bucket.take(0, limit, MOST, START) == -1
    bucket.take(0, limit, 1, START)
    words = []
    for _ in range(2000):
        bucket.charge(0, limit, MOST, START)
        words.append(bucket.word(0))
    assert all(before <= behind for before, behind in pairwise(words))
    for _ in range(2000):
        borrowed = bucket.borrow([(1, RateLimit(1, burst=2), "tokens", 1)], START)
        borrowed.settle(tokens=MOST)
        assert bucket.word(1) > START
    assert bucket.take(0, limit, 1, START) > 0


def test_what_is_no_limit_is_refused() -> None:
    for wrong in ({"limit": 0}, {"limit": -1}, {"limit": 1, "period_s": 0}, {"limit": 1, "period_s": 1e9}, {"limit": 1, "burst": -1}):
        with pytest.raises(ValueError, match="is no limit"):
            RateLimit(**wrong)
    with pytest.raises(ValueError, match="more than a year"):
        RateLimit(1, period_s=86400, burst=5000)
    with pytest.raises(ValueError, match="multiple of 64"):
        Cells(memoryview(mmap.mmap(-1, 4096))[8:])
    with pytest.raises(IndexError):
        cells().word(512)
