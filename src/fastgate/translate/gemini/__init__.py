"""Google's Gemini: generateContent and its kin, on Google AI Studio and on Vertex AI. ai.google.dev/api"""

from collections.abc import Mapping
from types import MappingProxyType

from fastgate.translate.gemini.build_answer import build_answer
from fastgate.translate.gemini.build_request import build_count_request, build_request
from fastgate.translate.gemini.build_stream import ArrayBuilder, StreamBuilder, stream_builder
from fastgate.translate.gemini.count import build_count_answer, parse_count
from fastgate.translate.gemini.embeddings import (
    build_embedding_answer,
    build_embedding_request,
    embeddings_path,
    parse_embedding_answer,
    parse_embedding_request,
)
from fastgate.translate.gemini.errors import REQUEST_ID_FIELD, build_error, build_error_event, parse_error
from fastgate.translate.gemini.parse_answer import parse_answer
from fastgate.translate.gemini.parse_request import parse_request
from fastgate.translate.gemini.parse_stream import StreamParser, stream_parser

# SSE: without alt=sse a stream is one JSON array, which would have to be cut.
FRAMING = "events"
PATHS: Mapping[str, str] = MappingProxyType(
    {
        "chat": ":generateContent",
        "chat_stream": ":streamGenerateContent?alt=sse",
        "count_tokens": ":countTokens",
        "embeddings": ":batchEmbedContents",
    }
)

__all__ = [
    "FRAMING",
    "PATHS",
    "REQUEST_ID_FIELD",
    "ArrayBuilder",
    "StreamBuilder",
    "StreamParser",
    "build_answer",
    "build_count_answer",
    "build_count_request",
    "build_embedding_answer",
    "build_embedding_request",
    "build_error",
    "build_error_event",
    "build_request",
    "embeddings_path",
    "parse_answer",
    "parse_count",
    "parse_embedding_answer",
    "parse_embedding_request",
    "parse_error",
    "parse_request",
    "stream_builder",
    "stream_parser",
]
