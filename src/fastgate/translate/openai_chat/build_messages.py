"""Turns -> messages of this dialect."""

import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

from msgspec import Struct, field

from fastgate.providers.provider import Quirks
from fastgate.translate.conversation import (
    Audio,
    CacheMark,
    ChatRequest,
    File,
    Image,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from fastgate.translate.losses import Losses
from fastgate.translate.openai_chat.media import data_url, filename_of, text_url
from fastgate.translate.openai_chat.quirks import fit_id
from fastgate.translate.openai_chat.thoughts import write_thoughts
from fastgate.translate.openai_chat.words import DIALECT, TTL_WRITTEN

# platform.openai.com/docs/api-reference/chat/create, tools[].function.name, 2026-11: a-z, A-Z, 0-9, _ and -, at most 64.
_NAME_LENGTH = 64
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


class Writing(Struct):
    """What the writers of one request's messages share."""

    quirks: Quirks
    losses: Losses
    # The caller speaks this dialect: what it said goes on as it stands.
    own: bool
    # Member that carries a cache mark; "" if the provider knows none.
    mark: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    # Images and documents of the results just written: messages of role tool are text alone.
    attached: list[dict[str, Any]] = field(default_factory=list)


def build_messages(request: ChatRequest, quirks: Quirks, losses: Losses) -> list[dict[str, Any]]:
    """Return the messages. Raise NotCarried for a part that cannot be said here."""
    breakpoints = (request.cache_breakpoints and not quirks.cache_marks) or "prompt_cache_breakpoint" in quirks.knows
    mark = "prompt_cache_breakpoint" if breakpoints else "cache_control" if quirks.cache_marks else ""
    writing = Writing(quirks, losses, request.dialect == DIALECT, mark)
    for number, turn in enumerate(request.turns):
        if writing.attached and turn.role != "tool":
            _write_attached(writing)
        parts = turn.parts
        # Most turns are one text.
        if len(parts) == 1 and type(part := parts[0]) is Text and part.text and part.cache is None and not part.refusal:
            _add(writing, turn, {"role": quirks.roles.get(turn.role, turn.role), "content": part.text})
        else:
            _WRITERS[turn.role](writing, turn, f"messages[{number}]")
    if writing.attached:
        _write_attached(writing)
    return writing.messages


def fit_name(name: str, own: bool) -> str:
    """Return a tool's name as OpenAI takes it: as it is if it can be, else always the same other one."""
    if own or (len(name) <= _NAME_LENGTH and name and not _NOT_IN_NAMES.search(name)):
        return name
    digest = blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{_NOT_IN_NAMES.sub('_', name[: _NAME_LENGTH - 9])}_{digest}"


def write_mark(value: dict[str, Any], cache: CacheMark, writing: Writing) -> None:
    """Put a cache mark on a part, in the provider's form; drop it if there is none."""
    if writing.mark == "cache_control":
        value["cache_control"] = cache
    elif writing.mark:
        ttl = TTL_WRITTEN.get(cache.get("ttl", ""))
        value[writing.mark] = {"mode": "explicit", "ttl": ttl} if ttl else {"mode": "explicit"}
    else:
        writing.losses.drop("cache_control")


def _write_said(writing: Writing, turn: Turn, at: str) -> None:
    """A turn of system, developer or user."""
    parts = turn.parts
    content: Any = ""
    texts = [part.text for part in parts if type(part) is Text]
    bare = len(texts) == len(parts) and not _is_marked(parts, writing)
    if bare and (len(texts) <= 1 or (turn.role != "user" and not writing.own)):
        content = "\n".join(texts)
    else:
        content = [_write_part(writing, part, f"{at}.content[{number}]") for number, part in enumerate(parts)]
        content = [part for part in content if part is not None]
    if content or writing.own:
        _add(writing, turn, {"role": writing.quirks.roles.get(turn.role, turn.role), "content": content})


def _write_assistant(writing: Writing, turn: Turn, at: str) -> None:
    parts = turn.parts
    texts: list[Text] = []
    calls: list[dict[str, Any]] = []
    message: dict[str, Any] = {"role": writing.quirks.roles.get("assistant", "assistant"), "content": None}
    thinks = False
    for number, part in enumerate(parts):
        if isinstance(part, Text):
            texts.append(part)
        elif isinstance(part, ToolCall):
            calls.append(_write_call(writing, part))
        elif isinstance(part, Thinking):
            thinks = True
        elif isinstance(part, Audio) and part.id:
            message["audio"] = {"id": part.id}
        elif isinstance(part, Image) and (writing.own or "images" in writing.quirks.knows):
            message.setdefault("images", []).append(_write_image(writing, part, f"{at}.images"))
        elif isinstance(part, Audio) and part.transcript:
            # Another provider's audio: what was said is what the model has to know.
            writing.losses.emulate("audio")
            texts.append(Text(text=part.transcript))
        else:
            _refuse(writing, part, f"{at}.content[{number}]")
    message["content"] = _assistant_content(writing, texts)
    if thinks and writing.quirks.thinking_returns:
        write_thoughts(message, parts, writing.quirks.thinking)
    if calls:
        message["tool_calls"] = calls
        # A tool-calling turn without its thought is a 400 in thinking mode (api-docs.deepseek.com/guides/thinking_mode, 2026-11).
        if writing.quirks.thinking_returns and writing.quirks.thinking == "reasoning_content":
            message.setdefault("reasoning_content", "")
    if len(message) > 2 or message["content"] is not None:
        _add(writing, turn, message)


def _assistant_content(writing: Writing, texts: list[Text]) -> str | list[dict[str, Any]] | None:
    """Return one string where that says it all: servers of this dialect know parts of an assistant rarely."""
    texts = [text for text in texts if text.text]
    if not texts:
        return None
    refused = any(text.refusal for text in texts)
    if not refused and not _is_marked(texts, writing) and (len(texts) == 1 or not writing.own):
        return "".join(text.text for text in texts)
    return [{"type": "refusal", "refusal": text.text} if text.refusal else _write_text(writing, text, "") for text in texts]


def _write_call(writing: Writing, call: ToolCall) -> dict[str, Any]:
    name = fit_name(call.name, writing.own)
    written: dict[str, Any] = {"id": fit_id(call.id, writing.quirks.tool_ids), "type": "custom" if call.custom else "function"}
    if not call.custom:
        written["function"] = {"name": name, "arguments": call.arguments or "{}"}
    else:
        written["custom"] = {"name": name, "input": call.arguments}
    if call.signature and (writing.own or "extra_content" in writing.quirks.knows):
        written["extra_content"] = {"google": {"thought_signature": call.signature}}
    if call.cache is not None:
        writing.losses.drop("cache_control")
    if call.extra:
        _write_extra(writing, written, call.extra, "tool_calls")
    return written


def _write_results(writing: Writing, turn: Turn, at: str) -> None:
    for number, result in enumerate(turn.parts):
        if not isinstance(result, ToolResult):
            _refuse(writing, result, f"{at}.content[{number}]")
            continue
        message = {
            "role": writing.quirks.roles.get("tool", "tool"),
            "tool_call_id": fit_id(result.call_id, writing.quirks.tool_ids),
            "content": _result_content(writing, result, f"{at}.content"),
        }
        if result.extra:
            _write_extra(writing, message, result.extra, "tool_results")
        writing.messages.append(message)


def _result_content(writing: Writing, result: ToolResult, at: str) -> Any:
    texts = [part for part in result.parts if isinstance(part, Text)]
    others = [part for part in result.parts if not isinstance(part, Text)]
    if others and writing.own:
        return [_write_part(writing, part, at) for part in result.parts]
    for part in others:
        attached = _write_part(writing, part, at)
        if attached is not None:
            writing.losses.emulate(f"tool_result.{attached['type']}")
            writing.attached.append(attached)
    marked = _is_marked(texts, writing)
    if result.cache is not None and not writing.mark:
        writing.losses.drop("cache_control")
    if texts and (marked or (result.cache is not None and writing.mark)):
        content = [_write_text(writing, text, at) for text in texts]
        if result.cache is not None:
            write_mark(content[-1], result.cache, writing)
        return content
    if len(texts) > 1 and writing.own:
        return [_write_text(writing, text, at) for text in texts]
    return "\n".join(text.text for text in texts)


def _write_attached(writing: Writing) -> None:
    """Put what tools gave beside text into one user message, behind the last of their results."""
    writing.messages.append({"role": writing.quirks.roles.get("user", "user"), "content": writing.attached})
    writing.attached = []


def _add(writing: Writing, turn: Turn, message: dict[str, Any]) -> None:
    if turn.name:
        if writing.quirks.message_names:
            message["name"] = turn.name
        else:
            writing.losses.drop("messages.name")
    if turn.extra:
        _write_extra(writing, message, turn.extra, "messages")
    writing.messages.append(message)


def _write_extra(writing: Writing, value: dict[str, Any], extra: dict[str, Any], what: str) -> None:
    """Write members that the caller's dialect alone knows, if it is this one; name them as lost otherwise."""
    if writing.own:
        value |= extra
        return
    for name in extra:
        writing.losses.drop(f"{what}.{name}")


def _is_marked(parts: Sequence[Part | ToolResult], writing: Writing) -> bool:
    """Return whether a part carries a mark that the provider takes; name the loss if it takes none."""
    if not any(isinstance(part, Text | Image | File) and part.cache is not None for part in parts):
        return False
    if not writing.mark:
        writing.losses.drop("cache_control")
    return bool(writing.mark)


def _write_text(writing: Writing, part: Text, at: str) -> dict[str, Any]:
    written: dict[str, Any] = {"type": "text", "text": part.text}
    if part.cache is not None:
        write_mark(written, part.cache, writing)
    return written


def _write_image(writing: Writing, part: Image, at: str) -> dict[str, Any] | None:
    if part.file_id:
        writing.losses.refuse(at, "images by file id are another provider's; send the image itself")
        return None
    image = {"url": part.url or data_url(part.media_type, part.data)}
    if part.detail:
        image["detail"] = part.detail
    written: dict[str, Any] = {"type": "image_url", "image_url": image}
    if part.extra:
        _write_extra(writing, written, part.extra, "image")
    if part.cache is not None:
        write_mark(written, part.cache, writing)
    return written


def _write_audio(writing: Writing, part: Audio, at: str) -> dict[str, Any] | None:
    if not part.data:
        writing.losses.refuse(at, "audio can be said by its data alone")
        return None
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}


