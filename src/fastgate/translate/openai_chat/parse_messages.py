"""Messages of a caller -> turns."""

from collections.abc import Callable, Mapping
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
    turns = talk.turns
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            raise wrong(f"messages[{number}]", "an object", message)
        role, content = message.get("role"), message.get("content")
        if type(role) is not str or role not in _ROLES:
            raise wrong(f"messages[{number}].role", "one of system, developer, user, assistant, tool and function", role)
        # Most messages are a role and a text.
        if len(message) == 2 and content and type(content) is str and role in _SPEAKERS:
            turns.append(Turn(role=role, parts=[Text(text=content)]))  # type: ignore[arg-type]
        else:
            _ROLES[role](talk, message, f"messages[{number}]")
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
        entries = message.get(name)
        if entries:
            for number, entry in enumerate(read_list(entries, f"{at}.{name}")):
                if type(entry) is not dict:
                    raise wrong(f"{at}.{name}[{number}]", "an object", entry)
    parts: list[Part] = [*thoughts_of(message)]
    content = message.get("content")
    if content is not None:
        parts += parse_content(content, at)
    if message.get("refusal"):
        parts.append(Text(text=read_text(message["refusal"], f"{at}.refusal"), refusal=True))
    if message.get("audio") is not None:
        audio = read_object(message["audio"], f"{at}.audio")
        parts.append(Audio(id=read_text(audio.get("id"), f"{at}.audio.id")))
    if message.get("images"):
        parts += [parse_image(image, f"{at}.images[{number}]") for number, image in enumerate(message["images"])]
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
    function = call.get(member)
    if type(function) is not dict:
        raise wrong(f"{at}.{member}", "an object", function)
    own, name, arguments = call.get("id"), function.get("name"), function.get(text)
    # Paths are made for what is wrong alone: agents send hundreds of calls again with each turn.
    if type(own) is not str:
        raise wrong(f"{at}.id", "a string", own)
    if type(name) is not str:
        raise wrong(f"{at}.{member}.name", "a string", name)
    if arguments is None:
        arguments = ""
    elif type(arguments) is not str:
        raise wrong(f"{at}.{member}.{text}", "a string", arguments)
    found = ToolCall(id=own, name=name, arguments=arguments, custom=custom)
    if len(call) > 3 or "type" not in call:
        found.signature, found.extra, found.cache = signature_of(call), _beyond(call, _KNOWN_OF_CALL), parse_mark(call)
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
    call_id = message.get("tool_call_id")
    if type(call_id) is not str:
        raise wrong(f"{at}.tool_call_id", "a string", call_id)
    call = talk.calls.get(call_id)
    name = message.get("name")
    result = ToolResult(
        call_id=call_id,
        name=call.name if call else "" if name is None else read_text(name, f"{at}.name"),
        parts=parse_content(message.get("content"), at),
        custom=call.custom if call else False,
    )
    if len(message) > 3:
        result.extra, result.cache = _beyond(message, _KNOWN), parse_mark(message)
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
    return Turn(role=role, parts=list(parts), name=speaker, extra={} if _KNOWN.issuperset(message) else _beyond(message, _KNOWN))


def _beyond(value: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {name: member for name, member in value.items() if name not in known and member is not None}


def _mark_last(parts: list[Part], message: dict[str, Any]) -> None:
    """Put a mark on the message itself, which LiteLLM's callers send, on its last text."""
    for part in reversed(parts):
        if isinstance(part, Text):
            part.cache = part.cache or parse_mark(message)
            return


_SPEAKERS = frozenset({"system", "developer", "user", "assistant"})
_ROLES: Mapping[str, Callable[[_Talk, dict[str, Any], str], None]] = {
    "system": _parse_said,
    "developer": _parse_said,
    "user": _parse_said,
    "assistant": _parse_assistant,
    "tool": _parse_tool,
    "function": _parse_function,
}


def parse_prompt(value: object) -> list[Turn]:
    """Return the one user turn that the prompt of /v1/completions is; *value* is known to hold one string."""
    return [Turn(role="user", parts=[Text(text=read_text(value, "prompt"))])]
