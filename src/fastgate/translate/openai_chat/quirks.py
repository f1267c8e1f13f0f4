"""How a provider's differences from the dialect are applied to a body: the tables of its row, and nothing by name."""

import re
from hashlib import blake2b
from typing import Any

import orjson

from fastgate.providers.provider import Quirks
from fastgate.translate.losses import Losses
from fastgate.translate.openai_chat.reasoning import write_effort
from fastgate.translate.openai_chat.words import NEUTRAL
from fastgate.translate.quirks import fit_members
from fastgate.translate.target import Target

# Lengths of ids that providers ask for: Mistral's nine; others by what they are seen to make.
_ID_LENGTHS = (9, 24, 32, 40, 16, 8)
_ID_PREFIXES = ("", "call_", "toolu_", "fc_")


def apply_quirks(body: dict[str, Any], target: Target, losses: Losses) -> dict[str, Any]:
    """Return a caller's own chat body as the provider wants it; *body* stays as it is. Raise NotCarried for what it refuses."""
    quirks = target.quirks
    adapted = dict(body)
    if quirks.reasoning != "effort" or quirks.efforts:
        _adapt_effort(adapted, quirks, losses)
    if not quirks.stream_usage and adapted.pop("stream_options", None) is not None:
        losses.drop("stream_options")
    messages = adapted.get("messages")
    if isinstance(messages, list):
        adapted["messages"] = _adapt_messages(messages, quirks, losses)
    tools = adapted.get("tools")
    if isinstance(tools, list) and not quirks.cache_marks:
        adapted["tools"] = [without_mark(tool, losses) for tool in tools]
    if isinstance(adapted.get("response_format"), dict):
        fit_response_format(adapted, quirks, losses)
    fit_members((adapted,), quirks, losses, neutral=NEUTRAL)
    return adapted


def needs_quirks(quirks: Quirks) -> tuple[bytes, ...]:
    """Return byte strings of which one stands in every body that `apply_quirks` changes; a name spelled with escapes is missed."""
    names = {*quirks.rename, *quirks.roles, *quirks.values, *quirks.drop, *quirks.refuse}
    if quirks.reasoning != "effort" or quirks.efforts:
        names.add("reasoning_effort")
    if not quirks.stream_usage:
        names.add("stream_options")
    if not quirks.cache_marks:
        names.add("cache_control")
    if not quirks.message_names:
        names.add("name")
    if quirks.tool_ids:
        names |= {"tool_calls", "tool_call_id"}
    names |= {"json_schema", "json_object"} - quirks.response_formats
    return tuple(f'"{name}"'.encode() for name in sorted(names))


def fit_response_format(body: dict[str, Any], quirks: Quirks, losses: Losses) -> None:
    """Say in words what the provider's response_format cannot: JSON, or JSON of a schema."""
    form = body["response_format"]
    kind = form.get("type")
    if kind not in ("json_schema", "json_object") or kind in quirks.response_formats:
        return
    losses.emulate("response_format")
    if kind == "json_schema" and "json_object" in quirks.response_formats:
        body["response_format"] = {"type": "json_object"}
    else:
        del body["response_format"]
    messages = body.get("messages")
    if isinstance(messages, list):
        schema = form.get("json_schema")
        body["messages"] = _instructed(messages, json_instruction(schema.get("schema") if isinstance(schema, dict) else None))


def json_instruction(schema: dict[str, Any] | None) -> str:
    """Return the sentence that asks for JSON, of *schema* if there is one."""
    if schema is None:
        return "Answer with one JSON object and nothing else."
    return f"Answer with one JSON value and nothing else. It must be valid against this JSON Schema:\n{orjson.dumps(schema).decode()}"


def fit_id(call_id: str, pattern: str) -> str:
    """Return the id of a tool call as the provider wants it: as it is if it matches *pattern*, else always the same other one."""
    if not pattern or re.fullmatch(pattern, call_id):
        return call_id
    digest = blake2b(call_id.encode(), digest_size=20).hexdigest()
    for length in _ID_LENGTHS:
        for prefix in _ID_PREFIXES:
            if re.fullmatch(pattern, fitted := prefix + digest[:length]):
                return fitted
    return call_id


def _instructed(messages: list[Any], instruction: str) -> list[Any]:
    """Return the messages with *instruction* at the end of the first system message, which is made if there is none."""
    first = messages[0] if messages else None
    if not isinstance(first, dict) or first.get("role") not in ("system", "developer"):
        return [{"role": "system", "content": instruction}, *messages]
    content = first.get("content")
    if isinstance(content, list):
        said: Any = [*content, {"type": "text", "text": instruction}]
    else:
        said = f"{content}\n\n{instruction}" if content else instruction
    return [{**first, "content": said}, *messages[1:]]


def _adapt_effort(body: dict[str, Any], quirks: Quirks, losses: Losses) -> None:
    effort = body.get("reasoning_effort")
    # A caller that speaks the provider's own form, too, knows what it does.
    if isinstance(effort, str) and "thinking" not in body and "reasoning" not in body:
        del body["reasoning_effort"]
        write_effort(body, effort, quirks, losses)


def _adapt_messages(messages: list[Any], quirks: Quirks, losses: Losses) -> list[Any]:
    """Return the messages; those that change are copied, the others are the caller's own."""
    adapted: list[Any] = []
    for message in messages:
        if not isinstance(message, dict):
            adapted.append(message)
            continue
        change: dict[str, Any] = {}
        role = message.get("role")
        if isinstance(role, str) and role in quirks.roles:
            change["role"] = quirks.roles[role]
        if not quirks.cache_marks:
            content = message.get("content")
            if isinstance(content, list) and any("cache_control" in part for part in content if isinstance(part, dict)):
                change["content"] = [without_mark(part, losses) for part in content]
        if quirks.tool_ids:
            _fit_ids(message, quirks.tool_ids, change)
        fitted = {**message, **change} if change else message
        if not quirks.cache_marks:
            fitted = without_mark(fitted, losses)
        if not quirks.message_names and role != "function" and "name" in fitted:
            losses.drop("messages.name")
            fitted = {name: value for name, value in fitted.items() if name != "name"}
        adapted.append(fitted)
    return adapted


def _fit_ids(message: dict[str, Any], pattern: str, change: dict[str, Any]) -> None:
    call_id, calls = message.get("tool_call_id"), message.get("tool_calls")
    if isinstance(call_id, str):
        change["tool_call_id"] = fit_id(call_id, pattern)
    if isinstance(calls, list):
        change["tool_calls"] = [
            {**call, "id": fit_id(call["id"], pattern)} if isinstance(call, dict) and isinstance(call.get("id"), str) else call
            for call in calls
        ]


def without_mark(value: Any, losses: Losses) -> Any:
    """Return a part, a message or a tool without its cache mark; the same object if it has none."""
    if not isinstance(value, dict):
        return value
    function = value.get("function")
    if isinstance(function, dict) and "cache_control" in function:
        losses.drop("cache_control")
        value = {**value, "function": {name: member for name, member in function.items() if name != "cache_control"}}
    if "cache_control" not in value:
        return value
    losses.drop("cache_control")
    return {name: member for name, member in value.items() if name != "cache_control"}
