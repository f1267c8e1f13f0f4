"""OpenAI chat completions, the deprecated completions, and embeddings in OpenAI's form: what most providers speak."""

from fastgate.translate.openai_chat.build_answer import build_answer
from fastgate.translate.openai_chat.build_request import PATHS, build_request
from fastgate.translate.openai_chat.completion_stream import stream_builder
from fastgate.translate.openai_chat.embeddings import (
    build_embedding_answer,
    build_embedding_request,
    parse_embedding_answer,
    parse_embedding_request,
)
from fastgate.translate.openai_chat.errors import REQUEST_ID_FIELD, build_error, build_error_event, parse_error
from fastgate.translate.openai_chat.parse_answer import parse_answer
from fastgate.translate.openai_chat.parse_request import parse_request
from fastgate.translate.openai_chat.parse_stream import FRAMING, stream_parser
from fastgate.translate.openai_chat.quirks import apply_quirks, needs_quirks
from fastgate.translate.openai_chat.usage import build_usage, read_usage

__all__ = [
    "FRAMING",
    "PATHS",
    "REQUEST_ID_FIELD",
    "apply_quirks",
    "build_answer",
    "build_embedding_answer",
    "build_embedding_request",
    "build_error",
    "build_error_event",
    "build_request",
    "build_usage",
    "needs_quirks",
    "parse_answer",
    "parse_embedding_answer",
    "parse_embedding_request",
    "parse_error",
    "parse_request",
    "read_usage",
    "stream_builder",
    "stream_parser",
]
