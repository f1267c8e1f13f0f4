"""A provider's complete answer: a Response object."""

from collections.abc import Callable
from typing import Any

import orjson

from fastgate.providers.provider import Quirks
from fastgate.translate.answer import ChatAnswer, Choice, Fault, FinishReason
from fastgate.translate.conversation import Image, Opaque, Part, Text, Thinking, ToolCall
from fastgate.translate.openai_responses.errors import broken, fault_of, words_of
from fastgate.translate.openai_responses.usage import parse_usage
from fastgate.translate.openai_responses.words import DIALECT
from fastgate.translate.target import Asked, Target


def parse_answer(body: bytes, target: Target, asked: Asked) -> ChatAnswer:
    """Return what a complete 2xx answer says. Raise Fault for an error in it, or for what cannot be read."""
    try:
        response = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise broken(str(error), body) from error
    if type(response) is not dict:
        raise broken("it is not an object", body)
    output = response.get("output")
    fault = find_failure(response)
    if fault is not None:
        raise fault
    if type(output) is not list:
        raise broken("it has no `output`", body)
    choice = Choice()
    logprobs: list[Any] = []
    for item in output:
        read_item(item, asked, choice.parts, logprobs)
    if logprobs:
        choice.logprobs = {"content": logprobs, "refusal": None}
    calls = any(type(part) is ToolCall for part in choice.parts)
    choice.finish, choice.raw_finish = finish_of(response, calls, target.quirks)
    return ChatAnswer(
        id=words_of(response.get("id")),
        created=created_of(response),
        choices=[choice],
        usage=parse_usage(response.get("usage"), target.quirks),
        service_tier=words_of(response.get("service_tier")),
        dialect=DIALECT,
    )


def find_failure(response: dict[str, Any]) -> Fault | None:
    """Return the error that a Response object tells; None if it tells none."""
    error = response.get("error")
    if isinstance(error, dict) and error:
        return fault_of(error)
    if isinstance(error, str) and error:
        return fault_of({"message": error})
    status = response.get("status")
    if status in _NOT_ANSWERED:
        return Fault(502, "upstream", "", f'the provider ended its answer with the status "{status}" and no error')
    return None


def finish_of(response: dict[str, Any], calls: bool, quirks: Quirks) -> tuple[FinishReason, str]:
    """Return why an answer ended, and the provider's own word if that says more. A call that the limit cut is not runnable."""
    if response.get("status") != "incomplete":
        return ("tool_calls" if calls else "stop"), ""
    details = response.get("incomplete_details")
    reason = words_of(details.get("reason")) if isinstance(details, dict) else ""
    reason = quirks.finish.get(reason, reason)
    found = _FINISHES.get(reason)
    if found is not None:
        return found, ""
    # Cut without a word is cut; `steered` and `max_messages` stop at the end of an item.
    return ("length" if not reason else "tool_calls" if calls else "stop"), reason


def created_of(response: dict[str, Any]) -> int:
    """Return when the answer was made; 0 if it does not say."""
    created = response.get("created_at")
    return int(created) if isinstance(created, int | float) and 0 < created < _YEAR_3000 else 0


def read_item(item: object, asked: Asked, parts: list[Part], logprobs: list[Any]) -> None:
    """Append what an output item says to *parts*, and its tokens to *logprobs*."""
    if type(item) is not dict:
        raise Fault(502, "upstream", "", "an item of the provider's `output` is not an object")
    kind = item.get("type")
    read = _ITEMS.get(kind) if type(kind) is str else None
    if read is not None:
        read(item, asked, parts, logprobs)
    elif type(kind) is str:
        parts.append(Opaque(dialect=DIALECT, kind=kind, value=item))


def _read_message(item: dict[str, Any], asked: Asked, parts: list[Part], logprobs: list[Any]) -> None:
    content = item.get("content")
    if type(content) is not list:
        return
    phase = words_of(item.get("phase"))
    for part in content:
        if type(part) is not dict:
            continue
        if part.get("type") == "refusal":
            parts.append(Text(text=words_of(part.get("refusal")), refusal=True, phase=phase))
            continue
        text = Text(text=words_of(part.get("text")), phase=phase)
        annotations = part.get("annotations")
        if annotations and type(annotations) is list:
            text.citations, text.dialect = annotations, DIALECT
        parts.append(text)
        if type(part.get("logprobs")) is list:
            logprobs.extend(part["logprobs"])


def _read_call(item: dict[str, Any], asked: Asked, parts: list[Part], logprobs: list[Any]) -> None:
    name = words_of(item.get("name"))
    custom = item["type"] == "custom_tool_call"
    parts.append(
        ToolCall(
            id=words_of(item.get("call_id")) or words_of(item.get("id")),
            name=asked.renamed.get(name, name),
            arguments=words_of(item.get("input" if custom else "arguments")),
            custom=custom,
            extra={name: item[name] for name in CALL_EXTRAS if item.get(name) is not None},
        )
    )


def _read_reasoning(item: dict[str, Any], asked: Asked, parts: list[Part], logprobs: list[Any]) -> None:
    content = thought_text(item, "content")
    text = content or thought_text(item, "summary")
    sealed = words_of(item.get("encrypted_content"))
    if text or sealed:
        thinking = Thinking(text=text, id=words_of(item.get("id")), summary=bool(text) and not content, dialect=DIALECT)
        if text:
            thinking.signature = sealed
        else:
            thinking.redacted = sealed
        parts.append(thinking)


def thought_text(item: dict[str, Any], name: str) -> str:
    """Return the texts of a reasoning item's summary or content, a blank line between two of them."""
    value = item.get(name)
    if type(value) is not list:
        return ""
    return "\n\n".join([words_of(part.get("text")) for part in value if type(part) is dict])


def read_image(item: dict[str, Any]) -> Image | None:
    """Return the image of an image_generation_call; None if it has none."""
    result = item.get("result")
    if type(result) is not str or not result:
        return None
    form = words_of(item.get("output_format")) or "png"
    return Image(data=result, media_type=f"image/{form}")


def _read_image_call(item: dict[str, Any], asked: Asked, parts: list[Part], logprobs: list[Any]) -> None:
    image = read_image(item)
    parts.append(Opaque(dialect=DIALECT, kind="image_generation_call", value=item) if image is None else image)


_ITEMS: dict[str, Callable[[dict[str, Any], Asked, list[Part], list[Any]], None]] = {
    "message": _read_message,
    "function_call": _read_call,
    "custom_tool_call": _read_call,
    "reasoning": _read_reasoning,
    "image_generation_call": _read_image_call,
}
# Members of calls that only this dialect knows.
CALL_EXTRAS = ("namespace", "caller")
# Of an answer that was to be complete.
_NOT_ANSWERED = ("failed", "cancelled", "queued", "in_progress")
_FINISHES: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "length": "length",
    "content_filter": "content_filter",
}
_YEAR_3000 = 32_503_680_000
