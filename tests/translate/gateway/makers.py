"""OpenAI, Anthropic and Google: who make the dialects that callers speak."""

from typing import Any

import orjson

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
    sse,
)

# --- OpenAI chat completions

_CHAT_USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 12, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
}


def _chat_whole(key: int | str) -> Wire:
    return {"id": f"call_{key}", "type": "function", "function": {"name": NAMED_CALLS[key][0], "arguments": ARGUMENTS[key]}}


def _chat_answer(finish: str, **message: Any) -> bytes:
    made = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "up",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, "refusal": None, "annotations": []} | message,
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
        "usage": _CHAT_USAGE,
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }
    return orjson.dumps(made)


def _chat_stream(finish: str, *deltas: Wire) -> tuple[bytes, ...]:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "up", "system_fingerprint": "fp_1"}
    said = [{"role": "assistant", "content": "", "refusal": None}, *deltas]
    chunks = [
        base | {"choices": [{"index": 0, "delta": one, "logprobs": None, "finish_reason": None}], "usage": None, "obfuscation": "ab"}
        for one in said
    ]
    chunks.append(base | {"choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish}], "usage": None})
    chunks.append(base | {"choices": [], "usage": _CHAT_USAGE})
    return (*sse(*chunks), b"data: [DONE]\n\n")


def _chat_call(index: int, arguments: str, **more: object) -> Wire:
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}, **more}]}


def _chat_start(index: int, key: int | str | None = None) -> Wire:
    name = NAMED_CALLS[index if key is None else key][0]
    return {"tool_calls": [{"index": index, "id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": ""}}]}


_A, _B = halves(ARGUMENTS[0]), halves(ARGUMENTS[1])
_CHAT_TEXT = [{"content": piece} for piece in PIECES]
OPENAI = Provider(
    name="up-openai",
    dialect="openai_chat",
    base="/v1",
    # Not `openai`: that one is asked in OpenAI's Responses too.
    params={"model": "openai_like/up"},
    paths=("/v1/chat/completions", "/v1/chat/completions"),
    auth=("authorization", f"Bearer {KEY}"),
    answers={
        "text": _chat_answer("stop", content=TEXT),
        "tools": _chat_answer("tool_calls", content=TEXT, tool_calls=[_chat_whole(0), _chat_whole(1)]),
        "reasoning": _chat_answer("stop", content=TEXT, reasoning_content=THOUGHT),
        "patch": _chat_answer("tool_calls", tool_calls=[_chat_whole("patch")]),
        "agent": _chat_answer("tool_calls", reasoning_content=THOUGHT, tool_calls=[_chat_whole(0), _chat_whole(1)]),
        "refused": _chat_answer("content_filter", content=TEXT),
        "length": _chat_answer("length", content=TEXT),
    },
    streams={
        "text": _chat_stream("stop", *_CHAT_TEXT),
        # The calls' arguments come interleaved.
        "tools": _chat_stream(
            "tool_calls",
            *_CHAT_TEXT,
            _chat_start(0),
            _chat_call(0, _A[0]),
            _chat_start(1),
            _chat_call(1, _B[0]),
            _chat_call(0, _A[1]),
            _chat_call(1, _B[1]),
            _chat_call(0, _A[2]),
            _chat_call(1, _B[2]),
        ),
        "reasoning": _chat_stream("stop", *({"reasoning_content": piece} for piece in THOUGHT_PIECES), *_CHAT_TEXT),
        "patch": _chat_stream("tool_calls", _chat_start(0, "patch"), *(_chat_call(0, piece) for piece in halves(ARGUMENTS["patch"]))),
        "agent": _chat_stream(
            "tool_calls",
            *({"reasoning_content": piece} for piece in THOUGHT_PIECES),
            _chat_start(0),
            _chat_call(0, ARGUMENTS[0]),
            _chat_start(1),
            _chat_call(1, ARGUMENTS[1]),
        ),
        "refused": _chat_stream("content_filter", *_CHAT_TEXT),
        "length": _chat_stream("length", *_CHAT_TEXT),
    },
    content_type="text/event-stream; charset=utf-8",
    broken=sse({"error": {"message": "it broke", "type": "server_error", "param": None, "code": "overloaded"}})[0],
)

# --- Anthropic messages

_MESSAGE_USAGE = {
    "input_tokens": 6,
    "cache_read_input_tokens": 12,
    "cache_creation_input_tokens": 2,
    "output_tokens": 9,
    "service_tier": "standard",
}
_THINKING = {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}
_USES: dict[int | str, Wire] = {
    key: {"type": "tool_use", "id": f"toolu_{key}", "name": name, "input": arguments} for key, (name, arguments) in NAMED_CALLS.items()
}
_TEXT_BLOCK = {"type": "text", "text": TEXT}


def _message(stop: str, *blocks: Wire) -> bytes:
    made = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-up",
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": _MESSAGE_USAGE,
    }
    return orjson.dumps(made)


