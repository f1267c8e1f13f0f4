"""Complete answers of Gemini, and complete answers for Gemini's callers, held against the types of Google's SDK."""

from typing import Any

import orjson
import pytest
from google.genai import types

from fastgate.translate import gemini
from fastgate.translate.answer import ChatAnswer, Choice, Fault, Usage
from fastgate.translate.conversation import Audio, ChatRequest, Image, Opaque, Part, Text, Thinking, ToolCall
from fastgate.translate.target import Asked, Naming, Target

TARGET = Target(model="gemini-3-flash", dialect="gemini")
REQUEST = ChatRequest(turns=[], operation="generate_content", dialect="gemini")
NAMING = Naming(model="alias", seed="5eed", now=1)


def parse(value: Any, asked: Asked | None = None) -> ChatAnswer:
    return gemini.parse_answer(orjson.dumps(value), TARGET, asked or Asked())


def candidate(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"content": {"parts": list(parts), "role": "model"}, "finishReason": "STOP", "index": 0} | more


def choice_of(*parts: dict[str, Any], asked: Asked | None = None, **more: Any) -> Choice:
    (choice,) = parse({"candidates": [candidate(*parts, **more)]}, asked).choices
    return choice


def build(answer: ChatAnswer) -> dict[str, Any]:
    body = gemini.build_answer(answer, REQUEST, NAMING)
    types.GenerateContentResponse.model_validate_json(body)
    built: dict[str, Any] = orjson.loads(body)
    return built


CODE = {"executableCode": {"language": "PYTHON", "code": "1"}}
PARTS: list[tuple[list[dict[str, Any]], list[Part]]] = [
    ([{"text": "hi"}], [Text(text="hi")]),
    ([{"text": ""}], []),
    ([{"text": "hm", "thought": True}, {"text": "hi"}], [Thinking(text="hm", dialect="gemini"), Text(text="hi")]),
    ([{"text": "hi", "thoughtSignature": "c2ln"}], [Thinking(signature="c2ln", dialect="gemini"), Text(text="hi")]),
    ([{"text": "", "thoughtSignature": "c2ln"}], [Thinking(signature="c2ln", dialect="gemini")]),
    (
        [{"functionCall": {"name": "f", "args": {"a": 1}, "id": "x"}, "thoughtSignature": "c2ln"}, {"functionCall": {"name": "g"}}],
        [ToolCall(id="x", name="f", arguments='{"a":1}', signature="c2ln"), ToolCall(id="", name="g", arguments="{}")],
    ),
    ([{"inlineData": {"mimeType": "image/png", "data": "aGk="}}], [Image(data="aGk=", media_type="image/png", dialect="gemini")]),
    (
        [{"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "c2ln"}],
        [Thinking(signature="c2ln", dialect="gemini"), Image(data="aGk=", media_type="image/png", dialect="gemini")],
    ),
    ([{"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "aGk="}}], [Audio(data="aGk=", format="pcm16")]),
    ([CODE], [Opaque(dialect="gemini", kind="executableCode", value=CODE)]),
]


@pytest.mark.parametrize(("wire", "parts"), PARTS)
def test_a_part_of_an_answer_has_its_meaning(wire: list[dict[str, Any]], parts: list[Part]) -> None:
    assert choice_of(*wire).parts == parts


@pytest.mark.parametrize(
    ("word", "call", "finish", "raw"),
    [
        ("STOP", False, "stop", ""),
        ("STOP", True, "tool_calls", ""),
        (None, True, "tool_calls", ""),
        ("MAX_TOKENS", False, "length", ""),
        # A call that was cut by the limit cannot be run.
        ("MAX_TOKENS", True, "length", ""),
        ("SAFETY", False, "content_filter", ""),
        ("RECITATION", False, "content_filter", "RECITATION"),
        ("LANGUAGE", False, "content_filter", "LANGUAGE"),
        ("IMAGE_SAFETY", False, "content_filter", "IMAGE_SAFETY"),
        ("MODEL_ARMOR", False, "content_filter", "MODEL_ARMOR"),
        ("OTHER", False, "stop", "OTHER"),
        ("SOMETHING_NEW", False, "stop", "SOMETHING_NEW"),
    ],
)
def test_a_finish_reason_has_its_meaning(word: str | None, call: bool, finish: str, raw: str) -> None:
    part = {"functionCall": {"name": "f"}} if call else {"text": "hi"}
    choice = choice_of(part, finishReason=word)
    assert (choice.finish, choice.raw_finish) == (finish, raw)


@pytest.mark.parametrize(
    "word", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE", "TOO_MANY_TOOL_CALLS"]
)
def test_a_model_that_failed_is_a_fault_and_no_success(word: str) -> None:
    with pytest.raises(Fault) as caught:
        choice_of(finishReason=word, finishMessage="Malformed function call: f(")
    fault = caught.value
    assert (fault.status, fault.kind, fault.code, fault.message) == (502, "upstream", word, "Malformed function call: f(")


def test_one_failed_alternative_of_two_is_an_error_of_its_own() -> None:
    answer = parse({"candidates": [candidate({"text": "a"}), candidate(index=1, finishReason="MALFORMED_FUNCTION_CALL")]})
    assert [choice.finish for choice in answer.choices] == ["stop", "error"]


def test_a_candidate_without_content_is_kept() -> None:
    (choice,) = parse({"candidates": [{"finishReason": "MAX_TOKENS"}]}).choices
    assert choice == Choice(finish="length")


def test_a_blocked_prompt_is_a_filtered_answer() -> None:
    answer = parse({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 4}})
    assert answer.choices == [Choice(finish="content_filter", raw_finish="PROHIBITED_CONTENT")]
    assert answer.usage == Usage(input_tokens=4)
    assert build(answer)["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
    assert "candidates" not in build(answer)


@pytest.mark.parametrize("feedback", [{}, {"blockReason": ""}, {"blockReason": "BLOCKED_REASON_UNSPECIFIED"}])
def test_no_candidates_without_a_reason_cannot_be_read(feedback: dict[str, Any]) -> None:
    with pytest.raises(Fault, match="no candidates"):
        parse({"promptFeedback": feedback})


def test_usage_counts_thoughts_as_output_and_prompts_of_tools_as_input() -> None:
    metadata = {
        "promptTokenCount": 100,
        "toolUsePromptTokenCount": 10,
        "cachedContentTokenCount": 40,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 135,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 70}, {"modality": "AUDIO", "tokenCount": 30}],
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 15}],
        "trafficType": "ON_DEMAND",
    }
    usage = Usage(
        input_tokens=110, cache_read_tokens=40, output_tokens=25, reasoning_tokens=5, audio_input_tokens=30, audio_output_tokens=15
    )
    assert parse({"candidates": [candidate()], "usageMetadata": metadata}).usage == usage


def test_usage_is_written_with_candidates_without_thoughts() -> None:
    usage = Usage(input_tokens=110, cache_read_tokens=40, output_tokens=25, reasoning_tokens=5, audio_input_tokens=30)
    assert build(ChatAnswer(choices=[Choice()], usage=usage))["usageMetadata"] == {
        "promptTokenCount": 110,
        "candidatesTokenCount": 20,
        "cachedContentTokenCount": 40,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 135,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 80}, {"modality": "AUDIO", "tokenCount": 30}],
    }


