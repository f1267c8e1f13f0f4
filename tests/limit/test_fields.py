"""What heads of answers say of limits, in every spelling that providers have; what is not understood was not said."""

import datetime
import random
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastgate._core import Mirror

MS = 1_000_000
S = 1000 * MS
NOTHING = (-1, -1, -1)
# 2026-11-01T12:00:00Z
WALL_US = 1_793_534_400_000_000
LONGEST_NS = 366 * 86400 * S


def read(*fields: str, status: int = 200, wall_us: int = WALL_US) -> tuple[dict[str, tuple[int, int, int]], int]:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status} Said", "Content-Type: application/json", *fields, ""))
    return Mirror.read(head.encode("latin-1"), wall_us)


def reset_ns(value: str) -> int:
    return read(f"x-ratelimit-reset-requests: {value}")[0]["requests"][2]


def test_openai_s_fields_are_read() -> None:
    said, retry_ns = read(
        "x-ratelimit-limit-requests: 10000",
        "x-ratelimit-remaining-requests: 9999",
        "x-ratelimit-reset-requests: 6ms",
        "x-ratelimit-limit-tokens: 30000000",
        "x-ratelimit-remaining-tokens: 149984",
        "x-ratelimit-reset-tokens: 6m0s",
        "x-request-id: req_1",
    )
    assert said["requests"] == (10_000, 9_999, 6 * MS)
    assert said["tokens"] == (30_000_000, 149_984, 360 * S)
    assert (said["input_tokens"], said["output_tokens"], retry_ns) == (NOTHING, NOTHING, -1)


def test_anthropic_s_fields_are_read() -> None:
    said, retry_ns = read(
        "anthropic-ratelimit-requests-limit: 4000",
        "anthropic-ratelimit-requests-remaining: 3999",
        "anthropic-ratelimit-requests-reset: 2026-11-01T12:00:01Z",
        "anthropic-ratelimit-tokens-limit: 480000",
        "anthropic-ratelimit-tokens-remaining: 479000",
        "anthropic-ratelimit-tokens-reset: 2026-11-01T12:00:00.250Z",
        "anthropic-ratelimit-input-tokens-limit: 400000",
        "anthropic-ratelimit-input-tokens-remaining: 0",
        "anthropic-ratelimit-input-tokens-reset: 2026-11-01T13:01:00+01:00",
        "anthropic-ratelimit-output-tokens-limit: 80000",
        "anthropic-ratelimit-output-tokens-remaining: 80000",
        "anthropic-ratelimit-output-tokens-reset: 2026-11-01T11:59:00Z",
        "anthropic-ratelimit-unified-status: allowed",
        "retry-after: 17",
        status=429,
    )
    assert said["requests"] == (4000, 3999, S)
    assert said["tokens"] == (480_000, 479_000, 250 * MS)
    assert said["input_tokens"] == (400_000, 0, 60 * S)
    assert said["output_tokens"] == (80_000, 80_000, 0)
    assert retry_ns == 17 * S


def test_fields_like_groq_s_are_read() -> None:
    said, retry_ns = read(
        "X-RateLimit-Limit-Requests: 14400",
        "X-RateLimit-Limit-Tokens: 18000",
        "X-RateLimit-Remaining-Requests: 14370",
        "X-RateLimit-Remaining-Tokens: 17997",
        "X-RateLimit-Reset-Requests: 2m59.56s",
        "X-RateLimit-Reset-Tokens: 7.66s",
        "Retry-After: 2",
    )
    assert said["requests"] == (14_400, 14_370, 179_560 * MS)
    assert said["tokens"] == (18_000, 17_997, 7_660 * MS)
    assert retry_ns == 2 * S


def test_azure_s_fields_are_read_and_its_minus_one_is_nothing() -> None:
    said, retry_ns = read(
        "x-ratelimit-remaining-requests: 79",
        "x-ratelimit-remaining-tokens: -1",
        "x-ratelimit-limit-tokens: -1",
        "x-ratelimit-reset-tokens: 55",
        "retry-after: 2",
        "retry-after-ms: 1341.5",
    )
    assert said["requests"] == (-1, 79, -1)
    assert said["tokens"] == (-1, -1, 55 * S)
    assert retry_ns == 1_341_500_000


@pytest.mark.parametrize(
    ("value", "expected_ns"),
    [
        ("1s", S),
        ("0", 0),
        ("0s", 0),
        ("20ms", 20 * MS),
        ("12", 12 * S),
        ("11.382867", 11_382_867_000),
        ("6m0s", 360 * S),
        ("1h2m3.5s", 3_723_500 * MS),
        ("1d2h", 93_600 * S),
        ("134µs".encode().decode("latin-1"), 134_000),
        ("134μs".encode().decode("latin-1"), 134_000),
        ("5us", 5000),
        ("250ns", 250),
        ("1.5h", 5400 * S),
        ("0.1234567891234s", 123_456_789),
        ("2026-11-01T12:00:07Z", 7 * S),
        ("2026-11-01t12:00:07.25z", 7_250 * MS),
        ("2026-11-01T10:30:07-01:30", 7 * S),
        ("1793534460", 60 * S),
        ("1793534460123", 60_123 * MS),
        ("999999999999999d", LONGEST_NS),
        ("999999999", LONGEST_NS),
    ],
)
def test_a_reset_is_read_in_every_spelling(value: str, expected_ns: int) -> None:
    assert reset_ns(value) == expected_ns


