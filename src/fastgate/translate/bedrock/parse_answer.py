"""Converse's answers."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from fastgate.translate.answer import ChatAnswer, Choice, Fault, FinishReason, Usage
from fastgate.translate.bedrock.words import FINISH, RAW_FINISH, SERVED_TIERS
from fastgate.translate.conversation import Audio, Image, Opaque, Part, Text, Thinking, ToolCall
from fastgate.translate.target import Asked, Target

# Members of an answer that mean something in this dialect alone.
_OWN_MEMBERS = ("additionalModelResponseFields", "trace", "performanceConfig")


def parse_answer(body: bytes, target: Target, asked: Asked) -> ChatAnswer:
    """Return what a complete answer says. Raise Fault for one that the model failed at, or that cannot be read."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Fault(502, "upstream", "", f"the provider's answer is not JSON: {_excerpt(body)}") from error
    message = _member(_member(told, "output"), "message")
    content = message.get("content")
    if not isinstance(content, list):
        raise Fault(502, "upstream", "", f"the provider's answer has no output.message.content: {_excerpt(body)}")
    parts = choose_parts([part for block in content for part in _parse_block(block)], asked)
    raw = told.get("stopReason")
    raw = raw if isinstance(raw, str) else ""
    finish = finish_of(raw, any(type(part) is ToolCall for part in parts))
    choice = Choice(parts=parts, finish=finish, stop_sequence=stop_sequence_of(told), raw_finish=raw_finish_of(raw))
    answer = ChatAnswer(choices=[choice], usage=parse_usage(told.get("usage")), service_tier=tier_of(told), dialect="bedrock")
    answer.extra = {name: told[name] for name in _OWN_MEMBERS if told.get(name)}
    return answer


def finish_of(raw: str, called: bool) -> FinishReason:
    """Return why an answer ended; *called*: the caller gets calls. Raise Fault for one that the model failed at."""
    finish = FINISH.get(raw, "stop")
    if finish == "error":
        raise Fault(502, "upstream", raw, f"the model failed: stopReason {raw}")
    if finish == "tool_calls" and not called:
        return "stop"
    return "tool_calls" if called and finish == "stop" else finish


def raw_finish_of(raw: str) -> str:
    """Return a stopReason that the finish reason does not say whole, "" for others."""
    return raw if raw in RAW_FINISH or raw not in FINISH else ""


def stop_sequence_of(told: dict[str, Any]) -> str:
    """Return the string that stopped the model, which comes if additionalModelResponseFieldPaths asked for it."""
    fields = told.get("additionalModelResponseFields")
    value = fields.get("stop_sequence") if isinstance(fields, dict) else None
    return value if isinstance(value, str) else ""


def tier_of(told: dict[str, Any]) -> str:
    """Return OpenAI's word for the tier that served; "" if it is not told."""
    tier = told.get("serviceTier")
    kind = tier.get("type") if isinstance(tier, dict) else None
    return SERVED_TIERS.get(kind, kind) if isinstance(kind, str) else ""


def parse_usage(told: Any) -> Usage | None:
    """Return the tokens; inputTokens leaves out what was read from and written to the cache."""
    if not isinstance(told, dict):
        return None
    read, write = count(told, "cacheReadInputTokens"), count(told, "cacheWriteInputTokens")
    hour = 0
    details = told.get("cacheDetails")
    if isinstance(details, list):
        hour = sum(count(detail, "inputTokens") for detail in details if isinstance(detail, dict) and detail.get("ttl") == "1h")
    return Usage(
        input_tokens=count(told, "inputTokens") + read + write,
        cache_read_tokens=read,
        cache_write_tokens=write,
        cache_write_1h_tokens=hour,
        output_tokens=count(told, "outputTokens"),
    )


def count(told: dict[str, Any], name: str) -> int:
    """Return a counter; 0 if it is not told."""
    value = told.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def choose_parts(parts: list[Part], asked: Asked) -> list[Part]:
    """Return what the caller gets of an answer's parts, as the request was put."""
    if asked.answer_tool:
        answers = [part for part in parts if type(part) is ToolCall and part.name == asked.answer_tool]
        if answers:
            # Text beside it is the way there: the answer is the tool's input.
            kept = [part for part in parts if type(part) is not Text and not (type(part) is ToolCall and part.name == asked.answer_tool)]
            parts = [*kept, Text(text=answers[0].arguments or "{}")]
    if asked.no_calls:
        parts = [part for part in parts if type(part) is not ToolCall]
    elif asked.one_call:
        first = next((part for part in parts if type(part) is ToolCall), None)
        parts = [part for part in parts if type(part) is not ToolCall or part is first]
    if asked.renamed:
        for part in parts:
            if type(part) is ToolCall:
                part.name = asked.renamed.get(part.name, part.name)
    return parts


def _parse_block(block: Any) -> Iterator[Part]:
    if not isinstance(block, dict):
        raise Fault(502, "upstream", "", "a content block of the provider's answer is no object")
    for kind, value in block.items():
        parse = _BLOCKS.get(kind)
        part = None if parse is None else parse(value)
        yield Opaque(dialect="bedrock", kind=kind, value=block) if part is None else part


def _parse_text(value: Any) -> Part | None:
    return Text(text=value) if isinstance(value, str) else None


def _parse_call(value: Any) -> Part | None:
    """A call that the provider runs itself is not the caller's."""
    if not isinstance(value, dict) or value.get("type") == "server_tool_use":
        return None
    name, call_id, arguments = value.get("name"), value.get("toolUseId"), value.get("input")
    if not isinstance(name, str):
        return None
    try:
        text = orjson.dumps(arguments).decode() if arguments else ""
    except orjson.JSONEncodeError as error:
        raise Fault(502, "upstream", "", f"the arguments of a call of {name} cannot be written as JSON: {error}") from error
    return ToolCall(id=call_id if isinstance(call_id, str) else "", name=name, arguments=text)


def _parse_thought(value: Any) -> Part | None:
    redacted = _string(value, "redactedContent")
    if redacted:
        return Thinking(redacted=redacted, dialect="bedrock")
    thought = value.get("reasoningText") if isinstance(value, dict) else None
    if not isinstance(thought, dict):
        return None
    return Thinking(text=_string(thought, "text"), signature=_string(thought, "signature"), dialect="bedrock")


def _parse_cited(value: Any) -> Part | None:
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list):
        return None
    citations = value.get("citations")
    text = "".join(_string(piece, "text") for piece in content)
    return Text(text=text, citations=citations if isinstance(citations, list) else [], dialect="bedrock")


def _parse_image(value: Any) -> Part | None:
    data = _string(value.get("source"), "bytes") if isinstance(value, dict) else ""
    return Image(data=data, media_type=f"image/{_string(value, 'format') or 'png'}") if data else None


def _parse_audio(value: Any) -> Part | None:
    data = _string(value.get("source"), "bytes") if isinstance(value, dict) else ""
    return Audio(data=data, format=_string(value, "format")) if data else None


_BLOCKS: dict[str, Callable[[Any], Part | None]] = {
    "text": _parse_text,
    "toolUse": _parse_call,
    "reasoningContent": _parse_thought,
    "citationsContent": _parse_cited,
    "image": _parse_image,
    "audio": _parse_audio,
}


def _member(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _string(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _excerpt(body: bytes) -> str:
    return re.sub(r"\s+", " ", body[:200].decode("utf-8", "replace")).strip() or "it is empty"
