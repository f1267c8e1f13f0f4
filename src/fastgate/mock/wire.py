"""Bytes on the wire: heads, chunks, server-sent events."""

from collections.abc import Sequence
from http import HTTPStatus

LAST_CHUNK = b"0\r\n\r\n"
EVENT_STREAM = "text/event-stream; charset=utf-8"

Fields = Sequence[tuple[str, str]]


def build_head(status: int, fields: Fields) -> bytes:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Overloaded" if status == 529 else "Status"  # 529 is Anthropic's own
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def build_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def build_event(data: bytes) -> bytes:
    return b"data: %b\n\n" % data


def build_named_event(name: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
