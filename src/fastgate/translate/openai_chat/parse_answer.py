"""Complete answers of providers."""

from typing import Any

import orjson

from fastgate.translate.answer import ChatAnswer, Choice, Fault, FinishReason
from fastgate.translate.conversation import Audio, Image, Opaque, Part, Text, Thinking, ToolCall
from fastgate.translate.openai_chat.errors import find_error, unreadable
from fastgate.translate.openai_chat.media import split_data_url
from fastgate.translate.openai_chat.parse_messages import signature_of
from fastgate.translate.openai_chat.thoughts import UNSIGNED, thoughts_of
from fastgate.translate.openai_chat.usage import read_usage
from fastgate.translate.openai_chat.words import DIALECT, FINISH_READ
from fastgate.translate.target import Asked, Target

_KNOWN = frozenset({"id", "object", "created", "model", "choices", "usage", "service_tier"})


def parse_answer(body: bytes, target: Target, asked: Asked) -> ChatAnswer:
    """Return what a complete 2xx answer says. Raise Fault for an error in it, or for what cannot be read."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise unreadable(body, "JSON") from None
    if not isinstance(value, dict):
        raise unreadable(body, "an object")
    fault = find_error(value)
    if fault is not None:
        raise fault
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices or not all(isinstance(choice, dict) for choice in choices):
        raise unreadable(body, "an object with choices")
    usage, created = value.get("usage"), value.get("created")
    return ChatAnswer(
        id=text_of(value.get("id")),
        created=created if isinstance(created, int) else 0,
        choices=[_parse_choice(choice, number, target, asked) for number, choice in enumerate(choices)],
        usage=read_usage(usage, target) if isinstance(usage, dict) else None,
        service_tier=text_of(value.get("service_tier")),
        extra={name: member for name, member in value.items() if name not in _KNOWN and member is not None},
        dialect=DIALECT,
    )


def text_of(value: object) -> str:
    """Return a string; "" for anything else."""
    return value if isinstance(value, str) else ""


def read_finish(word: object, target: Target, calls: bool) -> tuple[FinishReason, str]:
    """Return why an answer ended, and the provider's own word where that does not say it all.

    *calls*: the answer has calls that are passed on. They count, whatever the provider said, but for an answer that was cut.
    Raise Fault if the provider's word is that it failed.
    """
    raw = text_of(word)
    known = FINISH_READ.get(target.quirks.finish.get(raw, raw))
    if known == "error":
        raise Fault(502, "upstream", raw, f"the provider's answer broke off: finish_reason {raw}")
    if known in ("length", "content_filter"):
        return known, ""
    if calls:
        return "tool_calls", ""
    if known is None:
        return "stop", raw
    return "stop" if known == "tool_calls" else known, ""


def _parse_choice(choice: dict[str, Any], number: int, target: Target, asked: Asked) -> Choice:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    parts = _parse_message(message, target, asked)
    # The deprecated form, which providers of /completions alone still answer.
    if not parts and isinstance(choice.get("text"), str):
        parts = [Text(text=choice["text"])]
    index, logprobs, stopped = choice.get("index"), choice.get("logprobs"), choice.get("stop_reason")
    reason, raw = read_finish(choice.get("finish_reason"), target, any(isinstance(part, ToolCall) for part in parts))
    # vLLM names the string that stopped it (docs.vllm.ai, CompletionResponse, 2026-11).
    sequence = stopped if isinstance(stopped, str) and reason == "stop" and stopped != choice.get("finish_reason") else ""
    return Choice(
        index=index if isinstance(index, int) else number,
        parts=parts,
        finish="stop_sequence" if sequence else reason,
        stop_sequence=sequence,
        raw_finish=raw,
        logprobs=logprobs if isinstance(logprobs, dict) else None,
    )


def _parse_message(message: dict[str, Any], target: Target, asked: Asked) -> list[Part]:
    returns = target.quirks.thinking_returns
    parts: list[Part] = [unsigned(thought) if returns else thought for thought in thoughts_of(message, target.quirks.thinking)]
    content = message.get("content")
    if isinstance(content, str) and content:
        parts.append(Text(text=content))
    elif isinstance(content, list):
        parts += [part for piece in content if isinstance(piece, dict) for part in read_piece(piece)]
    if text_of(message.get("refusal")):
        parts.append(Text(text=message["refusal"], refusal=True))
    _add_annotations(parts, message.get("annotations"))
    audio = message.get("audio")
    if isinstance(audio, dict):
        parts.append(_parse_audio(audio))
    for image in _objects(message.get("images")):
        parts += read_piece({"type": "image_url", **image})
    parts += _parse_calls(message, asked)
    return parts


def unsigned(thought: Thinking) -> Thinking:
    """Return the thought with a sign that this dialect made it, if it has none: its provider wants it back."""
    if not thought.signature and not thought.redacted and thought.dialect == DIALECT:
        thought.signature = UNSIGNED
    return thought


def read_piece(piece: dict[str, Any]) -> list[Part]:
    """Return what a part of an answer's content says; Mistral's thoughts come so, OpenRouter's images."""
    kind = piece.get("type")
    if kind == "text":
        return [Text(text=piece["text"])] if text_of(piece.get("text")) else []
    if kind == "thinking":
        thought = piece.get("thinking")
        pieces = [text_of(one.get("text")) for one in _objects(thought)]
        text = text_of(thought) or "".join(pieces)
        return [Thinking(text=text, dialect=DIALECT)] if text else []
    if kind == "refusal":
        return [Text(text=piece["refusal"], refusal=True)] if text_of(piece.get("refusal")) else []
    if kind == "image_url":
        image = piece.get("image_url")
        url = text_of(image.get("url")) if isinstance(image, dict) else text_of(image)
        split = split_data_url(url)
        if split:
            return [Image(media_type=split[0], data=split[1])]
        return [Image(url=url)] if url else []
    return [Opaque(dialect=DIALECT, kind=text_of(kind), value=piece)]


