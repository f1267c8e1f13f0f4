"""What holds of every input: nothing but the two errors is raised, and what is built means what was asked."""

from contextlib import suppress
from typing import Any

import orjson
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgate.translate import gemini
from fastgate.translate.answer import ChatAnswer, Choice, Fault, Usage
from fastgate.translate.conversation import ChatRequest, Part, Text, Thinking, ToolCall
from fastgate.translate.events import Event, Finish, TextDelta, ThinkingDelta, ToolDelta, ToolStart, UsageSeen
from fastgate.translate.losses import InvalidRequest, Losses, NotCarried
from fastgate.translate.target import Asked, Naming, Target

TARGETS = [Target(model=model, dialect="gemini") for model in ("gemini-2.5-pro", "gemini-3-flash", "gemma-3")]
NAMING = Naming(model="alias", seed="5eed", now=1)
OPERATIONS = ["generate_content", "stream_generate_content", "stream_generate_content_sse", "count_tokens"]

# The words of the dialect, so that random JSON reaches every reader.
SPELLED = """
    contents role parts text thought thoughtSignature thought_signature inlineData inline_data mimeType data fileData fileUri
    functionCall functionResponse name args id response result error output executableCode mediaResolution level systemInstruction
    generationConfig temperature topK candidateCount maxOutputTokens stopSequences responseMimeType responseSchema responseJsonSchema
    thinkingConfig thinkingBudget thinkingLevel includeThoughts responseModalities tools functionDeclarations parameters type properties
    items anyOf nullable enum propertyOrdering minItems toolConfig functionCallingConfig mode allowedFunctionNames labels serviceTier
    safetySettings generateContentRequest requests content taskType outputDimensionality candidates finishReason index usageMetadata
    promptTokenCount promptFeedback blockReason logprobsResult chosenCandidates topCandidates token logProbability groundingMetadata
    responseId details retryDelay violations quotaId fieldViolations field code message status embeddings values totalTokens
"""
WORDS = st.sampled_from(SPELLED.split())
VALUES = st.sampled_from(
    [
        "user",
        "model",
        "STOP",
        "MAX_TOKENS",
        "MALFORMED_FUNCTION_CALL",
        "ANY",
        "OBJECT",
        "image/png",
        "audio/wav",
        "application/json",
        "aGk=",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text() | VALUES
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=25)
OBJECTS = st.dictionaries(WORDS, JSON, max_size=5)
PART = st.dictionaries(WORDS, JSON, max_size=3)
TALKS = st.fixed_dictionaries(
    {
        "contents": st.lists(
            st.fixed_dictionaries({"role": st.sampled_from(["user", "model"]), "parts": st.lists(PART, max_size=3)}), max_size=3
        )
    },
    optional={"generationConfig": OBJECTS, "tools": st.lists(OBJECTS, max_size=2), "toolConfig": OBJECTS, "systemInstruction": OBJECTS},
)


@settings(max_examples=200)
@given(OBJECTS | TALKS, st.sampled_from(OPERATIONS), st.sampled_from(TARGETS), st.booleans())
def test_a_request_is_read_or_refused_and_what_is_read_can_be_built(body: Any, operation: str, target: Target, drop: bool) -> None:
    body = orjson.loads(orjson.dumps(body))
    with suppress(InvalidRequest, NotCarried):
        request = gemini.parse_request(body, operation)
        orjson.dumps(gemini.build_request(request, target, Losses("gemini", drop_params=drop))[0])
        orjson.dumps(gemini.build_count_request(request, target, Losses("gemini", drop_params=True)))


@settings(max_examples=200)
@given(OBJECTS)
def test_a_request_for_embeddings_is_read_or_refused(body: Any) -> None:
    with suppress(InvalidRequest):
        gemini.parse_embedding_request(orjson.loads(orjson.dumps(body)))


ANSWERS = st.fixed_dictionaries(
    {
        "candidates": st.lists(
            st.fixed_dictionaries(
                {}, optional={"content": st.fixed_dictionaries({"parts": st.lists(PART, max_size=3)}), "finishReason": VALUES}
            )
            | OBJECTS,
            max_size=2,
        )
    },
    optional={"usageMetadata": OBJECTS, "promptFeedback": OBJECTS, "responseId": JSON},
)
STEPS = st.sampled_from(["$", ".a", ".b", "[0]", "[1]", "[9]", "['c d']", '["e"]', "[", "..", ""])
PIECE_OF_ARGUMENTS = st.fixed_dictionaries(
    {"jsonPath": st.lists(STEPS, max_size=4).map("".join) | JSON},
    optional={"stringValue": JSON, "numberValue": JSON, "boolValue": JSON, "nullValue": JSON, "willContinue": JSON},
)
PARTIAL_CALL = st.fixed_dictionaries(
    {}, optional={"name": st.just("f"), "partialArgs": st.lists(PIECE_OF_ARGUMENTS | JSON, max_size=3), "willContinue": st.booleans()}
)
PARTIAL_CALLS = st.lists(PARTIAL_CALL, max_size=3).map(
    lambda calls: {"candidates": [{"content": {"parts": [{"functionCall": call} for call in calls]}}]}
)
ASKED = Asked(renamed={"a": "b"}, one_call=True, answer_tool="model")


@settings(max_examples=200)
@given(JSON | ANSWERS | OBJECTS)
def test_an_answer_is_read_or_is_a_fault(value: Any) -> None:
    body = orjson.dumps(value)
    with suppress(Fault):
        gemini.build_answer(gemini.parse_answer(body, TARGETS[0], ASKED), ChatRequest(turns=[]), NAMING)
    with suppress(Fault):
        gemini.parse_count(body)
    with suppress(Fault):
        gemini.parse_embedding_answer(body)
    assert gemini.parse_error(500, body).status >= 400


@settings(max_examples=200)
@given(st.lists(ANSWERS | PARTIAL_CALLS | JSON, max_size=4))
def test_a_stream_is_read_or_is_a_fault_and_what_is_read_can_be_written(values: list[Any]) -> None:
    parser = gemini.stream_parser(TARGETS[0], ASKED)
    builder = gemini.stream_builder(ChatRequest(turns=[]), NAMING)
    with suppress(Fault):
        for value in values:
            for event in parser.feed(orjson.dumps(value)):
                builder.add(event)
        for event in parser.close():
            builder.add(event)
    builder.end()


@settings(max_examples=100)
@given(st.binary(max_size=40))
def test_bytes_that_are_no_json_are_a_fault(body: bytes) -> None:
    gemini.parse_error(500, body)
    with suppress(Fault):
        gemini.parse_answer(body, TARGETS[0], Asked())


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
ARGUMENTS = st.dictionaries(TEXTS, st.integers(-5, 5) | TEXTS, max_size=2).map(lambda args: orjson.dumps(args).decode())
BUILT: st.SearchStrategy[list[Part]] = st.lists(
    TEXTS.map(lambda text: Text(text=text))
    | TEXTS.map(lambda text: Thinking(text=text, signature="c2ln", dialect="gemini"))
    | st.builds(ToolCall, id=st.sampled_from(["1", "2"]), name=st.just("f"), arguments=ARGUMENTS, signature=st.sampled_from(["", "c2ln"])),
    max_size=5,
)


@settings(max_examples=100)
@given(BUILT, st.integers(0, 9), st.integers(0, 9))
def test_an_answer_that_was_built_means_the_same_when_it_is_read(parts: list[Part], tokens: int, thoughts: int) -> None:
    calls = any(isinstance(part, ToolCall) for part in parts)
    usage = Usage(input_tokens=tokens, output_tokens=tokens + thoughts, reasoning_tokens=thoughts)
    answer = ChatAnswer(id="r", choices=[Choice(parts=parts, finish="tool_calls" if calls else "stop")], usage=usage, dialect="gemini")
    body = gemini.build_answer(answer, ChatRequest(turns=[]), NAMING)
    types.GenerateContentResponse.model_validate_json(body)
    assert gemini.parse_answer(body, TARGETS[1], Asked()) == answer


def texts_of(events: list[Event], kind: type[TextDelta | ThinkingDelta]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


PIECES = st.lists(TEXTS.map(lambda text: TextDelta(text=text)) | TEXTS.map(lambda text: ThinkingDelta(text=text)), max_size=4)


@settings(max_examples=100)
@given(PIECES, st.lists(ARGUMENTS, max_size=3), st.integers(1, 4), st.booleans())
def test_a_stream_that_was_written_means_the_same_when_it_is_read(pieces: list[Event], calls: list[str], cut: int, array: bool) -> None:
    operation = "stream_generate_content" if array else "stream_generate_content_sse"
    builder = gemini.stream_builder(ChatRequest(turns=[], operation=operation), NAMING)
    events: list[Event] = [*pieces, *(ToolStart(call=at, id=f"c{at}", name="f") for at in range(len(calls)))]
    # The pieces of all calls by turns.
    for begin in range(0, max(map(len, calls), default=0), cut):
        events += [ToolDelta(call=at, arguments=arguments[begin : begin + cut]) for at, arguments in enumerate(calls)]
    events += [UsageSeen(usage=Usage(input_tokens=1)), Finish(reason="stop")]
    sent = b"".join(map(builder.add, events)) + builder.end()
    parser = gemini.stream_parser(TARGETS[0], Asked())
    answers = [orjson.dumps(value) for value in orjson.loads(sent)] if array else [part[6:] for part in sent.split(b"\r\n\r\n")[:-1]]
    read = [event for answer in answers for event in parser.feed(answer)] + parser.close()
    assert parser.ended
    assert (texts_of(read, TextDelta), texts_of(read, ThinkingDelta)) == (texts_of(pieces, TextDelta), texts_of(pieces, ThinkingDelta))
    deltas = [orjson.loads(event.arguments) for event in read if isinstance(event, ToolDelta)]
    assert deltas == [orjson.loads(arguments) for arguments in calls]
    assert read[-1] == Finish(reason="tool_calls" if calls else "stop")
