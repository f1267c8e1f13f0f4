"""Turns of a conversation as input items, in their order."""

from collections.abc import Callable, Mapping
from typing import Any

from fastgate.translate.conversation import Audio, CacheMark, ChatRequest, File, Image, Opaque, Text, Thinking, ToolCall, ToolResult, Turn
from fastgate.translate.losses import Losses
from fastgate.translate.openai_responses.fitting import Fitting
from fastgate.translate.openai_responses.members import to_base64
from fastgate.translate.openai_responses.words import BREAKPOINT_OF_TTL, DIALECT, EXTENSIONS

Item = dict[str, Any]


def split_instructions(request: ChatRequest, losses: Losses) -> tuple[str, list[Turn]]:
    """Return what `instructions` says, and the turns that are items: one leading system message alone becomes instructions.

    A caller of this dialect has said them there: its later system and developer items stay items.
    """
    turns = request.turns
    if not turns:
        return "", turns
    own = request.dialect == DIALECT
    first = turns[0]
    leads = first.role == "system" or (first.role == "developer" and not own)
    if not leads or (not own and len(turns) > 1 and turns[1].role in ("system", "developer")):
        return "", turns
    # A string has no place for a breakpoint.
    if not all(type(part) is Text and not (part.cache and request.cache_breakpoints) for part in first.parts):
        return "", turns
    if any(type(part) is Text and part.cache for part in first.parts):
        losses.drop("cache_control")
    return "\n".join(part.text for part in first.parts if type(part) is Text and part.text), turns[1:]


