"""Cuts, stalls and wrong bytes: exactly where they were asked for."""

import time

import orjson
import pytest

from fastgate.mock import MockServer
from fastgate.mock.faults import CUTS, MALFORMED
from tests.mock.raw import CHAT, ask, build_request, chat, connect, fields_of, read_all, read_until, status_of, unchunk


def whole_chunks(body: bytes) -> list[bytes]:
    """Return the chunks of a body that stops before its last chunk."""
    return unchunk(body + b"0\r\n\r\n")


def test_a_stream_cut_after_three_events_has_three_events_and_no_end() -> None:
    with MockServer() as mock:
        head, rest = ask(mock, CHAT, chat(stream=True), "cut=after:3")
    assert status_of(head) == 200
    assert len(whole_chunks(rest)) == 3


def test_a_stream_cut_after_nothing_has_only_its_head() -> None:
    with MockServer() as mock:
        head, rest = ask(mock, CHAT, chat(stream=True), "cut=after:0")
    assert (status_of(head), rest) == (200, b"")


def test_a_cut_at_the_head_sends_nothing() -> None:
    with MockServer() as mock:
        assert ask(mock, CHAT, chat(stream=True), "cut=head") == (b"", b"")
        assert ask(mock, CHAT, chat(), "cut=head") == (b"", b"")


def test_a_cut_in_the_middle_stops_inside_a_chunk() -> None:
    with MockServer() as mock:
        events = unchunk(ask(mock, CHAT, chat(stream=True), "tokens=5")[1])
        rest = ask(mock, CHAT, chat(stream=True), "tokens=5, cut=mid:2")[1]
    size, _, half = rest.split(b"\r\n", 4)[4].partition(b"\r\n")
    assert int(size, 16) == len(events[2])
    assert 0 < len(half) < len(events[2])


def test_a_plain_answer_is_cut_after_bytes_of_its_body() -> None:
    with MockServer() as mock:
        head, rest = ask(mock, CHAT, chat(), "cut=after:10")
        assert len(rest) == 10
        assert int(fields_of(head)["content-length"]) > 100
        assert len(ask(mock, CHAT, chat(), "cut=mid:0")[1]) >= 100


def test_a_reset_is_a_reset() -> None:
    with MockServer() as mock, connect(mock) as sock:
        sock.sendall(build_request(CHAT, chat(stream=True), "ttft=5ms, cut=reset:2"))
        with pytest.raises(ConnectionResetError):
            read_all(sock)


def test_a_cut_comes_at_its_time_in_a_paced_stream() -> None:
    with MockServer() as mock:
        started = time.monotonic()
        rest = ask(mock, CHAT, chat(stream=True), "ttft=20ms, delay=20ms, tokens=50, cut=after:4")[1]
        assert time.monotonic() - started >= 0.060
    assert len(whole_chunks(rest)) == 4


@pytest.mark.parametrize(("stall", "seen"), [("after:0", b"\r\n\r\n"), ("after:2", b'"You"')])
def test_a_stalled_stream_says_nothing_more_until_its_client_leaves(stall: str, seen: bytes) -> None:
    with MockServer() as mock:
        with connect(mock) as sock:
            sock.sendall(build_request(CHAT, chat(stream=True), f"stall={stall}"))
            received = read_until(sock, seen)
            assert b"said:" not in received
            assert mock.counters.active == 1
        mock.wait_until(lambda counters: counters.gone == 1 and counters.active == 0)


def test_a_stall_at_the_head_says_nothing_at_all() -> None:
    with MockServer() as mock:
        with connect(mock) as sock:
            sock.sendall(build_request(CHAT, chat(), "stall=head"))
            mock.wait_until(lambda counters: counters.active == 1)
        mock.wait_until(lambda counters: counters.gone == 1)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("stall", ["head", "after:3"])
def test_a_stall_may_end(stall: str, stream: bool) -> None:
    with MockServer() as mock:
        at_once = ask(mock, CHAT, chat(stream=stream))
        started = time.monotonic()
        late = ask(mock, CHAT, chat(stream=stream), f"stall={stall}, stall_for=50ms")
        assert time.monotonic() - started >= 0.050
    assert late == at_once


def test_a_bad_chunk_size_comes_after_the_events_that_were_asked_for() -> None:
    with MockServer() as mock, connect(mock) as sock:
        sock.sendall(build_request(CHAT, chat(stream=True), "malformed=chunk:3"))
        received = read_until(sock, b"zz\r\n")
    assert len(whole_chunks(received.partition(b"\r\n\r\n")[2].partition(b"zz\r\n")[0])) == 3


