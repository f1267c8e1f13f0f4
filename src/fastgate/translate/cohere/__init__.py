"""Cohere's v2 API, as Cohere speaks it."""

from collections.abc import Mapping
from types import MappingProxyType

from fastgate.translate.cohere.build_request import build_request
from fastgate.translate.cohere.embeddings import build_embedding_request, parse_embedding_answer
from fastgate.translate.cohere.errors import parse_error
from fastgate.translate.cohere.parse_answer import parse_answer
from fastgate.translate.cohere.parse_stream import stream_parser

FRAMING = "events"
PATHS: Mapping[str, str] = MappingProxyType({"chat": "/v2/chat", "chat_stream": "/v2/chat", "embeddings": "/v2/embed"})

__all__ = [
    "FRAMING",
    "PATHS",
    "build_embedding_request",
    "build_request",
    "parse_answer",
    "parse_embedding_answer",
    "parse_error",
    "stream_parser",
]
