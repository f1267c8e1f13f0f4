"""A Gemini caller's request, and what it means."""

from typing import Any

import pytest

from fastgate.translate import gemini
from fastgate.translate.conversation import (
    Audio,
    ChatRequest,
    File,
    Image,
    Opaque,
    Reasoning,
    ResponseFormat,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from fastgate.translate.losses import InvalidRequest

HELLO = {"role": "user", "parts": [{"text": "hello"}]}
# base64 of `anthropic_messages###c2lnbmVk`: what build_answer made of another vendor's signature.
SEALED = "YW50aHJvcGljX21lc3NhZ2VzIyMjYzJsbmJtVms="


def parse(body: dict[str, Any], operation: str = "generate_content") -> ChatRequest:
    return gemini.parse_request(body, operation)


def parts_of(*parts: dict[str, Any], role: str = "user") -> list[Any]:
    turns = parse({"contents": [{"role": role, "parts": list(parts)}]}).turns
    return [part for turn in turns for part in turn.parts]


@pytest.mark.parametrize(
    ("part", "meaning"),
    [
        ({"text": "hi"}, Text(text="hi")),
        ({"inlineData": {"mimeType": "image/png", "data": "aGk="}}, Image(data="aGk=", media_type="image/png", dialect="gemini")),
        ({"inline_data": {"mime_type": "image/png", "data": "aGk="}}, Image(data="aGk=", media_type="image/png", dialect="gemini")),
        ({"inlineData": {"data": "/9j/4AAQ"}}, Image(data="/9j/4AAQ", media_type="image/jpeg", dialect="gemini")),
        (
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}},
            Image(data="aGk=", media_type="image/png", detail="low", dialect="gemini"),
        ),
        ({"inlineData": {"mimeType": "audio/mpeg", "data": "aGk="}}, Audio(data="aGk=", format="mp3")),
        (
            {"inlineData": {"mimeType": "application/pdf", "data": "aGk=", "displayName": "a.pdf"}},
            File(data="aGk=", media_type="application/pdf", filename="a.pdf", dialect="gemini"),
        ),
        (
            {"inlineData": {"mimeType": "video/mp4", "data": "aGk="}},
            Opaque(dialect="gemini", kind="inlineData", value={"inlineData": {"mimeType": "video/mp4", "data": "aGk="}}),
        ),
        (
            {"fileData": {"mimeType": "image/png", "fileUri": "gs://bucket/a.png"}},
            Image(file_id="gs://bucket/a.png", media_type="image/png", dialect="gemini"),
        ),
        (
            {"file_data": {"mime_type": "image/png", "file_uri": "https://example.com/a.png"}},
            Image(url="https://example.com/a.png", media_type="image/png", dialect="gemini"),
        ),
        (
            {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a"}},
            File(file_id="https://generativelanguage.googleapis.com/v1beta/files/a", dialect="gemini"),
        ),
        (
            {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/a.mp4"}, "videoMetadata": {"fps": 2}},
            Opaque(
                dialect="gemini",
                kind="fileData",
                value={"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/a.mp4"}, "videoMetadata": {"fps": 2}},
            ),
        ),
        (
            {"text": "hi", "partMetadata": {"a": 1}},
            Opaque(dialect="gemini", kind="text", value={"text": "hi", "partMetadata": {"a": 1}}),
        ),
    ],
)
def test_a_part_of_a_user_has_its_meaning(part: dict[str, Any], meaning: object) -> None:
    assert parts_of(part) == [meaning]


