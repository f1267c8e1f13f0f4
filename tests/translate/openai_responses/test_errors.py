"""Errors of OpenAI Responses: written for callers, read from providers."""

import orjson
import pytest

from fastgate.translate.openai_responses import REQUEST_ID_FIELD, build_error, build_error_event, parse_error


def test_an_error_has_all_four_members() -> None:
    error = orjson.loads(build_error(400, "invalid_request", "unsupported_parameter", "no", "stop"))["error"]
    assert error == {"message": "no", "type": "invalid_request_error", "param": "stop", "code": "unsupported_parameter"}
    assert orjson.loads(build_error(429, "rate_limit", "rate_limited", "no"))["error"]["param"] is None


def test_an_error_event_is_flat() -> None:
    event = build_error_event(502, "upstream", "upstream_cut", "cut")
    assert event == b'event: error\ndata: {"type":"error","code":"upstream_cut","message":"cut","param":null}\n\n'
    assert b'"param":"input"' in build_error_event(400, "invalid_request", "x", "y", "input")


def test_the_request_id_stands_in_openais_field() -> None:
    assert REQUEST_ID_FIELD == "x-request-id"


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "message", "param"),
    [
        (
            400,
            b'{"error":{"message":"bad","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}',
            "invalid_request",
            "context_length_exceeded",
            "bad",
            "input",
        ),
        (401, b'{"error":{"message":"key","code":"invalid_api_key","param":null}}', "authentication", "invalid_api_key", "key", ""),
        (429, b'{"error":{"message":"slow","code":"rate_limit_exceeded"}}', "rate_limit", "rate_limit_exceeded", "slow", ""),
        (429, b'{"error":{"message":"pay","code":"insufficient_quota"}}', "rate_limit", "insufficient_quota", "pay", ""),
        (503, b'{"error":{"message":"busy","code":"server_is_overloaded"}}', "overloaded", "server_is_overloaded", "busy", ""),
        (500, b'{"error":{"message":"oops","type":"server_error","code":null}}', "upstream", "", "oops", ""),
        (400, b'{"error":"flat"}', "invalid_request", "", "flat", ""),
        (400, b'{"object":"error","message":"vllm","type":"BadRequestError","code":400}', "invalid_request", "", "vllm", ""),
        (502, b"<html>Bad gateway</html>", "upstream", "", "<html>Bad gateway</html>", ""),
        (502, b"", "upstream", "", "the provider answered 502 without a word", ""),
        (404, b"[]", "not_found", "", "[]", ""),
    ],
)
def test_a_providers_error_is_kept(status: int, body: bytes, kind: str, code: str, message: str, param: str) -> None:
    fault = parse_error(status, body)
    assert (fault.status, fault.kind, fault.code, fault.message, fault.param) == (status, kind, code, message, param)
