"""A strict HTTP/1.1 client on a bare socket: what it returns was framed to the letter."""

import re
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import orjson

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9]) ([\t\x20-\x7e]*)")
_VCHAR = rb"[\x21-\x7e\x80-\xff]"
_FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:" + _VCHAR + rb"(?:[\t\x20-\x7e\x80-\xff]*" + _VCHAR + rb")?)?)[ \t]*")
_CHUNK_LINE = re.compile(rb"[0-9A-Fa-f]{1,8}")


class WireError(AssertionError):
    """The gateway sent what is not HTTP/1.1."""


class IncompleteResponseError(Exception):
    """The connection ended before the response did; `head` and `body` are what came."""

    def __init__(self, head: "Head | None", body: bytes) -> None:
        super().__init__(f"{head.status if head else 'no head'}, then {len(body)} bytes of body, then the end: {body[-200:]!r}")
        self.head = head
        self.body = body


@dataclass(frozen=True)
class Head:
    raw: bytes
    minor: int
    status: int
    fields: tuple[tuple[str, bytes], ...]

    def all(self, name: str) -> list[bytes]:
        return [value for found, value in self.fields if found == name]

    def one(self, name: str) -> bytes | None:
        values = self.all(name)
        if len(values) > 1:
            raise WireError(f"{name} came {len(values)} times: {self.raw!r}")
        return values[0] if values else None

    @property
    def says_close(self) -> bool:
        return b"close" in (self.one("connection") or b"").lower() or (self.minor == 0 and not self.one("connection"))


@dataclass(frozen=True)
class Response:
    head: Head
    body: bytes
    # The bytes as they came, framing included.
    raw: bytes

    @property
    def status(self) -> int:
        return self.head.status

    def field(self, name: str) -> bytes | None:
        return self.head.one(name)

    def json(self) -> dict[str, object]:
        parsed = orjson.loads(self.body)
        assert isinstance(parsed, dict), self.body
        return parsed

    def error(self) -> dict[str, object]:
        """Return the `error` object of an error in either dialect."""
        found = self.json()["error"]
        assert isinstance(found, dict), self.body
        return found


