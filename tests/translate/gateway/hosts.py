"""Ollama, Bedrock and Cohere."""

from typing import Any

import orjson

from tests.translate.bedrock.converse import delta as bedrock_delta
from tests.translate.bedrock.converse import event as bedrock_event
from tests.translate.bedrock.converse import exception
from tests.translate.gateway.said import (
    ARGUMENTS,
    CALLS,
    KEY,
    NAMED_CALLS,
    PATCH_CALL,
    PIECES,
    SIGNATURE,
    TEXT,
    THOUGHT,
    THOUGHT_PIECES,
    Provider,
    Wire,
    halves,
    named,
)

# --- Ollama

_OLLAMA_USAGE = {
    "total_duration": 900,
    "load_duration": 100,
    "prompt_eval_count": 20,
    "prompt_eval_duration": 200,
    "eval_count": 9,
    "eval_duration": 500,
}
_OLLAMA_CALLS: list[Wire] = [
    {"function": {"index": number, "name": name, "arguments": arguments}} for number, (name, arguments) in enumerate(CALLS)
]

_OLLAMA_PATCH: Wire = {"tool_calls": [{"function": {"name": PATCH_CALL[0], "arguments": PATCH_CALL[1]}}]}


def _ollama_line(done: str = "", **message: Any) -> Wire:
    made: Wire = {"model": "up", "created_at": "2026-11-20T08:52:19.385406455Z", "message": {"role": "assistant", "content": ""} | message}
    return made | ({"done": True, "done_reason": done} | _OLLAMA_USAGE if done else {"done": False})


def _ollama_stream(done: str, *messages: Wire) -> tuple[bytes, ...]:
    lines = (*(_ollama_line(**said) for said in messages), _ollama_line(done))
    # As Go writes it, and as its SDK has to read it: that splits lines where Unicode has ends of lines.
    return tuple(orjson.dumps(line).replace("\u2028".encode(), b"\\u2028") + b"\n" for line in lines)


_TEXT_MESSAGES: list[Wire] = [{"content": piece} for piece in PIECES]
OLLAMA = Provider(
    name="up-ollama",
    dialect="ollama",
    base="",
    params={"model": "ollama_chat/qwen3"},
    paths=("/api/chat", "/api/chat"),
    auth=("authorization", f"Bearer {KEY}"),
    answers={
        "text": orjson.dumps(_ollama_line("stop", content=TEXT)),
        "tools": orjson.dumps(_ollama_line("stop", content=TEXT, tool_calls=_OLLAMA_CALLS)),
        "patch": orjson.dumps(_ollama_line("stop", **_OLLAMA_PATCH)),
        "agent": orjson.dumps(_ollama_line("stop", thinking=THOUGHT, tool_calls=_OLLAMA_CALLS)),
        "reasoning": orjson.dumps(_ollama_line("stop", content=TEXT, thinking=THOUGHT)),
        "length": orjson.dumps(_ollama_line("length", content=TEXT)),
    },
    streams={
        "text": _ollama_stream("stop", *_TEXT_MESSAGES),
        # Each call in a line of its own.
        "tools": _ollama_stream("stop", *_TEXT_MESSAGES, *({"tool_calls": [one]} for one in _OLLAMA_CALLS)),
        "patch": _ollama_stream("stop", _OLLAMA_PATCH),
        "agent": _ollama_stream("stop", {"thinking": THOUGHT}, {"tool_calls": _OLLAMA_CALLS}),
        "reasoning": _ollama_stream("stop", *({"thinking": piece} for piece in THOUGHT_PIECES), *_TEXT_MESSAGES),
        "length": _ollama_stream("length", *_TEXT_MESSAGES),
    },
    content_type="application/x-ndjson",
    broken=b'{"error":"it broke"}\n',
    tells_cached=False,
)

# --- Bedrock

