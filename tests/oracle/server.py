"""The server role in this process: pieces of bytes in, requests and answers out, without a loop."""

import contextlib
import secrets
import socket
from dataclasses import dataclass, field

from fastgate._core import Listener, Poller, Request, Responder
from fastgate.config.schema import Limits
from tests.oracle.http1 import Message

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REFUSED = b"HTTP/1.1 400 "


def unix_listener() -> socket.socket:
    """Return a listening socket of this machine's own, without a file."""
    made = socket.socket(socket.AF_UNIX)
    made.bind(f"\0fastgate-{secrets.token_hex(8)}")
    made.listen(16)
    return made


def connect(listener: socket.socket) -> socket.socket:
    """Return a connection to *listener* that never blocks."""
    made = socket.socket(socket.AF_UNIX)
    made.connect(listener.getsockname())
    made.setblocking(False)
    return made


def received(sock: socket.socket) -> tuple[bytes, bool]:
    """Return what *sock* holds, and whether its peer has closed."""
    pieces: list[bytes] = []
    while True:
        try:
            piece = sock.recv(1 << 18)
        except BlockingIOError:
            return b"".join(pieces), False
        except ConnectionError:
            return b"".join(pieces), True
        if not piece:
            return b"".join(pieces), True
        pieces.append(piece)


@dataclass
class Outcome:
    """What became of one connection's bytes."""

    messages: list[Message] = field(default_factory=list)
    # Requests whose connection was to be kept, by place.
    kept: list[bool] = field(default_factory=list)
    output: bytes = b""
    closed: bool = False

    @property
    def refused(self) -> bool:
        return _REFUSED in self.output


class Server:
    """Answers each complete request with an empty 200; *names*: fields whose values are noted, in lower case."""

    def __init__(self, names: tuple[bytes, ...] = (), limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self.poller = Poller()
        self.errors: list[BaseException] = []
        self.poller.on_exception = self.errors.append
        self._names = names
        self._door = unix_listener()
        self._listener = Listener(self.poller, self._door, Responder(self._on_request), limits)
        self._outcome = Outcome()

    def _on_request(self, request: Request) -> None:
        fields = tuple((name, request.field(name)) for name in self._names)
        self._outcome.messages.append(Message(request.method, request.target, request.body, fields))
        self._outcome.kept.append(request.keep_alive)
        request.write(_OK)
        request.finish()

    def play(self, pieces: list[bytes]) -> Outcome:
        """Return what becomes of *pieces* on a fresh connection."""
        self._outcome = outcome = Outcome()
        with connect(self._door) as client:
            self.poller.on_ready()
            for piece in pieces:
                with contextlib.suppress(ConnectionError):  # closed already: it said all it had to say
                    left = memoryview(piece)
                    while left:
                        with contextlib.suppress(BlockingIOError):
                            left = left[client.send(left) :]
                        self.poller.on_ready()
            output, outcome.closed = received(client)
            # Said only to a client that waits with its body: that depends on how the bytes were cut.
            outcome.output = output.replace(_CONTINUE, b"")
        self.poller.on_ready()
        return outcome

    def check(self) -> None:
        """Raise what the core reported, and AssertionError if something is still alive."""
        if self.errors:
            raise self.errors[0]
        assert self.poller.counters() == {"connections": 0, "exchanges": 0, "upstreams": 0}, self.poller.counters()

    def close(self) -> None:
        self.poller.close()
        self._door.close()
