"""How a provider's stream ends: complete, broken, or cut."""

from typing import Any

import orjson
import pytest

from fastgate.translate import openai_chat
from fastgate.translate.answer import Fault
from fastgate.translate.events import Failed, Finish
from fastgate.translate.target import Asked
from tests.translate.openai_chat.wire import delta, target

STOP = Finish(reason="stop")

ERRORS: list[tuple[dict[str, Any], Failed]] = [
    ({"error": {"message": "busy", "code": 503}}, Failed(status=503, kind="overloaded", code="", message="busy")),
    (
        {"error": {"message": "slow", "type": "rate_limit_error", "code": None}},
        Failed(status=429, kind="rate_limit", code="", message="slow"),
    ),
    ({"error": "boom"}, Failed(status=502, kind="upstream", code="", message="boom")),
    ({"error": {"message": "b", "code": "server_error"}}, Failed(status=500, kind="upstream", code="server_error", message="b")),
    (
        {"object": "error", "message": "bad", "type": "BadRequestError", "code": 400},
        Failed(status=400, kind="invalid_request", code="", message="bad"),
    ),
    ({"id": "x", "choices": [], "x_groq": {"error": "cut"}}, Failed(status=502, kind="upstream", code="", message="cut")),
    (
        {
            "id": "x",
            "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
            "error": {"code": 502, "message": "gone"},
        },
        Failed(status=502, kind="upstream", code="", message="gone"),
    ),
    (
        {"id": "x", "choices": [{"index": 0, "delta": {}, "error": {"code": 429, "message": "many"}}]},
        Failed(status=429, kind="rate_limit", code="", message="many"),
    ),
    ({"detail": "Not Found"}, Failed(status=502, kind="upstream", code="", message="Not Found")),
]


@pytest.mark.parametrize(("chunk", "failed"), ERRORS)
def test_an_error_in_the_stream_is_its_last_event(chunk: dict[str, Any], failed: Failed) -> None:
    parser = openai_chat.stream_parser(target(), Asked())
    parser.feed(orjson.dumps(delta(content="a")))
    assert parser.feed(orjson.dumps(chunk))[-1] == failed
    assert parser.close() == []
    assert not parser.ended


def test_the_reason_error_is_a_failure_and_no_end() -> None:
    parser = openai_chat.stream_parser(target(), Asked())
    parser.feed(orjson.dumps(delta("error", content="a")))
    [failed] = parser.feed(b"[DONE]")
    assert isinstance(failed, Failed)
    assert not parser.ended


def test_a_reason_and_the_end_of_the_connection_are_a_complete_answer() -> None:
    parser = openai_chat.stream_parser(target(), Asked())
    parser.feed(orjson.dumps(delta("stop", content="a")))
    assert not parser.ended
    assert parser.close() == [STOP]
    assert parser.ended


def test_the_end_of_the_connection_without_a_reason_is_no_end() -> None:
    parser = openai_chat.stream_parser(target(), Asked())
    assert parser.close() == []
    parser.feed(orjson.dumps(delta("stop", index=0)))
    parser.feed(orjson.dumps(delta(content="a", index=1)))
    assert parser.close() == []
    assert not parser.ended


def test_done_ends_a_stream_whose_reason_is_missing_and_nothing_follows_it() -> None:
    parser = openai_chat.stream_parser(target(), Asked())
    parser.feed(orjson.dumps(delta(content="a")))
    assert parser.feed(b" [DONE]") == [STOP]
    assert parser.ended
    assert parser.feed(orjson.dumps(delta(content="b"))) == []
    assert parser.feed(b"[DONE]") == parser.close() == []


def test_a_chunk_that_cannot_be_read_is_a_fault() -> None:
    for wrong in (b'{"choices":[', b"[1]", b"hello"):
        with pytest.raises(Fault) as caught:
            openai_chat.stream_parser(target(), Asked()).feed(wrong)
        assert caught.value.status == 502
