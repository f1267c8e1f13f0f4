"""The contents of a request to Gemini: turns, parts, calls, results and signatures."""

from typing import Any

import pytest

from fastgate.providers.provider import Quirks
from fastgate.translate.conversation import (
    Audio,
    File,
    Image,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from fastgate.translate.losses import InvalidRequest, NotCarried
from tests.translate.gemini.building import BLOB, IMAGE, build, contents, request, target, user

PLACEHOLDER = "skip_thought_signature_validator"


def test_leading_system_messages_are_parts_of_the_system_instruction() -> None:
    system = Turn(role="system", parts=[Text(text="a"), Text(text="b")])
    developer = Turn(role="developer", parts=[Text(text="c")])
    body, _, _ = build(request(system, developer, user("hi")))
    assert body["systemInstruction"] == {"parts": [{"text": "a\nb"}, {"text": "c"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]


def test_a_later_system_message_is_a_users_text_in_a_tag_and_merges_with_its_neighbour() -> None:
    late = Turn(role="developer", parts=[Text(text="be brief")])
    body, _, warnings = build(request(user("hi"), late, user("now")))
    texts = [{"text": "hi"}, {"text": "<system>\nbe brief\n</system>"}, {"text": "now"}]
    assert body["contents"] == [{"role": "user", "parts": texts}]
    assert warnings == ["emulate:system"]


def test_empty_texts_and_empty_turns_are_left_out() -> None:
    empty = Turn(role="assistant", parts=[Text(text="")])
    assert contents(user("a"), empty, user("b")) == [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}]


def test_a_refusal_is_text() -> None:
    refusal = Turn(role="assistant", parts=[Text(text="no", refusal=True)])
    assert contents(user("a"), refusal)[1] == {"role": "model", "parts": [{"text": "no"}]}


def test_all_results_of_a_turn_stand_in_one_content_of_their_own() -> None:
    calls = Turn(role="assistant", parts=[ToolCall(id="1", name="f", arguments='{"a":1}'), ToolCall(id="2", name="g")])
    results = [Turn(role="tool", parts=[ToolResult(call_id=call, parts=[Text(text=call)])]) for call in ("1", "2")]
    built = contents(user("a"), calls, *results, user("b"), model="gemini-2.5-flash")
    assert built[1]["parts"] == [
        {"functionCall": {"name": "f", "args": {"a": 1}, "id": "1"}},
        {"functionCall": {"name": "g", "args": {}, "id": "2"}},
    ]
    assert built[2]["parts"] == [
        {"functionResponse": {"name": "f", "response": {"result": "1"}, "id": "1"}},
        {"functionResponse": {"name": "g", "response": {"result": "2"}, "id": "2"}},
    ]
    assert built[3] == {"role": "user", "parts": [{"text": "b"}]}


@pytest.mark.parametrize(
    ("text", "is_error", "response"),
    [
        ('{"t": 20}', False, {"t": 20}),
        ("[1, 2]", False, {"result": [1, 2]}),
        ("sunny", False, {"result": "sunny"}),
        ("42", False, {"result": "42"}),
        ("{broken", False, {"result": "{broken"}),
        ("", False, {"result": ""}),
        ("no such city", True, {"error": "no such city"}),
        ('{"t": 20}', True, {"error": '{"t": 20}'}),
    ],
)
def test_a_result_is_an_object(text: str, is_error: bool, response: dict[str, Any]) -> None:
    call = Turn(role="assistant", parts=[ToolCall(id="1", name="f")])
    result = Turn(role="tool", parts=[ToolResult(call_id="1", parts=[Text(text=text)], is_error=is_error)])
    assert contents(user("a"), call, result)[2]["parts"][0]["functionResponse"]["response"] == response


def test_a_result_without_a_call_needs_its_own_name() -> None:
    named = Turn(role="tool", parts=[ToolResult(call_id="1", name="f")])
    assert contents(user("a"), named)[1]["parts"][0]["functionResponse"]["name"] == "f"
    with pytest.raises(InvalidRequest, match="answers no call"):
        contents(user("a"), Turn(role="tool", parts=[ToolResult(call_id="1")]))


def test_an_image_in_a_result_stands_in_the_response_from_gemini_3_on_and_behind_it_before() -> None:
    call = Turn(role="assistant", parts=[ToolCall(id="1", name="f")])
    result = Turn(role="tool", parts=[ToolResult(call_id="1", parts=[Text(text="see"), IMAGE])])
    new = contents(user("a"), call, result, user("b"))
    assert new[2]["parts"][0]["functionResponse"]["parts"] == [BLOB]
    old = contents(user("a"), call, result, user("b"), model="gemini-2.5-pro")
    assert "parts" not in old[2]["parts"][0]["functionResponse"]
    assert old[3]["parts"] == [BLOB, {"text": "b"}]


def test_signatures_of_google_return_on_their_parts() -> None:
    turn = Turn(
        role="assistant",
        parts=[
            Thinking(text="hm", signature="YQ==", dialect="gemini"),
            Thinking(signature="Yg==", dialect="gemini"),
            Text(text="calling"),
            ToolCall(id="1", name="f", signature="Yw=="),
            ToolCall(id="2", name="g"),
        ],
    )
    assert contents(user("a"), turn, dialect="gemini")[1]["parts"] == [
        {"text": "hm", "thought": True, "thoughtSignature": "YQ=="},
        {"text": "calling", "thoughtSignature": "Yg=="},
        {"functionCall": {"name": "f", "args": {}, "id": "1"}, "thoughtSignature": "Yw=="},
        {"functionCall": {"name": "g", "args": {}, "id": "2"}},
    ]


def test_a_signature_that_another_dialect_put_on_a_thought_returns_on_the_part_behind_it() -> None:
    thought = Thinking(text="hm", signature="YQ==", dialect="gemini")
    turn = Turn(role="assistant", parts=[thought, Text(text="hi")])
    assert contents(user("a"), turn)[1]["parts"] == [{"text": "hm", "thought": True}, {"text": "hi", "thoughtSignature": "YQ=="}]


def test_a_signature_at_the_end_of_a_stream_goes_to_the_last_text() -> None:
    turn = Turn(role="assistant", parts=[Text(text="hi"), Thinking(signature="Yg==", dialect="gemini")])
    assert contents(user("a"), turn)[1]["parts"] == [{"text": "hi", "thoughtSignature": "Yg=="}]


def test_a_signature_without_any_part_is_an_empty_text() -> None:
    turn = Turn(role="assistant", parts=[Thinking(signature=mark, dialect="gemini") for mark in ("YQ==", "Yg==")])
    signed = [{"text": "", "thoughtSignature": mark} for mark in ("YQ==", "Yg==")]
    assert contents(user("a"), turn)[1]["parts"] == signed


def test_a_signature_that_came_as_a_thought_returns_on_the_call_behind_it() -> None:
    turn = Turn(role="assistant", parts=[Text(text="so"), Thinking(signature="Yg==", dialect="gemini"), ToolCall(id="1", name="f")])
    assert contents(user("a"), turn)[1]["parts"][1]["thoughtSignature"] == "Yg=="


@pytest.mark.parametrize(
    ("model", "signature"),
    [
        ("gemini-3-pro-preview", PLACEHOLDER),
        ("gemini-3.1-flash-lite", PLACEHOLDER),
        ("gemini-flash-latest", PLACEHOLDER),
        ("gemini-2.5-flash", None),
        ("gemma-3-27b-it", None),
    ],
)
def test_the_first_call_without_a_signature_gets_the_placeholder_from_gemini_3_on(model: str, signature: str | None) -> None:
    calls = Turn(role="assistant", parts=[Text(text="x"), ToolCall(id="1", name="f"), ToolCall(id="2", name="g")])
    parts = contents(user("a"), calls, model=model)[1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [None, signature, None]


def test_thoughts_of_another_vendor_are_left_out_in_silence() -> None:
    turn = Turn(role="assistant", parts=[Thinking(text="hm", signature="x", dialect="anthropic_messages"), Text(text="hi")])
    body, _, warnings = build(request(user("a"), turn))
    assert body["contents"][1]["parts"] == [{"text": "hi"}]
    assert warnings == []


def test_a_placeholder_for_the_users_turn_stands_only_where_the_configuration_allows_it() -> None:
    late = request(Turn(role="assistant", parts=[Text(text="hi")]), user("a"))
    with pytest.raises(InvalidRequest, match="must be the user's"):
        build(late)
    body, _, warnings = build(late, target(modify_params=True))
    assert body["contents"][0] == {"role": "user", "parts": [{"text": " "}]}
    assert warnings == ["emulate:messages"]


@pytest.mark.parametrize(
    ("part", "wire"),
    [
        (IMAGE, BLOB),
        (Image(data="iVBORw0KGgoAAAA="), {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgoAAAA="}}),
        (
            Image(data="aGk=", media_type="image/png", detail="high"),
            {**BLOB, "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}},
        ),
        (Image(data="aGk=", media_type="image/png", detail="auto"), BLOB),
        (Image(url="gs://b/a.png"), {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a.png"}}),
        (Image(url="https://youtu.be/x"), {"fileData": {"fileUri": "https://youtu.be/x"}}),
        (Image(file_id="gs://b/a", dialect="gemini"), {"fileData": {"fileUri": "gs://b/a"}}),
        (Audio(data="aGk=", format="wav"), {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}}),
        (Audio(data="aGk=", format="mp3"), {"inlineData": {"mimeType": "audio/mp3", "data": "aGk="}}),
        (File(data="aGk=", media_type="application/pdf"), {"inlineData": {"mimeType": "application/pdf", "data": "aGk="}}),
        (File(data="aGk=", filename="a.PDF"), {"inlineData": {"mimeType": "application/pdf", "data": "aGk="}}),
        (File(text="hi"), {"inlineData": {"mimeType": "text/plain", "data": "aGk="}}),
        (
            Opaque(dialect="gemini", kind="executableCode", value={"executableCode": {"language": "PYTHON", "code": "1"}}),
            {"executableCode": {"language": "PYTHON", "code": "1"}},
        ),
    ],
)
def test_a_part_is_written(part: Part, wire: dict[str, Any]) -> None:
    assert contents(user(part))[0]["parts"] == [wire]


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (Image(url="https://example.com/a.png"), "fetching is off"),
        (File(url="https://example.com/a.pdf"), "fetching is off"),
        (Image(file_id="file-1", dialect="openai_chat"), "another provider"),
        (Image(data="aGk="), "media type is not known"),
        (Audio(id="audio_1"), "by its id"),
        (Opaque(dialect="anthropic_messages", kind="server_tool_use", value={}), "server_tool_use"),
    ],
)
def test_what_gemini_cannot_read_is_refused(part: Part, says: str) -> None:
    with pytest.raises(NotCarried, match=says):
        build(request(user(part)))


def test_any_address_goes_where_the_provider_is_known_to_fetch() -> None:
    body, _, _ = build(request(user(Image(url="https://a.b/c.png"))), target(quirks=Quirks(knows=frozenset({"fileUri"}))))
    assert body["contents"][0]["parts"] == [{"fileData": {"mimeType": "image/png", "fileUri": "https://a.b/c.png"}}]


def test_the_detail_of_an_image_is_dropped_before_gemini_3() -> None:
    asked = request(user(Image(data="aGk=", media_type="image/png", detail="low")))
    body, _, warnings = build(asked, target("gemini-2.5-flash"))
    assert (body["contents"][0]["parts"], warnings) == ([BLOB], ["drop:detail"])


def test_arguments_that_are_no_object_are_the_callers_fault() -> None:
    with pytest.raises(InvalidRequest, match="not a JSON object"):
        contents(user("a"), Turn(role="assistant", parts=[ToolCall(id="1", name="f", arguments="{")]))
