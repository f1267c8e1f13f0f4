"""One stream of a provider, an event at a time. The type is in the JSON; what an event repeats of earlier ones is not told twice."""

from collections.abc import Callable
from typing import Any

import orjson

from fastgate.translate.answer import Fault
from fastgate.translate.events import (
    Citation,
    Event,
    Failed,
    Finish,
    ImageOut,
    RedactedThinking,
    RefusalDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    ThinkingSignature,
    ToolDelta,
    ToolStart,
    Unknown,
    UsageSeen,
)
from fastgate.translate.openai_responses.errors import broken, fault_of, words_of
from fastgate.translate.openai_responses.parse_answer import CALL_EXTRAS, created_of, find_failure, finish_of, read_image
from fastgate.translate.openai_responses.usage import parse_usage
from fastgate.translate.openai_responses.words import DIALECT
from fastgate.translate.target import Asked, Target

Body = dict[str, Any]


class _Item:
    """What was told of an output item so far."""

    __slots__ = ("call", "done", "parts", "told")

    def __init__(self) -> None:
        # Ordinal of the call, None if it is none.
        self.call: int | None = None
        # Characters that were told of each text, by kind and place; of arguments at ("", 0).
        self.told: dict[tuple[str, int], int] = {}
        # Places of the summary's parts.
        self.parts = 0
        self.done = False


