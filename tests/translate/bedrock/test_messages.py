"""Turns as Converse's messages and system blocks."""

import base64
from typing import Any

import pytest

from fastgate.translate.conversation import Audio, File, Image, Opaque, Part, Text, Thinking, ToolCall, ToolResult, Turn
from fastgate.translate.losses import InvalidRequest, NotCarried
from tests.translate.bedrock.converse import CLAUDE, LLAMA, NOVA, assistant, built, results, user

PNG = "iVBORw0KGgoAAAANSUhEUg=="
PDF = "JVBERi0xLjQ="
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
CALL = ToolCall(id="toolu_1", name="f", arguments='{"a":1}')
RESULT = ToolResult(call_id="toolu_1", parts=[Text(text="1")])


def content(*parts: Part | str, **more: Any) -> list[dict[str, Any]]:
    return list(built(user(*parts), **more)[0]["messages"][0]["content"])


def test_leading_system_and_developer_turns_become_system_blocks_in_order() -> None:
    body, _, lost = built(
        Turn(role="system", parts=[Text(text="a"), Text(text="b")]), Turn(role="developer", parts=[Text(text="c")]), user("hi")
    )
    assert body["system"] == [{"text": "a"}, {"text": "b"}, {"text": "c"}]
    assert body["messages"] == [{"role": "user", "content": [{"text": "hi"}]}]
    assert lost == []


def test_system_text_later_in_the_talk_becomes_marked_user_text_in_its_place() -> None:
    body, _, lost = built(user("hi"), assistant("yes?"), Turn(role="system", parts=[Text(text="be brief")]), user("go on"))
    assert body["messages"][2] == {"role": "user", "content": [{"text": "<system>\nbe brief\n</system>"}, {"text": "go on"}]}
    assert "system" not in body
    assert lost == ["emulate:messages.role"]