def test_a_plain_answer_with_a_bad_chunk_size_is_chunked() -> None:
    with MockServer() as mock, connect(mock) as sock:
        sock.sendall(build_request(CHAT, chat(), "malformed=chunk"))
        assert b"transfer-encoding: chunked\r\n\r\nzz\r\n" in read_until(sock, b"zz\r\n")


@pytest.mark.parametrize("stream", [True, False])
def test_a_bad_head_is_no_status_line(stream: bool) -> None:
    with MockServer() as mock:
        assert ask(mock, CHAT, chat(stream=stream), "malformed=head")[0].startswith(b"HTTP/1.1 2OO OK\r\ncontent type: ")


def test_invalid_json_stands_in_one_event_and_the_others_are_whole() -> None:
    with MockServer() as mock:
        events = unchunk(ask(mock, CHAT, chat(stream=True), "malformed=json:2")[1])
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(events[2][6:])
    orjson.loads(events[3][6:])
    assert events[-1] == b"data: [DONE]\n\n"


def test_a_plain_body_of_invalid_json_keeps_its_length() -> None:
    with MockServer() as mock:
        head, rest = ask(mock, CHAT, chat(), "malformed=json")
    assert fields_of(head)["content-length"] == str(len(rest))
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(rest)


def test_a_wrong_event_is_not_utf8() -> None:
    with MockServer() as mock:
        events = unchunk(ask(mock, CHAT, chat(stream=True), "malformed=sse:1")[1])
    assert events[1] == b"event\ndata: \xff\xfe{\n\n"


@pytest.mark.parametrize(("kind", "stream"), [("line", True), ("line", False), ("fields", True), ("fields", False)])
def test_an_endless_line_or_head_goes_on_until_its_victim_leaves(kind: str, stream: bool) -> None:
    with MockServer() as mock:
        with connect(mock) as sock:
            sock.sendall(build_request(CHAT, chat(stream=stream), f"malformed={kind}"))
            received = bytearray()
            while len(received) < 1024 * 1024:
                received += sock.recv(65536)
        assert (b"\r\n\r\n" in received) is (kind == "line")
        mock.wait_until(lambda counters: counters.gone == 1 and counters.active == 0)


def test_a_body_can_be_shorter_than_its_length() -> None:
    with MockServer() as mock:
        head, rest = ask(mock, CHAT, chat(), "malformed=length")
    assert int(fields_of(head)["content-length"]) == len(rest) + 1


def test_bytes_can_come_after_the_end_of_an_answer() -> None:
    with MockServer() as mock:
        head, rest = ask(mock, CHAT, chat(), "malformed=surplus")
        assert len(rest) > int(fields_of(head)["content-length"])
        assert ask(mock, CHAT, chat(stream=True), "malformed=surplus")[1].endswith(b"surplus")


@pytest.mark.parametrize(("kind", "body"), [("html", b"<!doctype html>"), ("empty", b"")])
def test_a_body_can_be_a_web_page_or_nothing(kind: str, body: bytes) -> None:
    with MockServer() as mock:
        head, rest = ask(mock, CHAT, chat(), f"malformed={kind}")
        assert fields_of(head)["content-type"] == "application/json"
        assert fields_of(head)["content-length"] == str(len(rest))
        assert rest[: len(body) or None] == body
        assert b"".join(unchunk(ask(mock, CHAT, chat(stream=True), f"malformed={kind}")[1]))[: len(body) or None] == body


def test_an_error_answer_can_be_wrong_too() -> None:
    with MockServer() as mock:
        head, rest = ask(mock, CHAT, chat(), "status=502, malformed=html")
    assert status_of(head) == 502
    assert rest.startswith(b"<!doctype html>")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "fault", [f"malformed={kind}" for kind in MALFORMED] + [f"cut={kind}" if kind == "head" else f"cut={kind}:1" for kind in CUTS]
)
def test_the_mock_answers_well_after_every_fault(fault: str, stream: bool) -> None:
    with MockServer() as mock:
        with connect(mock) as sock:
            sock.sendall(build_request(CHAT, chat(stream=stream), fault))
            mock.wait_until(lambda counters: counters.requests == 1 and counters.active + counters.answered == 1)
        assert status_of(ask(mock, CHAT, chat(stream=stream))[0]) == 200
        mock.wait_until(lambda counters: counters.active == 0)
