"""Anthropic messages, as callers and as providers speak it. https://platform.claude.com/docs/en/api/messages"""

from fastgate.translate.anthropic_messages.build_answer import build_answer
from fastgate.translate.anthropic_messages.build_request import build_request
from fastgate.translate.anthropic_messages.build_stream import stream_builder
from fastgate.translate.anthropic_messages.count import build_count_answer, build_count_request, parse_count
from fastgate.translate.anthropic_messages.errors import REQUEST_ID_FIELD, build_error, build_error_event, parse_error
from fastgate.translate.anthropic_messages.parse_answer import parse_answer
from fastgate.translate.anthropic_messages.parse_request import parse_request
from fastgate.translate.anthropic_messages.parse_stream import stream_parser
from fastgate.translate.anthropic_messages.usage import build_usage, read_usage
from fastgate.translate.anthropic_messages.version import version_fields

FRAMING = "events"
# overloaded_error (docs/en/api/errors, 2026-11-24).
OWN_STATUSES = frozenset({529})
# Behind the base URL, which has no version of its own.
PATHS = {"chat": "/v1/messages", "chat_stream": "/v1/messages", "count_tokens": "/v1/messages/count_tokens"}

# Ids of calls that a provider gave none begin with it.
CALL_PREFIX = "toolu_"

__all__ = [
    "CALL_PREFIX",
    "FRAMING",
    "OWN_STATUSES",
    "PATHS",
    "REQUEST_ID_FIELD",
    "build_answer",
    "build_count_answer",
    "build_count_request",
    "build_error",
    "build_error_event",
    "build_request",
    "build_usage",
    "parse_answer",
    "parse_count",
    "parse_error",
    "parse_request",
    "read_usage",
    "stream_builder",
    "stream_parser",
    "version_fields",
]
