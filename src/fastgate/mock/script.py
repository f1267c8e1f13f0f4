"""An answer as pieces of bytes, each with its time: what is played to the client."""

from msgspec import Struct

from fastgate.mock.behaviour import Behaviour
from fastgate.mock.call import Answer, Events
from fastgate.mock.wire import EVENT_STREAM, LAST_CHUNK, build_chunk, build_head

INTERIM = build_head(103, (("link", "</mock>; rel=preload"),))


class Script(Struct):
    """What is written when, counted from the start of the work, and how it ends."""

    dues_us: list[int]
    pieces: list[bytes]
    # finish, close, reset, stall (nothing more until the client goes away) or flood (the last piece without end).
    ending: str = "finish"


class Draft(Struct):
    """An answer before its faults: a head, then pieces that faults count; *trailer* ends the body."""

    head: bytes
    pieces: list[bytes]
    dues_us: list[int]
    trailer: bytes
    # Whether a piece is one event in its frame; else the pieces are one body.
    streamed: bool
    start_us: int
    chunked: bool
    ending: str = "finish"


def _fields(request_id: tuple[str, str], content_type: str) -> list[tuple[str, str]]:
    return [("content-type", content_type), request_id, ("server", "fastgate-mock")]


def draft_events(events: Events, behaviour: Behaviour, start_us: int, request_id: tuple[str, str]) -> Draft:
    """Return a stream's draft: what opens it comes with the first token, what closes it with the last."""
    chunked = behaviour.framing != "close"
    fields = [*_fields(request_id, EVENT_STREAM), ("cache-control", "no-cache")]
    fields.append(("transfer-encoding", "chunked") if chunked else ("connection", "close"))
    last_us = start_us + max(len(events.tokens) - 1, 0) * behaviour.delay_us
    dues = [start_us] * len(events.opening)
    dues += [start_us + index * behaviour.delay_us for index in range(len(events.tokens))]
    dues += [last_us] * len(events.closing)
    bodies = [*events.opening, *events.tokens, *events.closing]
    return Draft(
        head=INTERIM * behaviour.interim + build_head(behaviour.status or 200, fields),
        pieces=[build_chunk(event) for event in bodies] if chunked else bodies,
        dues_us=dues,
        trailer=LAST_CHUNK if chunked else b"",
        streamed=True,
        start_us=start_us,
        chunked=chunked,
        ending="finish" if chunked else "close",
    )


def draft_answer(
    answer: Answer, behaviour: Behaviour, start_us: int, request_id: tuple[str, str], extra: tuple[tuple[str, str], ...] = ()
) -> Draft:
    fields = [*_fields(request_id, answer.content_type), *extra]
    wrong = behaviour.malformed.kind if behaviour.malformed is not None else ""
    # These two faults need chunks to be wrong in.
    chunked = behaviour.framing == "chunked" or wrong in ("chunk", "line")
    until_close = behaviour.framing == "close" and not chunked
    length = len(answer.body) + (wrong == "length")
    if chunked:
        fields.append(("transfer-encoding", "chunked"))
    else:
        fields.append(("connection", "close") if until_close else ("content-length", str(length)))
    return Draft(
        head=INTERIM * behaviour.interim + build_head(answer.status, fields),
        pieces=[build_chunk(answer.body) if chunked and answer.body else answer.body],
        dues_us=[start_us],
        trailer=LAST_CHUNK if chunked else b"",
        streamed=False,
        start_us=start_us,
        chunked=chunked,
        ending="close" if until_close else "finish",
    )


def build_script(draft: Draft, burst: int) -> Script:
    """Return *draft* as it is written: what is due together is one piece, of at most *burst* events (0: all)."""
    dues = [draft.start_us, *draft.dues_us]
    parts = [draft.head, *draft.pieces]
    if draft.trailer:
        dues.append(dues[-1])
        parts.append(draft.trailer)
    script = Script([], [], draft.ending)
    batch: list[bytes] = []
    events = 0
    for index, part in enumerate(parts):
        is_event = 0 < index <= len(draft.pieces)
        # A flood repeats the last piece, so it must be alone.
        flood = draft.ending == "flood" and index == len(parts) - 1
        if batch and (dues[index] != dues[index - 1] or flood or (burst and is_event and events >= burst)):
            script.dues_us.append(dues[index - 1])
            script.pieces.append(b"".join(batch))
            batch, events = [], 0
        batch.append(part)
        events += is_event
    if any(batch):
        script.dues_us.append(dues[-1])
        script.pieces.append(b"".join(batch))
    return script
