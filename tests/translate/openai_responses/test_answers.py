"""Complete answers: of a provider as ChatAnswer, and of any dialect as a Response object that OpenAI's SDK takes."""

from typing import Any

import orjson
import pytest
from openai.types.responses import Response

from fastgate.providers.provider import Quirks
from fastgate.translate.answer import ChatAnswer, Choice, Fault, Usage
from fastgate.translate.conversation import Audio, ChatRequest, Image, Opaque, Text, Thinking, ToolCall
from fastgate.translate.openai_responses import build_answer, parse_answer, parse_request
from fastgate.translate.target import Asked, Target
from tests.translate.openai_responses.wire import CASES, NAMING, TARGET, parsed

OWN = "openai_responses"


def response(*output: dict[str, Any], **members: Any) -> bytes:
    return orjson.dumps({"id": "resp_1", "object": "response", "created_at": 7, "status": "completed", "output": list(output), **members})


def said(text: str, **members: Any) -> dict[str, Any]:
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": text, **members}]}


CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": '{"a":1}'}
LOGPROB = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}

PARSED: list[tuple[bytes, Choice]] = [
    (response(said("Hi", annotations=[], logprobs=[])), Choice(parts=[Text(text="Hi")])),
    (
        response(said("Hi", annotations=[{"type": "url_citation"}])),
        Choice(parts=[Text(text="Hi", citations=[{"type": "url_citation"}], dialect=OWN)]),
    ),
    (
        response(said("a", logprobs=[LOGPROB])),
        Choice(parts=[Text(text="a")], logprobs={"content": [LOGPROB], "refusal": None}),
    ),
    (
        response({"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}),
        Choice(parts=[Text(text="no", refusal=True)]),
    ),
    (
        response(said("Look"), CALL),
        Choice(parts=[Text(text="Look"), ToolCall(id="call_1", name="weather", arguments='{"a":1}')], finish="tool_calls"),
    ),
    (
        response({"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "***"}),
        Choice(parts=[ToolCall(id="c", name="patch", arguments="***", custom=True)], finish="tool_calls"),
    ),
    (
        response({"type": "reasoning", "id": "rs_1", "summary": [{"text": "a"}, {"text": "b"}], "encrypted_content": "gAAA"}),
        Choice(parts=[Thinking(text="a\n\nb", id="rs_1", summary=True, signature="gAAA", dialect=OWN)]),
    ),
    (
        response({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}),
        Choice(parts=[Thinking(id="rs_1", redacted="gAAA", dialect=OWN)]),
    ),
    (
        response({"type": "reasoning", "id": "rs_1", "summary": [{"text": "s"}], "content": [{"text": "raw"}]}),
        Choice(parts=[Thinking(text="raw", id="rs_1", dialect=OWN)]),
    ),
    (response({"type": "reasoning", "id": "rs_1", "summary": []}), Choice()),
    (
        response({"type": "image_generation_call", "result": "AA==", "output_format": "webp"}),
        Choice(parts=[Image(data="AA==", media_type="image/webp")]),
    ),
    (
        response({"type": "web_search_call", "id": "ws_1"}),
        Choice(parts=[Opaque(dialect=OWN, kind="web_search_call", value={"type": "web_search_call", "id": "ws_1"})]),
    ),
    (
        response(said("a"), status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        Choice(parts=[Text(text="a")], finish="length"),
    ),
    # Length wins: a call that the limit cut is not runnable.
    (
        response(CALL, status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        Choice(parts=[ToolCall(id="call_1", name="weather", arguments='{"a":1}')], finish="length"),
    ),
    (
        response(status="incomplete", incomplete_details={"reason": "content_filter"}),
        Choice(finish="content_filter"),
    ),
    (response(status="incomplete", incomplete_details={"reason": "steered"}), Choice(raw_finish="steered")),
    (response(status="incomplete"), Choice(finish="length")),
]


@pytest.mark.parametrize(("body", "choice"), PARSED, ids=[str(number) for number in range(len(PARSED))])
def test_a_providers_answer_means(body: bytes, choice: Choice) -> None:
    answer = parse_answer(body, TARGET, Asked())
    assert answer == ChatAnswer(id="resp_1", created=7, choices=[choice], dialect=OWN)


def test_usage_counts_the_cache_within_the_input_and_thoughts_within_the_output() -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 150,
    }
    answer = parse_answer(response(usage=usage, service_tier="flex"), TARGET, Asked())
    assert answer.usage == Usage(input_tokens=100, cache_read_tokens=60, cache_write_tokens=30, output_tokens=50, reasoning_tokens=20)
    assert answer.service_tier == "flex"


def test_usage_is_read_as_the_provider_counts() -> None:
    quirks = Quirks(reasoning_beside_output=True, usage={"cache_read_tokens": "cached"})
    usage = {"input_tokens": 9, "cached": 4, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}}
    answer = parse_answer(response(usage=usage), Target(model="m", dialect=OWN, quirks=quirks), Asked())
    assert answer.usage == Usage(input_tokens=9, cache_read_tokens=4, output_tokens=7, reasoning_tokens=2)


def test_a_renamed_tool_has_its_own_name_again() -> None:
    answer = parse_answer(response(CALL), TARGET, Asked(renamed={"weather": "maps.weather"}))
    assert answer.choices[0].parts == [ToolCall(id="call_1", name="maps.weather", arguments='{"a":1}')]


@pytest.mark.parametrize(
    ("body", "status", "kind", "code"),
    [
        (response(status="failed", error={"code": "rate_limit_exceeded", "message": "slow"}), 429, "rate_limit", "rate_limit_exceeded"),
        (response(status="failed", error={"code": "server_error", "message": "x"}), 500, "upstream", "server_error"),
        (response(status="failed", error={"code": "invalid_prompt", "message": "x"}), 400, "invalid_request", "invalid_prompt"),
        (response(status="failed"), 502, "upstream", ""),
        (response(status="cancelled"), 502, "upstream", ""),
        (b'{"error":{"message":"long","code":"context_length_exceeded"}}', 400, "invalid_request", "context_length_exceeded"),
        (b'{"error":"broken"}', 502, "upstream", ""),
        (b"<html>Bad gateway</html>", 502, "upstream", ""),
        (b"", 502, "upstream", ""),
        (b'{"id":"resp_1","outp', 502, "upstream", ""),
        (b"[]", 502, "upstream", ""),
        (b"{}", 502, "upstream", ""),
        (b'{"output":[1]}', 502, "upstream", ""),
    ],
)
def test_what_is_no_answer_is_a_fault(body: bytes, status: int, kind: str, code: str) -> None:
    with pytest.raises(Fault) as caught:
        parse_answer(body, TARGET, Asked())
    assert (caught.value.status, caught.value.kind, caught.value.code) == (status, kind, code)
    assert caught.value.message


def answered(*parts: Any, request: ChatRequest | None = None, dialect: str = "anthropic_messages", **members: Any) -> dict[str, Any]:
    """Return the body of an answer that the SDK's own type has checked."""
    usage = members.pop("usage", None)
    choice = Choice(parts=list(parts), **members)
    body = build_answer(ChatAnswer(choices=[choice], usage=usage, dialect=dialect), request or parsed(), NAMING)
    Response.model_validate_json(body, strict=False)
    found: dict[str, Any] = orjson.loads(body)
    return found


OUTPUTS: list[tuple[list[Any], list[dict[str, Any]]]] = [
    (
        [Text(text="Hi")],
        [
            {
                "id": "msg_0a1b2c",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "Hi"}],
            }
        ],
    ),
    ([Text(text="")], []),
    (
        [Thinking(text="hm", signature="Sig", dialect="anthropic_messages"), ToolCall(id="toolu_1", name="a", arguments='{"b":1}')],
        [
            {
                "id": "rs_0a1b2c",
                "type": "reasoning",
                "summary": [],
                "content": [{"type": "reasoning_text", "text": "hm"}],
                "encrypted_content": "anthropic_messages#Sig",
            },
            {
                "id": "fc_0a1b2c01",
                "type": "function_call",
                "status": "completed",
                "arguments": '{"b":1}',
                "call_id": "toolu_1",
                "name": "a",
            },
        ],
    ),
    (
        [Thinking(redacted="Data", dialect="anthropic_messages")],
        [{"id": "rs_0a1b2c", "type": "reasoning", "summary": [], "encrypted_content": "anthropic_messages#redacted#Data"}],
    ),
    (
        [Thinking(text="s", summary=True, signature="gAAA", id="rs_9", dialect=OWN)],
        [{"id": "rs_9", "type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": "gAAA"}],
    ),
    (
        [ToolCall(id="", name="a"), ToolCall(id="", name="b")],
        [
            {"id": f"fc_0a1b2c{end}", "type": "function_call", "status": "completed", "arguments": "{}"}
            | {"call_id": f"call_0a1b2c{end}", "name": name}
            for end, name in (("", "a"), ("01", "b"))
        ],
    ),
    (
        [ToolCall(id="c", name="p", arguments="***", custom=True)],
        [{"id": "ctc_0a1b2c", "type": "custom_tool_call", "status": "completed", "call_id": "c", "input": "***", "name": "p"}],
    ),
    (
        [ToolCall(id="c", name="a", arguments="{}", signature="Sig")],
        [
            {"id": "rs_0a1b2c", "type": "reasoning", "summary": [], "encrypted_content": "gemini#call#Sig"},
            {"id": "fc_0a1b2c01", "type": "function_call", "status": "completed", "arguments": "{}", "call_id": "c", "name": "a"},
        ],
    ),
    (
        [Image(data="AA==", media_type="image/png")],
        [{"id": "ig_0a1b2c", "type": "image_generation_call", "status": "completed", "output_format": "png", "result": "AA=="}],
    ),
    ([Opaque(dialect="anthropic_messages", kind="server_tool_use", value={})], []),
]


@pytest.mark.parametrize(("parts", "output"), OUTPUTS, ids=[str(number) for number in range(len(OUTPUTS))])
def test_parts_become_output_items(parts: list[Any], output: list[dict[str, Any]]) -> None:
    assert answered(*parts)["output"] == output


def test_texts_side_by_side_are_parts_of_one_message() -> None:
    output = answered(Text(text="a"), Text(text="no", refusal=True), Audio(transcript="b"))["output"]
    assert [part["type"] for part in output[0]["content"]] == ["output_text", "refusal", "output_text"]
    assert len(output) == 1


def test_chat_annotations_become_flat_ones_and_others_stay_away() -> None:
    cited = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 1, "url": "u", "title": "t"}}
    output = answered(Text(text="a", citations=[cited], dialect="openai_chat"))["output"]
    flat = {"type": "url_citation", "start_index": 0, "end_index": 1, "url": "u", "title": "t"}
    assert output[0]["content"][0]["annotations"] == [flat]
    output = answered(Text(text="a", citations=[{"type": "char_location"}], dialect="anthropic_messages"))["output"]
    assert output[0]["content"][0]["annotations"] == []


