"""Parts -> content blocks of Anthropic messages, as a provider is sent them.

`Writer` holds what one request needs on its way: losses, names and ids as they are sent, and the cache marks that were set.
"""

import re
from base64 import b64decode
from collections.abc import Callable
from typing import Any
from zlib import crc32

import orjson

from fastgate.translate.anthropic_messages.words import (
    DIALECT,
    IMAGE_TYPES,
    MAX_TOOL_NAME,
    PDF,
    RIFF,
    SIGNATURES,
    SIGNERS,
    TEXT_TYPES,
)
from fastgate.translate.conversation import Audio, File, Image, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from fastgate.translate.losses import InvalidRequest, Losses

Block = dict[str, Any]

# Of tool_use.id and of a tool's name.
_ALLOWED = re.compile(r"[a-zA-Z0-9_-]+").fullmatch
_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")


def allowed_id(given: str) -> str:
    """Return an id that the charset of tool_use.id allows: the same for a call and for its result."""
    if _ALLOWED(given):
        return given
    return f"{_FORBIDDEN.sub('_', given)}_{crc32(given.encode('utf-8', 'surrogatepass')):08x}"


def sniff(data: str) -> str:
    """Return the media type that the first bytes of base64 *data* tell, "" if they tell none that is known here."""
    for start, media_type in SIGNATURES:
        if data.startswith(start):
            return media_type
    if data.startswith(RIFF):
        try:
            return "image/webp" if b64decode(data[:16])[8:12] == b"WEBP" else ""
        except ValueError:
            return ""
    return ""


def split_data_url(url: str) -> tuple[str, str]:
    """Return the media type and the base64 data of a data: URL; empty data if it is not base64."""
    head, mark, data = url[5:].partition(",")
    media_type, *parameters = head.split(";")
    return (media_type, data) if mark and "base64" in parameters else (media_type, "")


def parse_arguments(arguments: str) -> dict[str, Any]:
    """Return a call's arguments as the object that `input` has to be; text that is none becomes its member `input`."""
    if not arguments:
        return {}
    try:
        value = orjson.loads(arguments)
        if arguments.count("{") + arguments.count("[") > 200:
            # What is nested deeper than 254 levels can be read and not be written.
            orjson.dumps(value)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return {"input": arguments}
    return value if isinstance(value, dict) else {} if value is None else {"input": value}


class Writer:
    """Writes the blocks of one request. *own*: the caller speaks this dialect too; *unsigned*: thoughts need no signature."""

    def __init__(self, losses: Losses, own: bool, *, unsigned: bool = False) -> None:
        self.losses = losses
        self.own = own
        self.unsigned = unsigned
        # Blocks and tools with cache_control, in the order in which they were written.
        self.marked: list[Block] = []
        # Name as sent -> the caller's, where they differ.
        self.renamed: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._sent_names: set[str] = set()
        # Calls without an id that wait for their results: name and id as sent.
        self._nameless: list[tuple[str, str]] = []
        self._ids_made = 0

    def mark(self, block: Block, cache: dict[str, Any] | None) -> None:
        """Set a cache breakpoint behind *block*."""
        if cache is not None:
            block["cache_control"] = cache
            self.marked.append(block)

    def name(self, name: str) -> str:
        """Return a tool's name as it is sent: as it is if the charset and the length allow it, else the same substitute each time."""
        sent = self._names.get(name)
        if sent is None:
            sent = name
            if len(name) > MAX_TOOL_NAME or not _ALLOWED(name) or name in self._sent_names:
                sent = _FORBIDDEN.sub("_", name)[:MAX_TOOL_NAME] or "tool"
                if len(name) > MAX_TOOL_NAME or sent in self._sent_names:
                    # Two names must not become one.
                    sent = f"{sent[: MAX_TOOL_NAME - 9]}_{crc32(name.encode('utf-8', 'surrogatepass')):08x}"
                self.renamed[sent] = name
            self._names[name] = sent
            self._sent_names.add(sent)
        return sent

    def call_id(self, call: ToolCall) -> str:
        """Return the id of a call as it is sent; one without an id gets one by its place in the talk."""
        if call.id:
            return allowed_id(call.id)
        self._ids_made += 1
        made = f"call_{self._ids_made}"
        self._nameless.append((call.name, made))
        return made

    def result_id(self, result: ToolResult) -> str:
        """Return the id of the call that *result* answers; without an id it is the first open call of that name, or the first."""
        if result.call_id or not self._nameless:
            return allowed_id(result.call_id or "call_0")
        for index, (name, _) in enumerate(self._nameless):
            if name == result.name:
                return self._nameless.pop(index)[1]
        return self._nameless.pop(0)[1]

    def blocks(self, parts: list[Part]) -> list[Block]:
        """Return the blocks of parts that are no results; what is empty or cannot be said has none."""
        written = []
        for part in parts:
            block = _WRITERS[type(part)](self, part)
            if block is not None:
                written.append(block)
        return written

    def result(self, part: ToolResult) -> Block:
        """Return a tool_result; its text alone is its content, anything else are blocks."""
        block: Block = {"type": "tool_result", "tool_use_id": self.result_id(part)}
        content = self.blocks(part.parts)
        if content:
            only = content[0]
            block["content"] = only["text"] if len(content) == 1 and only["type"] == "text" and len(only) == 2 else content
        if part.is_error:
            block["is_error"] = True
        if self.own and part.extra:
            block.update(part.extra)
        self.mark(block, part.cache)
        return block