_CONVERSE_USAGE = {"inputTokens": 6, "outputTokens": 9, "totalTokens": 29, "cacheReadInputTokens": 12, "cacheWriteInputTokens": 2}
_CONVERSE_USES: dict[int | str, Wire] = {
    key: {"toolUse": {"toolUseId": f"tooluse_{key}", "name": name, "input": arguments}} for key, (name, arguments) in NAMED_CALLS.items()
}
_CONVERSE_THOUGHT = {"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": SIGNATURE}}}


def _converse(stop: str, *blocks: Wire) -> bytes:
    message = {"role": "assistant", "content": blocks}
    return orjson.dumps({"metrics": {"latencyMs": 1}, "output": {"message": message}, "stopReason": stop, "usage": _CONVERSE_USAGE})


def _converse_stream(stop: str, *blocks: list[bytes]) -> tuple[bytes, ...]:
    events = [bedrock_event("messageStart", role="assistant")]
    for index, frames in enumerate(blocks):
        events += [*frames, bedrock_event("contentBlockStop", contentBlockIndex=index)]
    ended = [bedrock_event("messageStop", stopReason=stop), bedrock_event("metadata", usage=_CONVERSE_USAGE, metrics={"latencyMs": 1})]
    return (*events, *ended)


def _converse_text(index: int) -> list[bytes]:
    return [bedrock_delta(index, text=piece) for piece in PIECES]


def _converse_use(index: int, key: int | str) -> list[bytes]:
    start = {"toolUse": {"toolUseId": f"tooluse_{key}", "name": NAMED_CALLS[key][0]}}
    pieces = [bedrock_delta(index, toolUse={"input": piece}) for piece in halves(ARGUMENTS[key])]
    return [bedrock_event("contentBlockStart", start=start, contentBlockIndex=index), *pieces]


_CONVERSE_THINKING = [
    *(bedrock_delta(0, reasoningContent={"text": piece}) for piece in THOUGHT_PIECES),
    bedrock_delta(0, reasoningContent={"signature": SIGNATURE}),
]
BEDROCK = Provider(
    name="up-bedrock",
    dialect="bedrock",
    base="",
    params={"model": "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws_region_name": "us-east-1"},
    paths=(
        "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
        "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream",
    ),
    auth=("authorization", f"Bearer {KEY}"),
    answers={
        "text": _converse("end_turn", {"text": TEXT}),
        "tools": _converse("tool_use", {"text": TEXT}, _CONVERSE_USES[0], _CONVERSE_USES[1]),
        "patch": _converse("tool_use", _CONVERSE_USES["patch"]),
        "agent": _converse("tool_use", _CONVERSE_THOUGHT, _CONVERSE_USES[0], _CONVERSE_USES[1]),
        "reasoning": _converse("end_turn", _CONVERSE_THOUGHT, {"text": TEXT}),
        "refused": _converse("guardrail_intervened", {"text": TEXT}),
        "length": _converse("max_tokens", {"text": TEXT}),
    },
    streams={
        "text": _converse_stream("end_turn", _converse_text(0)),
        "tools": _converse_stream("tool_use", _converse_text(0), _converse_use(1, 0), _converse_use(2, 1)),
        "patch": _converse_stream("tool_use", _converse_use(0, "patch")),
        "agent": _converse_stream("tool_use", _CONVERSE_THINKING, _converse_use(1, 0), _converse_use(2, 1)),
        "reasoning": _converse_stream("end_turn", _CONVERSE_THINKING, _converse_text(1)),
        "refused": _converse_stream("guardrail_intervened", _converse_text(0)),
        "length": _converse_stream("max_tokens", _converse_text(0)),
    },
    content_type="application/vnd.amazon.eventstream",
    broken=exception("throttlingException", message="it broke"),
)

# --- Cohere

_COHERE_USAGE = {
    "billed_units": {"input_tokens": 8, "output_tokens": 9},
    "tokens": {"input_tokens": 20, "output_tokens": 9},
    "cached_tokens": 12,
}
_COHERE_CALLS: dict[int | str, Wire] = {
    key: {"id": f"{name}_{key}", "type": "function", "function": {"name": name, "arguments": ARGUMENTS[key]}}
    for key, (name, _) in NAMED_CALLS.items()
}


