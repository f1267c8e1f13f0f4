"""Messages of a caller -> turns."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fastgate.translate.conversation import Audio, Part, Role, Text, ToolCall, ToolResult, Turn
from fastgate.translate.losses import InvalidRequest
from fastgate.translate.openai_chat.members import read_list, read_object, read_text, wrong
from fastgate.translate.openai_chat.parse_parts import parse_content, parse_image, parse_mark
from fastgate.translate.openai_chat.thoughts import thoughts_of

# What the readers below know; `annotations` and `provider_specific_fields` of an earlier answer mean nothing in a request.
_KNOWN = frozenset(
    {
        "role",
        "content",
        "name",
        "refusal",
        "audio",
        "images",
        "tool_calls",
        "function_call",
        "tool_call_id",
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "thinking_blocks",
        "annotations",
        "provider_specific_fields",
        "cache_control",
    }
)
_KNOWN_OF_CALL = frozenset({"id", "type", "index", "function", "custom", "extra_content", "provider_specific_fields", "cache_control"})
_LISTS = ("thinking_blocks", "reasoning_details", "images", "tool_calls")


class _Talk:
    """The turns so far, and the calls that still wait for their results."""

    __slots__ = ("calls", "turns", "unanswered")

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        # By id.
        self.calls: dict[str, ToolCall] = {}
        # Of the deprecated function_call, oldest first.
        self.unanswered: list[ToolCall] = []


def parse_messages(value: object) -> list[Turn]:
    """Return the turns; neighbouring results of tools are one turn."""
    messages = read_list(value, "messages")
    if not messages:
        raise InvalidRequest("messages", "`messages`: expected at least one message, found none")
    talk = _Talk()
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            raise wrong(f"messages[{number}]", "an object", message)
        role = message.get("role")
        read = _ROLES.get(role) if isinstance(role, str) else None
        if read is None:
            raise wrong(f"messages[{number}].role", "one of system, developer, user, assistant, tool and function", role)
        content = message.get("content")
        # Most messages are a role and a text.
        if len(message) == 2 and content and isinstance(content, str) and (speaker := _SPEAKERS.get(message["role"])):
            talk.turns.append(Turn(role=speaker, parts=[Text(text=content)]))
            continue
        read(talk, message, f"messages[{number}]")
    return talk.turns


def _parse_said(talk: _Talk, message: dict[str, Any], at: str) -> None:
    """A message of system, developer or user."""
    parts = parse_content(message.get("content"), at)
    if "cache_control" in message:
        _mark_last(parts, message)
    role: Role = message["role"]
    talk.turns.append(_turn(role, parts, message, at))


def _parse_assistant(talk: _Talk, message: dict[str, Any], at: str) -> None:
    for name in _LISTS:
        if name not in message:
            continue
        for number, entry in enumerate(read_list(message.get(name) or [], f"{at}.{name}")):
            read_object(entry, f"{at}.{name}[{number}]")
    parts: list[Part] = [*thoughts_of(message)]
    content = message.get("content")
    if content is not None:
        parts += parse_content(content, at)
    if message.get("refusal"):
        parts.append(Text(text=read_text(message["refusal"], f"{at}.refusal"), refusal=True))
    if message.get("audio") is not None:
        audio = read_object(message["audio"], f"{at}.audio")
        parts.append(Audio(id=read_text(audio.get("id"), f"{at}.audio.id")))
    parts += [parse_image(image, f"{at}.images[{number}]") for number, image in enumerate(message.get("images") or [])]
    if "cache_control" in message:
        _mark_last(parts, message)
    for number, call in enumerate(message.get("tool_calls") or []):
        parts.append(_parse_call(talk, call, f"{at}.tool_calls[{number}]"))
    if message.get("function_call") is not None:
        parts.append(_parse_function_call(talk, read_object(message["function_call"], f"{at}.function_call"), at))
    talk.turns.append(_turn("assistant", parts, message, at))


def _parse_call(talk: _Talk, call: dict[str, Any], at: str) -> ToolCall:
    custom = call.get("type") == "custom"
    member, text = ("custom", "input") if custom else ("function", "arguments")
    function = read_object(call.get(member), f"{at}.{member}")
    arguments = function.get(text)
    found = ToolCall(
        id=read_text(call.get("id"), f"{at}.id"),
        name=read_text(function.get("name"), f"{at}.{member}.name"),
        arguments="" if arguments is None else read_text(arguments, f"{at}.{member}.{text}"),
        custom=custom,
        signature=signature_of(call),
        extra=_beyond(call, _KNOWN_OF_CALL) if len(call) > 3 else {},
        cache=parse_mark(call),
    )
    talk.calls[found.id] = found
    return found


def _parse_function_call(talk: _Talk, call: dict[str, Any], at: str) -> ToolCall:
    arguments = call.get("arguments")
    found = ToolCall(
        # The deprecated form knows no ids: that of the message's place is the same in every turn.
        id=f"call_{len(talk.turns)}",
        name=read_text(call.get("name"), f"{at}.function_call.name"),
        arguments="" if arguments is None else read_text(arguments, f"{at}.function_call.arguments"),
    )
    talk.unanswered.append(found)
    return found


def signature_of(call: dict[str, Any]) -> str:
    """Return Gemini's thought signature of a tool call: Google's own member, or LiteLLM's."""
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else call.get("provider_specific_fields")
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else ""


