"""`contents` and `systemInstruction` of a caller's request: turns, parts, calls and their results."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from fastgate.translate.conversation import Audio, File, Image, Opaque, Part, Text, Thinking, ToolCall, ToolResult, Turn
from fastgate.translate.gemini.members import Wrong, expect_list, expect_object, expect_text, optional_text, wrong
from fastgate.translate.gemini.signatures import unseal_thought
from fastgate.translate.gemini.words import DIALECT, HOSTED, RESOLUTIONS, UNSAID_ID, audio_format, either, sniff

_MODEL_ROLES = frozenset({"model"})
# "function" and "tool" are what older SDKs called the author of results.
_USER_ROLES = frozenset({"user", "function", "tool", ""})
# Members of a part beside the one that says its kind; a part with any other goes through as it is, or not at all.
_BESIDE = frozenset({"thought", "thoughtSignature", "thought_signature", "mediaResolution", "media_resolution"})


class Talk:
    """What is remembered from content to content: the calls that wait for a result."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.calls = 0
        # Id and name of each call of the last turn of the model that has no result yet.
        self.waiting: list[tuple[str, str]] = []

    def name_call(self, said: str, name: str) -> str:
        """Return the id of a call: its own, or one that its place in the talk makes."""
        call_id = said or f"{UNSAID_ID}{self.calls}"
        self.calls += 1
        self.waiting.append((call_id, name))
        return call_id

    def answer_call(self, said: str, name: str) -> str:
        """Return the id of the call that a result belongs to: by its id, else by name, in the order of the calls."""
        for at, (call_id, called) in enumerate(self.waiting):
            if call_id == said if said else called == name:
                del self.waiting[at]
                return call_id
        return said or self._unasked()

    def _unasked(self) -> str:
        self.calls += 1
        return f"{UNSAID_ID}{self.calls - 1}"


Parts = list[Part | ToolResult]


def parse_contents(contents: Any) -> list[Turn]:
    """Return the turns of `contents`."""
    talk = Talk()
    for at, content in enumerate(expect_list(contents, "contents")):
        try:
            _parse_content(content, talk)
        except Wrong as complaint:
            raise complaint.inside(f"contents[{at}]") from None
    return talk.turns


def parse_system(content: Any) -> list[Turn]:
    """Return `systemInstruction` as one turn a part."""
    if type(content) is str:
        return [Turn(role="system", parts=[Text(text=content)])]
    turns = []
    parts = expect_object(content, "systemInstruction").get("parts") or []
    # Protocol Buffers' JSON takes one for a list of one in no place, Google's own curl examples do here.
    for at, part in enumerate(parts if type(parts) is not dict else [parts]):
        path = f"systemInstruction.parts[{at}]"
        text = optional_text(expect_object(part, path).get("text"), f"{path}.text")
        if part.keys() - {"text"}:
            raise Wrong(path, "must be a text: systemInstruction holds no other parts")
        turns.append(Turn(role="system", parts=[Text(text=text)]))
    return turns


def _parse_content(content: Any, talk: Talk) -> None:
    if type(content) is not dict:
        raise wrong("", "an object", content)
    role = content.get("role") or "user"
    if type(role) is not str or (role not in _MODEL_ROLES and role not in _USER_ROLES):
        raise Wrong("role", "must be user or model")
    parts: Parts = []
    listed = content.get("parts")
    if listed is None:
        listed = []
    if role in _MODEL_ROLES:
        talk.waiting.clear()
    plain = True
    for at, part in enumerate(expect_list(listed, "parts")):
        if type(part) is dict and len(part) == 1 and type(text := part.get("text")) is str:
            parts.append(Text(text=text))
            continue
        plain = False
        try:
            _parse_part(part, parts, talk)
        except Wrong as complaint:
            raise complaint.inside(f"parts[{at}]") from None
    if role in _MODEL_ROLES:
        if not plain and any(type(part) is ToolResult for part in parts):
            raise Wrong("parts", "must hold no functionResponse: the role is model")
        talk.turns.append(Turn(role="assistant", parts=parts))
    elif plain:
        talk.turns.append(Turn(role="user", parts=parts))
    else:
        _add_user(parts, talk)


