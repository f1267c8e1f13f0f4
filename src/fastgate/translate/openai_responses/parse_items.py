"""Input items of a request, as turns: what the assistant said, thought and called between two others is one turn."""

from collections.abc import Callable
from typing import Any, cast

from fastgate.translate.conversation import (
    Audio,
    CacheMark,
    File,
    Image,
    Opaque,
    Part,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from fastgate.translate.losses import InvalidRequest
from fastgate.translate.openai_responses.members import (
    required_text,
    split_data_url,
    to_array,
    to_object,
    to_optional_text,
    to_text,
    to_word,
    unknown_word,
    wrong,
)
from fastgate.translate.openai_responses.thoughts import unseal_call, unseal_thought
from fastgate.translate.openai_responses.words import DIALECT, ROLES, STATEFUL, TTL_OF_BREAKPOINT


class NeedsStore(InvalidRequest):
    """The request builds on what only the provider's own store knows."""

    code = "unsupported_parameter"

    def __init__(self, param: str, why: str) -> None:
        super().__init__(param, f"`{param}` is not supported by this model's deployment: {why}")


class _Reading:
    """What has been read of a conversation so far."""

    __slots__ = ("breakpoints", "names", "signature", "turns")

    def __init__(self, turns: list[Turn]) -> None:
        self.turns = turns
        # Id of a call -> name of its tool.
        self.names: dict[str, str] = {}
        # Belongs to the call that comes next.
        self.signature = ""
        # A part carries a prompt_cache_breakpoint.
        self.breakpoints = False

    def parts_of(self, role: Role) -> list[Part | ToolResult]:
        """Return the parts of the last turn if it is of this role, else of one that begins here."""
        turns = self.turns
        if not turns or turns[-1].role != role:
            turns.append(Turn(role=role))
        return turns[-1].parts


def read_input(value: object, turns: list[Turn]) -> bool:
    """Append what `input` says to *turns*; return whether it carries cache breakpoints."""
    if type(value) is str:
        turns.append(Turn(role="user", parts=[Text(text=value)]))
        return False
    if type(value) is not list:
        raise wrong("input", "a string or an array of items", value)
    reading = _Reading(turns)
    for index, item in enumerate(value):
        path = f"input[{index}]"
        if type(item) is not dict:
            raise wrong(path, "an object", item)
        kind = item.get("type")
        if kind is None:
            kind = "message" if "role" in item else "item_reference" if "id" in item else None
        if type(kind) is not str:
            raise wrong(f"{path}.type", "a string", kind)
        _ITEMS.get(kind, _read_opaque)(reading, item, path)
    return reading.breakpoints


def _read_message(reading: _Reading, item: dict[str, Any], path: str) -> None:
    role = cast("Role", to_word(item.get("role"), f"{path}.role", ROLES))
    content = item.get("content")
    parts = [Text(text=content)] if type(content) is str else _read_parts(reading, content, f"{path}.content")
    if role != "assistant":
        reading.turns.append(Turn(role=role, parts=cast("list[Part | ToolResult]", parts)))
        return
    phase = to_optional_text(item.get("phase"), f"{path}.phase")
    if phase:
        for part in parts:
            if type(part) is Text:
                part.phase = phase
    reading.parts_of("assistant").extend(parts)


def _read_call(reading: _Reading, item: dict[str, Any], path: str) -> None:
    custom = item["type"] == "custom_tool_call"
    call = ToolCall(
        id=required_text(item, "call_id", path),
        name=required_text(item, "name", path),
        arguments=required_text(item, "input" if custom else "arguments", path),
        custom=custom,
        signature=reading.signature,
        extra={name: item[name] for name in _CALL_EXTRAS if item.get(name) is not None} if len(item) > _PLAIN_CALL else {},
    )
    reading.signature = ""
    reading.names[call.id] = call.name
    reading.parts_of("assistant").append(call)


def _read_result(reading: _Reading, item: dict[str, Any], path: str) -> None:
    call_id = required_text(item, "call_id", path)
    output = item.get("output")
    parts = [Text(text=output)] if type(output) is str else _read_parts(reading, output, f"{path}.output")
    reading.parts_of("tool").append(
        ToolResult(
            call_id=call_id,
            name=reading.names.get(call_id) or to_optional_text(item.get("name"), f"{path}.name"),
            parts=cast("list[Part]", parts),
            custom=item["type"] == "custom_tool_call_output",
            extra={name: item[name] for name in _RESULT_EXTRAS if item.get(name) is not None} if len(item) > _PLAIN_RESULT else {},
        )
    )


def _read_reasoning(reading: _Reading, item: dict[str, Any], path: str) -> None:
    sealed = to_optional_text(item.get("encrypted_content"), f"{path}.encrypted_content")
    signature = unseal_call(sealed)
    if signature:
        reading.signature = signature
        return
    content = _read_texts(item, "content", path)
    summary = "" if content else _read_texts(item, "summary", path)
    ident = to_optional_text(item.get("id"), f"{path}.id")
    reading.parts_of("assistant").append(unseal_thought(sealed, content or summary, ident, bool(summary)))


def _read_texts(item: dict[str, Any], name: str, path: str) -> str:
    """Return the texts of a thought, a blank line between two of them."""
    value = item.get(name)
    if value is None:
        return ""
    texts = []
    for index, part in enumerate(to_array(value, f"{path}.{name}")):
        texts.append(required_text(to_object(part, f"{path}.{name}[{index}]"), "text", f"{path}.{name}[{index}]"))
    return "\n\n".join(texts)


def _read_reference(reading: _Reading, item: dict[str, Any], path: str) -> None:
    raise NeedsStore(path, "the gateway keeps no items of this model: send the item itself instead of a reference to it")


def _read_opaque(reading: _Reading, item: dict[str, Any], path: str) -> None:
    """Keep what only this dialect knows: calls of hosted tools and their results, compactions, ..."""
    kind = to_text(item.get("type"), f"{path}.type")
    made = kind.endswith("_call") or kind in _MADE_BY_MODEL
    reading.parts_of("assistant" if made else "user").append(Opaque(dialect=DIALECT, kind=kind, value=item))


_ITEMS: dict[str, Callable[[_Reading, dict[str, Any], str], None]] = {
    "message": _read_message,
    "function_call": _read_call,
    "custom_tool_call": _read_call,
    "function_call_output": _read_result,
    "custom_tool_call_output": _read_result,
    "reasoning": _read_reasoning,
    "item_reference": _read_reference,
}
_MADE_BY_MODEL = frozenset({"mcp_list_tools", "mcp_approval_request", "program", "compaction"})
# Members of calls and results beyond type, call_id, name and arguments, or type, call_id and output.
_CALL_EXTRAS = ("namespace", "caller", "async")
_RESULT_EXTRAS = ("namespace", "caller")
_PLAIN_CALL = 4
_PLAIN_RESULT = 3


def _read_parts(reading: _Reading, content: object, path: str) -> list[Part]:
    """Return the parts of a message or of a tool's output."""
    if type(content) is not list:
        raise wrong(path, "a string or an array of parts", content)
    parts: list[Part] = []
    for index, part in enumerate(content):
        where = f"{path}[{index}]"
        if type(part) is not dict:
            raise wrong(where, "an object", part)
        kind = part.get("type")
        read = _PARTS.get(kind) if type(kind) is str else None
        if read is None:
            raise unknown_word(f"{where}.type", tuple(_PARTS), kind)
        parts.append(read(reading, part, where))
    return parts


def _read_text(reading: _Reading, part: dict[str, Any], path: str) -> Text:
    text = Text(text=required_text(part, "text", path), cache=_read_breakpoint(reading, part, path))
    annotations = part.get("annotations")
    if annotations:
        text.citations = to_array(annotations, f"{path}.annotations")
        text.dialect = DIALECT
    return text


def _read_refusal(reading: _Reading, part: dict[str, Any], path: str) -> Text:
    return Text(text=required_text(part, "refusal", path), refusal=True)


def _read_image(reading: _Reading, part: dict[str, Any], path: str) -> Image:
    image = Image(
        url=to_optional_text(part.get("image_url"), f"{path}.image_url"),
        file_id=to_optional_text(part.get("file_id"), f"{path}.file_id"),
        detail=to_optional_text(part.get("detail"), f"{path}.detail"),
        cache=_read_breakpoint(reading, part, path),
    )
    if bool(image.url) == bool(image.file_id):
        raise InvalidRequest(path, f"`{path}` must have either `image_url`, a string, or `file_id`")
    if image.file_id:
        image.dialect = DIALECT
    split = split_data_url(image.url)
    if split is not None and split[1]:
        image.url = ""
        image.media_type, image.data = split
    return image


def _read_file(reading: _Reading, part: dict[str, Any], path: str) -> File:
    file = File(
        data=to_optional_text(part.get("file_data"), f"{path}.file_data"),
        url=to_optional_text(part.get("file_url"), f"{path}.file_url"),
        file_id=to_optional_text(part.get("file_id"), f"{path}.file_id"),
        filename=to_optional_text(part.get("filename"), f"{path}.filename"),
        cache=_read_breakpoint(reading, part, path),
    )
    if (bool(file.data) + bool(file.url) + bool(file.file_id)) != 1:
        raise InvalidRequest(path, f"`{path}` must have one of `file_data`, `file_url` and `file_id`")
    split = split_data_url(file.data)
    if split is not None:
        file.media_type, file.data = split
    detail = part.get("detail")
    if detail is not None:
        file.extra["detail"] = detail
    if file.file_id or file.extra:
        file.dialect = DIALECT
    return file


def _read_audio(reading: _Reading, part: dict[str, Any], path: str) -> Audio:
    where = f"{path}.input_audio"
    audio = to_object(part.get("input_audio"), where)
    return Audio(data=required_text(audio, "data", where), format=required_text(audio, "format", where))


_PARTS: dict[str, Callable[[_Reading, dict[str, Any], str], Part]] = {
    "input_text": _read_text,
    "output_text": _read_text,
    "refusal": _read_refusal,
    "input_image": _read_image,
    "input_file": _read_file,
    "input_audio": _read_audio,
}


def _read_breakpoint(reading: _Reading, part: dict[str, Any], path: str) -> CacheMark | None:
    """Return `prompt_cache_breakpoint` in Anthropic's words: both end a prefix that is to be cached."""
    mark = part.get("prompt_cache_breakpoint")
    if mark is None:
        return None
    reading.breakpoints = True
    ttl = to_optional_text(to_object(mark, f"{path}.prompt_cache_breakpoint").get("ttl"), f"{path}.prompt_cache_breakpoint.ttl")
    return {"type": "ephemeral", "ttl": TTL_OF_BREAKPOINT.get(ttl, ttl)} if ttl else {"type": "ephemeral"}


def refuse_stateful(name: str, value: object) -> None:
    """Raise NeedsStore for a member that asks for the provider's store; false, null and "" ask for nothing."""
    if value:
        raise NeedsStore(name, STATEFUL[name])
