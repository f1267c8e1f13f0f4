"""Deployments that fail are left out, tried again by one request, and taken back; nobody is left without any."""

import pytest

from fastgate._core import Fleet
from tests.support.fleets import START, S, fleet, teach_all

EXPECTED = "expected-latency"
NONE, HOLD = -1, -2


def fail(
    failed: Fleet, deployment: int, now_us: int, *, times: int = 1, took_s: float = 0.05, failure: str = "server", after_us: int = 0
) -> int:
    for _ in range(times):
        attempt = failed.dispatch(0, deployment, now_us, 100)
        now_us += round(took_s * S)
        attempt.failed(failure, now_us, after_us)
    return now_us


def out_for(shown: Fleet, deployment: int, now_us: int) -> float:
    return float(shown.snapshot(now_us)[deployment]["out_for_s"])


@pytest.fixture
def pair() -> tuple[Fleet, int]:
    both = fleet(2)
    return both, teach_all(both, 0.01, 0.01)


def test_one_failure_makes_a_deployment_less_likely_and_ejects_nothing(pair: tuple[Fleet, int]) -> None:
    both, now = pair
    now = fail(both, 0, now)
    assert out_for(both, 0, now) == 0
    assert {both.pick(EXPECTED, 0, now, 100) for _ in range(50)} == {1}


def test_two_failures_in_a_row_eject(pair: tuple[Fleet, int]) -> None:
    both, now = pair
    now = fail(both, 0, now, times=2)
    assert out_for(both, 0, now) == pytest.approx(0.5)
    assert both.explain(0, now, 100)[-1] == {"deployment": 0, "not_asked": "ejected after failures"}


def test_each_failed_probe_doubles_the_time_out_up_to_50_times_what_a_failure_takes(pair: tuple[Fleet, int]) -> None:
    both, now = pair
    now = fail(both, 0, now, times=2, took_s=0.1)
    seen = []
    for _ in range(5):
        now += round(out_for(both, 0, now) * S)
        now = fail(both, 0, now, took_s=0.1)
        seen.append(out_for(both, 0, now))
    assert seen == pytest.approx([1, 2, 4, 5, 5])


def test_failures_of_requests_sent_before_the_ejection_do_not_lengthen_it(pair: tuple[Fleet, int]) -> None:
    both, now = pair
    attempts = [both.dispatch(0, 0, now, 100) for _ in range(20)]
    for attempt in attempts:
        attempt.failed("server", now + 1000)
    assert out_for(both, 0, now + 1000) == pytest.approx(0.5)


def test_after_an_ejection_one_request_at_a_time_finds_out(pair: tuple[Fleet, int]) -> None:
    both, now = pair
    now = fail(both, 0, now, times=2) + S
    assert both.pick("round-robin", 0, now, 100) == 0
    probe = both.dispatch(0, 0, now, 100)
    assert {both.pick("round-robin", 0, now, 100) for _ in range(4)} == {1}
    probe.failed("cancelled", now)
    assert {both.pick("round-robin", 0, now, 100) for _ in range(4)} == {0, 1}


def test_a_probe_that_succeeds_restores(pair: tuple[Fleet, int]) -> None:
    both, now = pair
    now = fail(both, 0, now, times=2) + S
    probe = both.dispatch(0, 0, now, 100)
    probe.first_byte(now + S // 5)
    probe.ended(50, now + S)
    assert {both.pick("round-robin", 0, now + S, 100) for _ in range(4)} == {0, 1}
    assert both.snapshot(now + S)[0]["failures"] == 0


def test_doubt_fades_in_time(pair: tuple[Fleet, int]) -> None:
    both, now = pair
    now = fail(both, 0, now)
    assert both.snapshot(now)[0]["failing"] == pytest.approx(0.3)
    assert both.snapshot(now + 10 * S)[0]["failing"] == pytest.approx(0.3 / 2.718281828)


def test_when_all_are_ejected_all_are_asked(pair: tuple[Fleet, int]) -> None:
    both, now = pair
    now = fail(both, 0, now, times=2)
    now = fail(both, 1, now, times=2)
    assert both.pick(EXPECTED, 0, now, 100, excluded={1}) == 0
    assert both.pick(EXPECTED, 0, now, 100, excluded={0}) == 1
    assert both.pick(EXPECTED, 0, now, 100, excluded={0, 1}) == NONE


def test_a_callers_own_fault_says_nothing_against_the_deployment(pair: tuple[Fleet, int]) -> None:
    both, now = pair
    now = fail(both, 0, now, times=9, failure="caller")
    assert out_for(both, 0, now) == 0
    assert both.snapshot(now)[0]["failing"] == 0


def test_a_429_keeps_requests_away_until_retry_after(pair: tuple[Fleet, int]) -> None:
    both, now = pair
    now = fail(both, 0, now, failure="rate_limited", after_us=30 * S)
    assert out_for(both, 0, now) == pytest.approx(30)
    assert {both.pick(EXPECTED, 0, now, 100) for _ in range(50)} == {1}
    assert both.snapshot(now)[0]["failing"] == 0


def test_when_all_said_429_the_soonest_is_waited_for(pair: tuple[Fleet, int]) -> None:
    both, now = pair
    now = fail(both, 0, now, failure="rate_limited", after_us=30 * S)
    now = fail(both, 1, now, failure="rate_limited", after_us=2 * S)
    assert both.pick(EXPECTED, 0, now, 100) == HOLD
    assert both.held_for == 1
    assert both.pick(EXPECTED, 0, now + 2 * S, 100) == 1


def test_without_retry_after_the_time_doubles_up_to_30_seconds(pair: tuple[Fleet, int]) -> None:
    both, now = pair
    seen = []
    for _ in range(8):
        now = fail(both, 0, now, failure="rate_limited")
        seen.append(out_for(both, 0, now))
        now += round(seen[-1] * S)
    assert seen == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30])


def refilling(both: Fleet, now: int, requests: int) -> tuple[int, int]:
    """Ask deployment 0, which admits a request each 2 s, as often as may be; return its 429s and the time."""
    admitted_at, refused = now, 0
    for _ in range(requests):
        now += round(out_for(both, 0, now) * S)
        attempt = both.dispatch(0, 0, now, 100)
        if now < admitted_at:
            refused += 1
            attempt.failed("rate_limited", now, admitted_at - now)
        else:
            admitted_at = max(admitted_at, now) + 2 * S
            attempt.ended(10, now + S // 10)
        now += S // 10
    return refused, now


def test_the_pace_of_a_limit_is_learned_from_its_429s(pair: tuple[Fleet, int]) -> None:
    both, now = pair
    _, now = refilling(both, now, 10)
    refused, _ = refilling(both, now, 100)
    assert 0 < refused <= 10


def test_a_failing_fleet_starts_from_zeroed_memory_as_healthy() -> None:
    fresh = fleet(3)
    assert [row["out_for_s"] for row in fresh.snapshot(START)] == [0, 0, 0]
    assert {fresh.pick(EXPECTED, 0, START, 10) for _ in range(60)} == {0, 1, 2}
