"""OpenAI Responses dialect: create, get, delete, cancel, input_items, input_tokens."""

from collections.abc import Callable

import orjson

from fastgate.errors import ClientError
from fastgate.mock import openai
from fastgate.mock.call import CREATED, Answer, Call, Events
from fastgate.mock.objects import NotKept
from fastgate.mock.openai import build_arguments, tool_of
from fastgate.mock.text import build_filler, build_words, fill_words
from fastgate.mock.wire import build_named_event

REQUEST_ID = openai.REQUEST_ID
build_error = openai.build_error
build_failure = openai.build_failure

# Settings that an answer repeats, with what stands there when the caller said nothing.
_ECHOED: dict[str, object] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "background": False,
}


def check_call(call: Call) -> None:
    if call.operation == "responses":
        if not call.model:
            raise ClientError("you must provide a model parameter")
        if "input" not in call.fields:
            raise ClientError("input is missing")
        previous = call.fields.get("previous_response_id")
        if isinstance(previous, str) and call.kept.get("responses", previous) is None:
            raise NotKept(f'previous response with id "{previous}" not found')


def _kept(call: Call) -> dict[str, object]:
    found = call.kept.get("responses", call.object_id)
    if found is None:
        raise NotKept(f'response with id "{call.object_id}" not found')
    return found


def _is_stored(call: Call) -> bool:
    return call.fields.get("store") is not False


def _usage(call: Call) -> dict[str, object]:
    return {
        "input_tokens": call.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": call.tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": call.prompt_tokens + call.tokens,
    }


def _response(call: Call, response_id: str, status: str, output: list[dict[str, object]]) -> dict[str, object]:
    finished = status in ("completed", "incomplete")
    return {
        "id": response_id,
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "model": call.model,
        "output": output,
        **{name: call.fields.get(name, default) for name, default in _ECHOED.items()},
        "usage": _usage(call) if finished else None,
    }


def _text_part(text: str) -> dict[str, object]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _message_item(call: Call, status: str, content: list[dict[str, object]]) -> dict[str, object]:
    return {"id": f"msg_{call.ident}", "type": "message", "role": "assistant", "status": status, "content": content}


def _call_item(call: Call, index: int, status: str, arguments: str) -> dict[str, object]:
    return {
        "id": f"fc_{call.ident}{index}",
        "type": "function_call",
        "call_id": f"call_{call.ident}{index}",
        "name": tool_of(call),
        "arguments": arguments,
        "status": status,
    }


def _status(call: Call) -> str:
    return "incomplete" if call.limited else "completed"


def _output(call: Call, text: str) -> list[dict[str, object]]:
    if call.behaviour.calls:
        return [_call_item(call, index, "completed", "".join(build_arguments(call, index))) for index in range(call.behaviour.calls)]
    return [_message_item(call, _status(call), [_text_part(text)])]


def _keep(call: Call, response: dict[str, object]) -> None:
    if _is_stored(call):
        call.kept.put("responses", str(response["id"]), response)
        call.kept.put("inputs", str(response["id"]), {"input": call.fields["input"]})


def _response_id(call: Call) -> str:
    return call.kept.next_id("resp_") if _is_stored(call) else f"resp_{call.ident}"


def _build_response(call: Call) -> Answer:
    response_id = _response_id(call)
    text = "".join(build_words(call))
    if call.size_bytes:
        frame = orjson.dumps(_response(call, response_id, _status(call), _output(call, "")))
        text = build_filler(max(call.size_bytes - len(frame), 0))
    response = _response(call, response_id, _status(call), _output(call, text))
    _keep(call, response)
    return Answer(body=orjson.dumps(response), generated=True)


class _Sequence:
    """Numbers the events of one stream from 0."""

    def __init__(self) -> None:
        self._next = 0

    def event(self, kind: str, **fields: object) -> bytes:
        body = orjson.dumps({"type": kind, "sequence_number": self._next, **fields})
        self._next += 1
        return build_named_event(kind, body)