def _add_user(parts: Parts, talk: Talk) -> None:
    """Results come first, in a turn of their own: they answer the calls right before them."""
    results: Parts = [part for part in parts if type(part) is ToolResult]
    if results:
        talk.turns.append(Turn(role="tool", parts=results))
    rest: Parts = [part for part in parts if type(part) is not ToolResult]
    for part in rest:
        if type(part) is ToolCall:
            raise Wrong("parts", "must hold no functionCall: the role is user")
    if rest or not results:
        talk.turns.append(Turn(role="user", parts=rest))


def _parse_part(part: Any, parts: Parts, talk: Talk) -> None:
    if type(part) is not dict:
        raise wrong("", "an object", part)
    for name, value in part.items():
        reader = _READERS.get(name)
        if reader is not None and value is not None:
            break
    else:
        signature = _signature(part)
        if signature:
            parts.append(unseal_thought(signature, ""))
            return
        unknown = [name for name in part if name not in _BESIDE]
        if unknown:
            parts.append(Opaque(dialect=DIALECT, kind=unknown[0], value=part))
        return
    if len(part) > 1 and part.keys() - _BESIDE - {name}:
        parts.append(Opaque(dialect=DIALECT, kind=name, value=part))
        return
    reader(value, part, parts, talk)


def _signature(part: dict[str, Any]) -> str:
    return optional_text(either(part, "thoughtSignature", "thought_signature"), "thoughtSignature")


def _parse_text(value: Any, part: dict[str, Any], parts: Parts, _: Talk) -> None:
    if type(value) is not str:
        raise wrong("text", "a string", value)
    if len(part) == 1:
        parts.append(Text(text=value))
        return
    signature = _signature(part)
    if part.get("thought") is True:
        _add_thought(unseal_thought(signature, value), parts)
        return
    # A signature that stands on a text goes before it, as a thought without text: so it comes back to its part.
    if signature:
        parts.append(unseal_thought(signature, ""))
    if value or not signature:
        parts.append(Text(text=value))


def _add_thought(thought: Thinking, parts: Parts) -> None:
    """A stream's pieces of a thought are kept by callers as parts; the last one carries what seals them all."""
    before = parts[-1] if parts else None
    if type(before) is Thinking and before.text and not before.signature and not before.redacted and not thought.redacted:
        before.text += thought.text
        before.signature, before.dialect, before.id = thought.signature, thought.dialect, thought.id
    else:
        parts.append(thought)


def _add_signed(part: Part, wire: dict[str, Any], parts: Parts) -> None:
    signature = _signature(wire)
    if signature:
        parts.append(unseal_thought(signature, ""))
    parts.append(part)


def _parse_blob(value: Any, part: dict[str, Any], parts: Parts, _: Talk) -> None:
    blob = expect_object(value, "inlineData")
    data = expect_text(blob.get("data"), "inlineData.data")
    media_type = optional_text(either(blob, "mimeType", "mime_type"), "inlineData.mimeType") or sniff(data)
    filename = optional_text(either(blob, "displayName", "display_name"), "inlineData.displayName")
    _add_signed(_medium(media_type, data, filename, part), part, parts)


def _medium(media_type: str, data: str, filename: str, part: dict[str, Any]) -> Part:
    family = media_type.partition("/")[0]
    if family == "image":
        return Image(data=data, media_type=media_type, detail=_detail(part), dialect=DIALECT)
    if family == "audio":
        return Audio(data=data, format=audio_format(media_type))
    if family == "video":
        return Opaque(dialect=DIALECT, kind="inlineData", value=part)
    return File(data=data, media_type=media_type, filename=filename, dialect=DIALECT)


def _detail(part: dict[str, Any]) -> str:
    resolution = either(part, "mediaResolution", "media_resolution")
    if resolution is None:
        return ""
    level = expect_object(resolution, "mediaResolution").get("level")
    return RESOLUTIONS.get(optional_text(level, "mediaResolution.level"), "")