class StreamReader:
    """Reads one stream."""

    __slots__ = ("_asked", "_done", "_items", "_quirks", "_started", "calls", "ended")

    def __init__(self, target: Target, asked: Asked) -> None:
        self._quirks = target.quirks
        self._asked = asked
        # By output_index, or by id for servers that leave it out.
        self._items: dict[int | str, _Item] = {}
        # Ids of items and of calls that are done.
        self._done: set[str] = set()
        self._started = False
        self.calls = 0
        self.ended = False

    def feed(self, data: bytes) -> list[Event]:
        """Return what one event says. An error is Failed, the last event. Raise Fault for what cannot be read."""
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            # Servers of this dialect that were made for chat end their streams so.
            if data.strip() in (b"[DONE]", b""):
                return []
            raise broken(str(error), data) from error
        if type(event) is not dict:
            raise broken("an event is not an object", data)
        if self.ended:
            return []
        kind = event.get("type")
        on = _ON.get(kind) if type(kind) is str else None
        if on is not None:
            return on(self, event)
        if event.get("error"):
            return self._on_error(event)
        return [Unknown(dialect=DIALECT, value=event)]

    def close(self) -> list[Event]:
        """Return what the end of the connection says: nothing, for the end of an answer is an event."""
        return []

    def _item(self, event: Body) -> _Item:
        key = _key(event)
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = _Item()
        return item

    def _on_created(self, event: Body) -> list[Event]:
        response = event.get("response")
        if self._started or type(response) is not dict:
            return []
        self._started = True
        tier = words_of(response.get("service_tier"))
        return [Start(id=words_of(response.get("id")), created=created_of(response), service_tier=tier)]

    def _on_added(self, event: Body) -> list[Event]:
        value = event.get("item")
        if type(value) is not dict:
            return []
        item = self._item(event)
        if item.done:
            # A server that does not count its items.
            item = self._items[_key(event)] = _Item()
        # Arguments that stand here already come again in what follows: all of them at the latest when the item is done.
        return self._start_call(item, value)

    def _start_call(self, item: _Item, value: Body) -> list[Event]:
        if item.call is not None or value.get("type") not in _CALLS:
            return []
        item.call = self.calls
        self.calls += 1
        name = words_of(value.get("name"))
        return [
            ToolStart(
                call=item.call,
                id=words_of(value.get("call_id")) or words_of(value.get("id")),
                name=self._asked.renamed.get(name, name),
                custom=value["type"] == "custom_tool_call",
                extra={name: value[name] for name in CALL_EXTRAS if value.get(name) is not None},
            )
        ]

    def _rest(self, item: _Item, kind: str, place: int, whole: object) -> str:
        """Return what was not told yet of a text that is complete."""
        if type(whole) is not str:
            return ""
        key = (kind, place)
        told = item.told.get(key, 0)
        if len(whole) <= told:
            return ""
        item.told[key] = len(whole)
        return whole[told:]

    def _grow(self, event: Body, kind: str, index: str) -> str:
        """Return a delta, and note its length."""
        delta = event.get("delta")
        if type(delta) is not str:
            raise Fault(502, "upstream", "", f"a `{event['type']}` event of the provider has no text in `delta`")
        item = self._item(event)
        place = event.get(index)
        key = (kind, place if type(place) is int else 0)
        item.told[key] = item.told.get(key, 0) + len(delta)
        return delta

    def _on_text(self, event: Body) -> list[Event]:
        text = self._grow(event, "text", "content_index")
        logprobs = event.get("logprobs")
        if logprobs and type(logprobs) is list:
            return [TextDelta(text=text, logprobs={"content": logprobs, "refusal": None})]
        return [TextDelta(text=text)] if text else []

    def _on_text_done(self, event: Body) -> list[Event]:
        rest = self._rest(self._item(event), "text", _place(event, "content_index"), event.get("text"))
        return [TextDelta(text=rest)] if rest else []

    def _on_refusal(self, event: Body) -> list[Event]:
        text = self._grow(event, "refusal", "content_index")
        return [RefusalDelta(text=text)] if text else []

    def _on_refusal_done(self, event: Body) -> list[Event]:
        rest = self._rest(self._item(event), "refusal", _place(event, "content_index"), event.get("refusal"))
        return [RefusalDelta(text=rest)] if rest else []

    def _on_summary(self, event: Body) -> list[Event]:
        text = self._grow(event, "summary", "summary_index")
        return self._think(self._item(event), "summary", _place(event, "summary_index"), text)

    def _on_summary_done(self, event: Body) -> list[Event]:
        item, place = self._item(event), _place(event, "summary_index")
        return self._think(item, "summary", place, self._rest(item, "summary", place, event.get("text")))

    def _on_thought(self, event: Body) -> list[Event]:
        text = self._grow(event, "thought", "content_index")
        return self._think(self._item(event), "thought", _place(event, "content_index"), text)

    def _on_thought_done(self, event: Body) -> list[Event]:
        item, place = self._item(event), _place(event, "content_index")
        return self._think(item, "thought", place, self._rest(item, "thought", place, event.get("text")))

    def _think(self, item: _Item, kind: str, place: int, text: str) -> list[Event]:
        """Return a thought's next piece; a blank line stands between two parts of it."""
        if not text:
            return []
        if place > item.parts:
            item.parts = place
            text = "\n\n" + text
        return [ThinkingDelta(text=text, summary=kind == "summary")]

    def _on_arguments(self, event: Body) -> list[Event]:
        text = self._grow(event, "", "")
        call = self._item(event).call
        return [ToolDelta(call=call, arguments=text)] if text and call is not None else []

    def _on_arguments_done(self, event: Body) -> list[Event]:
        item = self._item(event)
        # Without its start there is no name yet: the item that is done has it.
        if item.call is None:
            return []
        whole = event.get("arguments", event.get("input"))
        rest = self._rest(item, "", 0, whole)
        return [ToolDelta(call=item.call, arguments=rest)] if rest else []

    def _on_annotation(self, event: Body) -> list[Event]:
        annotation = event.get("annotation")
        return [Citation(value=annotation, dialect=DIALECT)] if type(annotation) is dict else []

    def _on_item_done(self, event: Body) -> list[Event]:
        value = event.get("item")
        return self._finish_item(self._item(event), value) if type(value) is dict else []

    def _finish_item(self, item: _Item, value: Body) -> list[Event]:
        """Return what a complete item says that its events did not."""
        kind = value.get("type")
        finish = _DONE.get(kind) if type(kind) is str else None
        if item.done or finish is None:
            return []
        item.done = True
        self._done.update(_ids(value))
        return finish(self, item, value)

    def _done_call(self, item: _Item, value: Body) -> list[Event]:
        events: list[Event] = []
        if item.call is None:
            # Pieces that came before anyone knew of which call they are.
            item.told.clear()
            events = self._start_call(item, value)
        rest = self._rest(item, "", 0, value.get("arguments", value.get("input")))
        if rest and item.call is not None:
            events.append(ToolDelta(call=item.call, arguments=rest))
        return events

    def _done_message(self, item: _Item, value: Body) -> list[Event]:
        events: list[Event] = []
        for place, part in enumerate(_objects(value.get("content"))):
            if part.get("type") == "refusal":
                rest = self._rest(item, "refusal", place, part.get("refusal"))
                if rest:
                    events.append(RefusalDelta(text=rest))
                continue
            rest = self._rest(item, "text", place, part.get("text"))
            if rest:
                events.append(TextDelta(text=rest))
        return events

    def _done_reasoning(self, item: _Item, value: Body) -> list[Event]:
        events: list[Event] = []
        # A summary beside the thought itself would tell it twice.
        told = {kind for kind, _ in item.told} or {"thought" if _objects(value.get("content")) else "summary"}
        for kind, name in (("thought", "content"), ("summary", "summary")):
            if kind not in told:
                continue
            for place, part in enumerate(_objects(value.get(name))):
                events += self._think(item, kind, place, self._rest(item, kind, place, part.get("text")))
        sealed = words_of(value.get("encrypted_content"))
        if sealed and item.told:
            events.append(ThinkingSignature(signature=sealed, dialect=DIALECT, id=words_of(value.get("id"))))
        elif sealed:
            events.append(RedactedThinking(redacted=sealed, dialect=DIALECT))
        return events

    def _done_image(self, item: _Item, value: Body) -> list[Event]:
        image = read_image(value)
        return [] if image is None else [ImageOut(media_type=image.media_type, data=image.data)]

    def _on_end(self, event: Body) -> list[Event]:
        response = event.get("response")
        if type(response) is not dict:
            raise Fault(502, "upstream", "", f"a `{event['type']}` event of the provider has no `response`")
        if response.get("error") or response.get("status") in ("failed", "cancelled"):
            return self._on_error(event)
        events: list[Event] = []
        for index, value in enumerate(_objects(response.get("output"))):
            if self._done.isdisjoint(_ids(value)):
                own = words_of(value.get("id"))
                events += self._finish_item(self._item({"output_index": own if own in self._items else index}), value)
        usage = parse_usage(response.get("usage"), self._quirks)
        if usage is not None:
            events.append(UsageSeen(usage=usage))
        # Some servers say `in_progress` here still: the event is what counts.
        ended = response if event["type"] == "response.completed" else {**response, "status": "incomplete"}
        reason, raw = finish_of(ended, self.calls > 0, self._quirks)
        events.append(Finish(reason=reason, raw_finish=raw))
        self.ended = True
        return events

    def _on_error(self, event: Body) -> list[Event]:
        """Return the failure that an event tells: of the response, flat, or under `error`."""
        self.ended = True
        response = event.get("response")
        error = event.get("error")
        fault = find_failure(response) if type(response) is dict else None
        if fault is None:
            fault = fault_of(error if type(error) is dict else {"message": error} if type(error) is str else event)
        return [Failed(status=fault.status, kind=fault.kind, code=fault.code, message=fault.message)]

    def _ignore(self, event: Body) -> list[Event]:
        return []


