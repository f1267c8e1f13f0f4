"""A caller's request: generateContent, streamGenerateContent and countTokens.

Members are read in both spellings, camelCase and snake_case, as Google reads them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fastgate.translate.conversation import ChatRequest, ResponseFormat
from fastgate.translate.gemini.members import (
    Wrong,
    expect_boolean,
    expect_integer,
    expect_number,
    expect_object,
    expect_text,
    expect_texts,
    wrong,
)
from fastgate.translate.gemini.parse_contents import parse_contents, parse_system
from fastgate.translate.gemini.parse_tools import parse_tool_config, parse_tools
from fastgate.translate.gemini.schema import json_schema
from fastgate.translate.gemini.thinking import parse_thinking
from fastgate.translate.gemini.words import DIALECT, IN_CONFIG, PLAIN_CONFIG, TIERS, either
from fastgate.translate.losses import InvalidRequest

STREAMS = frozenset({"stream_generate_content", "stream_generate_content_sse"})


def parse_request(body: dict[str, Any], operation: str) -> ChatRequest:
    """Return what the caller asks for.

    *operation*: generate_content, stream_generate_content (an array of answers), stream_generate_content_sse (alt=sse), count_tokens.
    Raise InvalidRequest for what the dialect does not allow.
    """
    request = ChatRequest(turns=[], operation=operation, stream=operation in STREAMS, dialect=DIALECT)
    try:
        if operation == "count_tokens":
            body = _counted(body)
        _parse_body(body, request)
    except Wrong as complaint:
        raise InvalidRequest(complaint.path, f"`{complaint.path}` {complaint.says}") from None
    return request


def _counted(body: dict[str, Any]) -> dict[str, Any]:
    """countTokens takes `contents` alone or a whole request."""
    whole = either(body, "generateContentRequest", "generate_content_request")
    return body if whole is None else expect_object(whole, "generateContentRequest")


def _parse_body(body: dict[str, Any], request: ChatRequest) -> None:
    contents = body.get("contents")
    if contents is None:
        raise wrong("contents", "an array", contents)
    system = either(body, "systemInstruction", "system_instruction")
    request.turns = parse_contents(contents) if system is None else [*parse_system(system), *parse_contents(contents)]
    for name, value in body.items():
        if value is None or name in _READ:
            continue
        reader = _MEMBERS.get(name)
        if reader is None:
            request.extra[_camel(name)] = value
        else:
            reader(value, request)
    # The mode of calls says something about the tools, which may stand behind it.
    config = either(body, "toolConfig", "tool_config")
    if config is not None:
        parse_tool_config(config, request)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest) if first else name


def _parse_tier(value: Any, request: ChatRequest) -> None:
    tier = expect_text(value, "serviceTier").lower()
    request.service_tier = TIERS.get(tier, "auto")


def _parse_labels(value: Any, request: ChatRequest) -> None:
    labels = expect_object(value, "labels")
    for name, label in labels.items():
        expect_text(label, f"labels.{name}")
    request.metadata = labels


def _parse_config(value: Any, request: ChatRequest) -> None:
    config = expect_object(value, "generationConfig")
    for name, inner in config.items():
        if inner is None:
            continue
        reader = _CONFIG.get(name)
        try:
            if reader is not None:
                reader(inner, request)
            elif name not in _FORMAT:
                request.extra[IN_CONFIG + _camel(name)] = inner
        except Wrong as complaint:
            raise complaint.inside("generationConfig") from None
    _parse_format(config, request)


def _plain(name: str, attribute: str, expect: Callable[[Any, str], Any]) -> Callable[[Any, ChatRequest], None]:
    def parse(value: Any, request: ChatRequest) -> None:
        setattr(request, attribute, expect(value, name))

    return parse


def _parse_stop(value: Any, request: ChatRequest) -> None:
    request.stop = list(expect_texts(value, "stopSequences"))


def _parse_modalities(value: Any, request: ChatRequest) -> None:
    request.modalities = [word.lower() for word in expect_texts(value, "responseModalities")]


def _parse_reasoning(value: Any, request: ChatRequest) -> None:
    request.reasoning = parse_thinking(value)


def _parse_format(config: dict[str, Any], request: ChatRequest) -> None:
    said = either(config, "responseMimeType", "response_mime_type")
    own = either(config, "responseSchema", "response_schema")
    schema = either(config, "responseJsonSchema", "response_json_schema")
    if schema is None:
        schema = config.get("_responseJsonSchema")
    media_type = "" if said is None else expect_text(said, "generationConfig.responseMimeType")
    if media_type not in ("", "text/plain", "application/json"):
        # text/x.enum: a word of the schema's enum, bare.
        request.extra[f"{IN_CONFIG}responseMimeType"] = media_type
        if own is not None:
            request.extra[f"{IN_CONFIG}responseSchema"] = own
    elif schema is not None:
        request.response_format = ResponseFormat(kind="json_schema", schema=expect_object(schema, "generationConfig.responseJsonSchema"))
    elif own is not None:
        request.response_format = ResponseFormat(kind="json_schema", schema=json_schema(own, "generationConfig.responseSchema"))
    elif media_type:
        request.response_format = ResponseFormat(kind="json_object" if media_type == "application/json" else "text")


_FORMAT = frozenset(
    {
        "responseMimeType",
        "response_mime_type",
        "responseSchema",
        "response_schema",
        "responseJsonSchema",
        "response_json_schema",
        "_responseJsonSchema",
    }
)
_EXPECTED: Mapping[str, Callable[[Any, str], Any]] = MappingProxyType(
    {
        "temperature": expect_number,
        "topP": expect_number,
        "presencePenalty": expect_number,
        "frequencyPenalty": expect_number,
        "responseLogprobs": expect_boolean,
    }
)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _both_spellings(readers: dict[str, Callable[[Any, ChatRequest], None]]) -> Mapping[str, Callable[[Any, ChatRequest], None]]:
    return MappingProxyType(readers | {_snake(name): reader for name, reader in readers.items()})


_CONFIG = _both_spellings(
    {name: _plain(name, attribute, _EXPECTED.get(name, expect_integer)) for name, attribute in PLAIN_CONFIG.items()}
    | {"stopSequences": _parse_stop, "responseModalities": _parse_modalities, "thinkingConfig": _parse_reasoning}
)
_MEMBERS = _both_spellings({"tools": parse_tools, "generationConfig": _parse_config, "serviceTier": _parse_tier, "labels": _parse_labels})
# Read in their own order, or the route's business.
_READ = frozenset({"contents", "systemInstruction", "system_instruction", "toolConfig", "tool_config", "model"})
