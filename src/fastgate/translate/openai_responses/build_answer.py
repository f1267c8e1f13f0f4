"""A complete answer as a Response object, and the items of its output."""

from collections.abc import Callable
from typing import Any

import orjson

from fastgate.translate.answer import ChatAnswer, Choice
from fastgate.translate.conversation import Audio, ChatRequest, Image, Opaque, Text, Thinking, ToolCall
from fastgate.translate.openai_responses.response import build_response, close_response
from fastgate.translate.openai_responses.thoughts import seal_call, seal_thought
from fastgate.translate.openai_responses.usage import build_usage
from fastgate.translate.openai_responses.words import DIALECT
from fastgate.translate.target import Naming

Item = dict[str, Any]


def build_answer(answer: ChatAnswer, request: ChatRequest, naming: Naming) -> bytes:
    """Return the body of a complete answer; of several alternatives the first, for this dialect knows one."""
    choice = answer.choices[0] if answer.choices else Choice()
    response = build_response(request, naming, answer.created, answer.service_tier)
    status = close_response(response, choice.finish, choice.raw_finish)
    output = OutputWriter(request, naming)
    output.write(choice, answer.dialect)
    if status == "incomplete" and output.items and "status" in output.items[-1]:
        output.items[-1]["status"] = status
    response["output"] = output.items
    response["usage"] = build_usage(answer.usage)
    return orjson.dumps(response)


class OutputWriter:
    """Writes the items of one answer."""

    __slots__ = ("_dialect", "_logprobs", "_message", "_naming", "_summarized", "items")

    def __init__(self, request: ChatRequest, naming: Naming) -> None:
        self.items: list[Item] = []
        self._naming = naming
        self._summarized = wants_summary(request)
        self._message: Item | None = None
        self._logprobs: list[Any] = []
        self._dialect = ""

    def write(self, choice: Choice, dialect: str) -> None:
        """Append the items of *choice*, which *dialect* made."""
        self._dialect = dialect
        if choice.logprobs is not None:
            self._logprobs = token_logprobs(choice.logprobs)
        for part in choice.parts:
            write = _WRITERS.get(type(part))
            if write is not None:
                write(self, part)

    def make_id(self, prefix: str) -> str:
        """Return the id of the next item."""
        return self._naming.make_id(prefix, len(self.items))

    def _text(self, part: Text) -> None:
        if not part.text:
            return
        message = self._message
        if message is None or message.get("phase", "") != part.phase:
            message = self._message = build_message(self.make_id("msg_"), "completed", [])
            if part.phase:
                message["phase"] = part.phase
            self.items.append(message)
        if part.refusal:
            message["content"].append({"type": "refusal", "refusal": part.text})
            return
        annotations = [found for value in part.citations if (found := build_annotation(value, part.dialect)) is not None]
        # All tokens stand at the first text: no dialect says which text they are of.
        message["content"].append(build_text(part.text, annotations, self._logprobs))
        self._logprobs = []

    def _thinking(self, part: Thinking) -> None:
        self._message = None
        sealed = seal_thought(part.dialect, part.signature, part.redacted)
        if not part.text and not sealed:
            return
        ident = part.id if part.id and part.dialect == DIALECT else self.make_id("rs_")
        item: Item = {"id": ident, "type": "reasoning", "summary": []}
        if part.text and (part.summary or self._summarized):
            item["summary"] = [{"type": "summary_text", "text": part.text}]
        elif part.text:
            item["content"] = [{"type": "reasoning_text", "text": part.text}]
        if sealed:
            item["encrypted_content"] = sealed
        self.items.append(item)

    def _call(self, part: ToolCall) -> None:
        self._message = None
        if part.signature:
            self.items.append(build_call_thought(self.make_id("rs_"), part.signature))
        number = len(self.items)
        call_id = part.id or self._naming.make_id("call_", number)
        if part.custom:
            item = build_custom_call(self.make_id("ctc_"), call_id, part.name, part.arguments, "completed")
        else:
            item = build_call(self.make_id("fc_"), call_id, part.name, part.arguments or "{}", "completed")
        if part.extra and self._dialect == DIALECT:
            item.update(part.extra)
        self.items.append(item)

    def _image(self, part: Image) -> None:
        self._message = None
        if part.data:
            self.items.append(build_image_call(self.make_id("ig_"), part.media_type, part.data))

    def _audio(self, part: Audio) -> None:
        # Callers of this dialect cannot ask for audio; what was spoken is text.
        self._text(Text(text=part.transcript))

    def _opaque(self, part: Opaque) -> None:
        self._message = None
        if part.dialect == DIALECT:
            self.items.append(part.value)


