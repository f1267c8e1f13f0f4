"""The chunked coding (RFC 9112 7.1), as one regular expression per line."""

import re

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,20})(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n")


def encode(body: bytes, sizes: list[int], *, extension: bytes = b"", trailer: bytes = b"") -> bytes:
    """Return *body* in chunks of *sizes* in turn (what they do not cover is one more), extensions and trailers as given."""
    out, at = b"", 0
    for size in [*sizes, len(body)]:
        piece = body[at : at + size]
        if piece:
            out += b"%x%s\r\n%s\r\n" % (len(piece), extension, piece)
        at += len(piece)
    return out + b"0%s\r\n%s\r\n" % (extension, trailer)


def decode(raw: bytes) -> tuple[bytes, bytes] | None:
    """Return the content and what is behind it; None if *raw* is broken or incomplete."""
    body, at = b"", 0
    while match := _SIZE.match(raw, at):
        size, at = int(match[1], 16), match.end()
        if size == 0:
            while trailer := _TRAILER.match(raw, at):
                at = trailer.end()
            return (body, raw[at + 2 :]) if raw.startswith(b"\r\n", at) else None
        if raw[at + size : at + size + 2] != b"\r\n":
            return None
        body += raw[at : at + size]
        at += size + 2
    return None