@pytest.mark.parametrize(
    ("parts", "meaning"),
    [
        ([{"text": "hm", "thought": True}], [Thinking(text="hm", dialect="gemini")]),
        ([{"text": "hm", "thought": True, "thoughtSignature": "c2ln"}], [Thinking(text="hm", signature="c2ln", dialect="gemini")]),
        # Pieces of one thought, as a caller keeps them from a stream.
        (
            [{"text": "h", "thought": True}, {"text": "m", "thought": True}, {"text": "", "thought": True, "thoughtSignature": SEALED}],
            [Thinking(text="hm", signature="c2lnbmVk", dialect="anthropic_messages")],
        ),
        ([{"text": "hi", "thoughtSignature": "c2ln"}], [Thinking(signature="c2ln", dialect="gemini"), Text(text="hi")]),
        ([{"text": "", "thought_signature": "c2ln"}], [Thinking(signature="c2ln", dialect="gemini")]),
        ([{"thoughtSignature": "c2ln"}], [Thinking(signature="c2ln", dialect="gemini")]),
        (
            [{"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}],
            [ToolCall(id="1", name="f", arguments='{"a":1}', signature="c2ln")],
        ),
        ([{"function_call": {"name": "f"}}], [ToolCall(id="gemini_call_0", name="f", arguments="{}")]),
        (
            [{"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "c2ln"}],
            [
                Opaque(
                    dialect="gemini",
                    kind="executableCode",
                    value={"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "c2ln"},
                )
            ],
        ),
    ],
)
def test_a_part_of_the_model_has_its_meaning(parts: list[dict[str, Any]], meaning: list[Any]) -> None:
    assert parts_of(*parts, role="model") == meaning


@pytest.mark.parametrize(
    ("response", "is_error", "text"),
    [
        ({"result": "sunny"}, False, "sunny"),
        ({"output": "sunny"}, False, "sunny"),
        ({"error": "no such city"}, True, "no such city"),
        ({"temperature": 20}, False, '{"temperature":20}'),
        ({"result": {"temperature": 20}}, False, '{"result":{"temperature":20}}'),
        ({}, False, "{}"),
    ],
)
def test_a_function_response_is_a_result(response: dict[str, Any], is_error: bool, text: str) -> None:
    (result,) = parts_of({"functionResponse": {"id": "1", "name": "f", "response": response}})
    assert result == ToolResult(call_id="1", name="f", parts=[Text(text=text)], is_error=is_error)


def test_results_without_ids_answer_the_calls_of_their_names_in_order() -> None:
    calls = [{"functionCall": {"name": name}} for name in ("f", "g", "f")]
    results = [{"functionResponse": {"name": name, "response": {"result": name}}} for name in ("g", "f", "f")]
    turns = parse({"contents": [HELLO, {"role": "model", "parts": calls}, {"role": "user", "parts": results}]}).turns
    assert [part.id for part in turns[1].parts] == ["gemini_call_0", "gemini_call_1", "gemini_call_2"]
    assert [part.call_id for part in turns[2].parts] == ["gemini_call_1", "gemini_call_0", "gemini_call_2"]


def test_results_stand_in_a_turn_of_tools_before_the_rest_of_their_content() -> None:
    result = {"functionResponse": {"id": "1", "name": "f", "response": {"result": "x"}}}
    turns = parse({"contents": [{"role": "user", "parts": [{"text": "and"}, result]}]}).turns
    assert [turn.role for turn in turns] == ["tool", "user"]
    assert turns[1].parts == [Text(text="and")]


def test_media_of_a_function_response_are_parts_of_the_result() -> None:
    blob = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    (result,) = parts_of({"functionResponse": {"id": "1", "name": "f", "response": {"result": "x"}, "parts": [blob]}})
    assert result.parts == [Text(text="x"), Image(data="aGk=", media_type="image/png", dialect="gemini")]


@pytest.mark.parametrize("name", ["systemInstruction", "system_instruction"])
def test_each_part_of_the_system_instruction_is_a_turn(name: str) -> None:
    turns = parse({"contents": [HELLO], name: {"parts": [{"text": "a"}, {"text": "b"}]}}).turns
    assert turns[:2] == [Turn(role="system", parts=[Text(text="a")]), Turn(role="system", parts=[Text(text="b")])]


CONFIG = [
    ({"temperature": 0.5, "topP": 1, "topK": 40.0}, {"temperature": 0.5, "top_p": 1, "top_k": 40}),
    ({"max_output_tokens": 5, "candidate_count": 2}, {"max_output_tokens": 5, "n": 2}),
    ({"stopSequences": ["x"], "seed": 7}, {"stop": ["x"], "seed": 7}),
    ({"presencePenalty": 0.1, "frequencyPenalty": -0.1}, {"presence_penalty": 0.1, "frequency_penalty": -0.1}),
    ({"responseLogprobs": True, "logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
    ({"responseModalities": ["TEXT", "IMAGE"]}, {"modalities": ["text", "image"]}),
    ({"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 5}}, {"reasoning": Reasoning(budget_tokens=5, show=True)}),
    ({"thinking_config": {"thinking_level": "LOW"}}, {"reasoning": Reasoning(effort="low")}),
    ({"thinkingConfig": {"thinkingBudget": 0}}, {"reasoning": Reasoning(effort="none")}),
    ({"thinkingConfig": {"thinkingBudget": -1}}, {"reasoning": Reasoning(adaptive=True)}),
    ({"responseMimeType": "application/json"}, {"response_format": ResponseFormat(kind="json_object")}),
    (
        {"responseMimeType": "application/json", "responseSchema": {"type": "STRING", "nullable": True}},
        {"response_format": ResponseFormat(kind="json_schema", schema={"type": ["string", "null"]})},
    ),
    (
        {"responseMimeType": "application/json", "responseJsonSchema": {"type": "string"}},
        {"response_format": ResponseFormat(kind="json_schema", schema={"type": "string"})},
    ),
    ({"speechConfig": {"languageCode": "de"}}, {"extra": {"generationConfig.speechConfig": {"languageCode": "de"}}}),
    (
        {"response_mime_type": "text/x.enum", "response_schema": {"type": "STRING"}},
        {"extra": {"generationConfig.responseMimeType": "text/x.enum", "generationConfig.responseSchema": {"type": "STRING"}}},
    ),
]


@pytest.mark.parametrize(("config", "meaning"), CONFIG)
def test_a_member_of_the_generation_config_has_its_meaning(config: dict[str, Any], meaning: dict[str, Any]) -> None:
    request = parse({"contents": [HELLO], "generationConfig": config})
    plain = ChatRequest(turns=request.turns, operation="generate_content", dialect="gemini")
    for name, value in meaning.items():
        setattr(plain, name, value)
    assert request == plain


def test_a_schema_in_capitals_becomes_json_schema() -> None:
    schema = {
        "type": "OBJECT",
        "propertyOrdering": ["b", "a"],
        "properties": {
            "a": {"type": "ARRAY", "items": {"type": "INTEGER", "nullable": True}, "minItems": "1"},
            "b": {"anyOf": [{"type": "STRING", "enum": ["X"]}], "nullable": True},
        },
        "required": ["a"],
    }
    body = {"contents": [HELLO], "tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parameters": schema}]}]}
    (tool,) = parse(body).tools
    assert tool == Tool(name="f", description="d", parameters=tool.parameters)
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "b": {"anyOf": [{"type": "string", "enum": ["X"]}, {"type": "null"}]},
            "a": {"type": "array", "items": {"type": ["integer", "null"]}, "minItems": 1},
        },
        "required": ["a"],
    }
    assert list(tool.parameters["properties"]) == ["b", "a"]


def test_a_json_schema_of_parameters_is_kept_as_it_is() -> None:
    schema = {"type": "object", "properties": {"type": {"const": "A"}}, "$defs": {}}
    body = {"contents": [HELLO], "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": schema}]}]}
    assert parse(body).tools[0].parameters is schema


