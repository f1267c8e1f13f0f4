"""What the tests of OpenAI Responses share: requests, names, and streams read as OpenAI's own SDK reads them."""

from pathlib import Path
from typing import Any, cast

import httpx
import openai
import orjson
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from fastgate.translate.conversation import ChatRequest, Text, Turn
from fastgate.translate.events import Event
from fastgate.translate.losses import Losses
from fastgate.translate.openai_responses import build_request, parse_request, stream_builder, stream_parser
from fastgate.translate.target import Asked, Naming, Target

CASES = Path(__file__).parents[2] / "cases" / "translate" / "openai_responses"
NAMING = Naming(model="claude", seed="0a1b2c", now=1_764_000_000)
TARGET = Target(model="gpt-5", dialect="openai_responses")

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def asks(text: str = "Hi", **members: Any) -> ChatRequest:
    """Return a request of an OpenAI chat caller with one user message."""
    members.setdefault("turns", [Turn(role="user", parts=[Text(text=text)])])
    members.setdefault("dialect", "openai_chat")
    return ChatRequest(**members)


def parsed(**members: Any) -> ChatRequest:
    """Return what a caller of Responses asks with *members* besides its input."""
    return parse_request({"model": "m", "input": "Hi", **members}, "responses")


def built(request: ChatRequest, target: Target = TARGET, **settings: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the body of a request, and the warnings that it cost."""
    losses = Losses("openai_responses", **settings)
    body, _ = build_request(request, target, losses)
    return body, losses.warnings


def read_events(stream: bytes) -> list[dict[str, Any]]:
    """Return the events of a stream, each checked against the SDK's types, its framing and its number."""
    events = []
    for number, block in enumerate(stream.split(b"\n\n")[:-1]):
        name, line = block.split(b"\n")
        event = orjson.loads(line.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        assert event["sequence_number"] == number
        _EVENT.validate_python(event, strict=False)
        events.append(event)
    assert stream.endswith(b"\n\n")
    return events


def written(events: list[Event], request: ChatRequest | None = None) -> list[dict[str, Any]]:
    """Return the wire's events for events of the representation."""
    builder = stream_builder(request or parsed(), NAMING)
    return read_events(b"".join([builder.add(event) for event in events]) + builder.end())


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """Return the types of events without their common beginning."""
    return [event["type"].removeprefix("response.") for event in events]


def told(wire: list[dict[str, Any]], asked: Asked | None = None, target: Target = TARGET) -> list[Event]:
    """Return what a provider's events say."""
    parser = stream_parser(target, asked or Asked())
    events = [event for one in wire for event in parser.feed(orjson.dumps(one))]
    return events + parser.close()


def accumulated(stream: bytes) -> Response:
    """Return the answer that OpenAI's SDK makes of a stream's bytes."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers={"content-type": "text/event-stream"}, content=stream))
    with (
        httpx.Client(transport=transport) as http,
        openai.OpenAI(api_key="key", base_url="http://gateway.test/v1", http_client=cast("Any", http)) as client,
        client.responses.stream(model="m", input="Hi") as events,
    ):
        answer: Response = events.get_final_response()
        return answer
