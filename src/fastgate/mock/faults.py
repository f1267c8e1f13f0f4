"""What goes wrong, where the caller asked for it: each fault changes a draft."""

from collections.abc import Callable

from fastgate.mock.behaviour import Behaviour, Place
from fastgate.mock.script import Draft
from fastgate.mock.wire import build_chunk

# What a flood repeats.
FLOOD_BYTES = 64 * 1024

HTML = b"<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"

Fault = Callable[[Draft, Place], None]


def _end_after(draft: Draft, count: int, ending: str, *more: bytes) -> None:
    """Keep *count* events (of a plain answer: bytes), then *more*, then *ending*."""
    if draft.streamed:
        due = draft.dues_us[count] if count < len(draft.dues_us) else (draft.dues_us[-1] if draft.dues_us else draft.start_us)
        draft.pieces = [*draft.pieces[:count], *more]
        draft.dues_us = [*draft.dues_us[:count], *[due] * len(more)]
    else:
        draft.pieces = [b"".join(draft.pieces)[:count], *more]
        draft.dues_us = [draft.start_us] * len(draft.pieces)
    draft.trailer = b""
    draft.ending = ending


def _end_at_head(draft: Draft, ending: str) -> None:
    draft.head = b""
    _end_after(draft, 0, ending)


def _cut_head(draft: Draft, place: Place) -> None:
    _end_at_head(draft, "close")


def _cut_after(draft: Draft, place: Place) -> None:
    _end_after(draft, place.count, "close")


def _cut_mid(draft: Draft, place: Place) -> None:
    whole = draft.pieces[place.count] if draft.streamed and place.count < len(draft.pieces) else b""
    if draft.streamed:
        _end_after(draft, place.count, "close", whole[: len(whole) // 2])
    else:
        _end_after(draft, max(place.count, len(b"".join(draft.pieces)) // 2), "close")


def _cut_reset(draft: Draft, place: Place) -> None:
    _end_after(draft, place.count, "reset")


CUTS: dict[str, Fault] = {"head": _cut_head, "after": _cut_after, "mid": _cut_mid, "reset": _cut_reset}


def _replace(draft: Draft, place: Place, wrong: bytes) -> None:
    """Put *wrong* in the place of an event (of a plain answer: of its body); what follows stays."""
    if draft.streamed and draft.pieces:
        index = min(place.count, len(draft.pieces) - 1)
        draft.pieces[index] = build_chunk(wrong) if draft.chunked else wrong


def _bad_chunk(draft: Draft, place: Place) -> None:
    if draft.chunked:
        _end_after(draft, place.count if draft.streamed else 0, "stall", b"zz\r\n{}\r\n")


def _bad_head(draft: Draft, place: Place) -> None:
    draft.head = b"HTTP/1.1 2OO OK\r\ncontent type: nothing\r\n\r\n"


def _endless_fields(draft: Draft, place: Place) -> None:
    draft.head = draft.head[:-2]
    line = b"x-flood: " + b"f" * 1_013 + b"\r\n"
    _end_after(draft, 0, "flood", line * (FLOOD_BYTES // len(line)))


def _endless_line(draft: Draft, place: Place) -> None:
    flood = b"x" * FLOOD_BYTES
    start = b"data: " if draft.streamed else b'{"text": "'
    _end_after(
        draft,
        place.count if draft.streamed else 0,
        "flood",
        build_chunk(start) if draft.chunked else start,
        build_chunk(flood) if draft.chunked else flood,
    )


def _bad_json(draft: Draft, place: Place) -> None:
    if draft.streamed:
        _replace(draft, place, b'data: {"id":"broken","choices":[{\n\n')
        return
    # The framing stays right: only the JSON stops in its middle.
    body = b"".join(draft.pieces)
    draft.pieces = [body[: len(body) // 2] + b" " * (len(body) - len(body) // 2)] if not draft.chunked else [build_chunk(b'{"id":')]


def _bad_event(draft: Draft, place: Place) -> None:
    _replace(draft, place, b"event\ndata: \xff\xfe{\n\n")


def _surplus(draft: Draft, place: Place) -> None:
    draft.trailer += b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nsurplus"


def _html(draft: Draft, place: Place) -> None:
    """Answer a proxy's error page that claims to be what was asked for."""
    head, _, _ = draft.head.partition(b"\r\ncontent-length:")
    draft.head = head.removesuffix(b"\r\n\r\n")
    if not draft.chunked:
        draft.head += b"\r\ncontent-length: %d" % len(HTML)
    draft.head += b"\r\n\r\n"
    draft.pieces = [build_chunk(HTML) if draft.chunked else HTML]
    draft.dues_us = [draft.start_us]


def _empty(draft: Draft, place: Place) -> None:
    head, _, _ = draft.head.partition(b"\r\ncontent-length:")
    draft.head = head.removesuffix(b"\r\n\r\n") + (b"" if draft.chunked else b"\r\ncontent-length: 0") + b"\r\n\r\n"
    draft.pieces, draft.dues_us = [], []


def _wrong_length(draft: Draft, place: Place) -> None:
    """End the connection one byte before the length that the head promised; a stream ends without its last chunk."""
    draft.trailer = b""
    draft.ending = "close"


MALFORMED: dict[str, Fault] = {
    "chunk": _bad_chunk,
    "head": _bad_head,
    "fields": _endless_fields,
    "line": _endless_line,
    "json": _bad_json,
    "sse": _bad_event,
    "surplus": _surplus,
    "html": _html,
    "empty": _empty,
    "length": _wrong_length,
}


def _stall(draft: Draft, behaviour: Behaviour, place: Place) -> None:
    if behaviour.stall_for_us:
        late = 0
        if place.kind == "head":
            draft.start_us += behaviour.stall_for_us
        elif draft.streamed:
            late = place.count
        else:
            late, body = 1, b"".join(draft.pieces)
            draft.pieces = [body[: place.count], body[place.count :]]
            draft.dues_us = [draft.start_us, draft.start_us]
        draft.dues_us = [due + (behaviour.stall_for_us if index >= late else 0) for index, due in enumerate(draft.dues_us)]
    elif place.kind == "head":
        _end_at_head(draft, "stall")
    else:
        _end_after(draft, place.count, "stall")


def apply_faults(draft: Draft, behaviour: Behaviour) -> None:
    """Change *draft* by the faults that *behaviour* asks for."""
    if behaviour.malformed is not None:
        MALFORMED[behaviour.malformed.kind](draft, behaviour.malformed)
    if behaviour.cut is not None:
        CUTS[behaviour.cut.kind](draft, behaviour.cut)
    if behaviour.stall is not None:
        _stall(draft, behaviour, behaviour.stall)
