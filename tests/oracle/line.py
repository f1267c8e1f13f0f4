"""A whole gateway in this process, driven by hand: what the caller sends, what the provider sends, piece by piece."""

import asyncio
import contextlib
import json
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, cast

from fastgate._core import Poller
from fastgate.config.schema import Deployment, Limits, Secret, Settings
from fastgate.gateway import Gateway
from tests.oracle.server import connect, received, unix_listener

_PATIENCE_S = 10.0
SECRET = "sk-upstream-canary"


class _Timer:
    def cancel(self) -> None:
        """Nothing runs by itself here."""


class _NoLoop:
    """Stands where the event loop would: no timer fires, no name is looked up."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> _Timer:
        return _Timer()


class Stuck(AssertionError):
    """Nothing moved although something had to."""


def deployment(name: str, port: int, provider: str, model: str) -> Deployment:
    """Return a deployment at 127.0.0.1:*port*."""
    path = "" if provider == "anthropic" else "/v1"
    return Deployment(
        deployment_id=f"id-{name}"[:64],
        model_name=name,
        provider=provider,
        model=model,
        api_base=f"http://127.0.0.1:{port}{path}",
        api_version="",
        api_key=Secret(SECRET),
        organization="",
        extra_headers=(),
        timeout_s=60.0,
        stream_timeout_s=60.0,
        max_retries=0,
        weight=0,
        rpm=0,
        tpm=0,
        model_info={},
    )


class Line:
    """Caller, gateway and provider. *models*: (name, provider's row, upstream's name) of each."""

    def __init__(self, *models: tuple[str, str, str], limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self.poller = Poller()
        self.errors: list[BaseException] = []
        self._upstream_door = socket.create_server(("127.0.0.1", 0))
        self._upstream_door.settimeout(_PATIENCE_S)
        port = self._upstream_door.getsockname()[1]
        settings = Settings(
            deployments=tuple(deployment(name, port, provider, model) for name, provider, model in models),
            allow_unauthenticated=True,
            limits=limits,
        )
        self._log, log_end = os.pipe()
        os.set_blocking(self._log, False)
        self._log_end = log_end
        self._gateway = Gateway(settings, self.poller, cast(asyncio.AbstractEventLoop, _NoLoop()), "json", log_end)
        self.poller.on_exception = self.errors.append
        self._door = unix_listener()
        self._gateway.listen(self._door)
        self._waiter = select.epoll()
        self._waiter.register(self.poller.fileno(), select.EPOLLIN)
        self.client: socket.socket | None = None
        self.upstream: socket.socket | None = None

    # --- both ends

    def turn(self) -> None:
        """Let the gateway handle all that is there."""
        for _ in range(100):
            self.poller.on_ready()
            if not self._waiter.poll(0):
                return
        raise Stuck("the gateway is never done")

    def until(self, done: Callable[[], bool]) -> None:
        """Take turns until *done*."""
        end = time.monotonic() + _PATIENCE_S
        while not done():
            self.turn()
            if time.monotonic() > end:
                raise Stuck("waited in vain")

    def caller(self) -> socket.socket:
        """Return the caller's connection, a fresh one if the last was closed."""
        if self.client is None:
            self.client = connect(self._door)
            self.turn()
        return self.client

    def send(self, sock: socket.socket, data: bytes) -> bool:
        """Send all of *data*, turns taken as it goes; False if the gateway closed meanwhile."""
        view = memoryview(data)
        while view:
            try:
                view = view[sock.send(view) :]
            except BlockingIOError:
                self._keep_reading()
            except ConnectionError:
                self.turn()
                return False
            self.turn()
        return True

    def _keep_reading(self) -> None:
        """Let the caller read, since the gateway reads the provider only as fast."""
        if self.client is not None:
            piece, _ = received(self.client)
            self._heard += piece

    _heard = b""

    def hear(self) -> tuple[bytes, bool]:
        """Return what the caller has got since the last call, and whether its connection was closed."""
        assert self.client is not None
        closed = False
        while True:
            piece, closed = received(self.client)
            self._heard += piece
            self.turn()
            if not piece:
                break
        heard, self._heard = self._heard, b""
        return heard, closed

    # --- the provider's end

    def asked(self) -> bytes | None:
        """Return the request that the provider got, head and body; None if the gateway asked nobody. Older log lines go."""
        self.log()
        self.turn()
        if self._gateway.counters()["upstreams"] == 0:
            return None
        data = b""
        end = time.monotonic() + _PATIENCE_S
        while not (whole := _is_whole(data)) and time.monotonic() < end:
            if self.upstream is None:
                if not select.select([self._upstream_door], [], [], 0)[0]:
                    self.turn()
                    continue
                self.upstream, _ = self._upstream_door.accept()
                self.upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.upstream.setblocking(False)
            piece, gone = received(self.upstream)
            data += piece
            self.turn()
            if gone:
                self.drop_upstream()
            elif not data and self._gateway.counters()["exchanges"] == 0:
                return None
        if not whole:
            raise Stuck(f"the provider got half a request: {data!r}")
        return data

    def answer(self, pieces: list[bytes], *, close: bool = False) -> None:
        """Let the provider send *pieces*, and close behind them."""
        assert self.upstream is not None
        for piece in pieces:
            if not self.send(self.upstream, piece):
                break
        if close:
            with contextlib.suppress(OSError):
                self.upstream.shutdown(socket.SHUT_WR)
            self.turn()

    # --- the end of a case

    def drop_upstream(self) -> None:
        if self.upstream is not None:
            # RST: no port is left in TIME_WAIT.
            self.upstream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.upstream.close()
            self.upstream = None
            self.turn()

    def drop_caller(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None
            self._heard = b""
            self.turn()

    def log(self) -> list[dict[str, Any]]:
        """Return the log's lines since the last call."""
        lines = b""
        while True:
            self._gateway.flush_log()
            try:
                lines += os.read(self._log, 1 << 16)
            except BlockingIOError:
                return [json.loads(line) for line in lines.splitlines()]

    def reset(self) -> None:
        """Close both ends. Raise what the core reported, and AssertionError if something is still alive."""
        self.drop_caller()
        self.drop_upstream()
        self.log()
        self._refuse_waiting()
        counters = self.poller.counters()
        if self.errors:
            raise self.errors.pop()
        assert counters == {"connections": 0, "exchanges": 0, "upstreams": 0}, counters

    def _refuse_waiting(self) -> None:
        """Close connections that the gateway has made and nobody has taken up."""
        while select.select([self._upstream_door], [], [], 0)[0]:
            self.upstream, _ = self._upstream_door.accept()
            self.drop_upstream()
        if self.poller.counters()["upstreams"]:
            self.until(lambda: self.poller.counters()["upstreams"] == 0)

    def close(self) -> None:
        self.reset()
        self._gateway.close()
        self.poller.close()
        self._waiter.close()
        self._door.close()
        self._upstream_door.close()
        os.close(self._log)
        os.close(self._log_end)


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        if name.lower() == b"content-length":
            return len(body) == int(value)
    return True


def chat(body: bytes, *, target: bytes = b"/v1/chat/completions") -> bytes:
    """Return a caller's request."""
    return b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (target, len(body), body)
