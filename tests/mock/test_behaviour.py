"""What an `x-mock` field and a model's name may say."""

import pytest

from fastgate.errors import ClientError
from fastgate.mock import PARAMETERS, Behaviour, parse_behaviour
from fastgate.mock.behaviour import Place

GOOD = [
    ("ttft=50ms", "ttft_us", 50_000),
    ("ttft=1.5s", "ttft_us", 1_500_000),
    ("ttft=0", "ttft_us", 0),
    ("delay=200us", "delay_us", 200),
    ("delay=1m", "delay_us", 60_000_000),
    ("tokens=200", "tokens", (200, 200)),
    ("tokens=50-200", "tokens", (50, 200)),
    ("size=600", "size_bytes", (600, 600)),
    ("event_size=250", "event_bytes", 250),
    ("burst=1", "burst", 1),
    ("status=429", "status", 429),
    ("error=503", "status", 503),
    ("error_rate=0.1", "error_rate", 0.1),
    ("retry_after=2", "retry_after_s", 2.0),
    ("retry_after=0.5s", "retry_after_s", 0.5),
    ("stall=head", "stall", Place("head", 0)),
    ("stall=after:3", "stall", Place("after", 3)),
    ("stall_for=2s", "stall_for_us", 2_000_000),
    ("cut=mid:5", "cut", Place("mid", 5)),
    ("malformed=json", "malformed", Place("json", 2)),
    ("malformed=chunk:4", "malformed", Place("chunk", 4)),
    ("slots=2", "slots", 2),
    ("queue=8", "queue", 8),
    ("prompt_speed=1000", "prompt_speed", 1000),
    ("calls=1", "calls", 1),
    ("interim=2", "interim", 2),
    ("framing=close", "framing", "close"),
]

WRONG = [
    "ttft=50",
    "ttft=abc",
    "ttft=-1ms",
    "ttft=1h",
    "delay=2h",
    "delay=.ms",
    "tokens=x",
    "tokens=9-3",
    "tokens=-3",
    "tokens=1000000",
    "size=1kb",
    "event_size=-1",
    "burst=all",
    "status=42",
    "status=600",
    "error=nope",
    "error_rate=1.1",
    "error_rate=nan",
    "retry_after=soon",
    "stall=after",
    "stall=mid:2",
    "stall_for=long",
    "cut=after",
    "cut=after:x",
    "malformed=head:2",
    "malformed=beauty",
    "slots=two",
    "queue=",
    "prompt_speed=fast",
    "calls=65",
    "interim=x",
    "framing=none",
]


@pytest.mark.parametrize(("text", "attribute", "expected"), GOOD, ids=[case[0] for case in GOOD])
def test_a_parameter_is_read(text: str, attribute: str, expected: object) -> None:
    assert getattr(parse_behaviour(text, Behaviour()), attribute) == expected


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_value_is_refused_and_its_parameter_named(text: str) -> None:
    name, _, value = text.partition("=")
    with pytest.raises(ClientError) as caught:
        parse_behaviour(f"burst=2, {text}", Behaviour())
    assert f'parameter "{name}" is "{value}"; expected {PARAMETERS[name].expected}' in caught.value.message


def test_every_parameter_has_a_good_and_a_wrong_sample() -> None:
    assert {case[0].partition("=")[0] for case in GOOD} == set(PARAMETERS)
    assert {text.partition("=")[0] for text in WRONG} == set(PARAMETERS)


def test_an_unknown_parameter_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ClientError, match=r'unknown parameter "tfft"; known are ttft, delay'):
        parse_behaviour("tfft=5ms", Behaviour())


def test_what_is_not_said_stays_as_it_was() -> None:
    defaults = Behaviour(ttft_us=5, burst=3)
    assert parse_behaviour("burst=1", defaults) == Behaviour(ttft_us=5, burst=1)
    assert parse_behaviour(" , ", defaults) is defaults
