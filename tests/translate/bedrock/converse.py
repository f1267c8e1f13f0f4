"""Converse as botocore's service model has it, and an encoder of event streams that shares nothing with the reader."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import botocore.session
import orjson
from botocore.eventstream import EventStreamBuffer
from botocore.parsers import create_parser
from botocore.validate import ParamValidator

from fastgate.translate import bedrock
from fastgate.translate.conversation import ChatRequest, Part, Text, ToolResult, Turn
from fastgate.translate.events import Event
from fastgate.translate.losses import Losses
from fastgate.translate.target import Asked, Target

CASES = Path(__file__).parents[2] / "cases" / "translate" / "bedrock"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OLD_CLAUDE = "anthropic.claude-3-5-sonnet-20240620-v1:0"
NEW_CLAUDE = "anthropic.claude-opus-4-7"
NOVA = "amazon.nova-pro-v1:0"
LLAMA = "meta.llama3-1-70b-instruct-v1:0"

_MODEL = botocore.session.get_session().get_service_model("bedrock-runtime")
_CONVERSE = _MODEL.operation_model("Converse")


def target(model: str = CLAUDE, **more: Any) -> Target:
    return Target(model=model, dialect="bedrock", **more)


def user(*parts: Part | str) -> Turn:
    return Turn(role="user", parts=[Text(text=part) if isinstance(part, str) else part for part in parts])


def assistant(*parts: Part | str) -> Turn:
    return Turn(role="assistant", parts=[Text(text=part) if isinstance(part, str) else part for part in parts])


def results(*parts: ToolResult) -> Turn:
    return Turn(role="tool", parts=list(parts))


def built(
    *turns: Turn,
    model: str = CLAUDE,
    drop_params: bool = False,
    allowed: frozenset[str] = frozenset(),
    modify: bool = False,
    **members: Any,
) -> tuple[dict[str, Any], Asked, list[str]]:
    """Return the body, what is asked and what was lost; the body is one that botocore's model takes."""
    losses = Losses("bedrock", drop_params=drop_params, allowed=allowed)
    request = ChatRequest(turns=list(turns) or [user("hi")], **members)
    body, asked = bedrock.build_request(request, target(model, modify_params=modify), losses)
    check(body)
    return body, asked, losses.warnings


def check(body: dict[str, Any]) -> None:
    """See to it that *body* is Converse's input: members, types, lengths, enums and patterns."""
    body = orjson.loads(orjson.dumps(body))
    assert isinstance(body, dict)
    report = ParamValidator().validate({"modelId": "anthropic.claude", **body}, _CONVERSE.input_shape)
    assert not report.has_errors(), report.generate_report()
    assert not list(_mistakes(body, _CONVERSE.input_shape, ""))


def _mistakes(value: Any, shape: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure" and not shape.metadata.get("document"):
        for name, inner in value.items():
            if name not in shape.members:
                yield f"{path}.{name} is no member"
            else:
                yield from _mistakes(inner, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for index, inner in enumerate(value):
            yield from _mistakes(inner, shape.member, f"{path}[{index}]")
    elif shape.type_name == "string":
        if shape.enum and value not in shape.enum:
            yield f"{path}: {value!r} is not in {shape.enum}"
        if "pattern" in shape.metadata and not re.fullmatch(shape.metadata["pattern"], value):
            yield f"{path}: {value!r} does not match"
        if not shape.metadata.get("min", 0) <= len(value) <= shape.metadata.get("max", 1 << 30):
            yield f"{path}: {len(value)} characters"


def check_answer(body: bytes) -> None:
    """See to it that a case is an answer that botocore reads without a rest."""
    parsed = create_parser("rest-json").parse({"status_code": 200, "headers": {}, "body": body}, _CONVERSE.output_shape)
    told = orjson.loads(body)
    assert set(told) <= set(parsed), set(told) - set(parsed)
    assert len(parsed["output"]["message"]["content"]) == len(told["output"]["message"]["content"])


def frame(payload: bytes, **headers: str) -> bytes:
    """Return one frame; `event_type` becomes `:event-type`."""
    block = b""
    for name, value in headers.items():
        wire = b":" + name.replace("_", "-").encode()
        block += bytes([len(wire)]) + wire + b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
    return raw_frame(block, payload)


def raw_frame(block: bytes, payload: bytes) -> bytes:
    """Return one frame with headers as they are."""
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    message = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return message + struct.pack(">I", crc32(message))


def event(kind: str, /, **payload: Any) -> bytes:
    # `p` pads payloads, so that their length tells nothing.
    body = orjson.dumps({**payload, "p": "abcdefgh"})
    return frame(body, event_type=kind, content_type="application/json", message_type="event")


def exception(kind: str, /, **payload: Any) -> bytes:
    return frame(orjson.dumps(payload), exception_type=kind, content_type="application/json", message_type="exception")


def delta(index: int = 0, /, **inner: Any) -> bytes:
    return event("contentBlockDelta", delta=inner, contentBlockIndex=index)


def call(index: int, call_id: str, name: str) -> bytes:
    return event("contentBlockStart", start={"toolUse": {"toolUseId": call_id, "name": name}}, contentBlockIndex=index)


def read(*frames: bytes, asked: Asked | None = None, model: str = CLAUDE) -> tuple[list[Event], bool]:
    """Return what a stream says, and whether it came to its end; botocore must read the same frames."""
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(frames))
    assert [bytes(message.payload) for message in buffer] == [bedrock.parse_frame(one)[1] for one in frames]
    parser = bedrock.stream_parser(target(model), asked or Asked())
    events: list[Event] = []
    for one in frames:
        events += parser.feed(one)
    events += parser.close()
    return events, parser.ended
