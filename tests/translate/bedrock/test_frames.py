"""Frames of an AWS event stream."""

import struct
from contextlib import suppress
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgate.translate.answer import Fault
from fastgate.translate.bedrock import FrameSplitter, frame_splitter, parse_frame
from fastgate.translate.bedrock.frames import MAX_HEADERS_BYTES, MAX_PAYLOAD_BYTES
from tests.translate.bedrock.converse import event, frame, raw_frame

FRAMES = [event("messageStart", role="assistant"), event("contentBlockDelta", delta={"text": "Grüße"}), frame(b""), event("metadata")]
STREAM = b"".join(FRAMES)


def split(*pieces: bytes) -> list[bytes]:
    splitter = frame_splitter()
    return [found for piece in pieces for found in splitter.feed(piece)]


def test_a_whole_stream_is_cut_into_its_frames() -> None:
    assert split(STREAM) == FRAMES


def test_a_stream_that_comes_byte_by_byte_is_cut_into_the_same_frames() -> None:
    assert split(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == FRAMES


def test_a_stream_may_be_cut_anywhere() -> None:
    for at in range(len(STREAM) + 1):
        assert split(STREAM[:at], STREAM[at:]) == FRAMES


def test_a_frame_that_is_not_complete_is_held() -> None:
    splitter = FrameSplitter()
    assert splitter.feed(FRAMES[0] + FRAMES[1][:20]) == [FRAMES[0]]
    assert splitter.held_bytes == 20
    assert splitter.feed(FRAMES[1][20:]) == [FRAMES[1]]
    assert splitter.held_bytes == 0


def test_headers_of_every_type_are_read_as_botocore_reads_them() -> None:
    block = b""
    for name, kind, value in (
        (b"yes", 0, b""),
        (b"no", 1, b""),
        (b"byte", 2, b"\xff"),
        (b"short", 3, b"\xff\xfe"),
        (b"int", 4, struct.pack(">i", -5)),
        (b"long", 5, struct.pack(">q", 1 << 40)),
        (b"bytes", 6, b"\x00\x03abc"),
        (b"text", 7, b"\x00\x04" + "äö".encode()),
        (b"time", 8, struct.pack(">q", 1_790_000_000_000)),
        (b"id", 9, bytes(range(16))),
    ):
        block += bytes([len(name)]) + name + bytes([kind]) + value
    one = raw_frame(block, b"{}")
    buffer = EventStreamBuffer()
    buffer.add_data(one)
    theirs = next(iter(buffer))
    headers, payload = parse_frame(one)
    assert headers == theirs.headers
    assert payload == theirs.payload == b"{}"


@pytest.mark.parametrize("at", range(len(FRAMES[0])))
def test_a_flipped_bit_anywhere_is_found(at: int) -> None:
    broken = bytearray(FRAMES[0])
    broken[at] ^= 0x10
    splitter = FrameSplitter()
    with pytest.raises(Fault) as caught:
        splitter.feed(bytes(broken))
    assert (caught.value.status, caught.value.kind) == (502, "upstream")


@pytest.mark.parametrize("text", [b"<html><body>502 Bad Gateway</body></html>", b'data: {"choices": []}\n\n', b"\x00" * 16])
def test_what_is_no_event_stream_is_a_fault(text: bytes) -> None:
    with pytest.raises(Fault):
        split(text)


@pytest.mark.parametrize(
    ("length", "headers"),
    [(16 + MAX_PAYLOAD_BYTES + 1, 0), (1 << 31, MAX_HEADERS_BYTES + 1), (15, 0), (20, 8), (0xFFFFFFFF, 0)],
    ids=["payload", "headers", "shorter than its frame", "headers longer than the frame", "4 GiB"],
)
def test_a_frame_beyond_its_limits_is_refused_by_its_prelude(length: int, headers: int) -> None:
    prelude = struct.pack(">II", length, headers)
    with pytest.raises(Fault, match="MiB"):
        split(prelude + struct.pack(">I", crc32(prelude)))


def test_a_payload_of_24_mib_is_taken() -> None:
    one = raw_frame(b"", bytes(MAX_PAYLOAD_BYTES))
    assert len(split(one[:100], one[100:])) == 1


@pytest.mark.parametrize(
    "block",
    [b"\x05ab", b"\x02ab\x07", b"\x02ab\x07\x00\x09abc", b"\x02ab\x63", b"\x01\xff\x00", b"\x02ab\x04\x00", b"\x02ab\x07\x00\x01\xff"],
    ids=["name cut", "no value", "value cut", "unknown type", "name is not text", "int cut", "value is not text"],
)
def test_broken_headers_are_a_fault(block: bytes) -> None:
    with pytest.raises(Fault):
        parse_frame(raw_frame(block, b"{}"))


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_random_bytes_are_frames_or_a_fault_and_nothing_else(random: bytes) -> None:
    for read in (parse_frame, FrameSplitter().feed, lambda block: parse_frame(raw_frame(block, b""))):
        with suppress(Fault):
            read(random)


@given(st.lists(st.integers(1, 60), max_size=12))
@settings(max_examples=100)
def test_frames_do_not_depend_on_how_the_stream_is_cut(sizes: list[int]) -> None:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(STREAM[at : at + size])
        at += size
    assert split(*pieces, STREAM[at:]) == FRAMES
