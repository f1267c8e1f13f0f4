"""The scenarios, as one table: what is sent, what is answered, and the bounds fastgate has to hold.

Counts are fixed, so that a change is judged on the same work; they make a round of nginx's take two to four seconds on a core of 2.6 GHz.
"""

from typing import Literal

from msgspec import Struct

KIB = 1024

Kind = Literal["load", "memory", "start"]
Dialect = Literal["openai_chat", "anthropic_messages"]
Metric = Literal[
    "cpu_us_per_request", "cpu_us_per_event", "added_p50_us", "added_p99_us", "added_event_p50_us", "added_event_p99_us",
    "stream_bytes", "worker_bytes", "first_answer_s",
]  # fmt: skip


class Bound(Struct, frozen=True, kw_only=True):
    """What *metric* may be: at most a multiple of that of *against*.

    With *absolute* at most a number of its own unit, with *difference* at most so much more than that of *against*; with *at_least* it is
    *against* that has to spend that many times as much.
    """

    metric: Metric
    at_most: float = 0.0
    absolute: bool = False
    difference: bool = False
    at_least: float = 0.0
    # A target of the same run.
    against: str = "nginx"


class Scenario(Struct, frozen=True, kw_only=True):
    """One row: who sends what how often, what the upstream answers, and what must hold."""

    name: str
    title: str
    kind: Kind = "load"
    connections: int
    requests: int
    body_bytes: int = KIB
    answer_bytes: int = 600
    # Content events per stream; 0: the answer is not streamed.
    events: int = 0
    # Between two events of one stream; 0: as fast as they go out.
    delay_us: int = 0
    # Requests per second of the open loop; 0: closed loop.
    rate: int = 0
    poisson: bool = False
    tls: bool = False
    # The upstream's dialect, and that of a target's caller if the target translates; others are called in the upstream's.
    upstream: Dialect = "openai_chat"
    caller: Dialect = "openai_chat"
    # A stream says texts alone, or thoughts, a text and two calls.
    content: Literal["text", "tools"] = "text"
    # Messages of 8 KB alone, or tools and turns of calls and their results as agents have them.
    body: Literal["chat", "agent"] = "chat"
    # Requests differ in their texts alone, as those of one program do; else each has a stop sequence of its own.
    alike: bool = True
    # nginx's proxy_buffer_size; 0: its default, one page.
    proxy_buffer_bytes: int = 0
    bounds: tuple[Bound, ...] = ()

    @property
    def translated(self) -> bool:
        return self.caller != self.upstream


def _stream_bounds(times: float) -> tuple[Bound, ...]:
    return (
        Bound(metric="cpu_us_per_event", at_most=times),
        Bound(metric="cpu_us_per_event", against="litellm", at_least=100),
    )


_SMALL = (
    Bound(metric="cpu_us_per_request", against="fastgate-same", difference=True, at_most=15),
    Bound(metric="cpu_us_per_request", against="litellm", at_least=100),
)
_LARGE = (Bound(metric="cpu_us_per_request", against="fastgate-same", at_most=2.0),)

