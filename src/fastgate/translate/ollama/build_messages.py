"""Turns -> messages of /api/chat. A message is one string of text with images beside it; a tool's result is text alone."""

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from typing import Any

import orjson
from msgspec import Struct, field

from fastgate.translate.conversation import Audio, File, Image, Opaque, Text, Thinking, ToolCall, ToolResult, Turn
from fastgate.translate.losses import Losses
from fastgate.translate.ollama.words import DIALECT
from fastgate.translate.target import Target

_NO_URL = "this dialect takes images as base64 data alone"
_NO_FILE_ID = "files of another provider mean nothing here"


class _Draft(Struct):
    """A message while its parts are read."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)


def build_messages(turns: list[Turn], target: Target, losses: Losses) -> list[dict[str, Any]]:
    """Return the messages. Images of tool results follow the last result of their row in one user message."""
    messages: list[dict[str, Any]] = []
    # Id of a call -> its tool: results of other dialects do not name it.
    names: dict[str, str] = {}
    shown: list[str] = []
    for turn in turns:
        if turn.name:
            losses.drop("name")
        for name in turn.extra:
            losses.drop(f"messages.{name}")
        if turn.role == "tool":
            messages += [_build_result(part, names, shown, target, losses) for part in turn.parts if isinstance(part, ToolResult)]
            continue
        if shown:
            messages.append({"role": "user", "content": "", "images": shown})
            shown = []
        message = _build_message(turn, names, target, losses)
        if message is not None:
            messages.append(message)
    if shown:
        messages.append({"role": "user", "content": "", "images": shown})
    return messages


def _build_message(turn: Turn, names: dict[str, str], target: Target, losses: Losses) -> dict[str, Any] | None:
    """Return a message; None for an assistant's turn of which nothing is left."""
    draft = _Draft()
    for part in turn.parts:
        _PARTS[type(part)](draft, part, target, losses)
        if type(part) is ToolCall:
            names[part.id] = part.name
    role = turn.role
    if role == "assistant" and not (draft.texts or draft.images or draft.calls or draft.thoughts):
        return None
    if role == "developer":
        # The server's templates know no developer.
        role = "system"
    message: dict[str, Any] = {"role": target.quirks.roles.get(role, role), "content": "\n".join(draft.texts)}
    if draft.thoughts:
        message["thinking"] = "\n".join(draft.thoughts)
    if draft.images:
        message["images"] = draft.images
    if draft.calls:
        message["tool_calls"] = draft.calls
    return message


def _build_result(result: ToolResult, names: dict[str, str], shown: list[str], target: Target, losses: Losses) -> dict[str, Any]:
    draft = _Draft()
    for part in result.parts:
        _PARTS[type(part)](draft, part, target, losses)
    shown += draft.images
    if result.is_error:
        losses.drop("is_error")
    message = {"role": "tool", "content": "\n".join(draft.texts)}
    name = result.name or names.get(result.call_id, "")
    if name:
        message["tool_name"] = name
    if result.call_id:
        message["tool_call_id"] = result.call_id
    return message


def _add_text(draft: _Draft, part: Text, target: Target, losses: Losses) -> None:
    if part.text:
        draft.texts.append(part.text)
    if part.citations:
        losses.drop("citations")


def _add_image(draft: _Draft, part: Image, target: Target, losses: Losses) -> None:
    data = part.data or _data_of(part.url)
    if part.detail not in ("", "auto"):
        losses.drop("detail")
    if data:
        draft.images.append(data)
    elif part.file_id:
        losses.refuse("file_id", _NO_FILE_ID)
    else:
        losses.refuse("image_url", _NO_URL)


def _data_of(url: str) -> str:
    """Return the base64 of a data: URL; "" of any other."""
    head, comma, data = url.partition(",")
    return data if comma and head.startswith("data:") and head.endswith(";base64") else ""


def _add_audio(draft: _Draft, part: Audio, target: Target, losses: Losses) -> None:
    if part.data and ("input_audio" in target.quirks.knows or losses.keeps("input_audio")):
        # Audio models take sound among the images (docs.ollama.com/api/chat, 2026-11-20).
        draft.images.append(part.data)
    else:
        losses.refuse("input_audio", "its models take text and images")


def _add_file(draft: _Draft, part: File, target: Target, losses: Losses) -> None:
    text = part.text or _text_of(part)
    if text:
        draft.texts.append(text)
    elif part.file_id:
        losses.refuse("file_id", _NO_FILE_ID)
    else:
        losses.refuse("file", "its models take text and images")


def _text_of(part: File) -> str:
    """Return the text of a text file that came as base64; "" for any other file."""
    if not part.media_type.startswith("text/"):
        return ""
    try:
        return a2b_base64(part.data).decode()
    except (Base64Error, ValueError):
        return ""


def _add_thinking(draft: _Draft, part: Thinking, target: Target, losses: Losses) -> None:
    """Thoughts of another dialect are its own: they are left out and not named."""
    if part.dialect == DIALECT and part.text:
        draft.thoughts.append(part.text)


def _add_call(draft: _Draft, part: ToolCall, target: Target, losses: Losses) -> None:
    call: dict[str, Any] = {"id": part.id} if part.id else {}
    call["function"] = {"name": part.name, "arguments": _arguments_of(part, losses)}
    draft.calls.append(call)


def _arguments_of(part: ToolCall, losses: Losses) -> dict[str, Any]:
    """Return the arguments as the object that they have to be here."""
    if not part.arguments:
        return {}
    try:
        arguments = orjson.loads(part.arguments)
    except orjson.JSONDecodeError:
        arguments = None
    if isinstance(arguments, dict):
        return arguments
    losses.emulate("tool_calls.arguments")
    return {"input": part.arguments}


def _add_opaque(draft: _Draft, part: Opaque, target: Target, losses: Losses) -> None:
    losses.refuse(part.kind, f"blocks of the {part.dialect} dialect mean nothing here")


_PARTS: dict[type, Callable[[_Draft, Any, Target, Losses], None]] = {
    Text: _add_text,
    Image: _add_image,
    Audio: _add_audio,
    File: _add_file,
    Thinking: _add_thinking,
    ToolCall: _add_call,
    Opaque: _add_opaque,
}
