"""Errors: a text under `error`."""

import orjson
import pytest

from fastgate.translate.ollama import REQUEST_ID_FIELD, build_error, build_error_event, parse_error


def test_an_error_is_its_text() -> None:
    assert build_error(404, "not_found", "model_not_found", 'model "x" not found', "model") == b'{"error":"model \\"x\\" not found"}'
    assert build_error_event(502, "upstream", "upstream_cut", "cut") == b'{"error":"cut"}\n'
    assert REQUEST_ID_FIELD == "x-request-id"


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "message"),
    [
        (404, b'{"error":"model \\"x\\" not found"}', "not_found", "", 'model "x" not found'),
        (400, b'{"error":"the input length exceeds the context length"}', "invalid_request", "context_length_exceeded", "the input length"),
        (503, b'{"error":"server busy, please try again. maximum pending requests exceeded"}', "overloaded", "", "server busy"),
        (429, b'{"error":"you (x) have reached your weekly usage limit"}', "rate_limit", "", "you (x) have"),
        (401, b'{"error":"unauthorized","signin_url":"https://x.example"}', "authentication", "", "unauthorized"),
        (500, b'{"error":{"message":"boom","code":"bad"}}', "upstream", "bad", "boom"),
        (500, b'{"error":{"code":5}}', "upstream", "", '{"code":5}'),
        (502, b"<html>bad gateway</html>", "upstream", "", "<html>bad gateway</html>"),
        (500, b"", "upstream", "", "status 500 without a message"),
        (500, b"\xff\xfe", "upstream", "", "\ufffd"),
        (500, b"[1]", "upstream", "", "[1]"),
        (500, b'{"error":[1]}', "upstream", "", "[1]"),
    ],
)
def test_what_a_server_says_of_its_error_is_kept(status: int, body: bytes, kind: str, code: str, message: str) -> None:
    fault = parse_error(status, body)
    assert (fault.status, fault.kind, fault.code) == (status, kind, code)
    assert fault.message.startswith(message)


def test_an_excerpt_of_an_unknown_body_is_short() -> None:
    assert len(parse_error(502, b"x" * 100_000).message) == 200


def test_built_errors_come_back() -> None:
    assert parse_error(500, build_error(500, "upstream", "c", "said")).message == "said"
    assert orjson.loads(build_error_event(500, "upstream", "c", "a\nb")) == {"error": "a\nb"}
