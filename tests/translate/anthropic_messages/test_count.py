"""Counting tokens: a provider's count, a caller's answer, and the estimate where nobody counts."""

from typing import Any

import pytest
from anthropic.types import MessageTokensCount

from fastgate.translate.answer import Fault
from fastgate.translate.anthropic_messages import build_count_answer, parse_count, parse_request
from fastgate.translate.conversation import Audio, ChatRequest, File, Image, Opaque, Part, Text, Thinking, Tool, ToolCall, ToolResult, Turn
from fastgate.translate.tokens import estimate_tokens


def test_a_count_is_read_and_told() -> None:
    assert parse_count(b'{"input_tokens":14}') == 14
    assert MessageTokensCount.model_validate_json(build_count_answer(14)).input_tokens == 14


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"input_tokens":"14"}', b'{"input_tokens":-1}', b'{"input_tokens":true}'])
def test_what_is_no_count_is_a_fault(body: bytes) -> None:
    with pytest.raises(Fault) as raised:
        parse_count(body)
    assert raised.value.status == 502


def test_an_error_in_place_of_a_count_is_told() -> None:
    with pytest.raises(Fault, match="Busy"):
        parse_count(b'{"type":"error","error":{"type":"overloaded_error","message":"Busy"}}')


def estimate(*parts: Part | ToolResult, **members: Any) -> int:
    return estimate_tokens(ChatRequest(turns=[Turn(role="user", parts=list(parts))], **members))


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        (Text(text="x" * 8), 4 + 2),
        (Text(text="x" * 9), 4 + 3),
        (Thinking(text="x" * 4), 4 + 1),
        (ToolCall(id="a", name="find", arguments='{"a":1}1'), 4 + 3),
        (ToolResult(call_id="a", parts=[Text(text="x" * 4), Image(url="u")]), 4 + 1 + 1590),
        (Image(data="x"), 4 + 1590),
        (File(text="x" * 40), 4 + 10),
        (File(data="x" * 250_000), 4 + 3 * 2000),
        (Audio(transcript="x" * 4), 4 + 1),
        (Opaque(dialect="x", kind="y", value={"a": 12}), 4 + 2),
    ],
)
def test_a_request_costs_a_quarter_of_its_characters_and_something_for_its_frame(part: Part, tokens: int) -> None:
    assert estimate(part) == tokens


def test_tools_cost_their_names_and_schemas() -> None:
    assert estimate(tools=[Tool(name="find", description="find", parameters={"type": "object"})]) == 4 + 7


def test_the_same_request_has_the_same_estimate() -> None:
    body = {"messages": [{"role": "user", "content": "hello there"}], "system": "be brief"}
    assert estimate_tokens(parse_request(body, "count_tokens")) == estimate_tokens(parse_request(body, "count_tokens")) == 13
