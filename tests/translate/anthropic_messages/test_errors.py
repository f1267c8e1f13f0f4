"""Errors of this dialect, written for callers and read from providers."""

import orjson
import pytest

from fastgate.translate.anthropic_messages import build_error, build_error_event, parse_error

WRITTEN = [
    (401, "authentication", "authentication_error"),
    (402, "permission", "billing_error"),
    (403, "permission", "permission_error"),
    (404, "not_found", "not_found_error"),
    (409, "invalid_request", "conflict_error"),
    (400, "invalid_request", "invalid_request_error"),
    (413, "request_too_large", "request_too_large"),
    (429, "rate_limit", "rate_limit_error"),
    (504, "timeout", "timeout_error"),
    (502, "upstream", "api_error"),
    (529, "overloaded", "overloaded_error"),
    (500, "internal_error", "api_error"),
]


@pytest.mark.parametrize(("status", "kind", "word"), WRITTEN)
def test_an_error_has_the_type_of_its_kind(status: int, kind: str, word: str) -> None:
    body = build_error(status, kind, "some_code", "It broke.")
    assert orjson.loads(body) == {"type": "error", "error": {"type": word, "message": "It broke."}}
    assert build_error_event(status, kind, "some_code", "It broke.") == b"event: error\ndata: " + body + b"\n\n"


def test_the_parameter_stands_before_the_message_unless_that_names_it() -> None:
    for message, param, told in (("expected a number", "top_k", "top_k: expected a number"), ("`n` is 2", "n", "`n` is 2")):
        assert orjson.loads(build_error(400, "invalid_request", "c", message, param))["error"]["message"] == told
    assert b"data: " + build_error(400, "invalid_request", "c", "m", "p") in build_error_event(400, "invalid_request", "c", "m", "p")


READ = [
    (400, b'{"type":"error","error":{"type":"invalid_request_error","message":"bad"}}', "invalid_request", "", "bad"),
    (
        400,
        b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}',
        "invalid_request", "context_length_exceeded", "prompt is too long: 210000 tokens > 200000 maximum",
    ),
    (
        # litellm#37599: a spend limit is no mistake of the request.
        400,
        b'{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits."}}',
        "permission", "insufficient_quota", "You have reached your specified API usage limits.",
    ),
    (402, b'{"type":"error","error":{"type":"billing_error","message":"pay"}}', "permission", "", "pay"),
    (429, b'{"type":"error","error":{"type":"rate_limit_error","message":"slow"},"request_id":"r"}', "rate_limit", "", "slow"),
    (529, b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}', "overloaded", "", "busy"),
    (500, b'{"type":"error","error":{"type":"api_error","message":"oops"}}', "upstream", "", "oops"),
    (400, b'{"error":{"message":"bad","type":"x","code":"c","param":"p"}}', "invalid_request", "c", "bad"),
    (403, b'{"message":"denied"}', "permission", "", "denied"),
    (404, b'{"error":"no such model"}', "not_found", "", "no such model"),
    (503, b"<html>\n<h1>Bad   Gateway</h1>", "overloaded", "", "<html> <h1>Bad Gateway</h1>"),
    (502, b"", "upstream", "", "the provider answered 502 without a message"),
    (500, b"[1]", "upstream", "", "[1]"),
    (500, b'{"error":{}}', "upstream", "", "the provider answered 500"),
    (500, b"\xff\xfe", "upstream", "", "��"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "code", "message"), READ, ids=[str(number) for number in range(len(READ))])
def test_a_providers_error_is_understood(status: int, body: bytes, kind: str, code: str, message: str) -> None:
    fault = parse_error(status, body)
    assert (fault.status, fault.kind, fault.code, fault.message) == (status, kind, code, message)
