"""Streamed answers: their events in exact order, their sizes and their pace."""

import time

import orjson
import pytest

from fastgate.mock import MockServer
from tests.mock.raw import CHAT, MESSAGES, ask, build_request, chat, connect, fields_of, message, payload, read_until, unchunk


def events_of(mock: MockServer, target: str, body: object, x_mock: str = "") -> list[bytes]:
    """Return the events of a stream; each is a chunk of its own."""
    head, rest = ask(mock, target, body, x_mock)
    assert fields_of(head)["content-type"] == "text/event-stream; charset=utf-8"
    return unchunk(rest)


def test_a_chat_stream_is_role_then_words_then_finish_then_done() -> None:
    with MockServer() as mock:
        *chunks, done = events_of(mock, CHAT, chat(stream=True), "tokens=3")
        plain = orjson.loads(ask(mock, CHAT, chat(), "tokens=3")[1])
    assert done == b"data: [DONE]\n\n"
    parsed = [payload(chunk) for chunk in chunks]
    choices = [chunk["choices"][0] for chunk in parsed]  # type: ignore[index]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "You"},
        {"content": " said:"},
        {"content": " Hello"},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None, None, None, None, "stop"]
    assert len({chunk["id"] for chunk in parsed}) == 1
    assert not any("usage" in chunk for chunk in parsed)
    assert plain["choices"][0]["message"]["content"] == "You said: Hello"


def test_usage_comes_in_a_last_chunk_without_choices_where_it_was_asked_for() -> None:
    body = orjson.dumps(chat(stream=True, stream_options={"include_usage": True}))
    with MockServer("tokens=3") as mock:
        *chunks, last, _ = events_of(mock, CHAT, body)
    assert payload(last)["choices"] == []
    assert payload(last)["usage"]["total_tokens"] == len(body) // 4 + 3  # type: ignore[index]
    assert all(payload(chunk)["usage"] is None for chunk in chunks)


def test_a_completion_stream_has_words_then_finish_then_done() -> None:
    with MockServer("tokens=2") as mock:
        *chunks, done = events_of(mock, "/v1/completions", {"model": "m", "prompt": "x", "stream": True})
    choices = [payload(chunk)["choices"][0] for chunk in chunks]  # type: ignore[index]
    assert [(choice["text"], choice["finish_reason"]) for choice in choices] == [("You", None), (" said:", None), ("", "stop")]
    assert done == b"data: [DONE]\n\n"


def test_an_anthropic_stream_is_start_block_ping_deltas_stops() -> None:
    with MockServer("tokens=2") as mock:
        events = events_of(mock, MESSAGES, message(stream=True))
    parsed = [payload(event) for event in events]
    assert [event["type"] for event in parsed] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert [event.split(b"\n")[0] for event in events] == [f"event: {event['type']}".encode() for event in parsed]
    assert parsed[0]["message"]["content"] == []  # type: ignore[index]
    assert parsed[6]["usage"] == {"output_tokens": 2}


def test_a_responses_stream_numbers_its_events_and_has_no_sentinel() -> None:
    with MockServer("tokens=2") as mock:
        events = events_of(mock, "/v1/responses", {"model": "m", "input": "Hi", "stream": True})
    parsed = [payload(event) for event in events]
    assert [event["type"] for event in parsed] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event["sequence_number"] for event in parsed] == list(range(10))
    assert parsed[-1]["response"]["output"][0]["content"][0]["text"] == parsed[6]["text"] == "You said:"  # type: ignore[index]


def test_a_limited_responses_stream_ends_incomplete() -> None:
    with MockServer() as mock:
        last = payload(events_of(mock, "/v1/responses", {"model": "m", "input": "Hi", "stream": True, "max_output_tokens": 2})[-1])
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}  # type: ignore[index]


@pytest.mark.parametrize(
    ("target", "body", "text_event"),
    [
        (CHAT, chat(stream=True), b'"content":"'),
        (MESSAGES, message(stream=True), b"text_delta"),
        ("/v1/responses", {"model": "m", "input": "x", "stream": True}, b'"response.output_text.delta"'),
    ],
)
def test_text_events_have_exactly_the_wanted_size(target: str, body: object, text_event: bytes) -> None:
    with MockServer() as mock:
        events = events_of(mock, target, body, "event_size=400, tokens=20")
    sizes = [len(event) for event in events if text_event in event and b'"role"' not in event]
    assert len(sizes) == 20
    # A sequence number of one digit makes its event one byte shorter.
    assert set(sizes) <= {399, 400}


def test_every_choice_gets_its_own_events() -> None:
    with MockServer("tokens=2") as mock:
        chunks = [payload(event) for event in events_of(mock, CHAT, chat(stream=True, n=2))[:-1]]
    assert [chunk["choices"][0]["index"] for chunk in chunks] == [0, 1] * 4  # type: ignore[index]


def test_a_stream_may_end_with_its_connection() -> None:
    with MockServer("tokens=2") as mock:
        head, rest = ask(mock, CHAT, chat(stream=True), "framing=close")
    assert "transfer-encoding" not in fields_of(head)
    assert rest.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("target", [CHAT, MESSAGES])
def test_a_paced_stream_has_the_same_events_and_takes_its_time(target: str) -> None:
    body = message(stream=True)
    with MockServer() as mock:
        at_once = events_of(mock, target, body, "tokens=5")
        started = time.monotonic()
        with connect(mock) as sock:
            sock.sendall(build_request(target, body, "tokens=5, ttft=40ms, delay=20ms"))
            first = read_until(sock, b"You")
            first_s = time.monotonic() - started
            first += read_until(sock, b"0\r\n\r\n")
            whole_s = time.monotonic() - started
    assert unchunk(first.partition(b"\r\n\r\n")[2]) == at_once
    assert first_s >= 0.040
    assert whole_s >= 0.120


def test_a_plain_answer_takes_as_long_as_its_tokens() -> None:
    with MockServer() as mock:
        started = time.monotonic()
        ask(mock, CHAT, chat(), "tokens=5, ttft=20ms, delay=10ms")
        assert time.monotonic() - started >= 0.060


def test_a_long_prompt_takes_longer_to_read() -> None:
    with MockServer() as mock:
        started = time.monotonic()
        ask(mock, CHAT, chat(padding="x" * 4_000), "prompt_speed=20000")
        assert time.monotonic() - started >= 0.050


def test_a_client_that_leaves_ends_its_stream() -> None:
    with MockServer() as mock:
        with connect(mock) as sock:
            sock.sendall(build_request(CHAT, chat(stream=True), "tokens=1000, delay=5ms"))
            read_until(sock, b"said:")
            assert mock.counters.active == 1
        mock.wait_until(lambda counters: counters.gone == 1)
        assert mock.counters.active == 0
        assert mock.counters.answered == 0
