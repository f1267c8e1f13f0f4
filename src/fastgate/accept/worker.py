"""One worker: a loop, the poller it watches, and the gateway behind it. Runs in a process that the supervisor forked."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable
from typing import Literal

import uvloop
from msgspec import Struct

from fastgate._core import Poller
from fastgate.accept import lifeline
from fastgate.accept.say import say_human, say_json
from fastgate.config.schema import Settings
from fastgate.errors import ConfigError
from fastgate.gateway import Gateway
from fastgate.route.shared import Shared

# How often a draining worker looks whether its last connection has gone.
DRAIN_TICK_S = 0.01

# Turns of the loop after it had something to do, and after a mere tick, in which a timer of its own may have run out.
BUSY_TURNS = 16
IDLE_TURNS = 2


class WorkerOptions(Struct, frozen=True, kw_only=True):
    """What a worker is told beside the settings."""

    # Of the lines about requests.
    log_format: Literal["json", "human"] = "json"
    # Print the live objects when everything is closed.
    counters: bool = False


class Worker:
    """Serves until its supervisor, a SIGTERM or the supervisor's end stops it."""

    def __init__(
        self,
        settings: Settings,
        options: WorkerOptions,
        sockets: tuple[socket.socket, ...],
        line: socket.socket,
        shared: Shared,
        place: int,
    ) -> None:
        self._options = options
        self._sockets = sockets
        self._line = line
        self._drain_timeout_s = settings.drain_timeout_s
        self._draining = False
        self._deadline_s = 0.0
        self._code = lifeline.ENDED
        # Turns of the loop that are still taken before the core may sleep.
        self._turns = 0
        self._loop = uvloop.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._poller = Poller()
        self._gateway = Gateway(settings, self._poller, self._loop, options.log_format, shared=shared, lane=place)

    def run(self) -> int:
        """Serve; return ENDED, or CUT if connections were open at the end."""
        self._poller.watch_loop(self._loop._get_backend_id())  # type: ignore[attr-defined]  # uvloop's stub lacks it
        self._loop.call_soon(self._poll)
        self._loop.add_reader(self._line.fileno(), self._on_line)
        self._loop.add_signal_handler(signal.SIGTERM, self._drain)
        for sock in self._sockets:
            self._gateway.listen(sock)
        # What was made until now lives as long as the process: the collector need not walk it, and fork's shared pages stay shared.
        gc.freeze()
        self._line.setblocking(False)
        with contextlib.suppress(OSError):  # the supervisor is gone already: _on_line sees its end-of-file
            self._line.send(lifeline.READY)
        try:
            self._loop.run_forever()
        finally:
            self._close()
        return self._code

    def _poll(self) -> None:
        """Let the core work until the loop has something to do, again and again: sockets are all that happens here, nearly.

        What the loop does comes in steps, a turn each (a look-up's thread ends, its future is set, a task goes on, ...): while there
        may be one more, nobody sleeps.
        """
        if self._turns:
            self._turns -= 1
            self._poller.on_ready()
        else:
            self._turns = BUSY_TURNS if self._poller.wait() else IDLE_TURNS
        self._loop.call_soon(self._poll)

    def _on_line(self) -> None:
        try:
            words = self._line.recv(64)
        except ConnectionResetError:
            words = b""
        if lifeline.STOP in words:
            self._stop()
        elif not words:
            self._loop.remove_reader(self._line.fileno())
            self._drain()
        elif lifeline.DRAIN in words:
            self._drain()

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        self._deadline_s = self._loop.time() + self._drain_timeout_s
        # Connections that the kernel has completed are ours: closing the socket would reset them.
        self._poller.on_ready()
        self._gateway.drain()
        for sock in self._sockets:
            sock.close()
        self._look_for_end()

    def _look_for_end(self) -> None:
        if not self._gateway.active or self._loop.time() >= self._deadline_s:
            self._stop()
        else:
            self._loop.call_later(DRAIN_TICK_S, self._look_for_end)

    def _stop(self) -> None:
        if cut := self._gateway.active:
            self._code = lifeline.CUT
            say = say_json if self._options.log_format == "json" else say_human
            say(f"{cut} open connection{'s' if cut > 1 else ''} cut")
        self._loop.stop()

    def _close(self) -> None:
        self._gateway.close()
        self._gateway.flush_log()
        if self._options.counters:
            gc.collect()
            counters = self._poller.counters()
            say_human("live objects: " + " ".join(f"{name}={counters[name]}" for name in ("connections", "exchanges", "upstreams")))
        self._poller.close()


def worker_of(settings: Settings, options: WorkerOptions, shared: Shared) -> Callable[[tuple[socket.socket, ...], socket.socket, int], int]:
    """Return what the supervisor runs in each worker's process."""

    def run(sockets: tuple[socket.socket, ...], line: socket.socket, place: int) -> int:
        try:
            worker = Worker(settings, options, sockets, line, shared, place)
        except ConfigError as error:
            line.sendall(lifeline.FAILED + "\n".join(error.findings).encode())
            return lifeline.CONFIG_INVALID
        return worker.run()

    return run