GROUNDING = {"webSearchQueries": ["q"], "groundingChunks": [{"web": {"uri": "https://a.b", "title": "t"}}]}
CITATION = {"citations": [{"startIndex": 0, "endIndex": 2, "uri": "https://a.b"}]}


def test_grounding_and_citations_annotate_the_text_and_return() -> None:
    answer = parse({"candidates": [candidate({"text": "hi"}, groundingMetadata=GROUNDING, citationMetadata=CITATION)]})
    (text,) = answer.choices[0].parts
    assert text == Text(text="hi", citations=[{"groundingMetadata": GROUNDING}, {"citationMetadata": CITATION}], dialect="gemini")
    built = build(answer)["candidates"][0]
    assert (built["groundingMetadata"], built["citationMetadata"]) == (GROUNDING, CITATION)


def test_logprobs_are_openais_and_return() -> None:
    result = {
        "chosenCandidates": [{"token": "hé", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "hé", "logProbability": -0.5}, {"token": "x", "logProbability": -2}]}],
    }
    answer = parse({"candidates": [candidate({"text": "hé"}, logprobsResult=result)]})
    assert answer.choices[0].logprobs == {
        "content": [
            {
                "token": "hé",
                "logprob": -0.5,
                "bytes": [104, 195, 169],
                "top_logprobs": [
                    {"token": "hé", "logprob": -0.5, "bytes": [104, 195, 169]},
                    {"token": "x", "logprob": -2, "bytes": [120]},
                ],
            }
        ],
        "refusal": None,
    }
    assert build(answer)["candidates"][0]["logprobsResult"] == result


def test_renamed_and_surplus_calls_are_undone() -> None:
    calls = [{"functionCall": {"name": "_f", "args": {"a": "b"}}}, {"functionCall": {"name": "g"}}]
    choice = choice_of(*calls, asked=Asked(renamed={"_f": "1f"}, one_call=True))
    assert choice.parts == [ToolCall(id="", name="1f", arguments='{"a":"b"}')]
    assert choice.finish == "tool_calls"


def test_the_call_that_gives_the_answer_is_text() -> None:
    choice = choice_of({"functionCall": {"name": "give_answer", "args": {"a": 1}}}, asked=Asked(answer_tool="give_answer"))
    assert (choice.parts, choice.finish) == ([Text(text='{"a":1}')], "stop")


