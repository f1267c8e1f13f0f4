"""Errors: as Google tells them, and as Google's callers read them."""

from typing import Any

import orjson
import pytest

from fastgate.translate import gemini
from fastgate.translate.answer import Fault


def parse(status: int, error: Any) -> Fault:
    return gemini.parse_error(status, orjson.dumps({"error": error}))


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (400, "INVALID_ARGUMENT", "invalid_request"),
        (400, "FAILED_PRECONDITION", "invalid_request"),
        (401, "UNAUTHENTICATED", "authentication"),
        (403, "PERMISSION_DENIED", "permission"),
        (404, "NOT_FOUND", "not_found"),
        (429, "RESOURCE_EXHAUSTED", "rate_limit"),
        (500, "INTERNAL", "upstream"),
        (501, "UNIMPLEMENTED", "not_supported"),
        (503, "UNAVAILABLE", "overloaded"),
        (504, "DEADLINE_EXCEEDED", "timeout"),
        (418, "SOMETHING_NEW", "invalid_request"),
    ],
)
def test_a_status_word_says_the_kind_and_stays_the_code(status: int, word: str, kind: str) -> None:
    fault = parse(status, {"code": status, "message": "m", "status": word})
    assert (fault.status, fault.kind, fault.code, fault.message) == (status, kind, word, "m")


def test_an_error_may_be_the_one_element_of_an_array() -> None:
    fault = gemini.parse_error(404, b'[{"error": {"code": 404, "message": "m", "status": "NOT_FOUND"}}]')
    assert (fault.kind, fault.message) == ("not_found", "m")


QUOTA = "type.googleapis.com/google.rpc.QuotaFailure"
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37.5s"}


def test_the_delay_of_a_retry_is_told_in_seconds() -> None:
    violations = [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]
    fault = parse(429, {"message": "m", "status": "RESOURCE_EXHAUSTED", "details": [{"@type": QUOTA, "violations": violations}, RETRY]})
    assert (fault.retry_after_s, fault.code) == (37.5, "RESOURCE_EXHAUSTED")


def test_a_quota_of_the_day_is_no_rate() -> None:
    violations = [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]
    fault = parse(429, {"message": "m", "status": "RESOURCE_EXHAUSTED", "details": [{"@type": QUOTA, "violations": violations}]})
    assert (fault.kind, fault.code, fault.retry_after_s) == ("rate_limit", "insufficient_quota", None)


@pytest.mark.parametrize("delay", ["", "s", "soon", "-1s", "1.2.3s", "9" * 40 + "s", 5, None])
def test_a_delay_that_is_none_is_not_told(delay: Any) -> None:
    assert parse(429, {"status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": delay}]}).retry_after_s is None


def test_a_wrong_key_is_an_error_of_authentication() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    fault = parse(400, {"message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": details})
    assert (fault.status, fault.kind) == (401, "authentication")


def test_a_field_that_is_wrong_is_the_param() -> None:
    details = [{"fieldViolations": [{"field": "contents[0].parts", "description": "d"}]}]
    assert parse(400, {"message": "m", "status": "INVALID_ARGUMENT", "details": details}).param == "contents[0].parts"


def test_a_prompt_that_is_too_long_has_a_code_of_its_own() -> None:
    message = "The input token count (1050000) exceeds the maximum number of tokens allowed (1048576)."
    assert parse(400, {"message": message, "status": "INVALID_ARGUMENT"}).code == "context_length_exceeded"


@pytest.mark.parametrize("body", [b"", b"<html>bad gateway</html>", b"\xff", b"[]", b"[5]", b"{}", b'{"error": 5}', b'{"error": "text"}'])
def test_a_body_of_any_other_form_still_is_a_fault(body: bytes) -> None:
    fault = gemini.parse_error(503, body)
    assert (fault.status, fault.kind) == (503, "overloaded")
    assert fault.message


@pytest.mark.parametrize(
    ("status", "kind", "word", "code"),
    [
        (400, "invalid_request", "INVALID_ARGUMENT", 400),
        (401, "authentication", "UNAUTHENTICATED", 401),
        (403, "permission", "PERMISSION_DENIED", 403),
        (404, "not_found", "NOT_FOUND", 404),
        (413, "request_too_large", "INVALID_ARGUMENT", 413),
        (429, "rate_limit", "RESOURCE_EXHAUSTED", 429),
        (500, "internal_error", "INTERNAL", 500),
        (501, "not_supported", "UNIMPLEMENTED", 501),
        (502, "upstream", "UNAVAILABLE", 502),
        (503, "overloaded", "UNAVAILABLE", 503),
        (504, "timeout", "DEADLINE_EXCEEDED", 504),
        (529, "overloaded", "UNAVAILABLE", 503),
    ],
)
def test_an_error_is_written_with_googles_word(status: int, kind: str, word: str, code: int) -> None:
    assert orjson.loads(gemini.build_error(status, kind, "", "m")) == {"error": {"code": code, "message": "m", "status": word}}


def test_an_errors_code_and_param_are_its_details() -> None:
    error = orjson.loads(gemini.build_error(400, "invalid_request", "unsupported_parameter", "m", "seed"))["error"]
    violation, reason = error["details"]
    assert violation["fieldViolations"] == [{"field": "seed", "description": "m"}]
    assert reason["reason"] == "unsupported_parameter"


def test_what_google_told_is_written_as_it_was_told() -> None:
    fault = parse(429, {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"})
    wire = gemini.build_error(fault.status, fault.kind, fault.code, fault.message, fault.param)
    assert orjson.loads(wire) == {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}


def test_an_error_in_a_stream_is_an_event() -> None:
    event = gemini.build_error_event(503, "overloaded", "", "m")
    assert event == b"data: " + gemini.build_error(503, "overloaded", "", "m") + b"\r\n\r\n"
    assert gemini.REQUEST_ID_FIELD == "x-request-id"
