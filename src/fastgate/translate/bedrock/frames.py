"""Frames of an AWS event stream: cut from bytes, and read.

A frame is big endian: its length, its headers' length, CRC32 of those 8 bytes, headers, payload, CRC32 of all before it
(docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html, 2026-11-20).
"""

from struct import Struct, error
from zlib import crc32

from fastgate.translate.answer import Fault

MAX_HEADERS_BYTES = 128 * 1024
MAX_PAYLOAD_BYTES = 24 * 1024 * 1024
_PRELUDE_BYTES = 12
_OVERHEAD_BYTES = 16

_PRELUDE = Struct(">III")
_U32 = Struct(">I")
_U16 = Struct(">H")
# Type of a header's value -> its layout; those that are missing are bool (0, 1), bytes (6), string (7).
_FIXED = {2: Struct(">b"), 3: Struct(">h"), 4: Struct(">i"), 5: Struct(">q"), 8: Struct(">q"), 9: Struct(">16s")}
_STRING = 7

HeaderValue = str | bytes | int | bool


class FrameSplitter:
    """Cuts a stream, however it arrives, into complete frames whose checksums are right."""

    __slots__ = ("_checked", "_held")

    def __init__(self) -> None:
        self._held = bytearray()
        # Length of the frame at the beginning of `_held`, once its prelude was found to be right; 0 before.
        self._checked = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that *data* completes. Raise Fault for what is no frame: the stream cannot be read any further."""
        held = self._held
        held += data
        frames = []
        at = 0
        while len(held) - at >= _PRELUDE_BYTES:
            length = self._checked or _frame_length(held, at)
            self._checked = length
            if len(held) - at < length:
                break
            frame = bytes(memoryview(held)[at : at + length])
            if crc32(memoryview(frame)[:-4]) != _U32.unpack_from(frame, length - 4)[0]:
                raise _garbage("the checksum of a frame is wrong")
            frames.append(frame)
            self._checked = 0
            at += length
        del held[:at]
        return frames

    @property
    def held_bytes(self) -> int:
        """Bytes of a frame that is not complete; at the end of a stream it was cut if there are any."""
        return len(self._held)


def frame_splitter() -> FrameSplitter:
    """Return a splitter for one stream."""
    return FrameSplitter()


def parse_frame(frame: bytes) -> tuple[dict[str, HeaderValue], bytes]:
    """Return the headers and the payload of one complete frame; its checksums are the splitter's business. Raise Fault for garbage."""
    if len(frame) < _OVERHEAD_BYTES:
        raise _garbage("a frame is shorter than 16 bytes")
    length, headers_length, _ = _PRELUDE.unpack_from(frame)
    if length != len(frame) or headers_length > length - _OVERHEAD_BYTES:
        raise _garbage("the lengths of a frame contradict each other")
    end = _PRELUDE_BYTES + headers_length
    return parse_headers(frame[_PRELUDE_BYTES:end]), frame[end:-4]


def parse_headers(block: bytes) -> dict[str, HeaderValue]:
    """Return the headers of a frame. Raise Fault for garbage."""
    headers: dict[str, HeaderValue] = {}
    at, end = 0, len(block)
    try:
        while at < end:
            name_end = at + 1 + block[at]
            name = block[at + 1 : name_end].decode()
            kind = block[name_end]
            headers[name], at = _read_value(block, name_end + 1, kind)
    except (IndexError, error, UnicodeDecodeError, KeyError) as fault:
        raise _garbage("the headers of a frame are broken") from fault
    if at > end:
        raise _garbage("the headers of a frame are cut")
    return headers


def _read_value(block: bytes, at: int, kind: int) -> tuple[HeaderValue, int]:
    if kind in (6, _STRING):
        start = at + 2
        end = start + _U16.unpack_from(block, at)[0]
        value = block[start:end]
        return (value.decode() if kind == _STRING else value), end
    if kind < 2:
        return kind == 0, at
    layout = _FIXED[kind]
    return layout.unpack_from(block, at)[0], at + layout.size


def _frame_length(held: bytearray, at: int) -> int:
    """Return the length that a prelude says; its checksum tells a frame from anything else, an HTML page for one."""
    length, headers_length, checksum = _PRELUDE.unpack_from(held, at)
    if crc32(memoryview(held)[at : at + 8]) != checksum:
        raise _garbage("the stream is no AWS event stream: the checksum of a prelude is wrong")
    payload_length = length - headers_length - _OVERHEAD_BYTES
    if headers_length > MAX_HEADERS_BYTES or not 0 <= payload_length <= MAX_PAYLOAD_BYTES:
        raise _garbage(f"a frame of {length} bytes with {headers_length} bytes of headers is beyond 24 MiB and 128 KiB")
    return int(length)


def _garbage(what: str) -> Fault:
    return Fault(502, "upstream", "", what)
