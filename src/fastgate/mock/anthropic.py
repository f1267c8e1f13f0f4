"""Anthropic dialect: messages, count_tokens and models."""

from collections.abc import Callable

import orjson

from fastgate.errors import ClientError, GatewayError
from fastgate.mock.call import Answer, Call, Events
from fastgate.mock.models import MODELS
from fastgate.mock.openai import build_arguments, tool_of
from fastgate.mock.text import build_filler, build_words, fill_words
from fastgate.mock.wire import build_named_event

REQUEST_ID = "request-id"

# platform.claude.com/docs/en/api/errors
FAILURES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def _error_body(message: str, kind: str, ident: str) -> bytes:
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": f"req_{ident}"})


def build_error(error: GatewayError, ident: str) -> bytes:
    return _error_body(error.message, FAILURES.get(error.status, "invalid_request_error"), ident)


def build_failure(status: int, ident: str) -> bytes:
    kind = FAILURES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return _error_body(f"The mock provider was asked to answer {status}.", kind, ident)


def check_call(call: Call) -> None:
    if call.method == "GET":
        return
    if not call.model:
        raise ClientError("model: Field required")
    if not isinstance(call.fields.get("messages"), list):
        raise ClientError("messages: Field required")
    if call.operation == "messages" and not isinstance(call.fields.get("max_tokens"), int):
        raise ClientError("max_tokens: Field required")


def _usage(call: Call, output_tokens: int) -> dict[str, object]:
    return {
        "input_tokens": call.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def _stop_reason(call: Call) -> str:
    if call.behaviour.calls:
        return "tool_use"
    return "max_tokens" if call.limited else "end_turn"


def _message(call: Call, content: list[dict[str, object]], stop_reason: str | None, output_tokens: int) -> dict[str, object]:
    return {
        "id": f"msg_{call.ident}",
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": _usage(call, output_tokens),
    }


def _tool_block(call: Call, index: int, arguments: object) -> dict[str, object]:
    return {"type": "tool_use", "id": f"toolu_{call.ident}{index}", "name": tool_of(call), "input": arguments}


def _build_message(call: Call) -> Answer:
    def build(text: str) -> bytes:
        content: list[dict[str, object]] = [{"type": "text", "text": text}]
        if call.behaviour.calls:
            content = [
                _tool_block(call, index, orjson.loads("".join(build_arguments(call, index)))) for index in range(call.behaviour.calls)
            ]
        return orjson.dumps(_message(call, content, _stop_reason(call), call.tokens))

    text = build_filler(max(call.size_bytes - len(build("")), 0)) if call.size_bytes else "".join(build_words(call))
    return Answer(body=build(text), generated=True)


def _event(kind: str, **fields: object) -> bytes:
    return build_named_event(kind, orjson.dumps({"type": kind, **fields}))


def build_events(call: Call) -> Events:
    start = _event("message_start", message=_message(call, [], None, 1))
    delta = {"stop_reason": _stop_reason(call), "stop_sequence": None}
    end = [_event("message_delta", delta=delta, usage={"output_tokens": call.tokens}), _event("message_stop")]
    if call.behaviour.calls:
        return Events(opening=[start, _event("ping")], tokens=_call_events(call), closing=end)

    def text_delta(text: str) -> bytes:
        return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    words = fill_words(build_words(call), call.behaviour.event_bytes, len(text_delta("")))
    # The API sends its ping after the first content_block_start (docs.anthropic.com, streaming).
    opening = [start, _event("content_block_start", index=0, content_block={"type": "text", "text": ""}), _event("ping")]
    return Events(opening=opening, tokens=[text_delta(word) for word in words], closing=[_event("content_block_stop", index=0), *end])


def _call_events(call: Call) -> list[bytes]:
    events: list[bytes] = []
    for index in range(call.behaviour.calls):
        events.append(_event("content_block_start", index=index, content_block=_tool_block(call, index, {})))
        pieces = ({"type": "input_json_delta", "partial_json": piece} for piece in build_arguments(call, index))
        events += [_event("content_block_delta", index=index, delta=delta) for delta in pieces]
        events.append(_event("content_block_stop", index=index))
    return events


def _build_count(call: Call) -> Answer:
    return Answer(body=orjson.dumps({"input_tokens": call.prompt_tokens}))


def _model(name: str) -> dict[str, object]:
    return {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"}


def _build_models(call: Call) -> Answer:
    listed = [_model(name) for name in MODELS]
    return Answer(body=orjson.dumps({"data": listed, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}))


def _build_model(call: Call) -> Answer:
    return Answer(body=orjson.dumps(_model(call.object_id)))


_ANSWERS: dict[str, Callable[[Call], Answer]] = {
    "messages": _build_message,
    "count_tokens": _build_count,
    "models": _build_models,
    "model": _build_model,
}


def build_answer(call: Call) -> Answer:
    return _ANSWERS[call.operation](call)
