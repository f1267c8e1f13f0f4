"""ChatAnswer -> the body of a complete answer of /api/chat or /api/generate."""

from datetime import UTC, datetime
from typing import Any

import orjson

from fastgate.translate.answer import ChatAnswer, Choice, Fault, Usage
from fastgate.translate.conversation import ChatRequest, Image, Text, Thinking, ToolCall
from fastgate.translate.ollama.words import DIALECT, DONE_REASONS
from fastgate.translate.target import Naming


def build_answer(answer: ChatAnswer, request: ChatRequest, naming: Naming) -> bytes:
    """Return the body of a complete answer. Raise Fault for an answer whose model failed: that is no success.

    Durations are the provider's own where it speaks this dialect; else the whole of `naming.elapsed_ns` counts as evaluation.
    """
    choice = answer.choices[0] if answer.choices else Choice()
    if choice.finish == "error":
        raise Fault(502, "upstream", "", failure_text(choice.raw_finish))
    timings = answer.extra.get("timings") if answer.dialect == DIALECT else None
    ending = build_ending(answer.usage, timings if isinstance(timings, dict) else {}, naming.elapsed_ns)
    message = _build_message(choice, naming)
    body: dict[str, Any] = {"model": naming.model, "created_at": build_created(naming.now)}
    if request.operation == "ollama_generate":
        del message["role"]
        body["response"] = message.pop("content")
        images = message.pop("images", None)
        body.update(message)
        if images:
            # One image in a member of its own (api/types.go GenerateResponse).
            body["image"] = images[0]
    else:
        body["message"] = message
    body["done"] = True
    body["done_reason"] = DONE_REASONS[choice.finish]
    logprobs = build_logprobs(choice.logprobs)
    if logprobs:
        body["logprobs"] = logprobs
    body.update(ending)
    return orjson.dumps(body)


def _build_message(choice: Choice, naming: Naming) -> dict[str, Any]:
    texts: list[str] = []
    thoughts: list[str] = []
    images: list[str] = []
    calls: list[dict[str, Any]] = []
    for part in choice.parts:
        if isinstance(part, Text):
            texts.append(part.text)
        elif isinstance(part, Thinking):
            thoughts.append(part.text)
        elif isinstance(part, Image):
            if part.data:
                images.append(part.data)
        elif isinstance(part, ToolCall):
            call = build_call(part, len(calls), naming, choice.finish == "length")
            if call is not None:
                calls.append(call)
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts)}
    thinking = "".join(thoughts)
    if thinking:
        message["thinking"] = thinking
    if images:
        message["images"] = images
    if calls:
        message["tool_calls"] = calls
    return message


def build_call(call: ToolCall, index: int, naming: Naming, cut: bool) -> dict[str, Any] | None:
    """Return a call with its arguments as an object; None for one that the limit *cut*: it is not runnable.

    Free text, and what is no object although the model was not cut, becomes the member `input`.
    """
    arguments = {} if not call.arguments else None if call.custom else parse_arguments(call.arguments)
    if arguments is None:
        if cut:
            return None
        arguments = {"input": call.arguments}
    call_id = call.id or naming.make_id("call_", index)
    return {"id": call_id, "function": {"index": index, "name": call.name, "arguments": arguments}}


def parse_arguments(text: str) -> dict[str, Any] | None:
    """Return the object that *text* is; None if it is none, or not complete."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def build_created(now: int) -> str:
    """Return RFC 3339 text in UTC."""
    return f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}"


def build_ending(usage: Usage | None, timings: dict[str, int], elapsed_ns: int) -> dict[str, int]:
    """Return durations in nanoseconds and counts, as they stand at the end of an answer. The server leaves out counts of zero.

    Without the provider's own clock the whole time is evaluation: callers divide eval_count by it.
    """
    total = timings.get("total_ns", 0) or elapsed_ns
    load, prompt = timings.get("load_ns", 0), timings.get("prompt_eval_ns", 0)
    ending = {"total_duration": total, "load_duration": load}
    if usage is not None and usage.input_tokens:
        ending["prompt_eval_count"] = usage.input_tokens
    ending["prompt_eval_duration"] = prompt
    if usage is not None and usage.output_tokens:
        ending["eval_count"] = usage.output_tokens
    ending["eval_duration"] = timings.get("eval_ns", 0) or max(0, total - load - prompt)
    return ending


def build_logprobs(logprobs: dict[str, Any] | None) -> list[Any]:
    """Return OpenAI's entries as the server writes them; the shape of one is the same."""
    content = logprobs.get("content") if logprobs else None
    return content if isinstance(content, list) else []


def failure_text(raw_finish: str) -> str:
    """Return what to tell of a model that failed."""
    return f"the model failed to write an answer ({raw_finish})" if raw_finish else "the model failed to write an answer"