def test_logprobs_never_hold_null() -> None:
    token = {"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": [{"token": "b", "logprob": -2.0, "bytes": None}]}
    output = answered(Text(text="a"), logprobs={"content": [token], "refusal": None})["output"]
    expected = {**token, "bytes": [], "top_logprobs": [{"token": "b", "bytes": [], "logprob": -2.0}]}
    assert output[0]["content"][0]["logprobs"] == [expected]


def test_a_caller_that_asked_for_summaries_finds_every_thought_there() -> None:
    request = parsed(reasoning={"summary": "auto"})
    output = answered(Thinking(text="hm", dialect="openai_chat"), request=request)["output"]
    assert output[0]["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert "content" not in output[0]


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("stop_sequence", "completed", None),
        ("tool_calls", "completed", None),
        ("pause", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
        ("error", "failed", None),
    ],
)
def test_a_finish_reason_is_a_status(finish: Any, status: str, reason: str | None) -> None:
    body = answered(Text(text="a"), finish=finish)
    assert body["status"] == status
    assert body["incomplete_details"] == ({"reason": reason} if reason else None)
    assert (body["error"] is not None) == (status == "failed")
    assert body["output"][0]["status"] == ("incomplete" if reason else "completed")


def test_an_answer_repeats_what_was_asked_and_says_that_it_is_not_stored() -> None:
    wire = orjson.loads((CASES / "codex_request.json").read_bytes())
    body = answered(Text(text="a"), request=parse_request({**wire, "store": True, "temperature": 0.5}, "responses"))
    assert body["store"] is False
    for name in ("instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "prompt_cache_key"):
        assert body[name] == wire[name], name
    assert body["temperature"] == 0.5
    assert body["text"] == {"format": {"type": "text"}, "verbosity": "medium"}
    assert (body["id"], body["model"], body["created_at"]) == ("resp_0a1b2c", "claude", 1_764_000_000)


def test_usage_of_an_answer_has_all_counts() -> None:
    usage = Usage(input_tokens=10, cache_read_tokens=4, cache_write_tokens=3, output_tokens=5, reasoning_tokens=2)
    assert answered(Text(text="a"), usage=usage)["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 15,
    }


def test_an_answer_without_choices_is_empty() -> None:
    body = build_answer(ChatAnswer(), parsed(), NAMING)
    assert Response.model_validate_json(body).output_text == ""


@pytest.mark.parametrize(
    "thought",
    [
        Thinking(text="hm", signature="Sig==", dialect="anthropic_messages"),
        Thinking(redacted="Data==", dialect="anthropic_messages"),
        Thinking(signature="Sig==", dialect="anthropic_messages"),
        Thinking(text="hm", signature="unsigned", dialect="openai_chat"),
        Thinking(text="s", summary=True, signature="gAAA", id="rs_9", dialect=OWN),
        Thinking(redacted="gAAA", id="rs_9", dialect=OWN),
    ],
)
@pytest.mark.parametrize("settings", [{}, {"reasoning": {"summary": "auto"}}])
def test_a_thought_comes_back_to_who_made_it_unchanged(thought: Thinking, settings: dict[str, Any]) -> None:
    output = answered(thought, request=parsed(**settings))["output"]
    assert parsed(input=output).turns[0].parts == [thought]


def test_the_signature_of_a_call_comes_back_on_the_call() -> None:
    call = ToolCall(id="c", name="a", arguments="{}", signature="Sig==")
    assert parsed(input=answered(call)["output"]).turns[0].parts == [call]
