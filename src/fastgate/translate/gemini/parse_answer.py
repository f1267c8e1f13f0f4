"""A complete answer of Gemini."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from fastgate.translate.answer import ChatAnswer, Choice, Fault, FinishReason
from fastgate.translate.conversation import Audio, Image, Opaque, Part, Text, Thinking, ToolCall
from fastgate.translate.gemini.errors import find_error, read_error, unreadable
from fastgate.translate.gemini.usage import parse_logprobs, parse_usage
from fastgate.translate.gemini.words import DIALECT, FINISHES, PLAIN_FINISHES, audio_format
from fastgate.translate.target import Asked, Target

# Members of a candidate that annotate its text.
ANNOTATIONS = ("groundingMetadata", "citationMetadata", "urlContextMetadata")
# Members that have a place in ChatAnswer or Choice; the rest of a candidate, and of the answer, is kept for Gemini's own callers.
PLAIN_CANDIDATE = frozenset({"content", "finishReason", "index"})
_CANDIDATE = PLAIN_CANDIDATE | {"logprobsResult", *ANNOTATIONS}
_ANSWER = frozenset({"candidates", "usageMetadata", "responseId", "modelVersion"})


def load(body: bytes) -> dict[str, Any]:
    """Return an answer's object; raise Fault for an error in it, or for what is none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise unreadable(body, "it is no JSON") from None
    error = find_error(value)
    if error is not None:
        raise read_error(error)
    if type(value) is list and len(value) == 1:
        value = value[0]
    if type(value) is not dict:
        raise unreadable(body, "it is no JSON object")
    return value


def parse_answer(body: bytes, target: Target, asked: Asked) -> ChatAnswer:
    """Return what a complete 2xx answer says. Raise Fault for an error in it, or for what cannot be read."""
    value = load(body)
    answer = ChatAnswer(usage=parse_usage(value.get("usageMetadata")), dialect=DIALECT)
    response_id = value.get("responseId")
    if type(response_id) is str:
        answer.id = response_id
    said = value.get("candidates")
    candidates: list[Any] = said if type(said) is list else []
    kept: dict[int, Any] = {}
    for at, candidate in enumerate(candidates):
        if type(candidate) is not dict:
            raise unreadable(body, "a candidate is no object")
        choice = _parse_candidate(candidate, at, asked)
        answer.choices.append(choice)
        if not candidate.keys() <= _CANDIDATE:
            kept[choice.index] = {name: inner for name, inner in candidate.items() if name not in _CANDIDATE}
    if not answer.choices:
        reason = blocked(value)
        if not reason:
            raise unreadable(body, "it holds no candidates, nor why there are none")
        answer.choices.append(Choice(finish="content_filter", raw_finish=reason))
    elif all(choice.finish == "error" for choice in answer.choices):
        raise failure(answer.choices[0].raw_finish, candidates[0].get("finishMessage"))
    if not value.keys() <= _ANSWER:
        answer.extra = {name: inner for name, inner in value.items() if name not in _ANSWER}
    if kept:
        answer.extra["candidates"] = kept
    return answer


def failure(word: str, says: Any) -> Fault:
    """Return the fault of an answer whose model failed: a finishReason that is no success."""
    message = says if type(says) is str and says else f"the model's answer ended with {word}"
    return Fault(502, "upstream", word, message)


def blocked(value: dict[str, Any]) -> str:
    """Return why the prompt was blocked; "" if it was not: an empty or unspecified reason means nothing."""
    feedback = value.get("promptFeedback")
    reason = feedback.get("blockReason") if type(feedback) is dict else None
    return reason if type(reason) is str and reason != "BLOCKED_REASON_UNSPECIFIED" else ""


def read_finish(word: Any, calls: int) -> tuple[FinishReason, str]:
    """Return what a finishReason means after that many calls, and the word where that does not say it all."""
    said = word if type(word) is str else ""
    finish = FINISHES.get(said, "stop")
    if finish == "stop" and calls:
        finish = "tool_calls"
    return finish, "" if said in PLAIN_FINISHES else said


