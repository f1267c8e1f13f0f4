"""OpenAI dialect: chat and text completions, and the errors of every OpenAI path."""

import orjson

from fastgate.errors import ClientError, GatewayError
from fastgate.mock.call import CREATED, Answer, Call, Events, EventsBuilder
from fastgate.mock.text import build_filler, build_words, fill_words, prompt_of
from fastgate.mock.wire import build_event

REQUEST_ID = "x-request-id"

# Status -> (type, code) as api.openai.com answers them.
FAILURES: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("permission_error", None),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
    500: ("server_error", None),
    503: ("server_error", "service_unavailable"),
}


def _error_body(message: str, kind: str, code: str | None) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def build_error(error: GatewayError, ident: str) -> bytes:
    return _error_body(error.message, "invalid_request_error" if error.status < 500 else "server_error", error.code)


def build_failure(status: int, ident: str) -> bytes:
    kind, code = FAILURES.get(status, FAILURES[500] if status >= 500 else FAILURES[400])
    return _error_body(f"The mock provider was asked to answer {status}.", kind, code)


def check_call(call: Call) -> None:
    if not call.model:
        raise ClientError("you must provide a model parameter")
    if call.operation == "chat" and not isinstance(call.fields.get("messages"), list):
        raise ClientError("messages is missing or not an array")
    if call.operation == "completions" and "prompt" not in call.fields:
        raise ClientError("prompt is missing")


def build_usage(call: Call, tokens: int) -> dict[str, object]:
    return {
        "prompt_tokens": call.prompt_tokens,
        "completion_tokens": tokens,
        "total_tokens": call.prompt_tokens + tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def choices_of(call: Call) -> int:
    count = call.fields.get("n")
    if count is None:
        return 1
    if not isinstance(count, int) or not 1 <= count <= 128:
        raise ClientError("n must be a whole number from 1 to 128")
    return count


def tool_of(call: Call) -> str:
    """Return the name of the caller's first function tool, in the chat, Responses or Anthropic form."""
    tools = call.fields.get("tools")
    for tool in tools if isinstance(tools, list) else []:
        function = tool.get("function", tool) if isinstance(tool, dict) else {}
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            return str(function["name"])
    return "lookup"


def build_arguments(call: Call, index: int) -> list[str]:
    """Return the JSON of a tool call's arguments in the pieces that a stream sends."""
    text = orjson.dumps({"query": prompt_of(call)[:64], "index": index}).decode()
    return [text[start : start + 8] for start in range(0, len(text), 8)]


def _finish(call: Call) -> str:
    if call.behaviour.calls:
        return "tool_calls"
    return "length" if call.limited else "stop"


def _message(call: Call, text: str) -> dict[str, object]:
    message: dict[str, object] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    if call.behaviour.calls:
        message["content"] = None
        message["tool_calls"] = [
            {
                "id": f"call_{call.ident}{index}",
                "type": "function",
                "function": {"name": tool_of(call), "arguments": "".join(build_arguments(call, index))},
            }
            for index in range(call.behaviour.calls)
        ]
    return message


def _build_chat(call: Call, text: str) -> bytes:
    count = choices_of(call)
    choice = {"message": _message(call, text), "logprobs": None, "finish_reason": _finish(call)}
    choices = [{"index": index, **choice} for index in range(count)]
    answer = {"id": f"chatcmpl-{call.ident}", "object": "chat.completion", "created": CREATED, "model": call.model, "choices": choices}
    usage = build_usage(call, call.tokens * count)
    return orjson.dumps({**answer, "usage": usage, "service_tier": "default", "system_fingerprint": "fp_mock"})


def _build_completion(call: Call, text: str) -> bytes:
    count = choices_of(call)
    finish = "length" if call.limited else "stop"
    choices = [{"text": text, "index": index, "logprobs": None, "finish_reason": finish} for index in range(count)]
    answer = {"id": f"cmpl-{call.ident}", "object": "text_completion", "created": CREATED, "model": call.model, "choices": choices}
    return orjson.dumps({**answer, "usage": build_usage(call, call.tokens * count)})


def _chunk(call: Call, kind: str, choices: list[dict[str, object]], usage: dict[str, object] | None = None) -> bytes:
    prefix = "chatcmpl-" if kind == "chat.completion.chunk" else "cmpl-"
    chunk: dict[str, object] = {"id": prefix + call.ident, "object": kind, "created": CREATED, "model": call.model, "choices": choices}
    if _wants_usage(call):
        chunk["usage"] = usage
    return build_event(orjson.dumps(chunk))


def _wants_usage(call: Call) -> bool:
    options = call.fields.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _tail(call: Call, kind: str, finishing: list[bytes], count: int) -> list[bytes]:
    if _wants_usage(call):
        finishing.append(_chunk(call, kind, [], build_usage(call, call.tokens * count)))
    return [*finishing, build_event(b"[DONE]")]


def _build_chat_events(call: Call) -> Events:
    kind, count = "chat.completion.chunk", choices_of(call)

    def chunk(delta: dict[str, object], index: int, finish: str | None = None) -> bytes:
        return _chunk(call, kind, [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}])

    start: dict[str, object] = {"role": "assistant", "content": None if call.behaviour.calls else "", "refusal": None}
    opening = [chunk(start, index) for index in range(count)]
    if call.behaviour.calls:
        deltas = _call_deltas(call)
    else:
        words = fill_words(build_words(call), call.behaviour.event_bytes, len(chunk({"content": ""}, 0)))
        deltas = [{"content": word} for word in words]
    tokens = [chunk(delta, index) for delta in deltas for index in range(count)]
    finishing = [chunk({}, index, _finish(call)) for index in range(count)]
    return Events(opening=opening, tokens=tokens, closing=_tail(call, kind, finishing, count))


def _call_deltas(call: Call) -> list[dict[str, object]]:
    deltas: list[dict[str, object]] = []
    for index in range(call.behaviour.calls):
        function: dict[str, object] = {"name": tool_of(call), "arguments": ""}
        deltas.append({"tool_calls": [{"index": index, "id": f"call_{call.ident}{index}", "type": "function", "function": function}]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in build_arguments(call, index)]
    return deltas


def _build_completion_events(call: Call) -> Events:
    kind, count = "text_completion", choices_of(call)

    def chunk(text: str, index: int, finish: str | None = None) -> bytes:
        return _chunk(call, kind, [{"text": text, "index": index, "logprobs": None, "finish_reason": finish}])

    words = fill_words(build_words(call), call.behaviour.event_bytes, len(chunk("", 0)))
    tokens = [chunk(word, index) for word in words for index in range(count)]
    finishing = [chunk("", index, "length" if call.limited else "stop") for index in range(count)]
    return Events(opening=[], tokens=tokens, closing=_tail(call, kind, finishing, count))


_ANSWERS = {"chat": _build_chat, "completions": _build_completion}
_EVENTS: dict[str, EventsBuilder] = {"chat": _build_chat_events, "completions": _build_completion_events}


def build_answer(call: Call) -> Answer:
    build = _ANSWERS[call.operation]
    if call.size_bytes:
        text = build_filler(max(call.size_bytes - len(build(call, "")), 0) // choices_of(call))
    else:
        text = "".join(build_words(call))
    return Answer(body=build(call, text), generated=True)


def build_events(call: Call) -> Events:
    return _EVENTS[call.operation](call)
