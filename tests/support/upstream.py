"""A provider that does as it is told: raw bytes out, raw bytes in, one thread per connection."""

import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.support.gateway import SCALE

_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Request:
    """What the gateway sent, byte for byte."""

    head: bytes
    # Decoded, if it was chunked.
    body: bytes
    # Which connection it came on, counted from 0 over the upstream's life, and its place there.
    connection: int
    nth: int

    @property
    def request_line(self) -> bytes:
        return self.head.partition(b"\r\n")[0]

    @property
    def target(self) -> bytes:
        return self.request_line.split(b" ")[1]

    @property
    def method(self) -> bytes:
        return self.request_line.split(b" ")[0]

    def all(self, name: str) -> list[bytes]:
        """Return the values of the fields called *name* (lower case)."""
        lines = [line.partition(b":") for line in self.head.split(b"\r\n")[1:]]
        return [value.strip(b" \t") for found, _, value in lines if found.lower() == name.encode()]

    def field(self, name: str) -> bytes | None:
        values = self.all(name)
        assert len(values) <= 1, self.head
        return values[0] if values else None


class Peer:
    """The upstream's end of one connection, as a step sees it."""

    def __init__(self, upstream: "Upstream", accepted: socket.socket, connection: int) -> None:
        self.upstream = upstream
        self.socket = accepted
        self.connection = connection
        self.is_open = True
        self._requests = 0
        # Whether this connection has answered a request before the present one.
        self.served = False
        self._buffer = b""

    def _fill(self) -> bool:
        piece = self.socket.recv(1 << 18)
        self._buffer += piece
        return bool(piece)

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if not self._fill():
                raise ConnectionResetError
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _exactly(self, count: int) -> bytes:
        pieces = [self._buffer]
        have = len(self._buffer)
        while have < count:
            pieces.append(self.socket.recv(1 << 18))
            if not pieces[-1]:
                raise ConnectionResetError
            have += len(pieces[-1])
        whole = b"".join(pieces)
        self._buffer = whole[count:]
        return whole[:count]

    def read_head(self) -> bytes | None:
        """Return the next request's head, or None at the end of the connection."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._fill():
                assert not self._buffer, f"half a head: {self._buffer!r}"
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def read_body(self, head: bytes) -> bytes:
        if length := re.search(rb"\r\ncontent-length: *(\d+)\r\n", head, re.IGNORECASE):
            return self._exactly(int(length[1]))
        if not re.search(rb"\r\ntransfer-encoding: *chunked\r\n", head, re.IGNORECASE):
            return b""
        body = b""
        while size := int(self._line(), 16):
            body += self._exactly(size)
            assert self._exactly(2) == b"\r\n"
        assert self._line() == b""
        return body

    def take_place(self) -> int:
        """Return how many requests came on this connection before."""
        self.served = self._requests > 0
        self._requests += 1
        return self._requests - 1

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def close(self) -> None:
        self.is_open = False
        self.socket.close()

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def wait_closed(self) -> float:
        """Return the moment (monotonic, seconds) in which the gateway's end of the connection went away."""
        try:
            while self.socket.recv(1 << 18):
                pass
        except ConnectionResetError:
            pass
        moment = time.monotonic()
        self.close()
        return moment


Step = Callable[[Peer], None]


def send(data: bytes) -> Step:
    return lambda peer: peer.send(data)


def bytewise(data: bytes) -> Step:
    """Send each byte alone, the next when the gateway has read the one before."""

    def step(peer: Peer) -> None:
        for at in range(len(data)):
            peer.send(data[at : at + 1])
            peer.upstream.fence()

    return step


def cut(data: bytes, at: int) -> Step:
    """Send *data* as two pieces that are read apart."""

    def step(peer: Peer) -> None:
        peer.send(data[:at])
        peer.upstream.fence()
        peer.send(data[at:])

    return step


def fence(peer: Peer) -> None:
    """Go on when the gateway has read what was sent."""
    peer.upstream.fence()