def _cohere_answer(finish: str, *content: Wire, **message: Any) -> bytes:
    made = {"role": "assistant", "content": content} | message
    return orjson.dumps({"id": "29f14a5a", "message": made, "finish_reason": finish, "usage": _COHERE_USAGE})


def _cohere_stream(finish: str, *events: Wire) -> tuple[bytes, ...]:
    start = {"id": "29f14a5a", "type": "message-start", "delta": {"message": {"role": "assistant", "content": [], "tool_calls": []}}}
    end = {"type": "message-end", "delta": {"finish_reason": finish, "usage": _COHERE_USAGE}}
    return named(start, *events, end)


def _cohere_content(index: int, kind: str, pieces: tuple[str, ...]) -> list[Wire]:
    start = {"type": "content-start", "index": index, "delta": {"message": {"content": {"type": kind, kind: ""}}}}
    deltas = [{"type": "content-delta", "index": index, "delta": {"message": {"content": {kind: piece}}}} for piece in pieces]
    return [start, *deltas, {"type": "content-end", "index": index}]


def _cohere_call(index: int, key: int | str) -> list[Wire]:
    made = {**_COHERE_CALLS[key], "function": {"name": NAMED_CALLS[key][0], "arguments": ""}}
    start = {"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": made}}}
    deltas = [
        {"type": "tool-call-delta", "index": index, "delta": {"message": {"tool_calls": {"function": {"arguments": piece}}}}}
        for piece in halves(ARGUMENTS[key])
    ]
    return [start, *deltas, {"type": "tool-call-end", "index": index}]


_COHERE_TEXT = {"type": "text", "text": TEXT}
COHERE = Provider(
    name="up-cohere",
    dialect="cohere",
    base="",
    params={"model": "cohere/command-a-reasoning-08-2025"},
    paths=("/v2/chat", "/v2/chat"),
    auth=("authorization", f"Bearer {KEY}"),
    answers={
        "text": _cohere_answer("COMPLETE", _COHERE_TEXT),
        "tools": _cohere_answer("TOOL_CALL", tool_plan=TEXT, tool_calls=[_COHERE_CALLS[0], _COHERE_CALLS[1]]),
        "patch": _cohere_answer("TOOL_CALL", tool_calls=[_COHERE_CALLS["patch"]]),
        "agent": _cohere_answer("TOOL_CALL", {"type": "thinking", "thinking": THOUGHT}, tool_calls=[_COHERE_CALLS[0], _COHERE_CALLS[1]]),
        "reasoning": _cohere_answer("COMPLETE", {"type": "thinking", "thinking": THOUGHT}, _COHERE_TEXT),
        "length": _cohere_answer("MAX_TOKENS", _COHERE_TEXT),
    },
    streams={
        "text": _cohere_stream("COMPLETE", *_cohere_content(0, "text", PIECES)),
        "tools": _cohere_stream(
            "TOOL_CALL",
            *({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": piece}}} for piece in PIECES),
            *_cohere_call(0, 0),
            *_cohere_call(1, 1),
        ),
        "patch": _cohere_stream("TOOL_CALL", *_cohere_call(0, "patch")),
        "agent": _cohere_stream("TOOL_CALL", *_cohere_content(0, "thinking", THOUGHT_PIECES), *_cohere_call(0, 0), *_cohere_call(1, 1)),
        "reasoning": _cohere_stream("COMPLETE", *_cohere_content(0, "thinking", THOUGHT_PIECES), *_cohere_content(1, "text", PIECES)),
        "length": _cohere_stream("MAX_TOKENS", *_cohere_content(0, "text", PIECES)),
    },
    content_type="text/event-stream",
    broken=named({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "it broke"}})[0],
)