def _key(event: Body) -> int | str:
    """Return what an event's item is known by."""
    index = event.get("output_index")
    if isinstance(index, int | str):
        return index
    item = event.get("item")
    return words_of(event.get("item_id")) or (words_of(item.get("id")) if type(item) is dict else "")


def _ids(value: Body) -> list[str]:
    return [ident for ident in (words_of(value.get("id")), words_of(value.get("call_id"))) if ident]


def _place(event: Body, index: str) -> int:
    place = event.get(index)
    return place if type(place) is int else 0


def _objects(value: object) -> list[Body]:
    return [part for part in value if type(part) is dict] if type(value) is list else []


_CALLS = ("function_call", "custom_tool_call")
_DONE: dict[str, Callable[[StreamReader, _Item, Body], list[Event]]] = {
    "message": StreamReader._done_message,
    "reasoning": StreamReader._done_reasoning,
    "function_call": StreamReader._done_call,
    "custom_tool_call": StreamReader._done_call,
    "image_generation_call": StreamReader._done_image,
}
_ON: dict[str, Callable[[StreamReader, Body], list[Event]]] = {
    "response.created": StreamReader._on_created,
    "response.output_item.added": StreamReader._on_added,
    "response.output_item.done": StreamReader._on_item_done,
    "response.output_text.delta": StreamReader._on_text,
    "response.output_text.done": StreamReader._on_text_done,
    "response.output_text.annotation.added": StreamReader._on_annotation,
    "response.refusal.delta": StreamReader._on_refusal,
    "response.refusal.done": StreamReader._on_refusal_done,
    "response.reasoning_summary_text.delta": StreamReader._on_summary,
    "response.reasoning_summary_text.done": StreamReader._on_summary_done,
    "response.reasoning_text.delta": StreamReader._on_thought,
    "response.reasoning_text.done": StreamReader._on_thought_done,
    "response.function_call_arguments.delta": StreamReader._on_arguments,
    "response.function_call_arguments.done": StreamReader._on_arguments_done,
    "response.custom_tool_call_input.delta": StreamReader._on_arguments,
    "response.custom_tool_call_input.done": StreamReader._on_arguments_done,
    "response.completed": StreamReader._on_end,
    "response.incomplete": StreamReader._on_end,
    "response.failed": StreamReader._on_error,
    "error": StreamReader._on_error,
    # They repeat what others say.
    "response.in_progress": StreamReader._ignore,
    "response.queued": StreamReader._ignore,
    "response.content_part.added": StreamReader._ignore,
    "response.content_part.done": StreamReader._ignore,
    "response.reasoning_summary_part.added": StreamReader._ignore,
    "response.reasoning_summary_part.done": StreamReader._ignore,
}
