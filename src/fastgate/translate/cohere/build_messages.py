"""Turns as messages of Cohere's v2 API."""

from collections.abc import Callable
from typing import Any

from fastgate.translate.cohere.words import DETAILS
from fastgate.translate.conversation import Audio, File, Image, Opaque, Part, Text, Thinking, ToolCall, ToolResult, Turn
from fastgate.translate.losses import Losses

Message = dict[str, Any]
Item = dict[str, Any]

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


class MessageWriter:
    """Writes the messages of one request."""

    __slots__ = ("_losses", "_nameless", "_unanswered", "messages")

    def __init__(self, losses: Losses) -> None:
        self.messages: list[Message] = []
        self._losses = losses
        # Calls and results without an id: paired in their order.
        self._nameless = 0
        self._unanswered = 0

    def write(self, turns: list[Turn]) -> None:
        """Write all turns, system text in its place."""
        for turn in turns:
            if turn.name:
                self._losses.drop("messages.name")
            if turn.role == "tool":
                self._write_results(turn)
            elif turn.role == "assistant":
                self._write_assistant(turn)
            else:
                self._write_said(turn)

    def _write_said(self, turn: Turn) -> None:
        items = self._items(turn.parts)
        if items:
            self.messages.append({"role": _ROLES[turn.role], "content": _content(items)})

    def _write_assistant(self, turn: Turn) -> None:
        """Text before calls is the plan: "text content is not allowed when tool_calls are provided ... use 'tool_plan'"."""
        items: list[Item] = []
        calls: list[Item] = []
        for part in turn.parts:
            if type(part) is ToolCall:
                calls.append(self._call(part))
            elif type(part) is Thinking:
                # Unsigned: only a thought that is known to be Cohere's goes back.
                if part.dialect == "cohere" and part.text:
                    items.append({"type": "thinking", "thinking": part.text})
            elif (item := self._item(part)) is not None:  # type: ignore[arg-type]
                items.append(item)
        message: Message = {"role": "assistant"}
        if calls:
            plan = "\n".join(item["text"] for item in items if item["type"] == "text")
            items = [item for item in items if item["type"] != "text"]
            if plan:
                message["tool_plan"] = plan
            message["tool_calls"] = calls
        if items:
            message["content"] = _content(items)
        if len(message) > 1:
            self.messages.append(message)

    def _call(self, call: ToolCall) -> Item:
        call_id = call.id
        if not call_id:
            self._nameless += 1
            call_id = f"call_{self._nameless}"
        if call.cache is not None:
            self._losses.drop("cache_control")
        return {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}

    def _write_results(self, turn: Turn) -> None:
        """Write one message for each result; their images follow as the user's, after the last: a tool's content holds none."""
        pictures: list[Item] = []
        for result in turn.parts:
            if type(result) is not ToolResult:
                continue
            call_id = result.call_id
            if not call_id:
                self._unanswered += 1
                call_id = f"call_{self._unanswered}"
            if result.is_error:
                self._losses.drop("is_error")
            if result.cache is not None:
                self._losses.drop("cache_control")
            items = self._items(result.parts)
            pictures += [item for item in items if item["type"] == "image_url"]
            text = "\n".join(item["text"] for item in items if item["type"] == "text")
            self.messages.append({"role": "tool", "tool_call_id": call_id, "content": text})
        if pictures:
            self._losses.emulate("messages.content")
            self.messages.append({"role": "user", "content": pictures})

    def _items(self, parts: Any) -> list[Item]:
        return [item for part in parts if (item := self._item(part)) is not None]

    def _item(self, part: Part) -> Item | None:
        if getattr(part, "cache", None) is not None:
            self._losses.drop("cache_control")
        return _ITEMS[type(part)](self, part)

    def _text(self, part: Text) -> Item | None:
        if part.citations:
            self._losses.drop("citations")
        return {"type": "text", "text": part.text} if part.text else None

    def _image(self, part: Image) -> Item | None:
        if part.file_id:
            self._losses.refuse("image", "Cohere takes images by URL or as data, and knows no file ids")
            return None
        image: Item = {"url": part.url or f"data:{part.media_type or 'image/png'};base64,{part.data}"}
        if part.detail:
            image["detail"] = DETAILS.get(part.detail, part.detail)
        return {"type": "image_url", "image_url": image}

    def _file(self, part: File) -> Item | None:
        if not part.text:
            self._losses.refuse("file", "Cohere takes no files but text")
            return None
        self._losses.emulate("file")
        return {"type": "text", "text": part.text}

    def _opaque(self, part: Opaque) -> None:
        self._losses.refuse(part.kind, f"a block of type {part.kind} means something in the {part.dialect} dialect alone")

    def _audio(self, _part: Audio) -> None:
        self._losses.refuse("audio", "Cohere's chat takes no audio")


_ITEMS: dict[type, Callable[[MessageWriter, Any], Item | None]] = {
    Text: MessageWriter._text,
    Image: MessageWriter._image,
    File: MessageWriter._file,
    Audio: MessageWriter._audio,
    Opaque: MessageWriter._opaque,
    Thinking: lambda _writer, _part: None,
    ToolCall: lambda _writer, _part: None,
}


def _content(items: list[Item]) -> str | list[Item]:
    """Return one text as it is: every version of the API takes that."""
    only = items[0] if len(items) == 1 else None
    return only["text"] if only is not None and only["type"] == "text" else items