def _parse_audio(audio: dict[str, Any]) -> Audio:
    expires = audio.get("expires_at")
    return Audio(
        id=text_of(audio.get("id")),
        data=text_of(audio.get("data")),
        transcript=text_of(audio.get("transcript")),
        expires_at=expires if isinstance(expires, int) else 0,
    )


def _add_annotations(parts: list[Part], annotations: object) -> None:
    found = _objects(annotations)
    if not found:
        return
    text = next((part for part in reversed(parts) if isinstance(part, Text)), None)
    if text is None:
        text = Text(text="")
        parts.append(text)
    text.citations, text.dialect = list(found), DIALECT


def _parse_calls(message: dict[str, Any], asked: Asked) -> list[Part]:
    """Return the calls that are passed on; the call of the answer tool is text."""
    calls = _objects(message.get("tool_calls"))
    legacy = message.get("function_call")
    if not calls and isinstance(legacy, dict) and legacy.get("name"):
        calls = [{"function": legacy}]
    parts: list[Part] = []
    passed = 0
    for call in calls:
        custom = isinstance(call.get("custom"), dict)
        function = call.get("custom") if custom else call.get("function")
        if not isinstance(function, dict):
            continue
        name, arguments = text_of(function.get("name")), arguments_of(function.get("input" if custom else "arguments"))
        if asked.answer_tool and name == asked.answer_tool:
            parts.append(Text(text=arguments or "{}"))
        elif not asked.no_calls and not (asked.one_call and passed):
            passed += 1
            name = asked.renamed.get(name, name)
            parts.append(ToolCall(id=text_of(call.get("id")), name=name, arguments=arguments, custom=custom, signature=signature_of(call)))
    return parts


def arguments_of(value: object) -> str:
    """Return a call's arguments as JSON text; some servers give the object itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