def test_a_tool_that_google_runs_is_kept_as_it_came() -> None:
    tools = parse({"contents": [HELLO], "tools": [{"googleSearch": {}}, {"codeExecution": {}}]}).tools
    assert [tool.raw for tool in tools] == [{"googleSearch": {}}, {"codeExecution": {}}]
    assert {tool.kind for tool in tools} == {"hosted"}


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice(mode="auto")),
        ({"mode": "NONE"}, ToolChoice(mode="none")),
        ({"mode": "ANY"}, ToolChoice(mode="required")),
        ({"mode": "any", "allowed_function_names": ["f"]}, ToolChoice(mode="named", names=["f"])),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ToolChoice(mode="required", names=["f", "g"])),
        ({"mode": "VALIDATED"}, ToolChoice(mode="auto")),
    ],
)
def test_the_mode_of_function_calling_is_the_tool_choice(calling: dict[str, Any], choice: ToolChoice) -> None:
    assert parse({"contents": [HELLO], "toolConfig": {"functionCallingConfig": calling}}).tool_choice == choice


def test_validated_calls_make_tools_strict_wherever_they_stand() -> None:
    config = {"functionCallingConfig": {"mode": "VALIDATED"}}
    request = parse({"tool_config": config, "tools": [{"functionDeclarations": [{"name": "f"}]}], "contents": [HELLO]})
    assert request.tools[0].strict is True


