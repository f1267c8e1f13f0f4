"""How many tokens a request is, roughly, and what it takes of a model."""

from collections.abc import Callable
from typing import Any

import orjson

from fastgate.translate.conversation import Audio, ChatRequest, File, Image, Opaque, Text, Thinking, ToolCall, ToolResult

CHARACTERS_PER_TOKEN = 4
# What a message's frame costs: its role and its ends.
MESSAGE_TOKENS = 4
# An image of 1092 by 1092 pixels, the size that Anthropic scales to (/build-with-claude/vision: width * height / 750).
IMAGE_TOKENS = 1590
# A page of a PDF, for each of which about this much base64 is sent (/build-with-claude/pdf-support: 1,500 to 3,000 tokens).
PAGE_TOKENS = 2000
PAGE_CHARACTERS = 100_000


def estimate_tokens(request: ChatRequest) -> int:
    """Return roughly the tokens of a request, for providers that do not count: the same for the same request.

    A quarter of the characters of texts, thoughts, calls, results and tools, rounded up; MESSAGE_TOKENS for each message;
    IMAGE_TOKENS for each image, PAGE_TOKENS for each PAGE_CHARACTERS of a document that is not text. English runs some 10 %
    below the truth, code and other scripts more; what must not be exceeded needs a margin.
    """
    tally = _Tally()
    for turn in request.turns:
        tally.tokens += MESSAGE_TOKENS
        for part in turn.parts:
            _COUNTERS[type(part)](tally, part)
    for tool in request.tools:
        tally.characters += len(tool.name) + len(tool.description)
        if tool.parameters:
            tally.add_object(tool.parameters)
        elif tool.raw:
            tally.add_object(tool.raw)
    if request.response_format is not None and request.response_format.schema:
        tally.add_object(request.response_format.schema)
    return tally.tokens - (-tally.characters // CHARACTERS_PER_TOKEN)


class _Tally:
    def __init__(self) -> None:
        self.characters = 0
        self.tokens = 0

    def add_object(self, value: dict[str, Any]) -> None:
        try:
            self.characters += len(orjson.dumps(value))
        except orjson.JSONEncodeError:
            # Nested deeper than can be written.
            self.characters += len(str(value))


def _count_text(tally: _Tally, part: Any) -> None:
    tally.characters += len(part.text)


def _count_image(tally: _Tally, part: Any) -> None:
    tally.tokens += IMAGE_TOKENS


def _count_file(tally: _Tally, part: Any) -> None:
    tally.characters += len(part.text)
    if part.data or part.url or part.file_id:
        tally.tokens += PAGE_TOKENS * (1 + len(part.data) // PAGE_CHARACTERS)


def _count_audio(tally: _Tally, part: Any) -> None:
    tally.characters += len(part.transcript)
    tally.tokens += len(part.data) // PAGE_CHARACTERS * PAGE_TOKENS


def _count_call(tally: _Tally, part: Any) -> None:
    tally.characters += len(part.name) + len(part.arguments)


def _count_opaque(tally: _Tally, part: Any) -> None:
    tally.add_object(part.value)


def _count_result(tally: _Tally, part: Any) -> None:
    for inner in part.parts:
        _COUNTERS[type(inner)](tally, inner)


_COUNTERS: dict[type, Callable[[_Tally, Any], None]] = {
    Text: _count_text,
    Thinking: _count_text,
    Image: _count_image,
    File: _count_file,
    Audio: _count_audio,
    ToolCall: _count_call,
    Opaque: _count_opaque,
    ToolResult: _count_result,
}


def needs_of(request: ChatRequest) -> list[str]:
    """Return what a model must be able to do for a request, in the words of catalogue.fits."""
    kinds = {type(part) for turn in request.turns for part in turn.parts}
    for turn in request.turns:
        if turn.role == "tool":
            kinds.update(type(inner) for result in turn.parts if type(result) is ToolResult for inner in result.parts)
    needs = [need for need, kind in (("vision", Image), ("audio", Audio), ("pdf", File)) if kind in kinds]
    if request.tools:
        needs.append("tools")
    if request.response_format is not None and request.response_format.kind == "json_schema":
        needs.append("structured_output")
    return needs