def _message_stream(stop: str, *blocks: tuple[Wire, list[Wire]]) -> tuple[bytes, ...]:
    started = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-up",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**_MESSAGE_USAGE, "output_tokens": 1},
    }
    events: list[Wire] = [{"type": "message_start", "message": started}, {"type": "ping"}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": one} for one in deltas]
        events.append({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": stop, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": ended, "usage": {**_MESSAGE_USAGE, "output_tokens": 9}})
    events.append({"type": "message_stop"})
    return named(*events)


_TEXT_DELTAS = ({"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in PIECES])
_THINKING_DELTAS: tuple[Wire, list[Wire]] = (
    {"type": "thinking", "thinking": "", "signature": ""},
    [
        *({"type": "thinking_delta", "thinking": piece} for piece in THOUGHT_PIECES),
        {"type": "signature_delta", "signature": SIGNATURE},
    ],
)


def _use_deltas(key: int | str) -> tuple[Wire, list[Wire]]:
    return {**_USES[key], "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *halves(ARGUMENTS[key]))]


ANTHROPIC = Provider(
    name="up-anthropic",
    dialect="anthropic_messages",
    base="",
    params={"model": "anthropic/claude-sonnet-4-5"},
    paths=("/v1/messages", "/v1/messages"),
    auth=("x-api-key", KEY),
    answers={
        "text": _message("end_turn", _TEXT_BLOCK),
        "tools": _message("tool_use", _TEXT_BLOCK, _USES[0], _USES[1]),
        "patch": _message("tool_use", _USES["patch"]),
        "agent": _message("tool_use", _THINKING, _USES[0], _USES[1]),
        "reasoning": _message("end_turn", _THINKING, _TEXT_BLOCK),
        "refused": _message("refusal", _TEXT_BLOCK),
        "length": _message("max_tokens", _TEXT_BLOCK),
    },
    streams={
        "text": _message_stream("end_turn", _TEXT_DELTAS),
        "tools": _message_stream("tool_use", _TEXT_DELTAS, _use_deltas(0), _use_deltas(1)),
        "patch": _message_stream("tool_use", _use_deltas("patch")),
        "agent": _message_stream("tool_use", _THINKING_DELTAS, _use_deltas(0), _use_deltas(1)),
        "reasoning": _message_stream("end_turn", _THINKING_DELTAS, _TEXT_DELTAS),
        "refused": _message_stream("refusal", _TEXT_DELTAS),
        "length": _message_stream("max_tokens", _TEXT_DELTAS),
    },
    content_type="text/event-stream; charset=utf-8",
    broken=named({"type": "error", "error": {"type": "overloaded_error", "message": "it broke"}})[0],
)

# --- Gemini

_GEMINI_USAGE = {
    "promptTokenCount": 20,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 4,
    "totalTokenCount": 29,
    "cachedContentTokenCount": 12,
}
_GEMINI_CALLS: list[Wire] = [
    {"functionCall": {"name": CALLS[0][0], "args": CALLS[0][1]}, "thoughtSignature": SIGNATURE},
    {"functionCall": {"name": CALLS[1][0], "args": CALLS[1][1]}},
]
_GEMINI_PATCH: Wire = {"functionCall": {"name": PATCH_CALL[0], "args": PATCH_CALL[1]}}
_GEMINI_THOUGHT = {"text": THOUGHT, "thought": True}


def _gemini_chunk(parts: list[Wire], finish: str = "") -> Wire:
    candidate: Wire = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "usageMetadata": _GEMINI_USAGE, "modelVersion": "gemini-up", "responseId": "r1"}


def _gemini_answer(finish: str, *parts: Wire) -> bytes:
    return orjson.dumps(_gemini_chunk(list(parts), finish), option=orjson.OPT_INDENT_2)


def _gemini_stream(finish: str, *parts: list[Wire]) -> tuple[bytes, ...]:
    chunks = [*(_gemini_chunk(one) for one in parts), _gemini_chunk([{"text": ""}], finish)]
    # Google ends lines with CRLF.
    return tuple(b"data: " + orjson.dumps(one) + b"\r\n\r\n" for one in chunks)


_GEMINI_TEXT: list[list[Wire]] = [[{"text": piece}] for piece in PIECES]
GEMINI = Provider(
    name="up-gemini",
    dialect="gemini",
    base="/v1beta",
    params={"model": "gemini/gemini-2.5-flash"},
    paths=("/v1beta/models/gemini-2.5-flash:generateContent", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
    auth=("x-goog-api-key", KEY),
    answers={
        "text": _gemini_answer("STOP", {"text": TEXT}),
        "tools": _gemini_answer("STOP", {"text": TEXT}, *_GEMINI_CALLS),
        "patch": _gemini_answer("STOP", _GEMINI_PATCH),
        "agent": _gemini_answer("STOP", _GEMINI_THOUGHT, *_GEMINI_CALLS),
        "reasoning": _gemini_answer("STOP", _GEMINI_THOUGHT, {"text": TEXT}),
        "refused": _gemini_answer("SAFETY", {"text": TEXT}),
        "length": _gemini_answer("MAX_TOKENS", {"text": TEXT}),
    },
    streams={
        "text": _gemini_stream("STOP", *_GEMINI_TEXT),
        "tools": _gemini_stream("STOP", *_GEMINI_TEXT, _GEMINI_CALLS),
        "patch": _gemini_stream("STOP", [_GEMINI_PATCH]),
        "agent": _gemini_stream("STOP", [_GEMINI_THOUGHT], _GEMINI_CALLS),
        "reasoning": _gemini_stream("STOP", *([{"text": piece, "thought": True}] for piece in THOUGHT_PIECES), *_GEMINI_TEXT),
        "refused": _gemini_stream("SAFETY", *_GEMINI_TEXT),
        "length": _gemini_stream("MAX_TOKENS", *_GEMINI_TEXT),
    },
    content_type="text/event-stream",
    broken=b'data: {"error": {"code": 503, "message": "it broke", "status": "UNAVAILABLE"}}\r\n\r\n',
)