def _parse_file(value: Any, part: dict[str, Any], parts: Parts, _: Talk) -> None:
    named = expect_object(value, "fileData")
    uri = expect_text(either(named, "fileUri", "file_uri"), "fileData.fileUri")
    media_type = optional_text(either(named, "mimeType", "mime_type"), "fileData.mimeType")
    family = media_type.partition("/")[0]
    # A Google-hosted file is one that Google alone can read: like a file id.
    file_id, url = (uri, "") if uri.startswith(HOSTED) else ("", uri)
    found: Part
    if family in ("video", "audio"):
        found = Opaque(dialect=DIALECT, kind="fileData", value=part)
    elif family == "image":
        found = Image(url=url, file_id=file_id, media_type=media_type, detail=_detail(part), dialect=DIALECT)
    else:
        found = File(url=url, file_id=file_id, media_type=media_type, dialect=DIALECT)
    _add_signed(found, part, parts)


def _parse_call(value: Any, part: dict[str, Any], parts: Parts, talk: Talk) -> None:
    call = expect_object(value, "functionCall")
    name = expect_text(call.get("name"), "functionCall.name")
    args = call.get("args")
    if args is None:
        args = {}
    elif type(args) is not dict:
        raise wrong("functionCall.args", "an object", args)
    thought = unseal_thought(_signature(part), "")
    call_id = talk.name_call(optional_text(call.get("id"), "functionCall.id"), name)
    if thought.dialect != DIALECT:
        parts.append(thought)
    signature = thought.signature if thought.dialect == DIALECT else ""
    parts.append(ToolCall(id=call_id, name=name, arguments=orjson.dumps(args).decode(), signature=signature))


def _parse_result(value: Any, _part: dict[str, Any], parts: Parts, talk: Talk) -> None:
    result = expect_object(value, "functionResponse")
    name = expect_text(result.get("name"), "functionResponse.name")
    response = result.get("response")
    if response is None:
        response = {}
    is_error, text = _read_response(expect_object(response, "functionResponse.response"))
    media: list[Part] = []
    for at, inner in enumerate(expect_list(result.get("parts") or [], "functionResponse.parts")):
        found: Parts = []
        try:
            _parse_part(inner, found, talk)
        except Wrong as complaint:
            raise complaint.inside(f"functionResponse.parts[{at}]") from None
        for medium in found:
            if isinstance(medium, ToolResult | ToolCall):
                raise Wrong(f"functionResponse.parts[{at}]", "must be inlineData or fileData")
            media.append(medium)
    call_id = talk.answer_call(optional_text(result.get("id"), "functionResponse.id"), name)
    parts.append(ToolResult(call_id=call_id, name=name, parts=[Text(text=text), *media], is_error=is_error))


def _read_response(response: dict[str, Any]) -> tuple[bool, str]:
    """Return whether a response is an error, and its text.

    "Use `output` key to specify function output and `error` key to specify error details": google-genai 3.4 types.py FunctionResponse;
    `result` is what Google's SDKs wrap results in.
    """
    if len(response) == 1:
        ((key, value),) = response.items()
        if key == "error":
            return True, value if type(value) is str else orjson.dumps(value).decode()
        if key in ("output", "result") and type(value) is str:
            return False, value
    return False, orjson.dumps(response).decode()


def _parse_opaque(kind: str) -> Callable[[Any, dict[str, Any], Parts, Talk], None]:
    def parse(_value: Any, part: dict[str, Any], parts: Parts, _: Talk) -> None:
        parts.append(Opaque(dialect=DIALECT, kind=kind, value=part))

    return parse


_READERS: Mapping[str, Callable[[Any, dict[str, Any], Parts, Talk], None]] = MappingProxyType(
    {
        "text": _parse_text,
        "inlineData": _parse_blob,
        "inline_data": _parse_blob,
        "fileData": _parse_file,
        "file_data": _parse_file,
        "functionCall": _parse_call,
        "function_call": _parse_call,
        "functionResponse": _parse_result,
        "function_response": _parse_result,
        "executableCode": _parse_opaque("executableCode"),
        "executable_code": _parse_opaque("executableCode"),
        "codeExecutionResult": _parse_opaque("codeExecutionResult"),
        "code_execution_result": _parse_opaque("codeExecutionResult"),
        "toolCall": _parse_opaque("toolCall"),
        "tool_call": _parse_opaque("toolCall"),
        "toolResponse": _parse_opaque("toolResponse"),
        "tool_response": _parse_opaque("toolResponse"),
    }
)
