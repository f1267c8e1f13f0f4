"""Parts of messages as Converse's content blocks."""

import base64
import re
import zlib
from collections.abc import Callable
from typing import Any

import orjson

from fastgate.translate.bedrock.words import (
    AUDIO_FORMATS,
    DOCUMENT_EXTENSIONS,
    DOCUMENT_FORMATS,
    IMAGE_FORMATS,
    IMAGE_MAGIC,
    Traits,
)
from fastgate.translate.conversation import Audio, CacheMark, File, Image, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from fastgate.translate.losses import InvalidRequest, Losses
from fastgate.translate.target import Asked

Block = dict[str, Any]

# botocore's ToolName and ToolUseId; Claude behind them knows no `.` and no `:` in an id.
_LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
# DocumentBlock.name: letters, digits, single spaces, hyphens, parentheses, square brackets; at most 200.
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9\-()\[\] ]+")
_SPACES = re.compile(r" {2,}")
_MAX_NAME = 190


def legal_name(name: str) -> str:
    """Return *name* if Converse takes it as a tool's name or a call's id, else one made of it, always the same one."""
    if _LEGAL.fullmatch(name):
        return name
    return f"{_ILLEGAL.sub('_', name)[:55]}_{zlib.crc32(name.encode('utf-8', 'surrogatepass')):08x}"


