"""Why an attempt failed, by what the provider said: whether another deployment could do better, and how long to wait."""

import re
import time
from email.utils import parsedate_to_datetime

from fastgate.config.schema import FAILURES

# It would fail anywhere: FAILURE_NONE of the core, which knows the others by their places in FAILURES.
NONE = -1

# Codes of our own errors (fastgate.errors): what became of an attempt without an answer.
_OF_CODE = {
    "upstream_unreachable": "unavailable",
    "upstream_credentials": "key",
    "upstream_timeout": "timeout",
    "upstream_cut": "server",
    "upstream_protocol": "server",
    "upstream_error": "server",
    "overloaded": "unavailable",
}

# Statuses of answers; of any other one the family decides.
_OF_STATUS = {
    401: "key",
    # The account is empty (DeepSeek, OpenRouter).
    402: "key",
    403: "key",
    404: "not_found",
    408: "timeout",
    409: "server",
    410: "not_found",
    425: "unavailable",
    429: "rate_limit",
    # Groq: no room for this service tier.
    498: "rate_limit",
    503: "unavailable",
    504: "timeout",
    # Cloudflare, before a provider that does not answer.
    522: "timeout",
    524: "timeout",
    # Anthropic: overloaded.
    529: "unavailable",
}

# Words of an error's body that say more than its status, the first that match. Statuses: of the answer; 0 stands for a stream's event.
_OF_WORDS: tuple[tuple[tuple[int, ...], str, str], ...] = (
    (
        (0, 400, 413, 422, 500),
        "context_window",
        r"context_length_exceeded|maximum context length|context window|prompt is too long|input is too long|exceeds? (?:the )?context"
        r"|input token count|too many (?:input )?tokens|longer than the maximum (?:model|sequence) length|context size has been exceeded",
    ),
    (
        (0, 400, 403, 422),
        "content_policy",
        r"content_policy_violation|\"content_filter\"|ResponsibleAIPolicyViolation|content management policy|content filtering policy"
        r"|rejected as a result of our safety system|input was flagged|data_inspection_failed",
    ),
    # Asked with a key that is wrong or an account that is empty, in other statuses than those for it.
    (
        (0, 400, 403, 429),
        "key",
        r"insufficient_quota|credit balance is too low|API_KEY_INVALID|API key not valid|billing_hard_limit",
    ),
    # Groq: larger than what the account may send in a minute.
    ((413,), "rate_limit", r"rate_limit_exceeded|tokens per minute"),
    ((0,), "unavailable", r"overloaded|service_unavailable|UNAVAILABLE|\"(?:code|status)\": ?\"?(?:503|529)"),
    ((0,), "rate_limit", r"rate_limit|rate limit|RESOURCE_EXHAUSTED|too_many_requests|ThrottlingException|\"(?:code|status)\": ?\"?429"),
    (
        (0,),
        "key",
        r"authentication_error|permission_error|invalid_api_key|UNAUTHENTICATED|PERMISSION_DENIED|\"(?:code|status)\": ?\"?40[123]",
    ),
    ((0,), "timeout", r"timeout|DEADLINE_EXCEEDED|\"(?:code|status)\": ?\"?(?:408|504)"),
    ((0,), "not_found", r"not_found_error|model_not_found"),
    ((0,), "caller", r"invalid_request|INVALID_ARGUMENT|ValidationException|\"(?:code|status)\": ?\"?4[012]\d"),
)
_WORDS = tuple((statuses, name, re.compile(words.encode(), re.IGNORECASE)) for statuses, name, words in _OF_WORDS)
# Errors are short; of a long one its beginning is looked at.
_READ_BYTES = 8192

_RETRY_AFTER = re.compile(rb"\r\nretry-after: *([^\r]*)", re.IGNORECASE)
_RETRY_AFTER_MS = re.compile(rb"\r\nretry-after-ms: *(\d{1,9})(?:\.\d*)?\r", re.IGNORECASE)
# Google's RetryInfo.
_RETRY_DELAY = re.compile(rb'"retryDelay": ?"(\d{1,6}(?:\.\d+)?)s"')
_SECONDS = re.compile(rb"\d{1,9}(?:\.\d*)?\Z")


def failure(code: str, status: int, head: bytes, body: bytes) -> tuple[int, int]:
    """Return the class of a failure, its place in FAILURES or NONE, and the microseconds to wait that the provider named, or 0.

    *status* 0: there was no answer, and *body* is the event that a stream failed with, or empty. *head*: the answer's fields.
    """
    text = body[:_READ_BYTES]
    found = _OF_CODE.get(code, "")
    if not found:
        return NONE, 0
    if status:
        found = _OF_STATUS.get(status) or ("caller" if 400 <= status < 500 else "server")
    if text:
        for statuses, name, words in _WORDS:
            if status in statuses and words.search(text):
                found = name
                break
    return FAILURES.index(found), int(_wait_s(head, text) * 1_000_000)


def _wait_s(head: bytes, body: bytes) -> float:
    if (told := _RETRY_AFTER_MS.search(head)) is not None:
        return int(told[1]) / 1000
    if (told := _RETRY_AFTER.search(head)) is not None:
        value = told[1].strip()
        if _SECONDS.match(value):
            return float(value)
        try:
            # RFC 9110 5.6.7: an HTTP-date.
            return max(0.0, parsedate_to_datetime(value.decode("latin-1")).timestamp() - time.time())
        except ValueError:
            return 0.0
    told = _RETRY_DELAY.search(body)
    return float(told[1]) if told is not None else 0.0
