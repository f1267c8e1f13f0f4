"""A chat request with every common member goes out to every row, whichever it is: as a body, or refused by a member's name."""

import importlib
import re
from types import ModuleType
from typing import Any

import orjson
import pytest

from fastgate.providers import PROVIDERS, Provider
from fastgate.translate.conversation import ChatRequest, Reasoning, ResponseFormat, Text, Tool, ToolCall, ToolChoice, ToolResult, Turn
from fastgate.translate.losses import Losses, NotCarried
from fastgate.translate.target import Target

# Member of ChatRequest -> a value that callers send.
MEMBERS: dict[str, Any] = {
    "stream": True,
    "tool_choice": ToolChoice(mode="required"),
    "parallel_tool_calls": False,
    "max_output_tokens": 4096,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "stop": ["END"],
    "n": 2,
    "seed": 7,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"1": 2.0},
    "response_format": ResponseFormat(kind="json_schema", name="answer", schema={"type": "object", "properties": {}}),
    "reasoning": Reasoning(effort="high"),
    "user": "someone",
    "metadata": {"team": "a"},
    "service_tier": "default",
    "verbosity": "low",
    "store": False,
}


@pytest.fixture(params=PROVIDERS.values(), ids=PROVIDERS.keys())
def row(request: pytest.FixtureRequest) -> Provider:
    given: Provider = request.param
    return given


def dialect_of(row: Provider) -> ModuleType:
    return importlib.import_module(f"fastgate.translate.{row.dialect}.build_request")


def conversation(**members: Any) -> ChatRequest:
    """Return a talk with a developer's word, a tool's call and its result, and the given members beside it."""
    turns = [
        Turn(role="developer", parts=[Text(text="Be brief.")]),
        Turn(role="user", parts=[Text(text="Weather in Rome?")], name="ann"),
        Turn(role="assistant", parts=[ToolCall(id="call_1", name="weather", arguments='{"city":"Rome"}')]),
        Turn(role="tool", parts=[ToolResult(call_id="call_1", name="weather", parts=[Text(text="sunny")])]),
        Turn(role="user", parts=[Text(text="And in Oslo?")]),
    ]
    tools = [Tool(name="weather", description="Look it up.", parameters={"type": "object", "properties": {"city": {"type": "string"}}})]
    return ChatRequest(turns=turns, tools=tools, **members)


def body_of(row: Provider, request: ChatRequest, losses: Losses) -> dict[str, Any]:
    target = Target(model="m", dialect=row.dialect, provider=row.name, quirks=row.quirks)
    body, _ = dialect_of(row).build_request(request, target, losses)
    sent: dict[str, Any] = orjson.loads(orjson.dumps(body))
    return sent


def sent_or_refused(row: Provider, request: ChatRequest) -> dict[str, Any] | NotCarried:
    try:
        return body_of(row, request, Losses(row.dialect))
    except NotCarried as refused:
        return refused


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_is_sent_or_refused_by_name(row: Provider, member: str) -> None:
    outcome = sent_or_refused(row, conversation(**{member: MEMBERS[member]}))
    if isinstance(outcome, NotCarried):
        assert outcome.param
        assert outcome.status == 400
    else:
        assert outcome["messages" if "messages" in outcome else "contents"]


def test_everything_together_goes_out_when_losses_are_allowed(row: Provider) -> None:
    losses = Losses(row.dialect, drop_params=True)
    body = body_of(row, conversation(**MEMBERS), losses)
    assert not {*row.quirks.drop, *row.quirks.refuse, *row.quirks.rename} & body.keys()
    for refused in row.quirks.refuse & MEMBERS.keys():
        assert f"drop:{refused}" in losses.warnings


def test_the_same_request_gives_the_same_bytes(row: Provider) -> None:
    first, second = (body_of(row, conversation(**MEMBERS), Losses(row.dialect, drop_params=True)) for _ in range(2))
    assert orjson.dumps(first) == orjson.dumps(second)
    assert list(first) == list(second)


@pytest.mark.parametrize("name", [name for name, row in PROVIDERS.items() if row.dialect == "openai_chat"])
def test_the_words_of_a_row_are_the_ones_that_are_sent(name: str) -> None:
    row = PROVIDERS[name]
    quirks = row.quirks
    body = body_of(row, conversation(**MEMBERS), Losses(row.dialect, drop_params=True))
    assert body[quirks.rename.get("max_completion_tokens", "max_completion_tokens")] == MEMBERS["max_output_tokens"]
    if "seed" not in quirks.drop:
        assert body[quirks.rename.get("seed", "seed")] == MEMBERS["seed"]
    assert body["tool_choice"] == quirks.values.get("tool_choice", {}).get("required", "required")
    assert not {message["role"] for message in body["messages"]} & quirks.roles.keys()
    assert ("top_k" in body) is ("top_k" in quirks.knows)
    assert ("reasoning_effort" in body) is (quirks.reasoning == "effort" or bool(quirks.reasoning == "type" and quirks.efforts))
    assert body.get("response_format", {}).get("type") in {*quirks.response_formats, None}
    if quirks.tool_ids:
        assert all(re.fullmatch(quirks.tool_ids, message.get("tool_call_id", "ninechars")) for message in body["messages"])