def _parse_tool(talk: _Talk, message: dict[str, Any], at: str) -> None:
    call_id = read_text(message.get("tool_call_id"), f"{at}.tool_call_id")
    call = talk.calls.get(call_id)
    name = message.get("name")
    result = ToolResult(
        call_id=call_id,
        name=call.name if call else "" if name is None else read_text(name, f"{at}.name"),
        parts=parse_content(message.get("content"), at),
        custom=call.custom if call else False,
        extra=_beyond(message, _KNOWN) if len(message) > 3 else {},
        cache=parse_mark(message),
    )
    _add_result(talk, result)


def _parse_function(talk: _Talk, message: dict[str, Any], at: str) -> None:
    """A result of the deprecated form, which names its function: the oldest call of that name is the one."""
    name = read_text(message.get("name"), f"{at}.name")
    call = next((call for call in talk.unanswered if call.name == name), None)
    if call is None:
        raise InvalidRequest(f"{at}.name", f'`{at}.name`: no earlier function_call of "{name}" waits for a result')
    talk.unanswered.remove(call)
    content = message.get("content")
    _add_result(talk, ToolResult(call_id=call.id, name=name, parts=[] if content is None else parse_content(content, at)))


def _add_result(talk: _Talk, result: ToolResult) -> None:
    if talk.turns and talk.turns[-1].role == "tool":
        talk.turns[-1].parts.append(result)
    else:
        talk.turns.append(Turn(role="tool", parts=[result]))


def _turn(role: Role, parts: list[Part], message: dict[str, Any], at: str) -> Turn:
    name = message.get("name")
    speaker = "" if name is None else read_text(name, f"{at}.name")
    return Turn(role=role, parts=list(parts), name=speaker, extra=_beyond(message, _KNOWN))


def _beyond(value: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {name: member for name, member in value.items() if name not in known and member is not None}


def _mark_last(parts: list[Part], message: dict[str, Any]) -> None:
    """Put a mark on the message itself, which LiteLLM's callers send, on its last text."""
    for part in reversed(parts):
        if isinstance(part, Text):
            part.cache = part.cache or parse_mark(message)
            return


_SPEAKERS: Mapping[str, Role] = {"system": "system", "developer": "developer", "user": "user", "assistant": "assistant"}
_ROLES: Mapping[str, Callable[[_Talk, dict[str, Any], str], None]] = MappingProxyType(
    {
        "system": _parse_said,
        "developer": _parse_said,
        "user": _parse_said,
        "assistant": _parse_assistant,
        "tool": _parse_tool,
        "function": _parse_function,
    }
)


def parse_prompt(value: object) -> list[Turn]:
    """Return the one user turn that the prompt of /v1/completions is; *value* is known to hold one string."""
    return [Turn(role="user", parts=[Text(text=read_text(value, "prompt"))])]
