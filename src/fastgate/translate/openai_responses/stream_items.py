"""The items of a streamed answer: each is added, gets its parts and their deltas, and is done before the next begins.

Rule: the number of an event rises by one with every event; item, part and delta name the same places.
"""

from typing import Any

import orjson
from msgspec import Struct

Item = dict[str, Any]


class Form(Struct, frozen=True, kw_only=True):
    """One kind of text that grows by deltas: its events, and where it stands in its item."""

    # Of the event names `{stem}.delta` and `{stem}.done`.
    stem: str
    # Member of the `done` event, and of the part or the item, that holds the whole.
    whole: str
    # Behind `delta` in every delta.
    tail: bytes = b"}\n\n"
    # Events that open and close the part are `{part_stem}.added` and `{part_stem}.done`; "" if it is not a part but the item itself.
    part_stem: str = ""
    part_type: str = ""
    # Member of the item with its parts, and of events with the part's place among them.
    parts: str = ""
    index: str = ""


TEXT = Form(
    stem="response.output_text",
    whole="text",
    tail=b',"logprobs":[]}\n\n',
    part_stem="response.content_part",
    part_type="output_text",
    parts="content",
    index="content_index",
)
REFUSAL = Form(
    stem="response.refusal",
    whole="refusal",
    part_stem="response.content_part",
    part_type="refusal",
    parts="content",
    index="content_index",
)
SUMMARY = Form(
    stem="response.reasoning_summary_text",
    whole="text",
    part_stem="response.reasoning_summary_part",
    part_type="summary_text",
    parts="summary",
    index="summary_index",
)
THOUGHT = Form(
    stem="response.reasoning_text",
    whole="text",
    part_stem="response.content_part",
    part_type="reasoning_text",
    parts="content",
    index="content_index",
)
ARGUMENTS = Form(stem="response.function_call_arguments", whole="arguments")
INPUT = Form(stem="response.custom_tool_call_input", whole="input")


class ItemStream:
    """Writes items one after another; `items` are those that are done."""

    __slots__ = ("_annotations", "_delta", "_logprobs", "_number", "_part", "_pieces", "_place", "form", "item", "items")

    def __init__(self) -> None:
        self.items: list[Item] = []
        # The item that is open, and the text in it that is; None if there is none.
        self.item: Item | None = None
        self.form: Form | None = None
        self._number = 0
        # Of the open text: its pieces, the members that name its place, its part, what stands before and behind a delta's number.
        self._pieces: list[str] = []
        self._place: Item = {}
        self._part: Item = {}
        self._delta = (b"", b"")
        self._annotations: list[Item] = []
        self._logprobs: list[Any] = []

    def event(self, kind: str, members: Item) -> bytes:
        """Return the next event."""
        text = orjson.dumps({"type": kind, "sequence_number": self._number, **members})
        self._number += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), text)

    def open(self, item: Item) -> bytes:
        """Return what adds an item, and closes the one before."""
        out = self.close()
        self.item = item
        return out + self.event("response.output_item.added", {"output_index": len(self.items), "item": item})

    def open_text(self, form: Form) -> bytes:
        """Return what opens a text in the open item, and closes the one before."""
        out = self.close_text()
        item = self.item or {}
        self.form = form
        self._place = {"item_id": item.get("id"), "output_index": len(self.items)}
        if form.part_stem:
            parts = item.setdefault(form.parts, [])
            self._place[form.index] = len(parts)
            self._part = {"type": form.part_type, form.whole: ""}
            if form is TEXT:
                self._annotations, self._logprobs = [], []
                self._part |= {"annotations": self._annotations, "logprobs": self._logprobs}
            out += self.event(f"{form.part_stem}.added", {**self._place, "part": self._part})
            parts.append(self._part)
        name = f"{form.stem}.delta".encode()
        # The place's braces give way: the number stands before it, the delta behind it.
        place = orjson.dumps(self._place)[1:-1]
        self._delta = (b'event: %b\ndata: {"type":"%b","sequence_number":' % (name, name), b',%b,"delta":' % place)
        return out

    def delta(self, text: str) -> bytes:
        """Return the next piece of the open text."""
        self._pieces.append(text)
        form = self.form
        if form is None:
            return b""
        number = self._number
        self._number = number + 1
        before, behind = self._delta
        return b"%b%d%b%b%b" % (before, number, behind, orjson.dumps(text), form.tail)

    def delta_with_logprobs(self, text: str, logprobs: list[Any]) -> bytes:
        """Return the next piece of the open output_text with its tokens."""
        self._pieces.append(text)
        self._logprobs.extend(logprobs)
        return self.event(f"{TEXT.stem}.delta", {**self._place, "delta": text, "logprobs": logprobs})

    def annotate(self, annotation: Item) -> bytes:
        """Return what annotates the open output_text; nothing if none is open."""
        if self.form is not TEXT:
            return b""
        place = {**self._place, "annotation_index": len(self._annotations), "annotation": annotation}
        self._annotations.append(annotation)
        return self.event("response.output_text.annotation.added", place)

    @property
    def is_free_text(self) -> bool:
        """Whether the open text is a custom tool's input, whose end cannot be seen in it."""
        return self.form is INPUT

    def text(self) -> str:
        """Return the open text so far."""
        return "".join(self._pieces)

    def close_text(self) -> bytes:
        """Return what completes the open text, with the whole of it."""
        form = self.form
        if form is None:
            return b""
        out = b""
        if form is ARGUMENTS and not self._pieces:
            out += self.delta("{}")
        whole = self.text()
        self.form = None
        self._pieces = []
        members = {**self._place, form.whole: whole}
        item = self.item or {}
        if form is TEXT:
            members["logprobs"] = self._logprobs
        elif form is ARGUMENTS:
            members["name"] = item.get("name")
        out += self.event(f"{form.stem}.done", members)
        if not form.part_stem:
            item[form.whole] = whole
            return out
        self._part[form.whole] = whole
        return out + self.event(f"{form.part_stem}.done", {**self._place, "part": self._part})

    def close(self, status: str = "completed") -> bytes:
        """Return what completes the open item."""
        item = self.item
        if item is None:
            return b""
        out = self.close_text()
        if "status" in item:
            item["status"] = status
        out += self.event("response.output_item.done", {"output_index": len(self.items), "item": item})
        self.items.append(item)
        self.item = None
        return out