def test_neighbours_of_one_role_are_one_message() -> None:
    body, _, _ = built(user("a"), user("b"), assistant("c"), assistant("d"))
    assert body["messages"] == [
        {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
        {"role": "assistant", "content": [{"text": "c"}, {"text": "d"}]},
    ]


def test_messages_around_a_turn_that_holds_nothing_become_one() -> None:
    body, _, _ = built(user("a"), assistant(""), user("b"))
    assert body["messages"] == [{"role": "user", "content": [{"text": "a"}, {"text": "b"}]}]


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_blank_text_is_left_out_and_nothing_is_invented(blank: str) -> None:
    assert content(blank, "x") == [{"text": "x"}]


def test_tool_results_of_one_turn_become_one_user_message() -> None:
    calls = [ToolCall(id="a", name="f"), ToolCall(id="b", name="g", arguments='{"x":[1,2.5,"ü"]}')]
    body, _, _ = built(
        user("hi"),
        assistant("wait", *calls),
        results(ToolResult(call_id="a", parts=[Text(text="1")])),
        results(ToolResult(call_id="b", parts=[Text(text="2")], is_error=True)),
        user("so?"),
    )
    assert body["messages"][1]["content"] == [
        {"text": "wait"},
        {"toolUse": {"toolUseId": "a", "name": "f", "input": {}}},
        {"toolUse": {"toolUseId": "b", "name": "g", "input": {"x": [1, 2.5, "ü"]}}},
    ]
    assert body["messages"][2] == {
        "role": "user",
        "content": [
            {"toolResult": {"toolUseId": "a", "content": [{"text": "1"}]}},
            {"toolResult": {"toolUseId": "b", "content": [{"text": "2"}], "status": "error"}},
            {"text": "so?"},
        ],
    }


def test_tool_results_stand_before_what_the_user_said_meanwhile() -> None:
    body, _, _ = built(user("hi"), assistant(CALL), user("hurry"), results(RESULT))
    assert [next(iter(block)) for block in body["messages"][2]["content"]] == ["toolResult", "text"]


def test_a_result_without_content_stays_without() -> None:
    body, _, _ = built(user("hi"), assistant(CALL), results(ToolResult(call_id="toolu_1", parts=[Text(text="")])))
    assert body["messages"][2]["content"] == [{"toolResult": {"toolUseId": "toolu_1", "content": []}}]


def test_an_image_inside_a_result_stays_there() -> None:
    picture = ToolResult(call_id="toolu_1", parts=[Text(text="see"), Image(data=PNG, media_type="image/png")])
    body, _, _ = built(user("hi"), assistant(CALL), results(picture))
    assert body["messages"][2]["content"][0]["toolResult"]["content"] == [
        {"text": "see"},
        {"image": {"format": "png", "source": {"bytes": PNG}}},
    ]


def test_status_is_told_to_models_that_know_it() -> None:
    failed = ToolResult(call_id="toolu_1", parts=[Text(text="no")], is_error=True)
    for model, told in ((CLAUDE, True), (NOVA, True), (LLAMA, False)):
        body, _, lost = built(user("hi"), assistant(CALL), results(failed), model=model)
        assert ("status" in body["messages"][2]["content"][0]["toolResult"]) is told
        assert ("drop:is_error" in lost) is not told


@pytest.mark.parametrize("call_id", ["functions.x:0", "a" * 65, "call/+=", "ü", "call_öä"])
def test_an_id_that_converse_forbids_is_rewritten_the_same_way_on_call_and_result(call_id: str) -> None:
    body, _, _ = built(user("hi"), assistant(ToolCall(id=call_id, name="f")), results(ToolResult(call_id=call_id)))
    sent = body["messages"][1]["content"][0]["toolUse"]["toolUseId"]
    assert sent != call_id
    assert sent == body["messages"][2]["content"][0]["toolResult"]["toolUseId"]
    assert built(user("x"), assistant(ToolCall(id=call_id, name="f")))[0]["messages"][1]["content"][0]["toolUse"]["toolUseId"] == sent


def test_ids_that_differ_in_forbidden_characters_alone_stay_apart() -> None:
    body, _, _ = built(user("hi"), assistant(ToolCall(id="a:0", name="f"), ToolCall(id="a.0", name="f"), ToolCall(id="a_0", name="f")))
    assert len({block["toolUse"]["toolUseId"] for block in body["messages"][1]["content"]}) == 3


def test_calls_without_ids_are_paired_with_results_in_their_order() -> None:
    body, _, _ = built(
        user("hi"), assistant(ToolCall(id="", name="f"), ToolCall(id="", name="g")), results(ToolResult(call_id=""), ToolResult(call_id=""))
    )
    assert [block["toolUse"]["toolUseId"] for block in body["messages"][1]["content"]] == [
        block["toolResult"]["toolUseId"] for block in body["messages"][2]["content"]
    ]


@pytest.mark.parametrize("arguments", ['{"a":', "[1]", "null", '"x"', "NaN"])
def test_arguments_that_are_no_json_object_are_the_callers_mistake(arguments: str) -> None:
    with pytest.raises(InvalidRequest, match="`f`") as caught:
        built(user("hi"), assistant(ToolCall(id="a", name="f", arguments=arguments)))
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    ("image", "block"),
    [
        (Image(data=PNG, media_type="image/png"), {"format": "png", "source": {"bytes": PNG}}),
        (Image(data=PNG, media_type="image/jpeg"), {"format": "png", "source": {"bytes": PNG}}),
        (Image(data="/9j/4AAQ", media_type=""), {"format": "jpeg", "source": {"bytes": "/9j/4AAQ"}}),
        (Image(data="R0lGODlh", media_type="image/gif"), {"format": "gif", "source": {"bytes": "R0lGODlh"}}),
        (Image(data="UklGRg==", media_type="image/webp"), {"format": "webp", "source": {"bytes": "UklGRg=="}}),
        (Image(data="AAAA", media_type="image/jpg"), {"format": "jpeg", "source": {"bytes": "AAAA"}}),
        (Image(url="s3://bucket/a.PNG"), {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/a.PNG"}}}),
    ],
)
def test_images_are_sent_in_the_format_that_their_bytes_have(image: Image, block: dict[str, Any]) -> None:
    assert content("look", image)[1] == {"image": block}


@pytest.mark.parametrize(
    "image", [Image(url="https://example.com/a.png"), Image(file_id="file-1"), Image(data="AAAA", media_type="image/tiff")]
)
def test_an_image_that_converse_cannot_take_is_refused_by_name(image: Image) -> None:
    with pytest.raises(NotCarried, match="image"):
        built(user("look", image))
    body, _, lost = built(user("look", image), drop_params=True)
    assert body["messages"][0]["content"] == [{"text": "look"}]
    assert lost == ["drop:image"]


def test_the_detail_of_an_image_is_dropped_and_named() -> None:
    assert built(user("look", Image(data=PNG, detail="high")))[2] == ["drop:detail"]
    assert built(user("look", Image(data=PNG, detail="auto")))[2] == []


def test_audio_is_sent_as_data() -> None:
    assert content("hear", Audio(data="UklGRg==", format="wav"))[1] == {"audio": {"format": "wav", "source": {"bytes": "UklGRg=="}}}
    with pytest.raises(NotCarried, match="audio"):
        content(Audio(id="audio_1"))


def test_what_the_assistant_spoke_is_told_by_its_words() -> None:
    body, _, lost = built(user("hi"), assistant(Audio(id="audio_1", transcript="hello")))
    assert body["messages"][1]["content"] == [{"text": "hello"}]
    assert lost == ["emulate:audio"]


@pytest.mark.parametrize(
    ("file", "block"),
    [
        (File(data=PDF, media_type="application/pdf", filename="report.pdf"), ("pdf", "report")),
        (File(data=PDF, filename="Q3 results.2026.pdf"), ("pdf", "Q3 results 2026")),
        (File(data=PDF, media_type="application/pdf", filename="slack-file://F0"), ("pdf", "slack-file F0")),
        (File(data=PDF, media_type="application/pdf", filename="John's  (final) [1]_v2.pdf"), ("pdf", "John s (final) [1] v2")),
        (File(data=PDF, media_type="application/pdf", filename="分析.pdf"), ("pdf", "document")),
        (File(data=PDF, media_type="application/pdf"), ("pdf", "document")),
        (File(data=PDF, media_type="application/pdf", extra={"title": "Annual"}), ("pdf", "Annual")),
        (File(data="YQ==", media_type="text/markdown; charset=utf-8", filename="a.md"), ("md", "a")),
        (File(data="YQ==", media_type="application/octet-stream", filename="t.XLSX"), ("xlsx", "t")),
    ],
)
def test_documents_have_a_format_and_a_name_that_converse_takes(file: File, block: tuple[str, str]) -> None:
    document = content("read", file)[1]["document"]
    assert (document["format"], document["name"]) == block
    assert document["source"] == {"bytes": file.data}


def test_a_text_document_is_sent_as_txt() -> None:
    document = content("read", File(text="äöü", filename="notes"))[1]["document"]
    assert document == {"format": "txt", "name": "notes", "source": {"bytes": base64.b64encode("äöü".encode()).decode()}}


def test_a_document_in_s3_is_named() -> None:
    assert content("read", File(url="s3://bucket/a.pdf", media_type="application/pdf"))[1]["document"]["source"] == {
        "s3Location": {"uri": "s3://bucket/a.pdf"}
    }


def test_context_and_citations_of_a_document_are_kept_and_other_members_named() -> None:
    file = File(data=PDF, media_type="application/pdf", extra={"context": "c", "citations": {"enabled": True}, "shade": 1})
    body, _, lost = built(user("read", file))
    document = body["messages"][0]["content"][1]["document"]
    assert (document["context"], document["citations"]) == ("c", {"enabled": True})
    assert lost == ["drop:document.shade"]


def test_documents_of_one_name_are_numbered_because_converse_refuses_duplicates() -> None:
    files = [File(data=PDF, media_type="application/pdf", filename=name) for name in ("a.pdf", "A.csv", "a.pdf")]
    assert [block["document"]["name"] for block in content(*files)] == ["a", "A (2)", "a (3)"]


@pytest.mark.parametrize("file", [File(file_id="file-1"), File(url="https://example.com/a.pdf"), File(data="AA==", media_type="video/mp4")])
def test_a_document_that_converse_cannot_take_is_refused_by_name(file: File) -> None:
    with pytest.raises(NotCarried, match="file"):
        content("read", file)


@pytest.mark.parametrize("part", [Image(data=PNG), File(data=PDF, media_type="application/pdf")])
def test_pictures_and_documents_of_the_assistant_are_refused(part: Part) -> None:
    with pytest.raises(NotCarried, match="no message of this role"):
        built(user("hi"), assistant(part))


def test_a_block_of_another_dialect_is_refused_by_its_own_word() -> None:
    block = Opaque(dialect="anthropic_messages", kind="server_tool_use", value={})
    with pytest.raises(NotCarried, match="server_tool_use"):
        built(user("hi"), assistant(block))


def test_a_block_of_converse_itself_is_written_back() -> None:
    value = {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://bucket/a.mp4"}}}}
    assert content("look", Opaque(dialect="bedrock", kind="video", value=value))[1] == value


@pytest.mark.parametrize(
    ("thought", "sent"),
    [
        (Thinking(text="t", signature="s", dialect="bedrock"), {"reasoningText": {"text": "t", "signature": "s"}}),
        (Thinking(text="", signature="s", dialect="bedrock"), {"reasoningText": {"text": "", "signature": "s"}}),
        (Thinking(redacted="cmVk", dialect="bedrock"), {"redactedContent": "cmVk"}),
        (Thinking(text="t", signature="s", dialect="anthropic_messages"), {"reasoningText": {"text": "t", "signature": "s"}}),
        (Thinking(redacted="cmVk", dialect="anthropic_messages"), {"redactedContent": "cmVk"}),
        (Thinking(text="t", dialect="bedrock"), None),
        (Thinking(text="t", signature="s", dialect="gemini"), None),
        (Thinking(text="t", signature="s", dialect="openai_responses"), None),
        (Thinking(redacted="cmVk", dialect="openai_responses"), None),
        (Thinking(text="t", dialect="openai_chat"), None),
    ],
)
def test_only_a_signed_thought_of_this_model_goes_back_and_others_vanish_in_silence(thought: Thinking, sent: dict[str, Any] | None) -> None:
    body, _, lost = built(user("hi"), assistant(thought, "so"))
    expected = [{"text": "so"}] if sent is None else [{"reasoningContent": sent}, {"text": "so"}]
    assert body["messages"][1]["content"] == expected
    assert lost == []


def test_a_thought_signed_at_anthropic_is_not_shown_to_another_model() -> None:
    thought = Thinking(text="t", signature="s", dialect="anthropic_messages")
    assert built(user("hi"), assistant(thought, "so"), model=NOVA)[0]["messages"][1]["content"] == [{"text": "so"}]


def test_a_cache_point_stands_behind_each_marked_block() -> None:
    body, _, _ = built(
        Turn(role="system", parts=[Text(text="s", cache=HOUR)]),
        user(Text(text="a", cache=MARK), Image(data=PNG, cache=MARK), "b"),
        assistant(ToolCall(id="x", name="f", cache=MARK)),
        results(ToolResult(call_id="x", parts=[Text(text="1")], cache=MARK)),
    )
    point = {"cachePoint": {"type": "default"}}
    assert body["system"] == [{"text": "s"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    first, second, third = (message["content"] for message in body["messages"])
    assert (first[1], first[3], len(first)) == (point, point, 5)
    assert second[1] == third[1] == point


def test_a_mark_inside_a_result_stands_behind_it() -> None:
    body, _, _ = built(user("hi"), assistant(CALL), results(ToolResult(call_id="toolu_1", parts=[Text(text="1", cache=MARK)])))
    assert body["messages"][2]["content"][1] == {"cachePoint": {"type": "default"}}


def test_cache_marks_are_stripped_for_models_without_a_cache() -> None:
    body, _, lost = built(user(Text(text="a", cache=MARK)), model=LLAMA)
    assert body["messages"][0]["content"] == [{"text": "a"}]
    assert lost == ["drop:cache_control"]


def test_an_application_inference_profile_gets_the_marks_that_the_caller_set() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456"
    assert len(content(Text(text="a", cache=MARK), model=arn)) == 2


def test_names_of_speakers_and_citations_are_dropped_and_named() -> None:
    spoken = Turn(role="user", name="ann", parts=[Text(text="a", citations=[{"x": 1}])])
    assert built(spoken)[2] == ["drop:messages.name", "drop:citations"]


def test_a_refusal_goes_back_as_text() -> None:
    body, _, _ = built(user("hi"), assistant(Text(text="I cannot", refusal=True)))
    assert body["messages"][1]["content"] == [{"text": "I cannot"}]


def test_a_talk_that_no_user_begins_is_refused_unless_a_placeholder_is_allowed() -> None:
    with pytest.raises(NotCarried, match="modify_params") as caught:
        built(assistant("hello"), user("hi"))
    assert caught.value.param == "messages"
    body, _, lost = built(assistant("hello"), modify=True)
    assert body["messages"][0] == {"role": "user", "content": [{"text": "Please continue."}]}
    assert lost == ["emulate:messages"]


def test_something_else_than_text_from_the_system_is_refused() -> None:
    with pytest.raises(NotCarried, match="system role"):
        built(Turn(role="system", parts=[Image(data=PNG)]), user("hi"))