def close(peer: Peer) -> None:
    peer.close()


def reset(peer: Peer) -> None:
    peer.reset()


def stall(peer: Peer) -> None:
    """Say nothing more; end when the gateway closes."""
    peer.upstream.saw_closed(peer.wait_closed())


def hold(until: threading.Event) -> Step:
    """Say nothing more until *until* is set."""

    def step(_: Peer) -> None:
        assert until.wait(_PATIENCE_S * SCALE), "nobody ended the hold"

    return step


class Upstream:
    """Listens on 127.0.0.1; runs the steps last given to `serve` for each request."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._changed = threading.Condition()
        self._steps: tuple[Step, ...] = ()
        self._with_body = True
        self._requests: list[Request] = []
        self._peers: list[Peer] = []
        self._threads: list[threading.Thread] = []
        self._closed_at: list[float] = []
        self._failures: list[BaseException] = []
        self._stopping = False
        # Returns when the gateway has read what was sent to it: `Gateway.fence`.
        self.fence: Callable[[], None] = lambda: None
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def serve(self, *steps: Step, with_body: bool = True) -> Self:
        """Answer every request from now on with *steps*; forget what was captured.

        Without *with_body* the request's body is left unread, and the connection ends with the steps.
        """
        with self._changed:
            self._steps = steps
            self._with_body = with_body
            self._requests.clear()
            self._closed_at.clear()
        return self

    @property
    def requests(self) -> list[Request]:
        with self._changed:
            return list(self._requests)

    @property
    def connections(self) -> int:
        """How many connections were ever accepted."""
        with self._changed:
            return len(self._peers)

    def request(self) -> Request:
        """Wait for and return the one request since `serve`."""
        self._wait(lambda: bool(self._requests), "no request came")
        assert len(self.requests) == 1, [made.head for made in self.requests]
        return self.requests[0]

    def wait_for_requests(self, count: int) -> None:
        """Wait until *count* requests have come since `serve`."""
        self._wait(lambda: len(self._requests) >= count, "fewer requests came")

    def closed_at(self) -> float:
        """Wait for and return the moment in which a stalled connection was seen to close."""
        self._wait(lambda: bool(self._closed_at), "the gateway kept the connection open")
        with self._changed:
            return self._closed_at[0]

    def wait_for_closed(self, count: int) -> None:
        """Wait until *count* stalled connections were seen to close."""
        self._wait(lambda: len(self._closed_at) >= count, "the gateway kept connections open")

    def saw_closed(self, moment: float) -> None:
        with self._changed:
            self._closed_at.append(moment)
            self._changed.notify_all()

    def _wait(self, ready: Callable[[], bool], otherwise: str) -> None:
        with self._changed:
            assert self._changed.wait_for(ready, _PATIENCE_S * SCALE), otherwise

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            accepted.settimeout(60 * SCALE)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                peer = Peer(self, accepted, len(self._peers))
                thread = threading.Thread(target=self._run, args=(peer,), daemon=True)
                self._peers.append(peer)
                self._threads.append(thread)
            thread.start()

    def _run(self, peer: Peer) -> None:
        try:
            while peer.is_open:
                head = peer.read_head()
                if head is None:
                    return
                with self._changed:
                    steps, with_body = self._steps, self._with_body
                body = peer.read_body(head) if with_body else b""
                with self._changed:
                    self._requests.append(Request(head, body, peer.connection, peer.take_place()))
                    self._changed.notify_all()
                for step in steps:
                    step(peer)
                if not with_body:
                    return
        except OSError:
            # The gateway closed, or the fixture did: a step that minds uses wait_closed.
            return
        except (AssertionError, ValueError, IndexError) as error:
            with self._changed:
                self._failures.append(error)
        finally:
            peer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        for peer in self._peers:
            if peer.is_open:
                try:
                    peer.socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
        for thread in self._threads:
            thread.join(_PATIENCE_S)
        assert not self._failures, self._failures