_WRITERS: dict[type, Callable[[OutputWriter, Any], None]] = {
    Text: OutputWriter._text,
    Thinking: OutputWriter._thinking,
    ToolCall: OutputWriter._call,
    Image: OutputWriter._image,
    Audio: OutputWriter._audio,
    Opaque: OutputWriter._opaque,
}


def wants_summary(request: ChatRequest) -> bool:
    """Return whether the caller asked for summaries: then it looks for thoughts there alone, and brings back no others."""
    return request.reasoning is not None and bool(request.reasoning.show)


def build_message(ident: str, status: str, content: list[Item]) -> Item:
    """Return a message item."""
    return {"id": ident, "type": "message", "status": status, "role": "assistant", "content": content}


def build_text(text: str, annotations: list[Any], logprobs: list[Any]) -> Item:
    """Return an output_text part."""
    return {"type": "output_text", "annotations": annotations, "logprobs": logprobs, "text": text}


def build_call(ident: str, call_id: str, name: str, arguments: str, status: str) -> Item:
    """Return a function_call item."""
    return {"id": ident, "type": "function_call", "status": status, "arguments": arguments, "call_id": call_id, "name": name}


def build_custom_call(ident: str, call_id: str, name: str, text: str, status: str) -> Item:
    """Return a custom_tool_call item."""
    return {"id": ident, "type": "custom_tool_call", "status": status, "call_id": call_id, "input": text, "name": name}


def build_call_thought(ident: str, signature: str) -> Item:
    """Return the empty reasoning item that brings back the signature of the call behind it."""
    return {"id": ident, "type": "reasoning", "summary": [], "encrypted_content": seal_call(signature)}


def build_image_call(ident: str, media_type: str, content: str) -> Item:
    """Return an image_generation_call item; its format is the subtype of a media type."""
    form = media_type.partition("/")[2] or "png"
    return {"id": ident, "type": "image_generation_call", "status": "completed", "output_format": form, "result": content}


def build_annotation(value: object, dialect: str) -> Item | None:
    """Return an annotation in this dialect's form; None for those of dialects that mean other things by it."""
    if type(value) is not dict:
        return None
    if dialect == DIALECT:
        return value
    cited = value.get("url_citation")
    if dialect != "openai_chat" or type(cited) is not dict:
        return None
    places = (cited.get("start_index"), cited.get("end_index"))
    if type(places[0]) is not int or type(places[1]) is not int or type(cited.get("url")) is not str:
        return None
    title = cited.get("title")
    return {
        "type": "url_citation",
        "start_index": places[0],
        "end_index": places[1],
        "url": cited["url"],
        "title": title if type(title) is str else "",
    }


def token_logprobs(logprobs: dict[str, Any]) -> list[Any]:
    """Return OpenAI's list of tokens as this dialect has it: `bytes` and `top_logprobs` are never null."""
    content = logprobs.get("content")
    if type(content) is not list:
        return []
    return [_token(token) for token in content if type(token) is dict]


def _token(token: dict[str, Any]) -> Item:
    top = token.get("top_logprobs")
    return {
        "token": token.get("token") or "",
        "bytes": token.get("bytes") or [],
        "logprob": token.get("logprob") or 0.0,
        "top_logprobs": [
            {"token": other.get("token") or "", "bytes": other.get("bytes") or [], "logprob": other.get("logprob") or 0.0}
            for other in (top if type(top) is list else [])
            if type(other) is dict
        ],
    }
