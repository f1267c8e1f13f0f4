"""HTTP/1.1 as h11 reads it, for both roles."""

from dataclasses import dataclass
from typing import NamedTuple

import h11

_ANY_SIZE = 1 << 30


class Message(NamedTuple):
    """A complete request."""

    method: bytes
    target: bytes
    body: bytes
    fields: tuple[tuple[bytes, bytes], ...] = ()


@dataclass
class Answer:
    """A final answer, as far as it came."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes = b""
    complete: bool = False
    # What came behind it.
    rest: bytes = b""


def read_request(data: bytes) -> tuple[Message, bytes] | None:
    """Return the request that *data* begins with and what is behind it; None if h11 refuses it or wants more.

    Up to two empty lines before the request line are skipped, which RFC 9112 2.2 asks for and h11 does not do.
    """
    for _ in range(2):
        data = data.removeprefix(b"\r\n")
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_ANY_SIZE)
    connection.receive_data(data)
    request, body = None, b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return None
        if isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert request is not None
            fields = tuple((bytes(name), bytes(value)) for name, value in request.headers)
            return Message(bytes(request.method), bytes(request.target), body, fields), connection.trailing_data[0]
        else:
            return None


def read_answer(data: bytes, method: bytes = b"GET", *, ended: bool = False) -> Answer | None:
    """Return the final answer in *data*; None if there is none. *ended*: the connection was closed behind it.

    Raise h11.RemoteProtocolError if it is no HTTP/1.1.
    """
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_ANY_SIZE)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
    connection.send(h11.EndOfMessage())
    if data:
        connection.receive_data(data)
    if ended:
        connection.receive_data(b"")
    answer = None
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            answer = Answer(event.status_code, {bytes(name): bytes(value) for name, value in event.headers})
        elif isinstance(event, h11.Data):
            assert answer is not None
            answer.body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert answer is not None
            answer.complete = True
            answer.rest = connection.trailing_data[0]
            return answer
        elif not isinstance(event, h11.InformationalResponse):
            return answer