def _parse_candidate(candidate: dict[str, Any], at: int, asked: Asked) -> Choice:
    index = candidate.get("index")
    choice = Choice(index=index if type(index) is int and index >= 0 else at)
    content = candidate.get("content")
    parts = content.get("parts") if type(content) is dict else None
    for part in parts if type(parts) is list else []:
        if type(part) is dict:
            _parse_part(part, choice.parts)
    calls = _settle_calls(choice, asked) if any(type(part) is ToolCall for part in choice.parts) else 0
    if not candidate.keys() <= PLAIN_CANDIDATE:
        _annotate(choice, candidate)
        choice.logprobs = parse_logprobs(candidate.get("logprobsResult"))
    choice.finish, choice.raw_finish = read_finish(candidate.get("finishReason"), calls)
    return choice


def _settle_calls(choice: Choice, asked: Asked) -> int:
    """Undo what the request did to tools; return how many calls there are."""
    calls = 0
    settled: list[Part] = []
    for part in choice.parts:
        if type(part) is ToolCall:
            if part.name == asked.answer_tool and asked.answer_tool:
                settled.append(Text(text=part.arguments))
                continue
            calls += 1
            if calls > 1 and asked.one_call:
                calls = 1
                continue
            part.name = asked.renamed.get(part.name, part.name)
        settled.append(part)
    choice.parts = settled
    return calls


def _annotate(choice: Choice, candidate: dict[str, Any]) -> None:
    found = [{name: candidate[name]} for name in ANNOTATIONS if candidate.get(name)]
    if not found:
        return
    for part in reversed(choice.parts):
        if type(part) is Text:
            part.citations = found
            part.dialect = DIALECT
            return
    choice.parts.append(Text(text="", citations=found, dialect=DIALECT))


def _parse_part(part: dict[str, Any], parts: list[Part]) -> None:
    signature = part.get("thoughtSignature")
    signed = signature if type(signature) is str else ""
    for name, value in part.items():
        reader = _READERS.get(name)
        if reader is not None and value is not None:
            reader(value, part, signed, parts)
            return
    if signed:
        parts.append(Thinking(signature=signed, dialect=DIALECT))
    elif part.keys() - {"thought", "thoughtSignature"}:
        parts.append(Opaque(dialect=DIALECT, kind=next(iter(part)), value=part))


def _text(value: Any, part: dict[str, Any], signed: str, parts: list[Part]) -> None:
    text = value if type(value) is str else ""
    if part.get("thought") is True:
        if text or signed:
            parts.append(Thinking(text=text, signature=signed, dialect=DIALECT))
        return
    # The signature of a text stands before it, as a thought without text.
    if signed:
        parts.append(Thinking(signature=signed, dialect=DIALECT))
    if text:
        parts.append(Text(text=text))


def _call(value: Any, _part: dict[str, Any], signed: str, parts: list[Part]) -> None:
    name, call_id, arguments = read_call(value)
    parts.append(ToolCall(id=call_id, name=name, arguments=arguments, signature=signed))


def read_call(value: Any) -> tuple[str, str, str]:
    """Return a functionCall's name, id and arguments; missing arguments are an empty object."""
    call = value if type(value) is dict else {}
    name, call_id, args = call.get("name"), call.get("id"), call.get("args")
    arguments = orjson.dumps(args).decode() if type(args) is dict else "{}"
    return name if type(name) is str else "", call_id if type(call_id) is str else "", arguments


def _blob(value: Any, part: dict[str, Any], signed: str, parts: list[Part]) -> None:
    if signed:
        parts.append(Thinking(signature=signed, dialect=DIALECT))
    media_type, content = read_blob(value)
    if media_type.startswith("image/"):
        parts.append(Image(data=content, media_type=media_type, dialect=DIALECT))
    elif media_type.startswith("audio/"):
        parts.append(Audio(data=content, format=audio_format(media_type)))
    else:
        parts.append(Opaque(dialect=DIALECT, kind="inlineData", value=part))


def read_blob(value: Any) -> tuple[str, str]:
    """Return the media type and the base64 of inlineData."""
    blob = value if type(value) is dict else {}
    media_type, content = blob.get("mimeType"), blob.get("data")
    return media_type if type(media_type) is str else "", content if type(content) is str else ""


_READERS: Mapping[str, Callable[[Any, dict[str, Any], str, list[Part]], None]] = MappingProxyType(
    {"text": _text, "functionCall": _call, "inlineData": _blob}
)
