"""`systemInstruction` and `contents` of a request to Gemini.

Rule 1: neighbours of one role are merged, but results of calls stand in a content of their own: Google counts them against the
calls before ("number of function response parts equal to the number of function call parts").
Rule 2: a signature stands on the part on which it came. One that came as a thought without text belongs to the part behind it.
Google signs no thoughts: callers of other dialects bring a signature on one because their streams tell it as the thought's end.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from fastgate.translate.conversation import Audio, ChatRequest, File, Image, Opaque, Part, Text, Thinking, ToolCall, ToolResult, Turn
from fastgate.translate.gemini.build_tools import Names
from fastgate.translate.gemini.thinking import generation
from fastgate.translate.gemini.words import DIALECT, HOSTED, NO_SIGNATURE, PCM, RESOLUTION_WORDS, UNSAID_ID, media_type_of, sniff
from fastgate.translate.losses import InvalidRequest, Losses, NotCarried
from fastgate.translate.target import Target

_SYSTEM = frozenset({"system", "developer"})
# What LiteLLM's modify_params puts where a user's turn is missing.
_PLACEHOLDER = " "

Wire = dict[str, Any]


def build_contents(request: ChatRequest, target: Target, names: Names, losses: Losses) -> Wire:
    """Return `systemInstruction`, if there is one, and `contents`."""
    turns = request.turns
    leading = 0
    while leading < len(turns) and turns[leading].role in _SYSTEM:
        leading += 1
    writer = _Writer(request.dialect, target, names, losses)
    for turn in turns[leading:]:
        writer.add(turn)
    body: Wire = {}
    system = [{"text": text} for turn in turns[:leading] if (text := _system_text(turn, losses))]
    if system:
        body["systemInstruction"] = {"parts": system}
    body["contents"] = writer.finish(target.modify_params)
    return body


def _system_text(turn: Turn, losses: Losses) -> str:
    texts: list[str] = []
    for part in turn.parts:
        if type(part) is Text:
            texts.append(part.text)
            if part.cache is not None:
                losses.drop("cache_control")
        else:
            losses.refuse("messages", "Gemini's system instruction holds text alone")
    return "\n".join(text for text in texts if text)


class _Writer:
    """Contents as they grow, turn by turn."""

    def __init__(self, dialect: str, target: Target, names: Names, losses: Losses) -> None:
        self.dialect = dialect
        self.names = names
        self.losses = losses
        self.generation = generation(target.model)
        self.knows_urls = "fileUri" in target.quirks.knows
        self.contents: list[Wire] = []
        # Id of a call -> the name of its tool as sent.
        self.called: dict[str, str] = {}
        # The last content holds results.
        self.results_last = False

    def add(self, turn: Turn) -> None:
        if turn.name:
            self.losses.drop("name")
        if turn.role == "assistant":
            self._append("model", self._model_parts(turn), False)
        elif turn.role == "tool":
            self._add_results(turn)
        elif turn.role == "user":
            self._append("user", self._parts(turn.parts), False)
        else:
            text = _system_text(turn, self.losses)
            if text:
                self.losses.emulate("system")
                self._append("user", [{"text": f"<system>\n{text}\n</system>"}], False)

    def finish(self, modify: bool) -> list[Wire]:
        """Return the contents; calls get the placeholder for signatures that their caller lost."""
        contents = self.contents
        if self.dialect != DIALECT and (not contents or contents[0]["role"] != "user"):
            if not modify:
                says = "the first message after the system's must be the user's: Gemini starts no conversation with the model's turn"
                raise InvalidRequest("messages", says)
            self.losses.emulate("messages")
            contents.insert(0, {"role": "user", "parts": [{"text": _PLACEHOLDER}]})
        if self.generation >= 30:
            for content in contents:
                if content["role"] == "model":
                    _sign_first_call(content["parts"])
        return contents

    def _append(self, role: str, parts: list[Wire], results: bool) -> None:
        if not parts:
            return
        last = self.contents[-1] if self.contents else None
        if last is not None and last["role"] == role and self.results_last == results:
            last["parts"].extend(parts)
        else:
            self.contents.append({"role": role, "parts": parts})
            self.results_last = results

    def _parts(self, parts: list[Any]) -> list[Wire]:
        """Return the parts of a user's turn; a signature of Google's cannot stand there."""
        wires: list[Wire] = []
        for part in parts:
            if type(part) is Text and part.cache is None:
                if part.text:
                    wires.append({"text": part.text})
            elif type(part) is not Thinking:
                built = self._build(part)
                if built is not None:
                    wires.append(built)
        return wires

    def _model_parts(self, turn: Turn) -> list[Wire]:
        built: list[Wire] = []
        waiting = ""
        for part in turn.parts:
            if type(part) is Text and not waiting and part.cache is None:
                if part.text:
                    built.append({"text": part.text})
                continue
            if type(part) is Thinking:
                waiting = self._add_thought(part, built, waiting)
                continue
            wire = self._build(part)
            if wire is None:
                continue
            if waiting:
                if "thoughtSignature" in wire:
                    built.append({"text": "", "thoughtSignature": waiting})
                else:
                    wire["thoughtSignature"] = waiting
                waiting = ""
            built.append(wire)
        if waiting:
            _sign_last_text(built, waiting)
        return built

    def _add_thought(self, part: Thinking, built: list[Wire], waiting: str) -> str:
        """Add a thought of Google's, another vendor's is never shown; return the signature that waits for its part."""
        if part.dialect != DIALECT:
            return waiting
        if part.text:
            built.append({"text": part.text, "thought": True})
            if part.signature and self.dialect == DIALECT:
                built[-1]["thoughtSignature"] = part.signature
                return waiting
        if not part.signature:
            return waiting
        if waiting:
            built.append({"text": "", "thoughtSignature": waiting})
        return part.signature

    def _build(self, part: Any) -> Wire | None:
        builder = _BUILDERS.get(type(part))
        if builder is None:
            raise InvalidRequest("messages", "a tool's result must stand in a message of its own")
        if getattr(part, "cache", None) is not None:
            self.losses.drop("cache_control")
        return builder(self, part)

    def _add_results(self, turn: Turn) -> None:
        responses: list[Wire] = []
        beside: list[Wire] = []
        for result in turn.parts:
            if type(result) is not ToolResult:
                raise InvalidRequest("messages", "a turn of tools must hold results alone")
            responses.append(self._response(result, beside))
        self._append("user", responses, True)
        self._append("user", beside, False)

    def _response(self, result: ToolResult, beside: list[Wire]) -> Wire:
        """Return a functionResponse; media that it cannot hold go to *beside*."""
        if result.cache is not None:
            self.losses.drop("cache_control")
        name = self.called.get(result.call_id) or (self.names.send(result.name) if result.name else "")
        if not name:
            says = f'the result of call "{result.call_id}" answers no call of this conversation: Gemini needs the name of its tool'
            raise InvalidRequest("tool_call_id", says)
        texts: list[str] = []
        media: list[Wire] = []
        for part in result.parts:
            if type(part) is Text:
                texts.append(part.text)
                continue
            wire = self._build(part)
            # From Gemini 3 on a response may hold media (ai.google.dev/gemini-api/docs/function-calling, 2026-11-24).
            if wire is not None:
                (media if self.generation >= 30 and ("inlineData" in wire or "fileData" in wire) else beside).append(wire)
        text = "\n".join(texts)
        response: Wire = {"name": name, "response": {"error": text} if result.is_error else _response_object(text)}
        if result.call_id and not result.call_id.startswith(UNSAID_ID):
            response["id"] = result.call_id
        if media:
            response["parts"] = media
        return {"functionResponse": response}


def _response_object(text: str) -> Wire:
    """`response` must be an object: one as it is, anything else under `result`."""
    if text[:1] in ("{", "["):
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {"result": text}
        return value if type(value) is dict else {"result": value}
    return {"result": text}


def _sign_first_call(parts: list[Wire]) -> None:
    """Of parallel calls the first carries the signature (ai.google.dev/gemini-api/docs/thought-signatures, 2026-11-24)."""
    for part in parts:
        if "functionCall" in part:
            part.setdefault("thoughtSignature", NO_SIGNATURE)
            return


def _sign_last_text(parts: list[Wire], signature: str) -> None:
    for part in reversed(parts):
        if "text" in part and "thought" not in part and "thoughtSignature" not in part:
            part["thoughtSignature"] = signature
            return
    parts.append({"text": "", "thoughtSignature": signature})


def _build_text(_: _Writer, part: Text) -> Wire | None:
    return {"text": part.text} if part.text else None


def _build_call(writer: _Writer, part: ToolCall) -> Wire:
    name = writer.names.send(part.name)
    if part.id:
        writer.called[part.id] = name
    call: Wire = {"name": name, "args": _arguments(part)}
    if part.id and not part.id.startswith(UNSAID_ID):
        call["id"] = part.id
    return {"functionCall": call, "thoughtSignature": part.signature} if part.signature else {"functionCall": call}


def _arguments(call: ToolCall) -> Wire:
    if not call.arguments:
        return {}
    try:
        value = orjson.loads(call.arguments)
    except orjson.JSONDecodeError:
        value = None
    if type(value) is not dict:
        raise InvalidRequest("arguments", f'the arguments of call "{call.id or call.name}" are not a JSON object')
    return value


def _build_image(writer: _Writer, part: Image) -> Wire:
    if part.data:
        wire = _blob(part.media_type or sniff(part.data), part.data, "image")
    else:
        wire = _file(writer, part.url, part.file_id, part.dialect, part.media_type, "image")
    resolution = RESOLUTION_WORDS.get(part.detail) if part.detail != "auto" or part.dialect == DIALECT else None
    if resolution is not None:
        if writer.generation >= 30 or writer.dialect == DIALECT:
            wire["mediaResolution"] = {"level": resolution}
        else:
            # Of a part: from Gemini 3 on (ai.google.dev/gemini-api/docs/media-resolution, 2026-11-24).
            writer.losses.drop("detail")
    return wire


def _build_audio(_: _Writer, part: Audio) -> Wire:
    if not part.data:
        raise NotCarried("audio", "`audio` cannot be carried: Gemini cannot read audio of another provider by its id; send its data")
    return {"inlineData": {"mimeType": PCM if part.format == "pcm16" else f"audio/{part.format or 'wav'}", "data": part.data}}


def _build_file(writer: _Writer, part: File) -> Wire:
    if part.data:
        return _blob(part.media_type or sniff(part.data) or media_type_of(part.filename), part.data, "file")
    if part.text:
        return _blob(part.media_type or "text/plain", b64encode(part.text.encode()).decode(), "file")
    return _file(writer, part.url, part.file_id, part.dialect, part.media_type or media_type_of(part.filename), "file")


def _blob(media_type: str, data: str, param: str) -> Wire:
    if not media_type:
        raise NotCarried(param, f"`{param}` cannot be carried: its media type is not known, and Gemini wants to be told")
    return {"inlineData": {"mimeType": media_type, "data": data}}


def _file(writer: _Writer, url: str, file_id: str, dialect: str, media_type: str, param: str) -> Wire:
    uri = file_id if dialect == DIALECT else ""
    if not uri and (url.startswith(HOSTED) or (writer.knows_urls and url.startswith("https://"))):
        uri = url
    if not uri:
        says = "Gemini reads no file of another provider by its id; send its data" if file_id else _NO_FETCHING
        raise NotCarried(param, f"`{param}` cannot be carried: {says}")
    named = {"mimeType": media_type or media_type_of(uri), "fileUri": uri}
    return {"fileData": named if named["mimeType"] else {"fileUri": uri}}


_NO_FETCHING = "Gemini takes no address of an arbitrary host and fetching is off; send the data as base64, or a gs:// or Files API address"


def _build_opaque(writer: _Writer, part: Opaque) -> Wire | None:
    if part.dialect == DIALECT:
        # A copy: a signature may be added.
        return dict(part.value)
    writer.losses.refuse(part.kind, f"only the {part.dialect} dialect knows such a block")
    return None


_BUILDERS: Mapping[type[Part], Callable[[_Writer, Any], Wire | None]] = MappingProxyType(
    {
        Text: _build_text,
        Image: _build_image,
        Audio: _build_audio,
        File: _build_file,
        ToolCall: _build_call,
        Opaque: _build_opaque,
    }
)
