"""How the mock provider behaves: what the command line, a model's name and the `x-mock` field may ask for.

`x-mock: ttft=50ms, tokens=200` and `model: any-name?ttft=50ms&tokens=200` say the same; the field wins.
"""

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from fastgate.errors import ClientError

# Bounds of what one request can make the mock hold or wait for.
MAX_TOKENS = 100_000
MAX_BYTES = 64 * 1024 * 1024
MAX_DURATION_US = 3_600_000_000

# Lowest and highest; which of them an answer gets depends on the request's bytes only.
Range = tuple[int, int]


class Place(Struct, frozen=True):
    """Where in an answer something happens: what, and after how many events (of a plain answer: bytes)."""

    kind: str
    count: int


class Behaviour(Struct, frozen=True, kw_only=True):
    """Everything that can be set; the defaults are a provider that answers at once and well."""

    ttft_us: int = 0
    delay_us: int = 0
    tokens: Range = (16, 16)
    # Bytes of a plain answer's body. (0, 0): as long as its tokens make it.
    size_bytes: Range = (0, 0)
    # Bytes of each streamed event that carries text. 0: one word.
    event_bytes: int = 0
    # Events per write when they are due together. 0: all of them in one.
    burst: int = 0
    status: int = 0
    # -1: not given, which means 1 where a status is given and 0 elsewhere.
    error_rate: float = -1.0
    # Negative: no Retry-After.
    retry_after_s: float = -1.0
    stall: Place | None = None
    # 0: until the client goes away.
    stall_for_us: int = 0
    cut: Place | None = None
    malformed: Place | None = None
    # 0: as many at a time as come.
    slots: int = 0
    # Requests that may wait for a slot; more are answered with 503. 0: no bound.
    queue: int = 0
    # Prompt tokens read per second before the first token. 0: at once.
    prompt_speed: int = 0
    # Tool calls in the answer instead of text.
    calls: int = 0
    # Interim answers (103) before the final one.
    interim: int = 0
    framing: str = ""


