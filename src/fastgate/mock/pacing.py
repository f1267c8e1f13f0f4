"""One clock for all paced streams: what is due in the same millisecond shares a timer."""

import asyncio
import time
from collections.abc import Callable

# Called with the current time in microseconds of the monotonic clock.
Due = Callable[[int], None]


def now_us() -> int:
    return time.monotonic_ns() // 1_000


class Pacer:
    """Calls back at a time; never before it, and at most about two milliseconds after."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[int, list[Due]] = {}

    def call_at(self, due_us: int, callback: Due) -> None:
        # libuv's timers count whole milliseconds of a clock that is cut off, not rounded; one more keeps them from firing early.
        tick = due_us // 1_000 + 1
        waiting = self._due.get(tick)
        if waiting is not None:
            waiting.append(callback)
            return
        self._due[tick] = [callback]
        delay_ms = max(tick - now_us() // 1_000, 0) + 1
        self._loop.call_later(delay_ms / 1_000, self._on_tick, tick)

    def _on_tick(self, tick: int) -> None:
        now = now_us()
        for callback in self._due.pop(tick):
            callback(now)
