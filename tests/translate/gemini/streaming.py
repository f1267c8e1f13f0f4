"""Streams as tests read and write them, each answer held against the types of Google's SDK."""

from pathlib import Path
from typing import Any

import orjson
from google.genai import types

from fastgate.translate import gemini
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.events import (
    Event,
    Failed,
    Start,
)
from fastgate.translate.target import Asked, Naming, Target

CASES = Path(__file__).parents[2] / "cases" / "translate" / "gemini"
TARGET = Target(model="gemini-3-flash", dialect="gemini")
NAMING = Naming(model="alias", seed="5eed", now=1)
FAILED = Failed(status=503, kind="overloaded", code="UNAVAILABLE", message="The model is overloaded.")
CODE = {"executableCode": {"language": "PYTHON", "code": "1"}}
GROUNDING = {"groundingMetadata": {"webSearchQueries": ["q"]}}


def chunk(*parts: dict[str, Any], usage: dict[str, int] | None = None, **more: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"candidates": [{"content": {"parts": list(parts), "role": "model"}, "index": 0} | more]}
    return said if usage is None else said | {"usageMetadata": usage}


def read(*chunks: dict[str, Any], asked: Asked | None = None) -> tuple[list[Event], bool]:
    """Return what a stream says after its start, and whether it came to its end."""
    parser = gemini.stream_parser(TARGET, asked or Asked())
    events = [event for value in chunks for event in parser.feed(orjson.dumps(value))] + parser.close()
    assert events[:1] == [Start()]
    return events[1:], parser.ended


def case(name: str) -> list[Event]:
    """Return what a stream of tests/cases says: made up in the form that Google documents."""
    parser = gemini.stream_parser(TARGET, Asked())
    lines = (CASES / f"{name}.sse").read_bytes().split(b"\r\n\r\n")
    return [event for line in lines if line for event in parser.feed(line.removeprefix(b"data: "))] + parser.close()


def write(*events: Event, operation: str = "stream_generate_content_sse", failed: Failed | None = None) -> list[dict[str, Any]]:
    """Return the answers that a caller reads, in SSE or in an array."""
    builder = gemini.stream_builder(ChatRequest(turns=[], operation=operation), NAMING)
    sent = b"".join(builder.add(event) for event in events)
    sent += builder.end() if failed is None else builder.fail(failed)
    assert builder.end() + builder.fail(FAILED) == b""
    return answers_of(sent, operation)


def answers_of(sent: bytes, operation: str) -> list[dict[str, Any]]:
    if operation == "stream_generate_content":
        answers: list[dict[str, Any]] = orjson.loads(sent)
    else:
        assert sent.endswith(b"\r\n\r\n")
        answers = [orjson.loads(event.removeprefix(b"data: ")) for event in sent.split(b"\r\n\r\n")[:-1]]
    for answer in answers:
        if "error" not in answer:
            types.GenerateContentResponse.model_validate_json(orjson.dumps(answer))
    return answers


def parts_of(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for answer in answers for candidate in answer["candidates"] for part in candidate["content"]["parts"]]
