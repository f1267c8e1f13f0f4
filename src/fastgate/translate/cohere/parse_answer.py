"""Answers of Cohere's v2 chat."""

import re
from typing import Any

import orjson

from fastgate.translate.answer import ChatAnswer, Choice, Fault, FinishReason, Usage, kind_of_status
from fastgate.translate.cohere.words import FAILURES, FINISH
from fastgate.translate.conversation import Opaque, Part, Text, Thinking, ToolCall
from fastgate.translate.target import Asked, Target


def parse_answer(body: bytes, target: Target, asked: Asked) -> ChatAnswer:
    """Return what a complete answer says. Raise Fault for one that the model failed at, or that cannot be read."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Fault(502, "upstream", "", f"the provider's answer is not JSON: {_excerpt(body)}") from error
    message = told.get("message") if isinstance(told, dict) else None
    if not isinstance(message, dict):
        raise Fault(502, "upstream", "", f"the provider's answer has no message: {_excerpt(body)}")
    raw = text_of(told, "finish_reason")
    parts = _choose_parts(_parse_parts(message), asked)
    finish = finish_of(raw, any(type(part) is ToolCall for part in parts))
    choice = Choice(parts=parts, finish=finish, raw_finish="" if raw in FINISH else raw, logprobs=logprobs_of(told.get("logprobs")))
    return ChatAnswer(id=text_of(told, "id"), choices=[choice], usage=parse_usage(told.get("usage")), dialect="cohere")


def finish_of(raw: str, called: bool, message: str = "") -> FinishReason:
    """Return why an answer ended; *called*: the caller gets calls. Raise Fault for one that the model failed at."""
    finish = FINISH.get(raw, "stop")
    if finish == "error":
        status = FAILURES[raw]
        raise Fault(status, kind_of_status(status), raw, message or f"the model failed: finish_reason {raw}")
    if finish == "tool_calls" and not called:
        return "stop"
    return "tool_calls" if called and finish == "stop" else finish


def parse_usage(told: Any) -> Usage | None:
    """Return the tokens: those that the model saw, and what was billed only where these are not told."""
    if not isinstance(told, dict):
        return None
    tokens = told.get("tokens")
    billed = told.get("billed_units")
    counted = tokens if isinstance(tokens, dict) else billed if isinstance(billed, dict) else None
    if counted is None:
        return None
    return Usage(
        input_tokens=count(counted, "input_tokens"),
        output_tokens=count(counted, "output_tokens"),
        cache_read_tokens=count(told, "cached_tokens"),
    )


def count(told: dict[str, Any], name: str) -> int:
    """Return a counter, which Cohere writes as a float at times; 0 if it is not told."""
    value = told.get(name)
    return int(value) if isinstance(value, int | float) and 0 < value < 2**53 else 0


def logprobs_of(told: Any) -> dict[str, Any] | None:
    """Return OpenAI's logprobs. An item is a chunk of text with the logprobs of its tokens: their sum is the chunk's."""
    items = told if isinstance(told, list) else [told]
    content = []
    for item in items:
        if not isinstance(item, dict):
            continue
        text = text_of(item, "text")
        values = item.get("logprobs")
        numbers = [value for value in values if isinstance(value, int | float)] if isinstance(values, list) else []
        content.append({"token": text, "logprob": sum(numbers), "bytes": list(text.encode()), "top_logprobs": []})
    return {"content": content, "refusal": None} if content else None


def text_of(value: Any, name: str) -> str:
    """Return a member that is text; "" if there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _parse_parts(message: dict[str, Any]) -> list[Part]:
    """Return thoughts, the plan, text and calls, in the order in which the model made them."""
    thoughts: list[Part] = []
    texts: dict[int, Text] = {}
    unknown: list[Part] = []
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    for index, item in enumerate(content if isinstance(content, list) else []):
        kind = text_of(item, "type")
        if kind == "thinking":
            thoughts.append(Thinking(text=text_of(item, "thinking"), dialect="cohere"))
        elif kind == "text":
            texts[index] = Text(text=text_of(item, "text"))
        elif isinstance(item, dict):
            unknown.append(Opaque(dialect="cohere", kind=kind, value=item))
    _cite(message.get("citations"), texts)
    plan = text_of(message, "tool_plan")
    calls = message.get("tool_calls")
    return [
        *thoughts,
        *([Text(text=plan)] if plan else []),
        *(text for text in texts.values() if text.text),
        *unknown,
        *(_parse_call(call) for call in (calls if isinstance(calls, list) else []) if isinstance(call, dict)),
    ]


def _cite(citations: Any, texts: dict[int, Text]) -> None:
    if not isinstance(citations, list) or not texts:
        return
    first = next(iter(texts.values()))
    for citation in citations:
        if isinstance(citation, dict):
            index = citation.get("content_index")
            text = texts.get(index, first) if isinstance(index, int) else first
            text.citations.append(citation)
            text.dialect = "cohere"


def _parse_call(call: dict[str, Any]) -> ToolCall:
    function = call.get("function")
    return ToolCall(id=text_of(call, "id"), name=text_of(function, "name"), arguments=text_of(function, "arguments"))


def _choose_parts(parts: list[Part], asked: Asked) -> list[Part]:
    if asked.answer_tool:
        answers = [part for part in parts if type(part) is ToolCall and part.name == asked.answer_tool]
        if answers:
            # Text beside it is the way there: the answer is the tool's input.
            kept = [part for part in parts if type(part) is not Text and not (type(part) is ToolCall and part.name == asked.answer_tool)]
            parts = [*kept, Text(text=answers[0].arguments or "{}")]
    if asked.one_call:
        first = next((part for part in parts if type(part) is ToolCall), None)
        parts = [part for part in parts if type(part) is not ToolCall or part is first]
    return parts


def _excerpt(body: bytes) -> str:
    return re.sub(r"\s+", " ", body[:200].decode("utf-8", "replace")).strip() or "it is empty"
