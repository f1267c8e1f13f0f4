"""The mirror of a provider's limits: what remains there, as its answers say and as requests are sent in between."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgate._core import Mirror
from tests.support.limits import START, WALL_OFFSET, S, answered, head, mirror, teach

HOUR = 3600 * S


def remaining(seen: Mirror, counted: str, now_us: int = START) -> int:
    return int(seen.snapshot(0, now_us)["limits"][counted]["remaining"])


def period_s(seen: Mirror, counted: str = "requests") -> float:
    return round(seen.snapshot(0, START)["limits"][counted]["period_us"] / S, 2)


def test_an_account_that_has_said_nothing_admits_everything() -> None:
    seen = mirror()
    assert seen.wait(0, -1, START, input_tokens=10**9) == (0, 0)
    assert all(seen.send(0, -1, START, input_tokens=10**6).wait_us == 0 for _ in range(1000))
    assert seen.snapshot(0, START)["limits"] == dict.fromkeys(("requests", "tokens", "input_tokens", "output_tokens"))


def test_what_remains_is_admitted_and_then_one_at_a_time() -> None:
    seen = mirror()
    teach(seen, limit_requests=60, remaining_requests=3, reset_requests="57s")
    assert [seen.send(0, -1, START).wait_us for _ in range(5)] == [0, 0, 0, S, S]
    assert seen.wait(0, -1, START) == (S, S)
    assert seen.wait(0, -1, START + S) == (0, S)


def test_tokens_wait_for_as_many_as_the_request_needs() -> None:
    seen = mirror()
    teach(seen, limit_tokens=60_000, remaining_tokens=500, reset_tokens="59.5s")
    assert seen.wait(0, -1, START, input_tokens=300, output_tokens=200) == (0, S // 2)
    assert seen.wait(0, -1, START, input_tokens=1000, output_tokens=2000) == (2_500_000, 3 * S)


def test_accounts_share_nothing_and_deployments_of_one_share_everything() -> None:
    seen = mirror()
    teach(seen, limit_requests=60, remaining_requests=0, reset_requests="60s")
    assert [seen.wait(0, deployment, START)[0] for deployment in (-1, 0, 1)] == [S, S, S]
    assert seen.wait(1, 0, START) == (0, 0)


def test_requests_sent_after_the_one_that_is_answered_count() -> None:
    seen = mirror()
    first, *_ = [seen.send(0, -1, START, input_tokens=100) for _ in range(4)]
    answered(first, START, limit_requests=60, remaining_requests=59, limit_tokens=6000, remaining_tokens=5000)
    assert (remaining(seen, "requests"), remaining(seen, "tokens")) == (56, 4700)


def test_an_answer_older_than_one_that_was_heard_changes_nothing() -> None:
    seen = mirror()
    first, second = seen.send(0, -1, START), seen.send(0, -1, START)
    answered(second, START, limit_requests=60, remaining_requests=20)
    answered(first, START, limit_requests=60, remaining_requests=59)
    assert remaining(seen, "requests") == 20


def test_an_estimate_is_corrected_when_the_use_is_known() -> None:
    seen = mirror()
    teach(seen, limit_tokens=60_000, remaining_tokens=60_000)
    request = seen.send(0, -1, START, input_tokens=1000, output_tokens=4000)
    assert remaining(seen, "tokens") == 55_000
    request.settle(input_tokens=1100, output_tokens=900)
    assert remaining(seen, "tokens") == 58_000
    request.settle()
    request.cancel()
    assert remaining(seen, "tokens") == 58_000


def test_an_estimate_that_an_answer_has_replaced_is_not_corrected() -> None:
    seen = mirror()
    teach(seen, limit_tokens=60_000, remaining_tokens=60_000)
    request = seen.send(0, -1, START, input_tokens=1000, output_tokens=4000)
    answered(request, START, limit_tokens=60_000, remaining_tokens=59_000)
    request.settle(input_tokens=1000, output_tokens=9000)
    assert remaining(seen, "tokens") == 59_000


def test_output_is_still_to_come_when_its_answer_begins() -> None:
    seen = mirror()
    request = seen.send(0, -1, START, input_tokens=1000, output_tokens=4000)
    answered(request, START, anthropic_ratelimit_output_tokens_limit=60_000, anthropic_ratelimit_output_tokens_remaining=60_000)
    assert remaining(seen, "output_tokens") == 56_000
    request.settle(input_tokens=1000, output_tokens=9000)
    assert remaining(seen, "output_tokens") == 51_000


def test_a_request_that_was_not_sent_counts_for_nothing() -> None:
    seen = mirror()
    seen.describe(0, rpm=10)
    teach(seen, limit_requests=60, remaining_requests=60)
    first = seen.send(0, 0, START)
    seen.send(0, 0, START).cancel()
    assert remaining(seen, "requests") == 59
    answered(first, START, limit_requests=60, remaining_requests=40)
    assert remaining(seen, "requests") == 40
    assert sum(seen.send(0, 0, START).wait_us == 0 for _ in range(20)) == 9


@pytest.mark.parametrize(
    ("limit", "left", "reset", "period"),
    [
        (60, 59, "1s", 60),
        (10_000, 9_999, "6ms", 60),
        (10_000, 9_999, "8.64s", 86_400),
        (200, 199, "7m12s", 86_400),
        (14_400, 14_370, "2m59.56s", 86_400),
        (60, 59, "0.3s", 60),
        (4000, 3999, "2026-11-01T12:00:01Z", 60),
        (50, 10, "2026-11-01T12:00:48Z", 60),
        (1000, 400, "36m", 3600),
        (20, 5, "750ms", 1),
        (100, 20, "8s", 10),
        (100, 100, "0s", 60),
        (100, 40, "soon", 60),
        (100, 90, "0s", 60),
    ],
)
def test_the_period_of_a_limit_follows_from_its_reset(limit: int, left: int, reset: str, period: float) -> None:
    seen = mirror()
    teach(seen, limit_requests=limit, remaining_requests=left, reset_requests=reset)
    assert period_s(seen) == period


def test_a_period_that_is_known_stays_where_a_reset_tells_nothing() -> None:
    seen = mirror()
    teach(seen, limit_requests=14_400, remaining_requests=14_300, reset_requests="600s")
    teach(seen, limit_requests=14_400, remaining_requests=14_399, reset_requests="1s")
    assert period_s(seen) == 86_400
    teach(seen, limit_requests=600, remaining_requests=500, reset_requests="10s")
    assert period_s(seen) == 60


def test_a_window_that_is_used_up_admits_nothing_before_it_ends() -> None:
    seen = mirror()
    teach(seen, limit_requests=100, remaining_requests=0, reset_requests="20s")
    assert seen.wait(0, -1, START)[0] == 20 * S
    teach(seen, START + 20 * S, limit_requests=100, remaining_requests=99, reset_requests="60s")
    assert seen.wait(0, -1, START + 20 * S)[0] == 0


def test_what_remains_without_a_limit_is_believed() -> None:
    seen = mirror()
    teach(seen, remaining_requests=79)
    teach(seen, remaining_requests=2)
    assert [seen.send(0, -1, START).wait_us == 0 for _ in range(3)] == [True, True, False]
    teach(seen, remaining_requests=118)
    assert (remaining(seen, "requests"), seen.snapshot(0, START)["limits"]["requests"]["limit"]) == (118, 119)


@pytest.mark.parametrize(
    "fields",
    [{"limit_requests": 0, "remaining_requests": "-1"}, {"limit_requests": "-1"}, {"reset_requests": "5s"}, {"limit_requests": "many"}],
)
def test_what_is_no_limit_changes_nothing(fields: dict[str, object]) -> None:
    seen = mirror()
    teach(seen, **fields)
    assert seen.wait(0, -1, START) == (0, 0)
    assert seen.snapshot(0, START)["limits"]["requests"] is None


def test_more_than_the_limit_is_admitted_when_all_of_it_is_there() -> None:
    seen = mirror()
    teach(seen, limit_tokens=60_000, remaining_tokens=60_000)
    assert seen.send(0, -1, START, input_tokens=90_000).wait_us == 0
    assert seen.wait(0, -1, START, input_tokens=90_000)[0] == 60 * S


@pytest.mark.parametrize(
    ("fields", "wait_us"),
    [
        ({"retry_after": 7}, 7 * S),
        ({"retry_after": 7, "retry_after_ms": 6500}, 6_500_000),
        ({"retry_after": "Sun, 01 Nov 2026 12:00:30 GMT"}, 30 * S),
        ({"retry_after": 86_400}, HOUR),
        ({"retry_after": 10**14}, HOUR),
    ],
)
def test_an_account_is_out_until_its_retry_after(fields: dict[str, object], wait_us: int) -> None:
    seen = mirror()
    request = seen.send(0, -1, START)
    answered(request, START, 429, **fields)
    assert seen.wait(0, 1, START)[0] == wait_us
    assert seen.send(0, 1, START).wait_us == wait_us
    assert seen.wait(1, 1, START)[0] == 0
    assert seen.wait(0, 1, START + wait_us) == (0, 0)


def test_a_shorter_retry_after_does_not_end_a_longer_one() -> None:
    seen = mirror()
    for seconds in (9, 2):
        answered(seen.send(0, -1, START, anyway=True), START, 429, retry_after=seconds)
    assert seen.wait(0, -1, START)[0] == 9 * S


def test_a_retry_after_of_another_status_says_nothing_about_limits() -> None:
    seen = mirror()
    answered(seen.send(0, -1, START), START, 503, retry_after=9)
    assert seen.wait(0, -1, START) == (0, 0)


def test_a_429_that_says_what_is_used_up_slows_nothing_else() -> None:
    seen = mirror()
    request = seen.send(0, -1, START, input_tokens=100)
    answered(request, START, 429, limit_tokens=6000, remaining_tokens=40, reset_tokens="59.6s")
    assert seen.wait(0, -1, START, input_tokens=100)[0] == 600_000


def test_a_request_that_must_be_sent_is_charged_all_the_same() -> None:
    seen = mirror()
    seen.describe(0, rpm=2)
    teach(seen, limit_requests=60, remaining_requests=0, reset_requests="60s")
    assert seen.send(0, 0, START).wait_us == S
    assert [seen.send(0, 0, START, anyway=True).wait_us for _ in range(3)] == [0, 0, 30 * S]
    assert seen.wait(0, -1, START)[0] == 3 * S


def test_what_is_configured_is_never_exceeded_whatever_the_provider_says() -> None:
    seen = mirror()
    seen.describe(0, rpm=3, tpm=1000)
    teach(seen, limit_requests=1000, remaining_requests=1000)
    assert seen.wait(0, 0, START, input_tokens=600, output_tokens=401)[0] == -1
    assert seen.send(0, 0, START, input_tokens=1001).wait_us == -1
    waits = [seen.send(0, 0, START, input_tokens=300, anyway=anyway).wait_us for anyway in (False, True, True, False)]
    assert waits == [0, 0, 0, 20 * S]
    assert remaining(seen, "requests") == 997
    assert seen.wait(0, 1, START)[0] == 0


def test_configured_tokens_are_settled_by_what_was_used() -> None:
    seen = mirror()
    seen.describe(0, tpm=600)
    request = seen.send(0, 0, START, input_tokens=100, output_tokens=500)
    answered(request, START, limit_tokens=10**6, remaining_tokens=10**6)
    request.settle(input_tokens=90, output_tokens=10)
    assert seen.wait(0, 0, START, input_tokens=500)[0] == 0
    assert seen.wait(0, 0, START, input_tokens=501)[0] == S // 10


def test_a_limit_can_be_smooth_or_taken_away() -> None:
    seen = mirror()
    seen.describe(0, rpm=60, smooth=True)
    assert [seen.send(0, 0, START).wait_us for _ in range(7)] == [0] * 6 + [(60 * S - 1) // 55 + 1]
    seen.describe(0)
    assert seen.wait(0, 0, START) == (0, 0)


# (what, microseconds later, tokens, a number for what a head says)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["send", "force", "answer", "settle", "cancel"]),
        st.integers(0, 2**36),
        st.integers(0, 2**40),
        st.integers(0, 2**32),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_is_said_no_wait_is_negative_or_longer_than_an_hour(steps: list[tuple[str, int, int, int]]) -> None:
    seen, now = mirror(), START
    sent = [seen.send(0, -1, now)]
    for what, later, tokens, seed in steps:
        now += later
        chance = random.Random(seed)
        request = chance.choice(sent)
        if what in {"send", "force"}:
            sent.append(seen.send(0, -1, now, input_tokens=tokens, output_tokens=tokens, anyway=what == "force"))
            assert 0 <= sent[-1].wait_us <= HOUR
        elif what == "answer":
            names = [f"{part}_{kind}" for part in ("limit", "remaining", "reset") for kind in ("requests", "tokens", "input-tokens")]
            names += ["retry_after", "retry_after_ms", "anthropic_ratelimit_output_tokens_remaining"]
            said = {name: chance.randrange(10 ** chance.randrange(1, 16)) for name in chance.sample(names, 6)}
            request.answered(head(chance.choice([200, 429, 500]), **said), now, chance.choice([0, now + WALL_OFFSET]))
        elif what == "settle":
            request.settle(input_tokens=tokens, output_tokens=2 * tokens)
        else:
            request.cancel()
        wait, interval = seen.wait(0, -1, now, input_tokens=tokens)
        assert 0 <= wait <= HOUR
        assert 0 <= interval <= HOUR
        for limit in seen.snapshot(0, now)["limits"].values():
            assert limit is None or 0 <= limit["remaining"] <= limit["limit"]


def test_memory_that_is_too_small_or_not_aligned_and_numbers_out_of_range_are_refused() -> None:
    region = memoryview(bytearray(Mirror.size(2, 2)))
    with pytest.raises(ValueError, match="too few"):
        Mirror(region[:-64], 2, 2)
    with pytest.raises(ValueError, match="no account"):
        Mirror(region, 0, 2)
    small = mirror(1, 1)
    for account, deployment in ((-1, 0), (1, 0), (0, -2), (0, 1)):
        with pytest.raises(IndexError):
            small.send(account, deployment, START)
    for deployment in (-1, 1):
        with pytest.raises(IndexError):
            small.describe(deployment, rpm=1)
    with pytest.raises(ValueError, match="is no limit"):
        small.describe(0, rpm=-1)
