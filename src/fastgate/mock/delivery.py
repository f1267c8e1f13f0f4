"""Plays a script to one client: in time, in order, and only while the client is there."""

from collections.abc import Callable
from typing import Protocol

from fastgate.mock.pacing import Pacer, now_us
from fastgate.mock.script import Script

# A flood ends here, should its victim read on.
# - a gateway's bound on one line or head is far below
FLOOD_LIMIT_BYTES = 64 * 1024 * 1024
FLOOD_TICK_US = 1_000


class Client(Protocol):
    """What a delivery needs of a request."""

    on_gone: Callable[[], object] | None

    @property
    def gone(self) -> bool: ...
    def write(self, data: bytes, /) -> None: ...
    def finish(self, keep: bool = True) -> None: ...
    def close(self) -> None: ...
    def reset(self) -> None: ...


class Delivery:
    """One answer under way. *on_end* is called once, with whether the client left before the end."""

    __slots__ = ("_client", "_flooded", "_index", "_on_end", "_pacer", "_script", "_started_us")

    def __init__(self, client: Client, script: Script, pacer: Pacer, on_end: Callable[["Delivery", bool], None]) -> None:
        self._client = client
        self._script = script
        self._pacer = pacer
        self._on_end: Callable[[Delivery, bool], None] | None = on_end
        self._index = 0
        self._flooded = 0
        self._started_us = 0

    def start(self) -> None:
        self._started_us = now_us()
        self._advance(self._started_us)

    def on_gone(self) -> None:
        self._end(gone=True)

    def _end(self, *, gone: bool) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            self._client.on_gone = None
            on_end(self, gone)

    def _advance(self, now: int) -> None:
        """Write what is due at *now*, and ask to be called for the next piece."""
        dues, pieces = self._script.dues_us, self._script.pieces
        while self._on_end is not None:
            if self._client.gone:
                self._end(gone=True)
                return
            if self._index == len(pieces):
                self._conclude()
                return
            due = self._started_us + dues[self._index]
            if due > now:
                self._pacer.call_at(due, self._advance)
                return
            self._client.write(pieces[self._index])
            self._index += 1

    def _conclude(self) -> None:
        ending = self._script.ending
        if ending == "stall":
            return
        if ending == "flood":
            self._pacer.call_at(now_us() + FLOOD_TICK_US, self._flood)
            return
        client = self._client
        # Ended first: finishing may bring the connection's next request at once, and it may want this one's slot.
        self._end(gone=False)
        ENDINGS[ending](client)

    def _flood(self, now: int) -> None:
        if self._on_end is None:
            return
        if self._client.gone:
            self._end(gone=True)
            return
        if self._flooded < FLOOD_LIMIT_BYTES:
            self._client.write(self._script.pieces[-1])
            self._flooded += len(self._script.pieces[-1])
            self._pacer.call_at(now + FLOOD_TICK_US, self._flood)


ENDINGS: dict[str, Callable[[Client], None]] = {
    "finish": lambda client: client.finish(),
    "close": lambda client: client.finish(keep=False),
    "reset": lambda client: client.reset(),
}
