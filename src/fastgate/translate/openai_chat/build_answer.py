"""Complete answers to callers, in both of their forms: chat.completion and text_completion."""

from typing import Any

import orjson

from fastgate.translate.answer import ChatAnswer, Choice, Fault
from fastgate.translate.conversation import Audio, ChatRequest, Image, Opaque, Text, Thinking, ToolCall
from fastgate.translate.openai_chat.logprobs import legacy_logprobs
from fastgate.translate.openai_chat.media import data_url
from fastgate.translate.openai_chat.thoughts import block_of
from fastgate.translate.openai_chat.usage import build_usage
from fastgate.translate.openai_chat.words import DIALECT, FINISH_WRITTEN
from fastgate.translate.target import Naming


def build_answer(answer: ChatAnswer, request: ChatRequest, naming: Naming) -> bytes:
    """Return the body of a complete answer. Raise Fault if the model failed: that is no answer."""
    legacy = request.operation == "text_completion"
    for choice in answer.choices:
        if choice.finish == "error":
            raise failure(choice.raw_finish)
    built: dict[str, Any] = {
        "id": answer.id or naming.make_id("cmpl-" if legacy else "chatcmpl-"),
        "object": "text_completion" if legacy else "chat.completion",
        "created": answer.created or naming.now,
        "model": naming.model,
    }
    if legacy:
        built["choices"] = [_build_completion(choice) for choice in answer.choices]
    else:
        # Ids are made of ordinals that count through all choices.
        number = 0
        choices = []
        for choice in answer.choices:
            choices.append(_build_choice(choice, request, naming, number))
            number += sum(isinstance(part, ToolCall) for part in choice.parts)
        built["choices"] = choices
    if answer.usage is not None:
        built["usage"] = build_usage(answer.usage)
    if answer.service_tier:
        built["service_tier"] = answer.service_tier
    if answer.dialect == DIALECT and answer.extra:
        built |= answer.extra
    return orjson.dumps(built)


def failure(raw_finish: str) -> Fault:
    """Return the fault of an answer that ended because the model failed."""
    why = f": {raw_finish}" if raw_finish else ""
    return Fault(502, "upstream", raw_finish, f"the model failed to finish its answer{why}")


def finish_word(choice: Choice, *, legacy_calls: bool) -> str:
    """Return finish_reason; a call counts, but for an answer that was cut or withheld."""
    word = FINISH_WRITTEN[choice.finish]
    if word == "stop" and any(isinstance(part, ToolCall) for part in choice.parts):
        word = "tool_calls"
    return "function_call" if legacy_calls and word == "tool_calls" else word


def finish_fields(raw_finish: str, stop_sequence: str) -> dict[str, str]:
    """Return what finish_reason does not say, for the provider's field."""
    fields = {}
    if raw_finish:
        fields["finish_reason"] = raw_finish
    if stop_sequence:
        fields["stop_sequence"] = stop_sequence
    return fields


def _build_choice(choice: Choice, request: ChatRequest, naming: Naming, number: int) -> dict[str, Any]:
    built: dict[str, Any] = {
        "index": choice.index,
        "message": _build_message(choice, request, naming, number),
        "logprobs": choice.logprobs,
        "finish_reason": finish_word(choice, legacy_calls=request.legacy_calls),
    }
    if fields := finish_fields(choice.raw_finish, choice.stop_sequence):
        built["provider_specific_fields"] = fields
    return built


def _build_message(choice: Choice, request: ChatRequest, naming: Naming, number: int) -> dict[str, Any]:
    texts: list[str] = []
    refusals: list[str] = []
    thoughts: list[Thinking] = []
    calls: list[dict[str, Any]] = []
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    for part in choice.parts:
        if isinstance(part, Text):
            (refusals if part.refusal else texts).append(part.text)
            if part.citations:
                _write_citations(message, part)
        elif isinstance(part, ToolCall):
            calls.append(_build_call(part, naming, number + len(calls)))
        elif isinstance(part, Thinking):
            thoughts.append(part)
        else:
            _write_other(message, part, naming)
    if texts:
        message["content"] = "".join(texts)
    if refusals:
        message["refusal"] = "".join(refusals)
    if text := "".join(thought.text for thought in thoughts):
        message["reasoning_content"] = text
    if blocks := [block for thought in thoughts if (block := block_of(thought))]:
        message["thinking_blocks"] = blocks
    if calls and request.legacy_calls:
        message["function_call"] = calls[0]["function"] if "function" in calls[0] else calls[0]["custom"]
    elif calls:
        message["tool_calls"] = calls
    return message


def _build_call(call: ToolCall, naming: Naming, number: int) -> dict[str, Any]:
    built: dict[str, Any] = {"id": call.id or naming.make_id("call_", number), "type": "custom" if call.custom else "function"}
    if call.custom:
        built["custom"] = {"name": call.name, "input": call.arguments}
    else:
        built["function"] = {"name": call.name, "arguments": call.arguments or "{}"}
    if call.signature:
        built["extra_content"] = {"google": {"thought_signature": call.signature}}
    return built


def annotation_of(citation: Any, dialect: str) -> dict[str, Any] | None:
    """Return a citation as annotation of this dialect; None if it has no such form."""
    if not isinstance(citation, dict):
        return None
    if dialect == DIALECT:
        return citation
    if dialect == "openai_responses" and citation.get("type") == "url_citation":
        return {"type": "url_citation", "url_citation": {name: value for name, value in citation.items() if name != "type"}}
    return None


def _write_citations(message: dict[str, Any], part: Text) -> None:
    for citation in part.citations:
        annotation = annotation_of(citation, part.dialect)
        if annotation is not None:
            message.setdefault("annotations", []).append(annotation)
        else:
            message.setdefault("provider_specific_fields", {}).setdefault("citations", []).append(citation)


def _write_other(message: dict[str, Any], part: Any, naming: Naming) -> None:
    if isinstance(part, Image):
        images = message.setdefault("images", [])
        images.append(image_entry(len(images), part.url or data_url(part.media_type, part.data)))
    elif isinstance(part, Audio):
        message["audio"] = {
            "id": part.id or naming.make_id("audio_"),
            "data": part.data,
            "transcript": part.transcript,
            # An audio that no provider keeps cannot be referred to later.
            "expires_at": part.expires_at or naming.now,
        }
    elif isinstance(part, Opaque):
        message.setdefault("provider_specific_fields", {}).setdefault("blocks", []).append(part.value)


def image_entry(index: int, url: str) -> dict[str, Any]:
    """Return an entry of `images`, the form of OpenRouter and LiteLLM."""
    return {"index": index, "type": "image_url", "image_url": {"url": url}}


def _build_completion(choice: Choice) -> dict[str, Any]:
    word = FINISH_WRITTEN[choice.finish]
    return {
        "text": "".join(part.text for part in choice.parts if isinstance(part, Text)),
        "index": choice.index,
        "logprobs": legacy_logprobs(choice.logprobs, 0) if choice.logprobs else None,
        "finish_reason": "stop" if word == "tool_calls" else word,
    }