def _write_file(writing: Writing, part: File, at: str) -> dict[str, Any] | None:
    file: dict[str, Any] = {}
    if part.data or part.text:
        file["file_data"] = data_url(part.media_type, part.data) if part.data else text_url(part.media_type, part.text)
        name = part.filename or ("" if part.dialect == DIALECT else filename_of(part.media_type or ("text/plain" if part.text else "")))
        if name:
            file["filename"] = name
    elif part.file_id and part.dialect in _FILE_IDS:
        file["file_id"] = part.file_id
    elif part.url and part.dialect == DIALECT:
        file["file_id"] = part.url
    else:
        writing.losses.refuse(at, "documents go by their data here, not by URL or by another provider's file id")
        return None
    written: dict[str, Any] = {"type": "file", "file": file}
    if part.extra:
        _write_extra(writing, written, part.extra, "file")
    if part.cache is not None:
        write_mark(written, part.cache, writing)
    return written


# Both of OpenAI's dialects name the same files.
_FILE_IDS = frozenset({DIALECT, "openai_responses"})


def _write_opaque(writing: Writing, part: Opaque, at: str) -> dict[str, Any] | None:
    if part.dialect == DIALECT:
        return part.value
    _refuse(writing, part, at)
    return None


def _write_part(writing: Writing, part: Part | ToolResult, at: str) -> dict[str, Any] | None:
    """Return a content part; None if it was dropped."""
    write = _PARTS.get(type(part))
    if write is None:
        _refuse(writing, part, at)
        return None
    return write(writing, part, at)


def _refuse(writing: Writing, part: Part | ToolResult, at: str) -> None:
    kind = part.kind if isinstance(part, Opaque) else _KINDS.get(type(part), "part")
    writing.losses.refuse(f"{at}.{kind}", f"a message of this dialect has no {kind} here")


_KINDS = {Thinking: "thinking", ToolCall: "tool_call", ToolResult: "tool_result", Image: "image", Audio: "audio", File: "file"}
_PARTS: Mapping[type, Callable[[Writing, Any, str], dict[str, Any] | None]] = MappingProxyType(
    {Text: _write_text, Image: _write_image, Audio: _write_audio, File: _write_file, Opaque: _write_opaque}
)
_WRITERS: Mapping[str, Callable[[Writing, Turn, str], None]] = MappingProxyType(
    {
        "system": _write_said,
        "developer": _write_said,
        "user": _write_said,
        "assistant": _write_assistant,
        "tool": _write_results,
    }
)