def test_members_of_google_alone_are_kept_in_camel_case() -> None:
    request = parse({"contents": [HELLO], "safety_settings": [], "cachedContent": "cachedContents/1", "model": "models/x"})
    assert request.extra == {"safetySettings": [], "cachedContent": "cachedContents/1"}


def test_labels_and_the_service_tier_have_a_place() -> None:
    request = parse({"contents": [HELLO], "labels": {"team": "a"}, "serviceTier": "standard"})
    assert (request.metadata, request.service_tier) == ({"team": "a"}, "default")


@pytest.mark.parametrize(
    ("operation", "stream"),
    [("generate_content", False), ("count_tokens", False), ("stream_generate_content", True), ("stream_generate_content_sse", True)],
)
def test_the_operation_says_whether_the_answer_is_a_stream(operation: str, stream: bool) -> None:
    request = parse({"contents": [HELLO]}, operation)
    assert (request.stream, request.operation) == (stream, operation)


def test_count_tokens_takes_a_whole_request() -> None:
    whole = {"model": "models/x", "contents": [HELLO], "systemInstruction": {"parts": [{"text": "s"}]}}
    request = parse({"generateContentRequest": whole}, "count_tokens")
    assert [turn.role for turn in request.turns] == ["system", "user"]


WRONG = [
    ({}, "contents"),
    ({"contents": {}}, "contents"),
    ({"contents": [1]}, "contents[0]"),
    ({"contents": [{"role": "system", "parts": []}]}, "contents[0].role"),
    ({"contents": [{"role": ["user"]}]}, "contents[0].role"),
    ({"contents": [{"parts": {}}]}, "contents[0].parts"),
    ({"contents": [{"parts": [{"text": 1}]}]}, "contents[0].parts[0].text"),
    ({"contents": [{"parts": [{"text": "a"}, 5]}]}, "contents[0].parts[1]"),
    ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png"}}]}]}, "contents[0].parts[0].inlineData.data"),
    ({"contents": [{"parts": [{"fileData": {}}]}]}, "contents[0].parts[0].fileData.fileUri"),
    ({"contents": [{"role": "model", "parts": [{"functionCall": {"args": {}}}]}]}, "contents[0].parts[0].functionCall.name"),
    ({"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": []}}]}]}, "contents[0].parts[0].functionCall.args"),
    ({"contents": [{"parts": [{"functionResponse": {"name": "f", "response": "x"}}]}]}, "contents[0].parts[0].functionResponse.response"),
    (
        {"contents": [{"parts": [{"functionResponse": {"name": "f", "parts": [{"functionCall": {"name": "g"}}]}}]}]},
        "contents[0].parts[0].functionResponse.parts[0]",
    ),
    ({"contents": [{"parts": [{"functionCall": {"name": "f"}}]}]}, "contents[0].parts"),
    ({"contents": [{"role": "model", "parts": [{"functionResponse": {"name": "f"}}]}]}, "contents[0].parts"),
    ({"contents": [], "systemInstruction": {"parts": [{"inlineData": {}}]}}, "systemInstruction.parts[0]"),
    ({"contents": [], "generationConfig": {"topK": 1.5}}, "generationConfig.topK"),
    ({"contents": [], "generationConfig": {"maxOutputTokens": 1e300}}, "generationConfig.maxOutputTokens"),
    ({"contents": [], "generationConfig": {"temperature": "1"}}, "generationConfig.temperature"),
    ({"contents": [], "generationConfig": {"stopSequences": ["a", 1]}}, "generationConfig.stopSequences[1]"),
    ({"contents": [], "generationConfig": {"responseSchema": {"type": 5}}}, "generationConfig.responseSchema.type"),
    ({"contents": [], "generationConfig": {"thinkingConfig": {"thinkingLevel": "A LOT"}}}, "generationConfig.thinkingConfig.thinkingLevel"),
    ({"contents": [], "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
    ({"contents": [], "toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "toolConfig.functionCallingConfig.mode"),
    ({"contents": [], "labels": {"a": 1}}, "labels.a"),
]


@pytest.mark.parametrize(("body", "path"), WRONG, ids=[path for _, path in WRONG])
def test_a_wrong_member_is_named_by_its_path(body: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(body)
    assert caught.value.param == path
    assert path in caught.value.message


def test_a_schema_without_bottom_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(100):
        schema = {"items": schema}
    with pytest.raises(InvalidRequest, match="levels deep"):
        parse({"contents": [], "generationConfig": {"responseSchema": schema}})