class ItemWriter:
    """Writes the items of one request."""

    __slots__ = ("_breakpoints", "_content", "_customs", "_fitting", "_losses", "_own", "_phase", "_role", "_roles", "items")

    def __init__(self, request: ChatRequest, roles: Mapping[str, str], fitting: Fitting, losses: Losses) -> None:
        self.items: list[Item] = []
        self._own = request.dialect == DIALECT
        self._breakpoints = request.cache_breakpoints
        self._roles = roles
        self._fitting = fitting
        self._losses = losses
        # Ids of calls of custom tools: their results have another type.
        self._customs: set[str] = set()
        # Of the message that is being collected.
        self._role = ""
        self._phase = ""
        self._content: list[Item] = []

    def write(self, turns: list[Turn]) -> None:
        """Append the items of *turns*."""
        for turn in turns:
            role: str = turn.role
            if role == "system" and not self._own:
                role = "developer"
            self._role = self._roles.get(role, role)
            if turn.name:
                self._losses.drop("messages.name")
            if turn.extra:
                self._leave_out(turn)
            for part in turn.parts:
                if type(part) is Text and part.phase != self._phase:
                    self._close()
                    self._phase = part.phase
                _WRITERS[type(part)](self, part)
            self._close()

    def _leave_out(self, turn: Turn) -> None:
        for name, value in turn.extra.items():
            if name == "prefix" and value:
                self._losses.refuse("messages.prefix", "its models begin their messages themselves")
            else:
                self._losses.drop(f"messages.{name}")

    def _close(self) -> None:
        """Write the message whose parts have been collected."""
        content = self._content
        if not content:
            return
        self._content = []
        item: Item = {"type": "message", "role": self._role, "content": content}
        # One plain text is a string: what every server that speaks this dialect reads.
        if len(content) == 1 and content[0].keys() == _PLAIN:
            item["content"] = content[0]["text"]
        if self._phase and self._own:
            item["phase"] = self._phase
        self.items.append(item)

    def _breakpoint(self, mark: CacheMark | None, built: Item) -> Item:
        if mark is None:
            return built
        if not self._breakpoints:
            # The provider caches by itself; what others call a mark is an unknown member here.
            self._losses.drop("cache_control")
            return built
        ttl = mark.get("ttl")
        breakpoint_: Item = {"mode": "explicit"}
        if isinstance(ttl, str):
            breakpoint_["ttl"] = BREAKPOINT_OF_TTL.get(ttl, ttl)
        built["prompt_cache_breakpoint"] = breakpoint_
        return built

    def _text(self, part: Text) -> None:
        if not part.text:
            return
        if self._role != "assistant":
            self._content.append(self._breakpoint(part.cache, {"type": "input_text", "text": part.text}))
        elif part.refusal:
            self._content.append({"type": "refusal", "refusal": part.text})
        elif part.citations and part.dialect == DIALECT:
            self._content.append({"type": "output_text", "text": part.text, "annotations": part.citations})
        else:
            self._content.append({"type": "output_text", "text": part.text})
            if part.cache is not None:
                self._losses.drop("cache_control")

    def _image(self, part: Image) -> None:
        if self._role == "assistant":
            self._losses.refuse("image", "messages of the assistant are text alone in the openai_responses dialect")
            return
        built = self.build_image(part)
        if built is not None:
            self._content.append(built)

    def build_image(self, part: Image) -> Item | None:
        """Return an input_image; None if it was left out."""
        if part.file_id and part.dialect not in _OPENAI:
            self._losses.refuse("image.file_id", f"files of the {part.dialect} dialect are not known to this model's provider")
            return None
        built: Item = {"type": "input_image", "detail": part.detail or "auto"}
        if part.file_id:
            built["file_id"] = part.file_id
        else:
            built["image_url"] = f"data:{part.media_type};base64,{part.data}" if part.data else part.url
        return self._breakpoint(part.cache, built)

    def _file(self, part: File) -> None:
        if self._role == "assistant":
            self._losses.refuse("file", "messages of the assistant are text alone in the openai_responses dialect")
            return
        built = self.build_file(part)
        if built is not None:
            self._content.append(built)

    def build_file(self, part: File) -> Item | None:
        """Return an input_file; None if it was left out."""
        if part.file_id and part.dialect not in _OPENAI:
            self._losses.refuse("file.file_id", f"files of the {part.dialect} dialect are not known to this model's provider")
            return None
        built: Item = {"type": "input_file"}
        if part.file_id:
            built["file_id"] = part.file_id
        elif part.url:
            built["file_url"] = part.url
        else:
            media_type = part.media_type or ("text/plain" if part.text else "")
            content = part.data or to_base64(part.text)
            built["filename"] = part.filename or f"document.{EXTENSIONS.get(media_type, 'bin')}"
            # Without a media type it is what a caller of this dialect sent: bare base64.
            built["file_data"] = f"data:{media_type};base64,{content}" if media_type else content
        if part.filename:
            built["filename"] = part.filename
        for name, value in part.extra.items():
            if part.dialect == DIALECT:
                built[name] = value
            else:
                self._losses.drop(f"file.{name}")
        return self._breakpoint(part.cache, built)

    def _audio(self, part: Audio) -> None:
        if part.id or self._role == "assistant":
            self._losses.refuse("audio", "the openai_responses dialect cannot send an answer's audio back")
            return
        self._content.append({"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}})

    def _thinking(self, part: Thinking) -> None:
        # Only its maker can read a thought; one without a seal comes from a caller that has it from nowhere else.
        if part.dialect != DIALECT and not (self._own and not part.dialect):
            return
        sealed = part.signature or part.redacted
        # A bare id names what the provider has stored, for those who had it store.
        if not sealed and not self._own:
            return
        self._close()
        item: Item = {"type": "reasoning"}
        if part.id:
            item["id"] = part.id
        whole = self._own and not part.summary
        item["summary"] = [{"type": "summary_text", "text": part.text}] if part.text and not whole else []
        if part.text and whole:
            item["content"] = [{"type": "reasoning_text", "text": part.text}]
        if sealed:
            item["encrypted_content"] = sealed
        self.items.append(item)

    def _call(self, part: ToolCall) -> None:
        self._close()
        ident = self._fitting.call_id(part.id)
        name = self._fitting.name(part.name)
        if part.custom:
            self._customs.add(part.id)
            item: Item = {"type": "custom_tool_call", "call_id": ident, "name": name, "input": part.arguments}
        else:
            item = {"type": "function_call", "call_id": ident, "name": name, "arguments": part.arguments or "{}"}
        if self._own and part.extra:
            item.update(part.extra)
        if part.cache is not None:
            self._losses.drop("cache_control")
        self.items.append(item)

    def _result(self, part: ToolResult) -> None:
        self._close()
        custom = part.custom or part.call_id in self._customs
        item: Item = {"type": "custom_tool_call_output" if custom else "function_call_output"}
        item["call_id"] = self._fitting.call_id(part.call_id)
        item["output"] = self._output(part)
        if self._own and part.extra:
            item.update(part.extra)
        if part.is_error:
            self._losses.drop("is_error")
        if part.cache is not None:
            self._losses.drop("cache_control")
        self.items.append(item)

    def _output(self, result: ToolResult) -> str | list[Item]:
        parts = result.parts
        if not parts:
            return ""
        first = parts[0]
        if len(parts) == 1 and type(first) is Text and first.cache is None:
            return first.text
        built = [item for part in parts if (item := _OUTPUTS.get(type(part), ItemWriter._refused)(self, part)) is not None]
        return built or ""

    def _output_text(self, part: Text) -> Item:
        return self._breakpoint(part.cache, {"type": "input_text", "text": part.text})

    def _refused(self, part: Any) -> None:
        kind = part.kind if type(part) is Opaque else type(part).__name__.lower()
        self._losses.refuse(f"tool_result.{kind}", f"a tool's output cannot hold a `{kind}` block in the openai_responses dialect")

    def _opaque(self, part: Opaque) -> None:
        if part.dialect != DIALECT:
            self._losses.refuse(part.kind, f"a `{part.kind}` block means something in the {part.dialect} dialect alone")
            return
        self._close()
        self.items.append(part.value)


# Files of OpenAI's are the same in both of its dialects.
_OPENAI = (DIALECT, "openai_chat", "")
_PLAIN = {"type", "text"}
_WRITERS: dict[type, Callable[[ItemWriter, Any], None]] = {
    Text: ItemWriter._text,
    Image: ItemWriter._image,
    File: ItemWriter._file,
    Audio: ItemWriter._audio,
    Thinking: ItemWriter._thinking,
    ToolCall: ItemWriter._call,
    ToolResult: ItemWriter._result,
    Opaque: ItemWriter._opaque,
}
_OUTPUTS: dict[type, Callable[[ItemWriter, Any], Item | None]] = {
    Text: ItemWriter._output_text,
    Image: ItemWriter.build_image,
    File: ItemWriter.build_file,
}
