"""A provider's complete answer -> ChatAnswer."""

from typing import Any

import orjson

from fastgate.translate.answer import ChatAnswer, Choice, Fault, FinishReason
from fastgate.translate.anthropic_messages.blocks_in import Wrong, parse_blocks
from fastgate.translate.anthropic_messages.errors import excerpt, fault_of
from fastgate.translate.anthropic_messages.usage import USAGE_MEMBERS, read_usage
from fastgate.translate.anthropic_messages.words import DIALECT, FINISHES, RAW_FINISHES, TIERS_SERVED
from fastgate.translate.conversation import Part, Text, ToolCall
from fastgate.translate.target import Asked, Target

_READ = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"})


def parse_answer(body: bytes, target: Target, asked: Asked) -> ChatAnswer:
    """Return what a complete 2xx answer says. Raise Fault for an error in it, or for what cannot be read."""
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Fault(502, "upstream", "", f"the provider's answer is not JSON: {excerpt(body)}") from None
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        raise fault_of(message) or Fault(502, "upstream", "", f"the provider's answer is no message: {excerpt(body)}")
    try:
        for block in message["content"]:
            if isinstance(block, dict) and block.get("type") == "tool_use":
                # Compatible servers leave them out; ids are made where the caller's answer is built.
                block["id"], block["input"] = block.get("id") or "", block.get("input") or {}
        blocks = parse_blocks(message["content"], "content")
    except Wrong as wrong:
        raise Fault(502, "upstream", "", f"the provider's answer has no {wrong.expected} at {wrong.path}") from None
    parts: list[Part] = blocks  # type: ignore[assignment]
    for part in parts:
        if isinstance(part, ToolCall):
            read_call(part, asked)
    if asked.answer_tool:
        parts = _unfold(parts, asked.answer_tool)
    usage = message.get("usage")
    counters: dict[str, Any] = usage if isinstance(usage, dict) else {}
    return ChatAnswer(
        id=_text(message.get("id")),
        choices=[_choice(message, parts)],
        usage=read_usage(counters, target),
        service_tier=TIERS_SERVED.get(_text(counters.get("service_tier")), ""),
        extra=_rest(message, counters),
        dialect=DIALECT,
    )


def read_call(call: ToolCall, asked: Asked) -> None:
    """Undo in *call* what the request's builder did to the names of tools."""
    call.name = asked.renamed.get(call.name, call.name)


def finish_of(reason: Any, calls: bool) -> tuple[FinishReason, str]:
    """Return why an answer ended, and the provider's word where that does not say it all. *calls*: it holds calls."""
    word = _text(reason)
    finish = FINISHES.get(word, "stop")
    raw = word if word in RAW_FINISHES or (word and word not in FINISHES) else ""
    # Whatever the provider says: calls are to be answered; and where there are none, nothing is awaited.
    if finish in ("stop", "stop_sequence") and calls:
        return "tool_calls", raw
    return ("stop" if finish == "tool_calls" and not calls else finish), raw


def _choice(message: dict[str, Any], parts: list[Part]) -> Choice:
    finish, raw = finish_of(message.get("stop_reason"), any(type(part) is ToolCall for part in parts))
    return Choice(parts=parts, finish=finish, stop_sequence=_text(message.get("stop_sequence")), raw_finish=raw)


def _unfold(parts: list[Part], answer_tool: str) -> list[Part]:
    """Return the parts with the answer tool's call as text: the answer is that text, and not what was said around it."""
    if not any(isinstance(part, ToolCall) and part.name == answer_tool for part in parts):
        return parts
    unfolded: list[Part] = []
    for part in parts:
        if isinstance(part, ToolCall) and part.name == answer_tool:
            unfolded.append(Text(text=part.arguments))
        elif type(part) is not Text:
            unfolded.append(part)
    return unfolded


def _rest(message: dict[str, Any], usage: dict[str, Any]) -> dict[str, Any]:
    rest: dict[str, Any] = {}
    if not _READ.issuperset(message):
        rest = {member: value for member, value in message.items() if member not in _READ and value is not None}
    if USAGE_MEMBERS.issuperset(usage):
        return rest
    counters = {member: value for member, value in usage.items() if member not in USAGE_MEMBERS and value is not None}
    if counters:
        rest["usage"] = counters
    return rest


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
