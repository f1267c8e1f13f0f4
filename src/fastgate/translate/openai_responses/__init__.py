"""OpenAI Responses, of callers and of providers."""

from fastgate.translate.openai_responses.build_answer import build_answer
from fastgate.translate.openai_responses.build_request import FRAMING, PATHS, build_request
from fastgate.translate.openai_responses.build_stream import StreamWriter as stream_builder  # noqa: N813 - the protocol's name
from fastgate.translate.openai_responses.errors import REQUEST_ID_FIELD, build_error, build_error_event, parse_error
from fastgate.translate.openai_responses.parse_answer import parse_answer
from fastgate.translate.openai_responses.parse_request import parse_request
from fastgate.translate.openai_responses.parse_stream import StreamReader as stream_parser  # noqa: N813 - the protocol's name

__all__ = [
    "FRAMING",
    "PATHS",
    "REQUEST_ID_FIELD",
    "build_answer",
    "build_error",
    "build_error_event",
    "build_request",
    "parse_answer",
    "parse_error",
    "parse_request",
    "stream_builder",
    "stream_parser",
]