class Client:
    """One connection to the gateway."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._buffer = b""
        self._raw = bytearray()

    def send(self, data: bytes) -> None:
        """Send *data*; a peer that has already answered and closed is not an error."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def send_bytewise(self, data: bytes, fence: Callable[[], None]) -> None:
        """Send each byte alone: *fence* returns when the one before was read."""
        for at in range(len(data)):
            self.send(data[at : at + 1])
            fence()

    def send_cut(self, data: bytes, at: int, fence: Callable[[], None]) -> None:
        """Send *data* as two pieces that are read apart."""
        self.send(data[:at])
        fence()
        self.send(data[at:])

    def finish_sending(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close()

    def at_end(self) -> bool:
        """Wait for more bytes or the end; return whether it was the end."""
        return not self._buffer and not self._fill()

    def is_silent(self, seconds: float) -> bool:
        """Return whether nothing at all arrives within *seconds*."""
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            if not self._buffer:
                self._fill()
        except TimeoutError:
            return True
        else:
            return False
        finally:
            self.socket.settimeout(before)

    def _fill(self) -> bool:
        try:
            piece = self.socket.recv(1 << 16)
        except ConnectionResetError:
            piece = b""
        self._buffer += piece
        return bool(piece)

    def _take(self, count: int) -> bytes:
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        self._raw += taken
        return taken

    def _line(self) -> bytes | None:
        """Return the next line without its CRLF, or None at the end."""
        while (at := self._buffer.find(b"\r\n")) < 0:
            if not self._fill():
                return None
        line = self._take(at + 2)[:-2]
        if b"\n" in line or b"\r" in line:
            raise WireError(f"bare CR or LF in a line: {line!r}")
        return line

    def read_head(self) -> Head:
        """Return the next response's head, be it a 1xx."""
        self._raw.clear()
        status_line = self._line()
        if status_line is None:
            raise IncompleteResponseError(None, self._buffer)
        found = _STATUS_LINE.fullmatch(status_line)
        if found is None:
            raise WireError(f"not a status line: {status_line!r}")
        fields: list[tuple[str, bytes]] = []
        while line := self._line():
            field = _FIELD_LINE.fullmatch(line)
            if field is None:
                raise WireError(f"not a field line: {line!r}")
            fields.append((field[1].decode().lower(), field[2]))
        if line is None:
            raise IncompleteResponseError(None, bytes(self._raw) + self._buffer)
        return Head(bytes(self._raw), int(found[1]), int(found[2]), tuple(fields))

    def pieces(self, head: Head, method: str = "GET") -> Iterator[bytes]:
        """Give the content as it arrives; raise IncompleteResponseError if it is cut.

        A chunk is given whole, however it was cut on the wire.
        """
        coding, length = head.one("transfer-encoding"), head.one("content-length")
        if coding is not None and length is not None:
            raise WireError(f"both content-length and transfer-encoding: {head.raw!r}")
        if method == "HEAD" or head.status < 200 or head.status in (204, 304):
            return
        if coding is not None:
            if coding != b"chunked" or head.minor == 0:
                raise WireError(f"transfer-encoding {coding!r} in {head.raw!r}")
            yield from self._chunks(head)
        elif length is not None:
            if not re.fullmatch(rb"0|[1-9][0-9]{0,17}", length):
                raise WireError(f"content-length {length!r}")
            left = int(length)
            while left:
                if not self._buffer and not self._fill():
                    raise IncompleteResponseError(head, b"")
                taken = self._take(left)
                left -= len(taken)
                yield taken
        else:
            if not head.says_close:
                raise WireError(f"neither a length nor a close: {head.raw!r}")
            while self._buffer or self._fill():
                yield self._take(len(self._buffer))

    def _chunks(self, head: Head) -> Iterator[bytes]:
        while True:
            line = self._line()
            if line is None:
                raise IncompleteResponseError(head, self._buffer)
            if not _CHUNK_LINE.fullmatch(line):
                raise WireError(f"not a chunk size: {line!r}")
            size = int(line, 16)
            while len(self._buffer) < size + 2:
                if not self._fill():
                    raise IncompleteResponseError(head, self._buffer)
            data = self._take(size)
            if self._take(2) != b"\r\n":
                raise WireError(f"no CRLF after a chunk of {size} bytes")
            if size == 0:
                return
            yield data

    def read_response(self, method: str = "GET") -> Response:
        """Return the next final response, complete; `IncompleteResponseError.body` holds what a cut one had."""
        head = self.read_head()
        while head.status < 200:
            head = self.read_head()
        body = bytearray()
        try:
            for piece in self.pieces(head, method):
                body += piece
        except IncompleteResponseError as error:
            raise IncompleteResponseError(head, bytes(body) + error.body) from None
        return Response(head, bytes(body), bytes(self._raw))

    def status_or_end(self) -> int | None:
        """Return the status of one more answer, or None if the connection ends without one."""
        if self.at_end():
            return None
        return self.read_response().status

    def exchange(self, data: bytes, method: str = "POST") -> Response:
        self.send(data)
        return self.read_response(method)

    def events(self, head: Head) -> Iterator[bytes]:
        """Give each SSE event, with its blank line, as soon as it is complete."""
        held = b""
        for piece in self.pieces(head):
            held += piece
            while (at := held.find(b"\n\n")) >= 0:
                yield held[: at + 2]
                held = held[at + 2 :]
        if held:
            yield held


def request(
    target: str = "/v1/chat/completions",
    body: bytes = b"",
    *fields: str,
    method: str = "POST",
    key: str | None = "sk-master",
    content_type: str = "application/json",
) -> bytes:
    """Return a request's bytes, with a length if it has a body or could have one."""
    lines = [f"{method} {target} HTTP/1.1", "Host: gateway.test"]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    if body or method == "POST":
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *fields, "", ""]).encode("latin-1") + body


def chat(model: str = "group-a", *, stream: bool = False, usage: bool = False) -> bytes:
    """Return a chat completion's body."""
    asked = b',"stream":true' if stream else b""
    asked += b',"stream_options":{"include_usage":true}' if usage else b""
    return b'{"model":%s,"messages":[{"role":"user","content":"hi"}]%s}' % (orjson.dumps(model), asked)


def message(model: str = "claude", *, stream: bool = False) -> bytes:
    """Return an Anthropic message's body."""
    asked = b',"stream":true' if stream else b""
    return b'{"model":%s,"max_tokens":64,"messages":[{"role":"user","content":"hi"}]%s}' % (orjson.dumps(model), asked)