def build_events(call: Call) -> Events:
    response_id = _response_id(call)
    sequence = _Sequence()
    started = _response(call, response_id, "in_progress", [])
    opening = [sequence.event("response.created", response=started), sequence.event("response.in_progress", response=started)]
    if call.behaviour.calls:
        text, tokens, closing = "", _call_events(call, sequence), list[bytes]()
    else:
        item = f"msg_{call.ident}"
        opening.append(sequence.event("response.output_item.added", output_index=0, item=_message_item(call, "in_progress", [])))
        place: dict[str, object] = {"item_id": item, "output_index": 0, "content_index": 0}
        opening.append(sequence.event("response.content_part.added", **place, part=_text_part("")))
        # The frame is measured with a sequence number of the usual two digits.
        frame = build_named_event(
            "response.output_text.delta",
            orjson.dumps({"type": "response.output_text.delta", "sequence_number": 10, **place, "delta": "", "logprobs": []}),
        )
        words = fill_words(build_words(call), call.behaviour.event_bytes, len(frame))
        text = "".join(words)
        tokens = [sequence.event("response.output_text.delta", **place, delta=word, logprobs=[]) for word in words]
        closing = [
            sequence.event("response.output_text.done", **place, text=text, logprobs=[]),
            sequence.event("response.content_part.done", **place, part=_text_part(text)),
            sequence.event("response.output_item.done", output_index=0, item=_message_item(call, _status(call), [_text_part(text)])),
        ]
    response = _response(call, response_id, _status(call), _output(call, text))
    _keep(call, response)
    closing.append(sequence.event(f"response.{_status(call)}", response=response))
    return Events(opening=opening, tokens=tokens, closing=closing)


def _call_events(call: Call, sequence: _Sequence) -> list[bytes]:
    events: list[bytes] = []
    for index in range(call.behaviour.calls):
        pieces = build_arguments(call, index)
        arguments = "".join(pieces)
        place: dict[str, object] = {"item_id": f"fc_{call.ident}{index}", "output_index": index}
        events.append(sequence.event("response.output_item.added", output_index=index, item=_call_item(call, index, "in_progress", "")))
        events += [sequence.event("response.function_call_arguments.delta", **place, delta=piece) for piece in pieces]
        events.append(sequence.event("response.function_call_arguments.done", **place, name=tool_of(call), arguments=arguments))
        events.append(sequence.event("response.output_item.done", output_index=index, item=_call_item(call, index, "completed", arguments)))
    return events


def _build_get(call: Call) -> Answer:
    return Answer(body=orjson.dumps(_kept(call)))


def _build_delete(call: Call) -> Answer:
    _kept(call)
    call.kept.drop("responses", call.object_id)
    return Answer(body=orjson.dumps({"id": call.object_id, "object": "response", "deleted": True}))


def _build_cancel(call: Call) -> Answer:
    response = {**_kept(call), "status": "cancelled"}
    call.kept.put("responses", call.object_id, response)
    return Answer(body=orjson.dumps(response))


def _build_input_items(call: Call) -> Answer:
    _kept(call)
    kept = call.kept.get("inputs", call.object_id) or {"input": []}
    given = kept["input"]
    items = given if isinstance(given, list) else [{"role": "user", "content": [{"type": "input_text", "text": given}]}]
    numbered = [(index, item) for index, item in enumerate(items) if isinstance(item, dict)]
    listed = [{"id": f"msg_{call.object_id}{index}", "type": "message", **item} for index, item in numbered]
    ends = {"first_id": listed[0]["id"] if listed else None, "last_id": listed[-1]["id"] if listed else None}
    return Answer(body=orjson.dumps({"object": "list", "data": listed, **ends, "has_more": False}))


def _build_input_tokens(call: Call) -> Answer:
    return Answer(body=orjson.dumps({"object": "response.input_tokens", "input_tokens": call.prompt_tokens}))


_ANSWERS: dict[str, Callable[[Call], Answer]] = {
    "responses": _build_response,
    "response_get": _build_get,
    "response_delete": _build_delete,
    "response_cancel": _build_cancel,
    "response_input_items": _build_input_items,
    "response_input_tokens": _build_input_tokens,
}


def build_answer(call: Call) -> Answer:
    return _ANSWERS[call.operation](call)