def test_a_call_beside_the_one_that_gives_the_answer_stays_a_call() -> None:
    calls = [{"functionCall": {"name": name}} for name in ("f", "give_answer")]
    choice = choice_of(*calls, asked=Asked(answer_tool="give_answer"))
    assert [type(part) for part in choice.parts] == [ToolCall, Text]
    assert choice.finish == "tool_calls"


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"candidates": [', b"5", b"[]", b'{"candidates": [1]}', b"{}"])
def test_what_cannot_be_read_is_a_fault_of_the_upstream(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        gemini.parse_answer(body, TARGET, Asked())
    assert (caught.value.status, caught.value.kind) == (502, "upstream")


def test_an_error_in_an_answer_that_began_well_is_a_fault() -> None:
    with pytest.raises(Fault) as caught:
        parse([{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}])
    assert (caught.value.status, caught.value.kind, caught.value.code) == (503, "overloaded", "UNAVAILABLE")


def test_an_answer_is_built() -> None:
    parts: list[Part] = [Text(text="hi"), ToolCall(id="call_1", name="f", arguments='{"a":1}'), ToolCall(id="", name="g")]
    answer = ChatAnswer(
        id="r1", choices=[Choice(parts=parts, finish="tool_calls")], dialect="openai_chat", extra={"system_fingerprint": "x"}
    )
    assert build(answer) == {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "hi"},
                        {"functionCall": {"name": "f", "args": {"a": 1}, "id": "call_1"}},
                        {"functionCall": {"name": "g", "args": {}, "id": "call_5eed02"}},
                    ],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "modelVersion": "alias",
        "responseId": "r1",
    }


@pytest.mark.parametrize(
    ("finish", "raw", "word"),
    [
        ("stop", "", "STOP"),
        ("stop_sequence", "", "STOP"),
        ("length", "", "MAX_TOKENS"),
        ("content_filter", "", "SAFETY"),
        ("content_filter", "RECITATION", "RECITATION"),
        ("content_filter", "guardrail_intervened", "SAFETY"),
        ("pause", "pause_turn", "STOP"),
        ("error", "", "OTHER"),
    ],
)
def test_a_finish_has_googles_word(finish: Any, raw: str, word: str) -> None:
    answer = ChatAnswer(choices=[Choice(finish=finish, raw_finish=raw)])
    assert build(answer)["candidates"][0]["finishReason"] == word


@pytest.mark.parametrize(
    "thought",
    [
        Thinking(text="hm", signature="EqQB/+==", dialect="anthropic_messages"),
        Thinking(redacted="EqQB/+==", dialect="anthropic_messages"),
        Thinking(text="hm", redacted="gAAA", id="rs_1", dialect="openai_responses"),
    ],
)
def test_another_vendors_opaque_thought_comes_back_from_a_gemini_caller(thought: Thinking) -> None:
    (part,) = build(ChatAnswer(choices=[Choice(parts=[thought])]))["candidates"][0]["content"]["parts"]
    (turn,) = gemini.parse_request({"contents": [{"role": "model", "parts": [part]}]}, "generate_content").turns
    assert turn.parts == [thought]


def test_what_has_no_place_for_a_gemini_caller_is_left_out() -> None:
    parts: list[Part] = [
        Opaque(dialect="anthropic_messages", kind="server_tool_use", value={"type": "server_tool_use"}),
        Thinking(text="hm", dialect="openai_chat"),
        Audio(id="a", transcript="spoken"),
        ToolCall(id="1", name="f", arguments='{"cut'),
    ]
    built = build(ChatAnswer(choices=[Choice(parts=parts)]))["candidates"][0]["content"]["parts"]
    assert built == [
        {"text": "hm", "thought": True},
        {"text": "spoken"},
        {"functionCall": {"name": "f", "args": {"input": '{"cut'}, "id": "1"}},
    ]


SAID: dict[str, Any] = {
    "candidates": [
        candidate(
            {"text": "hm", "thought": True},
            CODE,
            {"text": "hi", "thoughtSignature": "c2ln"},
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            {"functionCall": {"name": "f", "args": {"a": 1}, "id": "x"}, "thoughtSignature": "c2ln"},
            groundingMetadata=GROUNDING,
            safetyRatings=[{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}],
        ),
        candidate(index=1, finishReason="RECITATION", finishMessage="recited"),
    ],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
    "modelVersion": "alias",
    "responseId": "r1",
    "createTime": "2026-11-24T08:00:00Z",
}


def test_an_answer_of_gemini_reaches_a_gemini_caller_as_it_was_said() -> None:
    assert build(parse(SAID)) == SAID


def test_counted_tokens_are_read_and_written() -> None:
    assert gemini.parse_count(b'{"totalTokens": 31, "promptTokensDetails": []}') == 31
    assert gemini.parse_count(b"{}") == 0
    answer = gemini.build_count_answer(31)
    assert types.CountTokensResponse.model_validate_json(answer).total_tokens == 31
    for body in (b"5", b'{"totalTokens": "x"}', b'{"error": {"code": 400}}'):
        with pytest.raises(Fault):
            gemini.parse_count(body)
