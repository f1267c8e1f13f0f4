"""A complete answer for a Gemini caller: GenerateContentResponse."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from fastgate.translate.answer import ChatAnswer, Choice
from fastgate.translate.conversation import Audio, ChatRequest, Image, Opaque, Part, Text, Thinking, ToolCall
from fastgate.translate.gemini.signatures import seal_thought
from fastgate.translate.gemini.usage import build_logprobs, build_usage
from fastgate.translate.gemini.words import DIALECT, FINISH_WORDS, FINISHES, PCM, sniff
from fastgate.translate.target import Naming

Wire = dict[str, Any]


def build_answer(answer: ChatAnswer, request: ChatRequest, naming: Naming) -> bytes:
    """Return the body of a complete answer."""
    own = answer.dialect == DIALECT
    kept = answer.extra.get("candidates", {}) if own else {}
    body: Wire = {"candidates": [_build_candidate(choice, kept.get(choice.index), naming) for choice in answer.choices]}
    if own and "promptFeedback" in answer.extra and not any(choice.parts for choice in answer.choices):
        # The prompt was blocked: there were no candidates.
        del body["candidates"]
    if answer.usage is not None:
        body["usageMetadata"] = build_usage(answer.usage)
    body["modelVersion"] = naming.model
    body["responseId"] = answer.id or naming.seed
    if own:
        body |= {name: value for name, value in answer.extra.items() if name != "candidates"}
    return orjson.dumps(body)


def _build_candidate(choice: Choice, kept: Wire | None, naming: Naming) -> Wire:
    parts: list[Wire] = []
    annotations: Wire = {}
    waiting = ""
    calls = 0
    for part in choice.parts:
        if type(part) is Thinking and part.dialect == DIALECT and not part.text:
            # The signature of the part behind it.
            waiting = part.signature
            continue
        wire = _build_part(part)
        if wire is None:
            continue
        if type(part) is ToolCall:
            calls += 1
            wire["functionCall"].setdefault("id", naming.make_id("call_", choice.index * 128 + calls))
        if type(part) is Text and part.dialect == DIALECT:
            for citation in part.citations:
                annotations |= citation if isinstance(citation, dict) else {}
        if waiting and "thought" not in wire:
            wire.setdefault("thoughtSignature", waiting)
            waiting = ""
        parts.append(wire)
    if waiting:
        parts.append({"text": "", "thoughtSignature": waiting})
    candidate: Wire = {
        "content": {"parts": parts, "role": "model"},
        "finishReason": finish_word(choice.finish, choice.raw_finish),
        "index": choice.index,
    }
    if choice.logprobs is not None:
        logprobs = build_logprobs(choice.logprobs)
        if logprobs is not None:
            candidate["logprobsResult"] = logprobs
    candidate |= annotations
    return candidate | kept if kept else candidate


def finish_word(finish: str, raw: str) -> str:
    """Return the finishReason: Google's own word if that is where it came from."""
    return raw if raw in FINISHES else FINISH_WORDS.get(finish, "OTHER")


def _build_part(part: Part) -> Wire | None:
    builder = _BUILDERS.get(type(part))
    return None if builder is None else builder(part)


def _text(part: Text) -> Wire | None:
    return {"text": part.text} if part.text else None


def thought_part(thought: Thinking) -> Wire | None:
    """Return the part that shows a thought and brings its opaque members back; None if there is nothing in it."""
    signature = seal_thought(thought)
    if signature:
        return {"text": thought.text, "thought": True, "thoughtSignature": signature}
    return {"text": thought.text, "thought": True} if thought.text else None


def _call(part: ToolCall) -> Wire:
    return call_part(part.name, part.id, part.arguments, part.custom, part.signature)


def call_part(name: str, call_id: str, arguments: str, custom: bool, signature: str) -> Wire:
    """Return the part of a complete call; arguments that are no JSON object, as of a call that was cut, stand under `input`."""
    call: Wire = {"name": name, "args": {"input": arguments} if custom else _arguments(arguments)}
    if call_id:
        call["id"] = call_id
    return {"functionCall": call, "thoughtSignature": signature} if signature else {"functionCall": call}


def _arguments(arguments: str) -> Wire:
    if not arguments:
        return {}
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return {"input": arguments}
    return value if type(value) is dict else {"input": value}


def _image(part: Image) -> Wire:
    if part.data:
        return {"inlineData": {"mimeType": part.media_type or sniff(part.data) or "image/png", "data": part.data}}
    return {"fileData": {"mimeType": part.media_type or "image/png", "fileUri": part.url or part.file_id}}


def _audio(part: Audio) -> Wire | None:
    if part.data:
        return {"inlineData": {"mimeType": PCM if part.format == "pcm16" else f"audio/{part.format or 'wav'}", "data": part.data}}
    return {"text": part.transcript} if part.transcript else None


def _opaque(part: Opaque) -> Wire | None:
    """A block of another vendor's tools has no place here; what it led to stands in the text."""
    return dict(part.value) if part.dialect == DIALECT else None


_BUILDERS: Mapping[type, Callable[[Any], Wire | None]] = MappingProxyType(
    {Text: _text, Thinking: thought_part, ToolCall: _call, Image: _image, Audio: _audio, Opaque: _opaque}
)
