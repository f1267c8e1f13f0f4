"""Raw bytes to and from a mock: nothing between the test and the wire."""

import socket

import orjson

from fastgate.mock import MockServer

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"


def build_request(target: str, body: object, x_mock: str = "", *, method: str = "POST", keep: bool = False) -> bytes:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = [f"{method} {target} HTTP/1.1", "Host: mock", f"Content-Length: {len(content)}"]
    lines += [f"x-mock: {x_mock}"] if x_mock else []
    lines += [] if keep else ["Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def chat(*, stream: bool = False, model: str = "mock-model", **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": stream, **more}


def message(*, stream: bool = False, model: str = "mock-model", **more: object) -> dict[str, object]:
    return {**chat(stream=stream, model=model), "max_tokens": 100, **more}


def connect(mock: MockServer) -> socket.socket:
    return socket.create_connection((mock.host, mock.port), timeout=10)


def read_all(sock: socket.socket) -> bytes:
    received = b""
    while piece := sock.recv(65536):
        received += piece
    return received


def read_until(sock: socket.socket, end: bytes) -> bytes:
    received = b""
    while end not in received:
        piece = sock.recv(65536)
        assert piece, f"the connection ended without {end!r}: {received!r}"
        received += piece
    return received


def ask(mock: MockServer, target: str, body: object, x_mock: str = "", *, method: str = "POST") -> tuple[bytes, bytes]:
    """Return the head (without its blank line) and everything after it, up to the connection's end."""
    with connect(mock) as sock:
        sock.sendall(build_request(target, body, x_mock, method=method))
        head, _, rest = read_all(sock).partition(b"\r\n\r\n")
    return head, rest


def status_of(head: bytes) -> int:
    return int(head.split(b" ")[1])


def fields_of(head: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.decode().split("\r\n")[1:])
    return {name: value.strip() for name, _, value in pairs}


def unchunk(body: bytes) -> list[bytes]:
    """Return the chunks of a complete chunked body."""
    chunks: list[bytes] = []
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            assert body == b"\r\n"
            return chunks
        chunks.append(body[:length])
        assert body[length : length + 2] == b"\r\n"
        body = body[length + 2 :]


def payload(event: bytes) -> dict[str, object]:
    """Return the JSON of one event."""
    data = next(line for line in event.split(b"\n") if line.startswith(b"data: "))
    parsed: dict[str, object] = orjson.loads(data[6:])
    return parsed
