"""Errors: written for callers, read from providers."""

from typing import Any

import orjson
import pytest

from fastgate.translate import openai_chat


def test_an_error_has_all_four_members() -> None:
    assert orjson.loads(openai_chat.build_error(404, "not_found", "model_not_found", "no such model")) == {
        "error": {"message": "no such model", "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
    }
    assert orjson.loads(openai_chat.build_error(400, "invalid_request", "", "bad", "messages[0].role")) == {
        "error": {"message": "bad", "type": "invalid_request_error", "param": "messages[0].role", "code": None}
    }


def test_an_error_event_is_the_error_as_an_event() -> None:
    event = openai_chat.build_error_event(502, "upstream", "upstream_cut", "gone", "")
    assert event == b"data: " + openai_chat.build_error(502, "upstream", "upstream_cut", "gone") + b"\n\n"


BODIES: list[tuple[int, Any, tuple[int, str, str, str, str]]] = [
    (
        400,
        {"error": {"message": "too long", "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}},
        (400, "invalid_request", "context_length_exceeded", "too long", "messages"),
    ),
    (
        429,
        {"error": {"message": "quota", "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}},
        (429, "rate_limit", "insufficient_quota", "quota", ""),
    ),
    # OpenRouter: a status for a code, and the provider's words beside.
    (
        502,
        {"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "overloaded"}}},
        (502, "upstream", "", "Provider returned error: overloaded", ""),
    ),
    # vLLM, old versions.
    (
        400,
        {"object": "error", "message": "bad", "type": "BadRequestError", "param": None, "code": 400},
        (400, "invalid_request", "", "bad", ""),
    ),
    # Mistral.
    (
        422,
        {
            "object": "error",
            "message": {"detail": [{"loc": ["body"], "msg": "Field required"}]},
            "type": "invalid_request_error",
            "code": None,
        },
        (422, "invalid_request", "", "Field required", ""),
    ),
    (422, {"detail": [{"msg": "a"}, {"msg": "b"}]}, (422, "invalid_request", "", "a; b", "")),
    (404, {"detail": "Not Found"}, (404, "not_found", "", "Not Found", "")),
    # xAI.
    (
        400,
        {"code": "Client specified an invalid argument", "error": "bad"},
        (400, "invalid_request", "Client specified an invalid argument", "bad", ""),
    ),
    # llama.cpp while it loads.
    (
        503,
        {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
        (503, "overloaded", "", "Loading model", ""),
    ),
    # Google's endpoint.
    (400, [{"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}], (400, "invalid_request", "", "bad", "")),
    (401, {"error": {"message": "key", "code": "invalid_api_key"}}, (401, "authentication", "invalid_api_key", "key", "")),
    (402, {"error": {"message": "pay"}}, (402, "permission", "", "pay", "")),
    (500, {"message": "oh"}, (500, "upstream", "", "oh", "")),
    (500, {"odd": 1}, (500, "upstream", "", '{"odd":1}', "")),
    (500, 5, (500, "upstream", "", "5", "")),
]


@pytest.mark.parametrize(("status", "body", "expected"), BODIES)
def test_a_providers_error_keeps_its_words(status: int, body: Any, expected: tuple[int, str, str, str, str]) -> None:
    fault = openai_chat.parse_error(status, orjson.dumps(body))
    assert (fault.status, fault.kind, fault.code, fault.message, fault.param) == expected


@pytest.mark.parametrize(("body", "message"), [(b"<html>bad gateway</html>", "<html>bad gateway</html>"), (b"", "502 without a message")])
def test_an_error_that_is_no_json_is_told_in_an_excerpt(body: bytes, message: str) -> None:
    fault = openai_chat.parse_error(502, body)
    assert (fault.status, fault.kind) == (502, "upstream")
    assert message in fault.message


def test_a_long_body_is_cut() -> None:
    assert len(openai_chat.parse_error(500, b"x" * 10_000).message) < 400
