"""What an error means: the one table, by what providers really say."""

import time
from email.utils import formatdate

import pytest

from fastgate.config.schema import FAILURES
from fastgate.errors import UpstreamError, _subclasses
from fastgate.route.failures import failure

# Status, body, class.
SAID = [
    (400, b'{"error":{"message":"Invalid value","type":"invalid_request_error"}}', "caller"),
    (400, b'{"error":{"message":"...","code":"context_length_exceeded"}}', "context_window"),
    (400, b'{"type":"error","error":{"message":"prompt is too long: 210000 tokens > 200000 maximum"}}', "context_window"),
    (400, b'{"error":{"code":400,"message":"The input token count (1100000) exceeds the maximum of 1048576."}}', "context_window"),
    (400, b'{"message":"Input is too long for requested model."}', "context_window"),
    (400, b'{"error":{"message":"...","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}', "content_policy"),
    (400, b'{"error":{"code":"content_policy_violation","message":"rejected"}}', "content_policy"),
    (400, b'{"error":{"code":400,"message":"API key not valid.","details":[{"reason":"API_KEY_INVALID"}]}}', "key"),
    (400, b'{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}', "key"),
    (401, b"", "key"),
    (402, b"", "key"),
    (403, b"", "key"),
    (403, b'{"error":{"message":"Your chosen model requires moderation and your input was flagged"}}', "content_policy"),
    (404, b"", "not_found"),
    (408, b"", "timeout"),
    (409, b"", "server"),
    (413, b'{"error":{"message":"Request too large","type":"invalid_request_error"}}', "caller"),
    (413, b'{"error":{"message":"... on tokens per minute (TPM)","code":"rate_limit_exceeded"}}', "rate_limit"),
    (418, b"", "caller"),
    (422, b"", "caller"),
    (429, b"", "rate_limit"),
    (429, b'{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}', "key"),
    (429, b'{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED"}}', "rate_limit"),
    (498, b"", "rate_limit"),
    (500, b"", "server"),
    (500, b'{"error":{"message":"the prompt says rate_limit"}}', "server"),
    (502, b"", "server"),
    (503, b"", "unavailable"),
    (504, b"", "timeout"),
    (524, b"", "timeout"),
    (529, b"", "unavailable"),
    (599, b"", "server"),
    (0, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "unavailable"),
    (0, b'{"type":"error","error":{"type":"rate_limit_error","message":"..."}}', "rate_limit"),
    (0, b'{"error":{"code":429,"message":"Too many","metadata":{}}}', "rate_limit"),
    (0, b'{"error":{"code":502,"message":"Provider disconnected"}}', "server"),
    (0, b'{"error":{"message":"bad","type":"invalid_request_error"}}', "caller"),
    (0, b'{"type":"error","error":{"type":"authentication_error","message":"..."}}', "key"),
    (0, b'{"error":{"code":503,"status":"UNAVAILABLE"}}', "unavailable"),
    (0, b'{"error":"something else"}', "server"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "expected"), SAID)
def test_what_a_provider_says_has_a_class(status: int, body: bytes, expected: str) -> None:
    assert FAILURES[failure("upstream_error", status, b"", body)[0]] == expected


def test_every_error_of_an_upstream_has_a_class_and_no_other_one_has() -> None:
    for error in _subclasses(UpstreamError):
        assert failure(error.code, 0, b"", b"")[0] >= FAILURES.index("key")
    assert failure("overloaded", 0, b"", b"")[0] == FAILURES.index("unavailable")
    assert failure("internal_error", 0, b"", b"") == (-1, 0)
    assert failure("invalid_body", 0, b"", b"") == (-1, 0)


@pytest.mark.parametrize(
    ("field", "expected_us"),
    [
        (b"Retry-After: 3", 3_000_000),
        (b"retry-after: 1.5", 1_500_000),
        (b"retry-after: 0", 0),
        (b"retry-after: -1", 0),
        (b"retry-after: soon", 0),
        (b"retry-after: ", 0),
        (b"retry-after-ms: 250\r\nretry-after: 9", 250_000),
        (b"x-retry-after: 9", 0),
    ],
)
def test_the_wait_that_a_field_names_is_read(field: bytes, expected_us: int) -> None:
    assert failure("upstream_error", 429, b"HTTP/1.1 429 Too Many Requests\r\n" + field + b"\r\n", b"")[1] == expected_us


def test_the_wait_until_a_date_is_read() -> None:
    head = f"HTTP/1.1 429 \r\nRetry-After: {formatdate(time.time() + 30, usegmt=True)}\r\n".encode()
    assert 28_000_000 <= failure("upstream_error", 429, head, b"")[1] <= 30_000_000


def test_the_wait_that_google_names_in_the_body_is_read() -> None:
    body = b'{"error":{"code":429,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7.25s"}]}}'
    assert failure("upstream_error", 429, b"", body)[1] == 7_250_000
