"""Content blocks of Anthropic messages -> parts: of callers' requests, and of providers' answers.

What is wrong raises `Wrong` with a path inside the block; callers of these functions put its place before it.
"""

from collections.abc import Callable
from typing import Any

import orjson

from fastgate.translate.anthropic_messages.words import DIALECT
from fastgate.translate.conversation import File, Image, Opaque, Part, Text, Thinking, ToolCall, ToolResult, unseal

# Stands in a seal where an id would, if the signature is a tool call's and not a thought's. Ids of items have a prefix: rs_...
CALL_SEAL = "call"


class Wrong(Exception):
    """What stands at *path* is not what the dialect demands; *expected* is a noun phrase."""

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(path, expected)
        self.path = path
        self.expected = expected

    def under(self, place: str) -> "Wrong":
        """Return the same mistake seen from outside: *place* is a member's name or its name and index."""
        return Wrong(f"{place}.{self.path}" if self.path else place, self.expected)


def take_str(holder: dict[str, Any], member: str) -> str:
    """Return a member that has to be there and has to be a string."""
    value = holder.get(member)
    if not isinstance(value, str):
        raise Wrong(member, "a string")
    return value


def take_optional(holder: dict[str, Any], member: str, kind: type, expected: str) -> Any:
    """Return a member that may be missing or null, None then; *kind* int takes no bool."""
    value = holder.get(member)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Wrong(member, expected)
    return value


def take_cache(holder: dict[str, Any]) -> dict[str, Any] | None:
    """Return cache_control as it came."""
    mark = holder.get("cache_control")
    if mark is not None and not isinstance(mark, dict):
        raise Wrong("cache_control", "an object")
    return mark


