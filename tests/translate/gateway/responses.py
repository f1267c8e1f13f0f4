"""OpenAI's Responses as a provider speaks them: relayed to their own callers, translated for all others."""

from collections.abc import Iterator
from typing import Any

import orjson

from tests.translate.gateway.said import (
    ARGUMENTS,
    KEY,
    NAMED_CALLS,
    PATCH,
    PIECES,
    TEXT,
    THOUGHT,
    THOUGHT_PIECES,
    Provider,
    Wire,
    halves,
    named,
)

_USAGE = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 12},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 29,
}
_MESSAGE: Wire = {
    "id": "msg_1",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": TEXT, "annotations": [], "logprobs": []}],
}
_THOUGHT: Wire = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}], "encrypted_content": "gAAAA1"}
_PATCH: Wire = {
    "id": "ctc_1",
    "type": "custom_tool_call",
    "status": "completed",
    "call_id": "call_patch",
    "name": "apply_patch",
    "input": PATCH,
}


def _call(key: int) -> Wire:
    call = {"id": f"fc_{key}", "type": "function_call", "status": "completed", "call_id": f"call_{key}"}
    return call | {"name": NAMED_CALLS[key][0], "arguments": ARGUMENTS[key]}


# Kind -> items, and why the answer is not complete.
_SAID: dict[str, tuple[list[Wire], str]] = {
    "text": ([_MESSAGE], ""),
    "tools": ([_MESSAGE, _call(0), _call(1)], ""),
    "reasoning": ([_THOUGHT, _MESSAGE], ""),
    "patch": ([_PATCH], ""),
    "refused": ([_MESSAGE], "content_filter"),
    "length": ([_MESSAGE], "max_output_tokens"),
}


def _response(status: str, items: list[Wire], reason: str = "", usage: Wire | None = None) -> Wire:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_760_000_000,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": "gpt-5",
        "output": items,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "service_tier": "default",
        "usage": usage,
    }


def _whole(kind: str) -> Wire:
    items, reason = _SAID[kind]
    return _response("incomplete" if reason else "completed", items, reason, _USAGE)


def _item_events(index: int, item: Wire) -> Iterator[Wire]:
    """Return what streams one item: it is added empty, grows, and is done."""
    place: Wire = {"output_index": index, "item_id": item["id"]}
    kind = item["type"]
    empty: dict[str, Wire] = {
        "message": {"status": "in_progress", "content": []},
        "reasoning": {"summary": []},
        "function_call": {"status": "in_progress", "arguments": ""},
        "custom_tool_call": {"status": "in_progress", "input": ""},
    }
    yield {"type": "response.output_item.added", "output_index": index, "item": item | empty[kind]}
    if kind == "message":
        inner, part = place | {"content_index": 0}, item["content"][0]
        yield {"type": "response.content_part.added", **inner, "part": part | {"text": ""}}
        yield from ({"type": "response.output_text.delta", **inner, "delta": piece, "logprobs": []} for piece in PIECES)
        yield {"type": "response.output_text.done", **inner, "text": TEXT, "logprobs": []}
        yield {"type": "response.content_part.done", **inner, "part": part}
    elif kind == "reasoning":
        inner, part = place | {"summary_index": 0}, item["summary"][0]
        yield {"type": "response.reasoning_summary_part.added", **inner, "part": part | {"text": ""}}
        yield from ({"type": "response.reasoning_summary_text.delta", **inner, "delta": piece} for piece in THOUGHT_PIECES)
        yield {"type": "response.reasoning_summary_text.done", **inner, "text": THOUGHT}
        yield {"type": "response.reasoning_summary_part.done", **inner, "part": part}
    elif kind == "function_call":
        stem = "response.function_call_arguments"
        yield from ({"type": f"{stem}.delta", **place, "delta": piece} for piece in halves(item["arguments"]))
        yield {"type": f"{stem}.done", **place, "name": item["name"], "arguments": item["arguments"]}
    else:
        stem = "response.custom_tool_call_input"
        yield from ({"type": f"{stem}.delta", **place, "delta": piece} for piece in halves(item["input"]))
        yield {"type": f"{stem}.done", **place, "input": item["input"]}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _stream(kind: str) -> tuple[bytes, ...]:
    items, reason = _SAID[kind]
    events: list[Any] = [{"type": f"response.{state}", "response": _response("in_progress", [])} for state in ("created", "in_progress")]
    for index, item in enumerate(items):
        events += _item_events(index, item)
    events.append({"type": "response.incomplete" if reason else "response.completed", "response": _whole(kind)})
    return named(*(event | {"sequence_number": number} for number, event in enumerate(events)))


RESPONSES = Provider(
    name="up-responses",
    dialect="openai_responses",
    base="/v1",
    params={"model": "openai/responses/gpt-5"},
    paths=("/v1/responses", "/v1/responses"),
    auth=("authorization", f"Bearer {KEY}"),
    answers={kind: orjson.dumps(_whole(kind)) for kind in _SAID},
    streams={kind: _stream(kind) for kind in _SAID},
    content_type="text/event-stream; charset=utf-8",
    broken=named({"type": "error", "sequence_number": 2, "code": "server_error", "message": "It broke.", "param": None})[0],
)
