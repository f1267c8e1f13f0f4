"""Cohere's v2 API as its SDK's own types have it."""

import inspect
from pathlib import Path
from typing import Any

import cohere as sdk
import orjson
from cohere.types import ChatMessageV2, JsonObjectResponseFormatV2, Thinking, ToolV2
from cohere.v2.types import V2ChatResponse, V2ChatStreamResponse
from pydantic import TypeAdapter

from fastgate.translate import cohere
from fastgate.translate.conversation import ChatRequest, Part, Text, ToolResult, Turn
from fastgate.translate.events import Event
from fastgate.translate.losses import Losses
from fastgate.translate.target import Asked, Target

CASES = Path(__file__).parents[2] / "cases" / "translate" / "cohere"
MODEL = "command-a-03-2025"
THINKER = "command-a-reasoning-08-2025"

_MEMBERS = set(inspect.signature(sdk.ClientV2.chat).parameters) | {"stream"}
_TYPES: dict[str, Any] = {
    "messages": list[ChatMessageV2],
    "tools": list[ToolV2],
    "response_format": JsonObjectResponseFormatV2,
    "thinking": Thinking,
}
_ADAPTERS = {name: TypeAdapter(kind) for name, kind in _TYPES.items()}
_ANSWER: TypeAdapter[Any] = TypeAdapter(V2ChatResponse)
_EVENT: TypeAdapter[Any] = TypeAdapter(V2ChatStreamResponse)


def target(model: str = MODEL) -> Target:
    return Target(model=model, dialect="cohere")


def user(*parts: Part | str) -> Turn:
    return Turn(role="user", parts=[Text(text=part) if isinstance(part, str) else part for part in parts])


def assistant(*parts: Part | str) -> Turn:
    return Turn(role="assistant", parts=[Text(text=part) if isinstance(part, str) else part for part in parts])


def results(*parts: ToolResult) -> Turn:
    return Turn(role="tool", parts=list(parts))


def built(
    *turns: Turn, model: str = MODEL, drop_params: bool = False, allowed: frozenset[str] = frozenset(), **members: Any
) -> tuple[dict[str, Any], Asked, list[str]]:
    """Return the body, what is asked and what was lost; the body is one that the SDK's types take."""
    losses = Losses("cohere", drop_params=drop_params, allowed=allowed)
    body, asked = cohere.build_request(ChatRequest(turns=list(turns) or [user("hi")], **members), target(model), losses)
    body = orjson.loads(orjson.dumps(body))
    if not allowed:
        assert set(body) <= _MEMBERS
    for name, adapter in _ADAPTERS.items():
        if name in body:
            adapter.validate_python(body[name])
    return body, asked, losses.warnings


def check_answer(body: bytes) -> None:
    """See to it that a case is an answer of the SDK's types."""
    _ANSWER.validate_json(body)


def events(text: bytes) -> list[bytes]:
    """Return the data of each event of a stream; each is one of the SDK's types."""
    found = [line.removeprefix(b"data: ") for line in text.split(b"\n") if line.startswith(b"data: ")]
    for one in found:
        _EVENT.validate_json(one)
    return found


def wire(kind: str, /, index: int | None = None, **more: Any) -> bytes:
    """Return the data of one event; *more* is its delta's message, or the delta of a message-end."""
    told: dict[str, Any] = {"type": kind}
    if index is not None:
        told["index"] = index
    if more:
        told["delta"] = more if kind == "message-end" else {"message": more}
    return orjson.dumps(told)


def read(*told: bytes, asked: Asked | None = None) -> tuple[list[Event], bool]:
    """Return what a stream says, and whether it came to its end."""
    parser = cohere.stream_parser(target(), asked or Asked())
    found = [event for one in told for event in parser.feed(one)]
    return found + parser.close(), parser.ended