@pytest.mark.parametrize(
    "value",
    [
        *("", "-1", "+5", "1 s", "s", "5x", "5 ms", "1e3", "1.s", ".5s", "1..5s", "0x10", "1_000", "٣", "soon", "1s2", "1h-2m", "1m2,5s"),
        *("1234567890123456", "NaN", "Infinity", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-01T24:00:00Z"),
        *("2026-11-01T12:00:00", "2026-11-01 12:00:00Z", "2026-11-01T12:00:00+1:00", "2026-11-01T12:00:00.Z", "20a6-11-01T12:00:00Z"),
        "1969-12-31T23:59:59Z",
    ],
)
def test_what_is_no_time_was_not_said(value: str) -> None:
    assert reset_ns(value.encode().decode("latin-1")) == -1


@pytest.mark.parametrize("value", ["", "-5", "+5", "5.0", "1,000", "5 5", "1e3", "0x5", "unlimited", "1" * 16])
def test_what_is_no_number_was_not_said(value: str) -> None:
    said, _ = read(f"x-ratelimit-limit-requests: {value}", f"x-ratelimit-remaining-tokens: {value}")
    assert (said["requests"], said["tokens"]) == (NOTHING, NOTHING)


@pytest.mark.parametrize(
    "name",
    [
        *("x-ratelimit-", "x-ratelimit-limit", "x-ratelimit-limit-", "x-ratelimit-limit-words", "x-ratelimit-limits-requests"),
        *("x-ratelimit-limit-requests-day", "x-rate-limit-limit-requests", "anthropic-ratelimit-", "anthropic-ratelimit-limit"),
        *("anthropic-ratelimit--limit", "anthropic-ratelimit-requests-", "anthropic-ratelimit-requests"),
        "anthropic-priority-input-tokens-limit",
    ],
)
def test_other_names_say_nothing(name: str) -> None:
    said, retry_ns = read(f"{name}: 5")
    assert set(said.values()) == {NOTHING}
    assert retry_ns == -1


@pytest.mark.parametrize(
    ("value", "expected_ns"),
    [
        ("0", 0),
        ("30", 30 * S),
        ("0.5", 500 * MS),
        ("Sun, 01 Nov 2026 12:00:30 GMT", 30 * S),
        ("sun, 01 nov 2026 12:00:30 gmt", 30 * S),
        ("Sun, 01 Nov 2026 11:59:30 GMT", 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Sat, 31 Oct 2099 23:59:60 GMT", LONGEST_NS),
        ("Sun, 31 Feb 2027 12:00:30 GMT", -1),
        ("Sun, 01 Foo 2026 12:00:30 GMT", -1),
        ("Sun, 01 Nov 2026 12:00:30 CET", -1),
        ("-1", -1),
        ("soon", -1),
        ("5s", -1),
        ("", -1),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, expected_ns: int) -> None:
    assert read(f"Retry-After: {value}", status=429)[1] == expected_ns


def test_milliseconds_say_the_same_wait_more_exactly_in_either_order() -> None:
    fields = ["retry-after: 2", "retry-after-ms: 1500"]
    assert read(*fields)[1] == read(*reversed(fields))[1] == 1500 * MS
    assert read("retry-after: 2", "retry-after-ms: soon")[1] == 2 * S


@given(st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2399, 12, 31), timezones=st.just(datetime.UTC)))
@example(datetime.datetime(2024, 2, 29, 23, 59, 59, tzinfo=datetime.UTC))
@example(datetime.datetime(2000, 3, 1, tzinfo=datetime.UTC))
def test_dates_are_those_of_the_calendar(moment: datetime.datetime) -> None:
    moment = moment.replace(microsecond=0)
    wall_us = max(0, int(moment.timestamp()) - 1000) * 1_000_000
    expected = int(moment.timestamp()) * 1_000_000_000 - wall_us * 1000
    for value in (moment.isoformat(), moment.isoformat().replace("+00:00", "Z")):
        said, _ = read(f"anthropic-ratelimit-tokens-reset: {value}", wall_us=wall_us)
        assert said["tokens"] == (-1, -1, expected)
    assert read(f"retry-after: {moment.strftime('%a, %d %b %Y %H:%M:%S GMT')}", wall_us=wall_us)[1] == expected


PIECES = [*string.digits, "9" * 15, *".-hmsdTZ: ", "ms", "µs".encode().decode("latin-1"), "2026-11-01T12:00:00"]
NAMES = ["retry-after", "retry-after-ms", "anthropic-ratelimit-input-tokens-reset"]
NAMES += [f"x-ratelimit-{what}-{kind}" for what in ("limit", "remaining", "reset") for kind in ("requests", "tokens", "output-tokens")]


@given(st.integers(0, 2**32))
def test_no_value_is_read_as_a_negative_or_endless_time(seed: int) -> None:
    chance = random.Random(seed)
    fields = [f"{name}: {''.join(chance.choices(PIECES, k=chance.randrange(9)))}" for name in chance.choices(NAMES, k=12)]
    said, retry_ns = read(*fields, wall_us=chance.randrange(2**52))
    for limit, remaining, reset in said.values():
        assert -1 <= limit < 10**15
        assert -1 <= remaining < 10**15
        assert -1 <= reset <= LONGEST_NS
    assert -1 <= retry_ns <= LONGEST_NS


def test_what_is_no_head_is_refused() -> None:
    for head in (b"", b"\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\nmore", b"GET / HTTP/1.1\r\n\r\n"):
        with pytest.raises(ValueError, match="no head"):
            Mirror.read(head, WALL_US)