def rest_of(holder: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Return the members that are not *known*."""
    return {member: value for member, value in holder.items() if member not in known} if len(holder) > 2 else {}


def parse_blocks(blocks: list[Any], place: str) -> list[Part | ToolResult]:
    """Return the parts that the blocks of one message say; *place* is the member that holds them."""
    parts: list[Part | ToolResult] = []
    signature = ""
    for index, block in enumerate(blocks):
        try:
            part = parse_block(block)
        except Wrong as wrong:
            raise wrong.under(f"{place}[{index}]") from None
        if isinstance(part, Thinking) and part.id == CALL_SEAL:
            # A signature that a builder of ours sealed into a thought of its own because it belongs to the next call.
            signature, part.signature, part.id = part.signature, "", ""
            if not part.text:
                continue
        elif signature and isinstance(part, ToolCall):
            part.signature, signature = signature, ""
        parts.append(part)
    return parts


def parse_block(block: Any) -> Part | ToolResult:
    """Return what one block says; a block of an unknown type is Opaque."""
    if not isinstance(block, dict):
        raise Wrong("", "a content block object")
    kind = block.get("type")
    if not isinstance(kind, str):
        raise Wrong("type", "a string")
    parse = _BLOCKS.get(kind)
    return Opaque(dialect=DIALECT, kind=kind, value=block) if parse is None else parse(block)


def _parse_text(block: dict[str, Any]) -> Part:
    text = block.get("text")
    if not isinstance(text, str):
        raise Wrong("text", "a string")
    if len(block) == 2:
        return Text(text=text)
    citations = take_optional(block, "citations", list, "a list")
    if citations:
        return Text(text=text, citations=citations, dialect=DIALECT, cache=take_cache(block))
    return Text(text=text, cache=take_cache(block))


def _take_source(block: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    source = block.get("source")
    if not isinstance(source, dict):
        raise Wrong("source", "an object")
    kind = source.get("type")
    if not isinstance(kind, str):
        raise Wrong("source.type", "a string")
    return kind, source


def _take_of_source(source: dict[str, Any], member: str) -> str:
    try:
        return take_str(source, member)
    except Wrong as wrong:
        raise wrong.under("source") from None


_IMAGE_MEMBERS = frozenset({"type", "source", "cache_control"})


def _parse_image(block: dict[str, Any]) -> Part:
    kind, source = _take_source(block)
    cache, extra = take_cache(block), rest_of(block, _IMAGE_MEMBERS)
    if kind == "base64":
        data, media_type = _take_of_source(source, "data"), _take_of_source(source, "media_type")
        return Image(data=data, media_type=media_type, extra=extra, dialect=DIALECT, cache=cache)
    if kind == "url":
        return Image(url=_take_of_source(source, "url"), extra=extra, dialect=DIALECT, cache=cache)
    if kind == "file":
        return Image(file_id=_take_of_source(source, "file_id"), extra=extra, dialect=DIALECT, cache=cache)
    return Opaque(dialect=DIALECT, kind="image", value=block)


_DOCUMENT_MEMBERS = frozenset({"type", "source", "cache_control", "title"})
# source.type of a document -> the members that File takes from it.
_DOCUMENT_SOURCES: dict[str, dict[str, str]] = {
    "base64": {"data": "data", "media_type": "media_type"},
    "text": {"text": "data"},
    "url": {"url": "url"},
    "file": {"file_id": "file_id"},
}


def _parse_document(block: dict[str, Any]) -> Part:
    kind, source = _take_source(block)
    extra = rest_of(block, _DOCUMENT_MEMBERS)
    members = _DOCUMENT_SOURCES.get(kind)
    if members is not None:
        said = {ours: _take_of_source(source, theirs) for ours, theirs in members.items()}
    else:
        text = _text_of_content(source.get("content")) if kind == "content" else None
        if text is None:
            return Opaque(dialect=DIALECT, kind="document", value=block)
        # Blocks of text are one text to everybody else; citations count in blocks, so the source goes back as it came.
        said = {"text": text}
        extra["source"] = source
    if "text" in said:
        said["media_type"] = "text/plain"
    title = take_optional(block, "title", str, "a string")
    return File(filename=title or "", extra=extra, dialect=DIALECT, cache=take_cache(block), **said)


def _text_of_content(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = []
    for block in content:
        if not isinstance(block, dict) or block.get("type") != "text" or not isinstance(block.get("text"), str):
            return None
        texts.append(block["text"])
    return "\n".join(texts)


def _unseal(sealed: str) -> tuple[str, str, str]:
    """Return dialect, id and signature of what a builder of ours sealed; this dialect's own come as they are."""
    dialect, signature = unseal(DIALECT, sealed)
    if dialect == DIALECT:
        return dialect, "", signature
    owner, _, signature = signature.rpartition("#")
    return dialect, owner, signature


def _parse_thinking(block: dict[str, Any]) -> Part:
    text = take_str(block, "thinking")
    sealed = take_optional(block, "signature", str, "a string")
    if not sealed:
        return Thinking(text=text, dialect=DIALECT)
    dialect, owner, signature = _unseal(sealed)
    return Thinking(text=text, signature=signature, id=owner, dialect=dialect)


def _parse_redacted(block: dict[str, Any]) -> Part:
    dialect, owner, redacted = _unseal(take_str(block, "data"))
    return Thinking(redacted=redacted, id=owner, dialect=dialect)


_CALL_MEMBERS = frozenset({"type", "id", "name", "input", "cache_control"})


def _parse_call(block: dict[str, Any]) -> Part:
    given = block.get("input")
    if not isinstance(given, dict):
        raise Wrong("input", "an object")
    try:
        arguments = orjson.dumps(given).decode()
    except orjson.JSONEncodeError:
        # Nested deeper than 254 levels.
        raise Wrong("input", "an object that is nested less deeply") from None
    return ToolCall(
        id=take_str(block, "id"),
        name=take_str(block, "name"),
        arguments=arguments,
        extra=rest_of(block, _CALL_MEMBERS) if len(block) > 4 else {},
        cache=take_cache(block),
    )


_RESULT_MEMBERS = frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"})
_NOT_IN_RESULTS = ("tool_result", "tool_use", "thinking", "redacted_thinking")


def _parse_result(block: dict[str, Any]) -> ToolResult:
    content = block.get("content")
    parts: list[Part] = []
    if isinstance(content, str):
        parts.append(Text(text=content))
    elif isinstance(content, list):
        for index, inner in enumerate(content):
            try:
                # Asked before it is parsed: results within results could be nested without end.
                if isinstance(inner, dict) and inner.get("type") in _NOT_IN_RESULTS:
                    raise Wrong("type", "a type of block that a tool result can hold")
                parts.append(parse_block(inner))  # type: ignore[arg-type]
            except Wrong as wrong:
                raise wrong.under(f"content[{index}]") from None
    elif content is not None:
        raise Wrong("content", "a string or a list of content blocks")
    return ToolResult(
        call_id=take_str(block, "tool_use_id"),
        parts=parts,
        is_error=bool(take_optional(block, "is_error", bool, "true or false")),
        extra=rest_of(block, _RESULT_MEMBERS),
        cache=take_cache(block),
    )


_BLOCKS: dict[str, Callable[[dict[str, Any]], Part | ToolResult]] = {
    "text": _parse_text,
    "image": _parse_image,
    "document": _parse_document,
    "thinking": _parse_thinking,
    "redacted_thinking": _parse_redacted,
    "tool_use": _parse_call,
    "tool_result": _parse_result,
}