def parse_duration(text: str) -> int:
    """Return microseconds of `50ms`, `1.5s`, `200us`, `1m` or `0`."""
    for suffix, unit_us in (("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000)):
        number = text.removesuffix(suffix)
        if number != text and number.replace(".", "", 1).isdecimal():
            return _bounded(int(float(number) * unit_us), 0, MAX_DURATION_US)
    if text == "0":
        return 0
    raise ValueError(text)


def _bounded(number: int, low: int, high: int) -> int:
    if not low <= number <= high:
        raise ValueError(number)
    return number


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(text)
    return int(text)


def _count(high: int) -> Callable[[str], int]:
    return lambda text: _bounded(_whole(text), 0, high)


def _range(high: int) -> Callable[[str], Range]:
    def parse_range(text: str) -> Range:
        low, dash, top = text.partition("-")
        first = _bounded(_whole(low), 0, high)
        return first, _bounded(_whole(top), first, high) if dash else first

    return parse_range


def parse_fraction(text: str) -> float:
    number = float(text)
    if not 0.0 <= number <= 1.0:
        raise ValueError(text)
    return number


def parse_status(text: str) -> int:
    return _bounded(_whole(text), 200, 599)


def parse_seconds(text: str) -> float:
    number = float(text.removesuffix("s"))
    if not 0.0 <= number <= 86_400.0:
        raise ValueError(text)
    return number


def _place(bare: tuple[str, ...], counted: tuple[str, ...], default: int = -1) -> Callable[[str], Place]:
    """Return a parser of `kind` (one of *bare*, or of *counted* where *default* is not negative) and `kind:COUNT`."""

    def parse_place(text: str) -> Place:
        kind, colon, count = text.partition(":")
        if colon and kind in counted:
            return Place(kind, _bounded(_whole(count), 0, MAX_BYTES))
        if not colon and kind in bare:
            return Place(kind, 0)
        if not colon and kind in counted and default >= 0:
            return Place(kind, default)
        raise ValueError(text)

    return parse_place


def _one_of(*words: str) -> Callable[[str], str]:
    def parse_word(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return parse_word


class Parameter(NamedTuple):
    attribute: str
    parse: Callable[[str], object]
    expected: str
    meaning: str


_STATUS = Parameter("status", parse_status, "a status from 200 to 599", "answer with this status; 400 and above are errors")

PARAMETERS: dict[str, Parameter] = {
    "ttft": Parameter("ttft_us", parse_duration, "a duration like 50ms or 1.5s", "time to the first token"),
    "delay": Parameter("delay_us", parse_duration, "a duration like 20ms", "time between two tokens"),
    "tokens": Parameter("tokens", _range(MAX_TOKENS), "a number or a range like 50-200", "tokens of an answer"),
    "size": Parameter("size_bytes", _range(MAX_BYTES), "bytes or a range like 600-900", "bytes of a plain answer's body"),
    "event_size": Parameter("event_bytes", _count(1024 * 1024), "bytes", "bytes of each streamed event with text"),
    "burst": Parameter("burst", _count(MAX_TOKENS), "a number of events", "events per write when they are due together; 0: all"),
    "status": _STATUS,
    "error": _STATUS,
    "error_rate": Parameter("error_rate", parse_fraction, "a fraction from 0 to 1", "share of requests answered with an error"),
    "retry_after": Parameter("retry_after_s", parse_seconds, "seconds", "Retry-After of error answers"),
    "stall": Parameter("stall", _place(("head",), ("after",)), "head or after:EVENTS", "fall silent there"),
    "stall_for": Parameter("stall_for_us", parse_duration, "a duration like 2s", "end of the silence; without it, none"),
    "cut": Parameter(
        "cut", _place(("head",), ("after", "mid", "reset")), "head, after:EVENTS, mid:EVENTS or reset:EVENTS", "close the connection there"
    ),
    "malformed": Parameter(
        "malformed",
        _place(("head", "fields", "length", "surplus", "html", "empty"), ("chunk", "json", "sse", "line"), default=2),
        "head, fields, length, surplus, html, empty, or chunk, json, sse, line with :EVENTS",
        "wrong bytes there",
    ),
    "slots": Parameter("slots", _count(10_000), "a number", "requests per model that are worked on at a time; 0: all"),
    "queue": Parameter("queue", _count(1_000_000), "a number", "requests that may wait for a slot; more get 503"),
    "prompt_speed": Parameter("prompt_speed", _count(1_000_000_000), "tokens per second", "how fast a prompt is read"),
    "calls": Parameter("calls", _count(64), "a number", "tool calls in the answer"),
    "interim": Parameter("interim", _count(100), "a number", "103 answers before the final one"),
    "framing": Parameter("framing", _one_of("length", "chunked", "close"), "length, chunked or close", "how a body's end is told"),
}


def parse_behaviour(text: str, defaults: Behaviour, *, separator: str = ",", source: str = "x-mock") -> Behaviour:
    """Return *defaults* changed by `name=value` pairs; raise ClientError naming the parameter that is wrong."""
    changes: dict[str, object] = {}
    for pair in text.split(separator):
        name, _, value = (part.strip() for part in pair.partition("="))
        if not name:
            continue
        parameter = PARAMETERS.get(name)
        if parameter is None:
            raise ClientError(f'{source}: unknown parameter "{name}"; known are {", ".join(PARAMETERS)}')
        try:
            changes[parameter.attribute] = parameter.parse(value)
        except ValueError:
            raise ClientError(f'{source}: parameter "{name}" is "{value}"; expected {parameter.expected}') from None
    return replace(defaults, **changes) if changes else defaults


def split_model(model: str) -> tuple[str, str]:
    """Return a model's plain name and the parameters after its `?`."""
    name, _, suffix = model.partition("?")
    return name, suffix