class BlockWriter:
    """Writes the blocks of one request: names of tools and documents, and ids, are the same or distinct all over it."""

    __slots__ = ("_documents", "_nameless", "_names", "_unanswered", "asked", "called", "losses", "traits")

    def __init__(self, traits: Traits, asked: Asked, losses: Losses) -> None:
        self.traits = traits
        self.asked = asked
        self.losses = losses
        # Names of the tools that the history speaks of, as sent, in order.
        self.called: dict[str, None] = {}
        self._names: dict[str, str] = {}
        self._documents: set[str] = set()
        # Calls and results without an id: paired in their order.
        self._nameless = 0
        self._unanswered = 0

    def tool_name(self, name: str) -> str:
        """Return the name that is sent for a tool; another one than the caller's is noted for the answer's reader."""
        sent = self._names.get(name)
        if sent is None:
            sent = self._names[name] = legal_name(name)
            if sent != name:
                self.asked.renamed[sent] = name
        return sent

    def cache_point(self, mark: CacheMark | None) -> Block | None:
        """Return the block that stands after a marked one, if the model knows such."""
        if mark is None:
            return None
        if not self.traits.caches:
            self.losses.drop("cache_control")
            return None
        ttl = mark.get("ttl")
        return {"cachePoint": {"type": "default", "ttl": ttl} if ttl in ("5m", "1h") else {"type": "default"}}

    def user_block(self, part: Part) -> Block | None:
        """Return a part of a user's message as a block; None if nothing of it is sent."""
        return _USER[type(part)](self, part)

    def assistant_block(self, part: Part) -> Block | None:
        """Return a part of the assistant's message as a block; None if nothing of it is sent."""
        return _ASSISTANT[type(part)](self, part)

    def result_block(self, result: ToolResult) -> Block:
        """Return the block for a tool's result. One without content has none: text is never invented."""
        if result.name:
            self.called[self.tool_name(result.name)] = None
        if result.call_id:
            call_id = legal_name(result.call_id)
        else:
            self._unanswered += 1
            call_id = f"call_{self._unanswered}"
        content = [block for part in result.parts if (block := _RESULT[type(part)](self, part)) is not None]
        answer: Block = {"toolUseId": call_id, "content": content}
        if result.is_error:
            if self.traits.statuses:
                answer["status"] = "error"
            else:
                self.losses.drop("is_error")
        return {"toolResult": answer}

    def _text(self, part: Text) -> Block | None:
        if part.citations:
            self.losses.drop("citations")
        # "The text field in the ContentBlock object is blank": neither "" nor white space is taken.
        return None if not part.text or part.text.isspace() else {"text": part.text}

    def _image(self, part: Image) -> Block | None:
        if part.detail and part.detail != "auto":
            self.losses.drop("detail")
        if part.url.startswith("s3://"):
            extension = part.url.rpartition(".")[2].lower()
            kind = IMAGE_FORMATS.get(part.media_type) or IMAGE_FORMATS.get(f"image/{extension}")
            source: Block = {"s3Location": {"uri": part.url}}
        elif part.data:
            kind = next((found for magic, found in IMAGE_MAGIC if part.data.startswith(magic)), IMAGE_FORMATS.get(part.media_type))
            source = {"bytes": part.data}
        else:
            self.losses.refuse("image", "Converse takes images as data or from s3://, neither by URL nor by a file id")
            return None
        if kind is None:
            self.losses.refuse("image", f"Converse takes png, jpeg, gif and webp, not {part.media_type or 'an unknown type'}")
            return None
        return {"image": {"format": kind, "source": source}}

    def _audio(self, part: Audio) -> Block | None:
        if not part.data or part.format not in AUDIO_FORMATS:
            self.losses.refuse("audio", f"Converse takes audio as data of a known format, not {part.format or 'an id'}")
            return None
        return {"audio": {"format": part.format, "source": {"bytes": part.data}}}

    def _file(self, part: File) -> Block | None:
        stem, dot, extension = part.filename.rpartition(".")
        kind = DOCUMENT_FORMATS.get(part.media_type.partition(";")[0].strip())
        if kind is None and extension.lower() in DOCUMENT_EXTENSIONS:
            kind = extension.lower()
        if part.text:
            kind = kind or "txt"
            source: Block = {"bytes": base64.b64encode(part.text.encode("utf-8", "replace")).decode()}
        elif part.data:
            source = {"bytes": part.data}
        elif part.url.startswith("s3://"):
            source = {"s3Location": {"uri": part.url}}
        else:
            self.losses.refuse("file", "Converse takes documents as data or from s3://, neither by URL nor by a file id")
            return None
        if kind is None:
            self.losses.refuse("file", f"Converse takes pdf, csv, doc, docx, xls, xlsx, html, txt and md, not {part.media_type or 'this'}")
            return None
        title = part.extra.get("title")
        stem = stem if dot else part.filename
        block: Block = {"format": kind, "name": self._document_name(stem or (title if isinstance(title, str) else "")), "source": source}
        self._describe(block, part.extra)
        return {"document": block}

    def _describe(self, block: Block, extra: dict[str, Any]) -> None:
        for name, value in extra.items():
            if name == "context" and isinstance(value, str):
                if value:
                    block["context"] = value
            elif name == "citations" and isinstance(value, dict):
                if value.get("enabled") is True:
                    block["citations"] = {"enabled": True}
            elif name != "title":
                self.losses.drop(f"document.{name}")

    def _document_name(self, title: str) -> str:
        """Return a name that Converse takes; "Messages can't contain duplicate document names" (a ValidationException)."""
        stem = _SPACES.sub(" ", _NOT_IN_NAMES.sub(" ", title)).strip()[:_MAX_NAME].strip() or "document"
        name, number = stem, 1
        while name.lower() in self._documents:
            number += 1
            name = f"{stem} ({number})"
        self._documents.add(name.lower())
        return name

    def _opaque(self, part: Opaque) -> Block | None:
        if part.dialect == "bedrock":
            return part.value
        self.losses.refuse(part.kind, f"a block of type {part.kind} means something in the {part.dialect} dialect alone")
        return None

    def _thinking(self, part: Thinking) -> Block | None:
        """Only what its model signed goes back, and Claude's signatures hold wherever Claude runs; all else is dropped in silence."""
        if part.dialect != "bedrock" and not (part.dialect == "anthropic_messages" and self.traits.claude):
            return None
        if part.redacted:
            return {"reasoningContent": {"redactedContent": part.redacted}}
        if not part.signature:
            return None
        return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}

    def _tool_call(self, part: ToolCall) -> Block:
        name = self.tool_name(part.name)
        self.called[name] = None
        if part.id:
            call_id = legal_name(part.id)
        else:
            self._nameless += 1
            call_id = f"call_{self._nameless}"
        return {"toolUse": {"toolUseId": call_id, "name": name, "input": _input_of(part)}}

    def _spoken(self, part: Audio) -> Block | None:
        if not part.transcript:
            return self._audio(Audio())
        self.losses.emulate("audio")
        return {"text": part.transcript}

    def _no_part(self, part: Part) -> None:
        self.losses.refuse(_WORDS[type(part)], "Converse takes such a part in no message of this role")


def _input_of(call: ToolCall) -> dict[str, Any]:
    if not call.arguments or call.arguments.isspace():
        return {}
    try:
        arguments = orjson.loads(call.arguments)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest("messages", f"the arguments of a call of `{call.name}` are not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise InvalidRequest("messages", f"the arguments of a call of `{call.name}` are not a JSON object")
    return arguments


_Writing = Callable[[BlockWriter, Any], Block | None]
_W = BlockWriter
_WORDS = {Text: "text", Image: "image", Audio: "audio", File: "file", Thinking: "thinking", ToolCall: "tool_calls", Opaque: "content"}

_USER: dict[type, _Writing] = {
    Text: _W._text,
    Image: _W._image,
    Audio: _W._audio,
    File: _W._file,
    Thinking: lambda _writer, _part: None,
    ToolCall: _W._no_part,
    Opaque: _W._opaque,
}
_ASSISTANT: dict[type, _Writing] = {
    Text: _W._text,
    Image: _W._no_part,
    Audio: _W._spoken,
    File: _W._no_part,
    Thinking: _W._thinking,
    ToolCall: _W._tool_call,
    Opaque: _W._opaque,
}
_RESULT: dict[type, _Writing] = {**_USER, Audio: _W._no_part}