SCENARIOS = (
    Scenario(
        name="small-64", title="1 KB request, 0.6 KB answer, 64 connections", connections=64, requests=200_000,
        bounds=(Bound(metric="cpu_us_per_request", at_most=0.85),),
    ),
    Scenario(
        name="small-1", title="1 KB request, 0.6 KB answer, 1 connection", connections=1, requests=30_000,
        bounds=(Bound(metric="cpu_us_per_request", at_most=1.0),),
    ),
    Scenario(
        name="streams-fast", title="64 streams of 200 events as fast as possible", connections=64, requests=4_000, events=200,
        bounds=(Bound(metric="cpu_us_per_event", at_most=1.0),),
    ),
    Scenario(
        name="streams-paced", title="1,000 streams, 20 ms between events", connections=1_000, requests=1_000, events=150, delay_us=20_000,
        rate=1_000,
        bounds=(Bound(metric="cpu_us_per_event", at_most=0.95), Bound(metric="added_event_p99_us", at_most=1.0)),
    ),
    Scenario(
        name="open-500", title="open loop, 500 requests/s", connections=64, requests=2_000, rate=500, poisson=True,
        bounds=(Bound(metric="added_p50_us", at_most=1.0), Bound(metric="added_p99_us", at_most=1.5)),
    ),
    Scenario(
        name="open-2000", title="open loop, 2,000 requests/s", connections=64, requests=6_000, rate=2_000, poisson=True,
        bounds=(Bound(metric="added_p50_us", at_most=1.0), Bound(metric="added_p99_us", at_most=1.5)),
    ),
    Scenario(
        name="body-50k", title="50 KB request (an agent's first turn), 16 connections", connections=16, requests=50_000,
        body_bytes=50 * KIB, bounds=(Bound(metric="cpu_us_per_request", at_most=0.8),),
    ),
    Scenario(
        name="body-200k", title="200 KB request, 8 connections", connections=8, requests=20_000, body_bytes=200 * KIB,
        bounds=(Bound(metric="cpu_us_per_request", at_most=0.8),),
    ),
    Scenario(
        name="body-2m", title="2 MB request, 4 connections", connections=4, requests=1_200, body_bytes=2 * KIB * KIB,
        bounds=(Bound(metric="cpu_us_per_request", at_most=0.8),),
    ),
    Scenario(
        name="answer-100k", title="100 KB answer, 16 connections", connections=16, requests=80_000, answer_bytes=100 * KIB,
        proxy_buffer_bytes=64 * KIB, bounds=(Bound(metric="cpu_us_per_request", at_most=0.9),),
    ),
    Scenario(
        name="tls-small-64", title="TLS upstream: 1 KB request, 64 connections", connections=64, requests=150_000, tls=True,
        bounds=(Bound(metric="cpu_us_per_request", at_most=0.95),),
    ),
    Scenario(
        name="tls-streams-fast", title="TLS upstream: 64 streams of 200 events as fast as possible", connections=64, requests=3_000,
        events=200, tls=True, bounds=(Bound(metric="cpu_us_per_event", at_most=1.1),),
    ),
    Scenario(
        name="memory", title="memory: one idle worker; 1,000 open streams", kind="memory", connections=1_000, requests=1_000, events=100,
        delay_us=20_000, rate=1_000,
        bounds=(
            Bound(metric="worker_bytes", at_most=40 * KIB * KIB, absolute=True),
            Bound(metric="stream_bytes", at_most=24 * KIB, absolute=True),
        ),
    ),
    Scenario(
        name="start", title="exec to the first answered chat request", kind="start", connections=1, requests=1,
        bounds=(Bound(metric="first_answer_s", at_most=0.5, absolute=True),),
    ),
    Scenario(
        name="translate-stream-openai-anthropic", title="OpenAI caller, Anthropic upstream: 64 streams of 200 events", connections=64,
        requests=4_000, events=200, caller="openai_chat", upstream="anthropic_messages", bounds=_stream_bounds(1.3),
    ),
    Scenario(
        name="translate-stream-anthropic-openai", title="Anthropic caller, OpenAI upstream: 64 streams of 200 events", connections=64,
        requests=4_000, events=200, caller="anthropic_messages", upstream="openai_chat", bounds=_stream_bounds(1.3),
    ),
    Scenario(
        name="translate-tools-openai-anthropic", title="OpenAI caller, Anthropic upstream: thoughts, text and two calls, 200 events",
        connections=64, requests=4_000, events=200, caller="openai_chat", upstream="anthropic_messages", content="tools", body="agent",
        body_bytes=4 * KIB, bounds=_stream_bounds(3.0),
    ),
    Scenario(
        name="translate-tools-anthropic-openai", title="Anthropic caller, OpenAI upstream: thoughts, text and two calls, 200 events",
        connections=64, requests=4_000, events=200, caller="anthropic_messages", upstream="openai_chat", content="tools", body="agent",
        body_bytes=4 * KIB, bounds=_stream_bounds(3.0),
    ),
    Scenario(
        name="translate-paced-openai-anthropic", title="OpenAI caller, Anthropic upstream: 1,000 streams, 20 ms between events",
        connections=1_000, requests=1_000, events=150, delay_us=20_000, rate=1_000, caller="openai_chat", upstream="anthropic_messages",
        bounds=(Bound(metric="cpu_us_per_event", at_most=1.3),),
    ),
    Scenario(
        name="translate-small-openai-anthropic", title="OpenAI caller, Anthropic upstream: 1 KB request, 0.6 KB answer", connections=64,
        requests=60_000, caller="openai_chat", upstream="anthropic_messages", bounds=_SMALL,
    ),
    Scenario(
        name="translate-small-anthropic-openai", title="Anthropic caller, OpenAI upstream: 1 KB request, 0.6 KB answer", connections=64,
        requests=60_000, caller="anthropic_messages", upstream="openai_chat", bounds=_SMALL,
    ),
    Scenario(
        name="translate-unlike-openai-anthropic", title="OpenAI caller, Anthropic upstream: 1 KB request, no two alike, 0.6 KB answer",
        connections=64, requests=60_000, alike=False, caller="openai_chat", upstream="anthropic_messages",
    ),
    Scenario(
        name="translate-unlike-anthropic-openai", title="Anthropic caller, OpenAI upstream: 1 KB request, no two alike, 0.6 KB answer",
        connections=64, requests=60_000, alike=False, caller="anthropic_messages", upstream="openai_chat",
    ),
    Scenario(
        name="translate-200k-openai-anthropic", title="OpenAI caller, Anthropic upstream: 200 KB conversation", connections=8,
        requests=10_000, body_bytes=200 * KIB, caller="openai_chat", upstream="anthropic_messages", bounds=_LARGE,
    ),
    Scenario(
        name="translate-200k-anthropic-openai", title="Anthropic caller, OpenAI upstream: 200 KB conversation", connections=8,
        requests=10_000, body_bytes=200 * KIB, caller="anthropic_messages", upstream="openai_chat", bounds=_LARGE,
    ),
    Scenario(
        name="translate-200k-agent", title="OpenAI caller, Anthropic upstream: 200 KB of an agent's tools, calls and results",
        connections=8, requests=10_000, body_bytes=200 * KIB, body="agent", caller="openai_chat", upstream="anthropic_messages",
        bounds=_LARGE,
    ),
)  # fmt: skip