def _write_text(writer: Writer, part: Any) -> Block | None:
    text = part.text
    # "text content blocks must contain non-whitespace text" is a 400.
    if not text or text.isspace():
        return None
    block: Block = {"type": "text", "text": text}
    if part.citations and part.dialect == DIALECT and writer.own:
        block["citations"] = part.citations
    if part.cache is not None:
        writer.mark(block, part.cache)
    return block


def _write_image(writer: Writer, part: Any) -> Block | None:
    media_type, data, url = part.media_type, part.data, part.url
    if part.detail and part.detail != "auto":
        writer.losses.drop("image_url.detail")
    if url[:5].lower() == "data:":
        media_type, data = split_data_url(url)
    if data:
        media_type = sniff(data) or media_type
        if media_type == PDF:
            return _write_file(writer, File(data=data, media_type=PDF, cache=part.cache))
        if media_type not in IMAGE_TYPES:
            writer.losses.refuse("image_url", f"an image of type {media_type or 'unknown'} is none of {', '.join(sorted(IMAGE_TYPES))}")
            return None
        source = {"type": "base64", "media_type": media_type, "data": data}
    elif part.file_id:
        if not _is_own_file(writer, part):
            return None
        source = {"type": "file", "file_id": part.file_id}
    elif url.startswith(("http://", "https://")):
        source = {"type": "url", "url": url}
    else:
        writer.losses.refuse("image_url", "this dialect takes images as base64 data or by an http(s) URL")
        return None
    block: Block = {"type": "image", "source": source}
    if writer.own and part.extra:
        block.update(part.extra)
    writer.mark(block, part.cache)
    return block


def _is_own_file(writer: Writer, part: Image | File) -> bool:
    if part.dialect == DIALECT:
        return True
    writer.losses.refuse("file_id", "a file id of another provider means nothing to this one; send the data")
    return False


def _write_file(writer: Writer, part: Any) -> Block | None:
    if part.data and (sniff(part.data) or part.media_type) in IMAGE_TYPES:
        return _write_image(writer, Image(data=part.data, media_type=part.media_type, cache=part.cache))
    source = _source_of(writer, part)
    if source is None:
        return None
    block: Block = {"type": "document", "source": source}
    if part.filename:
        block["title"] = part.filename
    if writer.own and part.extra:
        block.update(part.extra)
    writer.mark(block, part.cache)
    return block


def _source_of(writer: Writer, part: File) -> Block | None:
    """Return the source of a document; None if it had to be left out."""
    media_type = part.media_type
    if part.text:
        return {"type": "text", "media_type": "text/plain", "data": part.text}
    if part.file_id:
        return {"type": "file", "file_id": part.file_id} if _is_own_file(writer, part) else None
    data = part.data
    if data[:5].lower() == "data:":
        media_type, data = split_data_url(data)
    if data:
        media_type = sniff(data) or media_type
        if media_type == PDF:
            return {"type": "base64", "media_type": PDF, "data": data}
        if media_type.startswith("text/") or media_type in TEXT_TYPES:
            return {"type": "text", "media_type": "text/plain", "data": _decode(data)}
    elif part.url.startswith(("http://", "https://")):
        return {"type": "url", "url": part.url}
    writer.losses.refuse("file", f"a document of type {media_type or 'unknown'} is neither PDF nor text")
    return None


def _decode(data: str) -> str:
    try:
        return b64decode(data, validate=True).decode()
    except ValueError:
        raise InvalidRequest("file", "file: expected base64 of UTF-8 text, as its media type says") from None


def _write_audio(writer: Writer, part: Any) -> Block | None:
    if part.transcript:
        # An earlier answer that was spoken: what was said is known.
        writer.losses.emulate("audio")
        return {"type": "text", "text": part.transcript}
    writer.losses.refuse("input_audio", "this dialect takes no audio")
    return None


def _write_thinking(writer: Writer, part: Any) -> Block | None:
    # Thoughts of another provider, and those without a signature, would be a 400; they are never shown as text.
    if part.dialect not in SIGNERS:
        return None
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.redacted}
    # Other vendors' models sign nothing, and some of them refuse the next turn without their thoughts (DeepSeek).
    if part.signature or (writer.unsigned and part.text):
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    return None


def _write_call(writer: Writer, part: Any) -> Block | None:
    given = parse_arguments(part.arguments)
    block: Block = {"type": "tool_use", "id": writer.call_id(part), "name": writer.name(part.name), "input": given}
    if writer.own and part.extra:
        block.update(part.extra)
    writer.mark(block, part.cache)
    return block


def _write_opaque(writer: Writer, part: Any) -> Block | None:
    if part.dialect == DIALECT:
        block: Block = part.value
        if "cache_control" in block:
            block = dict(block)
            writer.marked.append(block)
        return block
    writer.losses.refuse(part.kind, f"a block of type {part.kind} is known to the {part.dialect} dialect alone")
    return None


_WRITERS: dict[type, Callable[[Writer, Any], Block | None]] = {
    Text: _write_text,
    Image: _write_image,
    File: _write_file,
    Audio: _write_audio,
    Thinking: _write_thinking,
    ToolCall: _write_call,
    Opaque: _write_opaque,
}
