"""Ollama's own API: /api/chat, /api/generate, /api/embed."""

from fastgate.translate.ollama.build_answer import build_answer
from fastgate.translate.ollama.build_request import FRAMING, PATHS, build_request
from fastgate.translate.ollama.build_stream import stream_builder
from fastgate.translate.ollama.embeddings import (
    build_embedding_answer,
    build_embedding_request,
    parse_embedding_answer,
    parse_embedding_request,
)
from fastgate.translate.ollama.errors import REQUEST_ID_FIELD, build_error, build_error_event, parse_error
from fastgate.translate.ollama.local import ModelCard, build_loaded, build_show, build_tags, build_version
from fastgate.translate.ollama.parse_answer import parse_answer
from fastgate.translate.ollama.parse_request import parse_request
from fastgate.translate.ollama.parse_stream import stream_parser

# Callers are told how long their answer took.
TIMED = True

__all__ = [
    "FRAMING",
    "PATHS",
    "REQUEST_ID_FIELD",
    "TIMED",
    "ModelCard",
    "build_answer",
    "build_embedding_answer",
    "build_embedding_request",
    "build_error",
    "build_error_event",
    "build_loaded",
    "build_request",
    "build_show",
    "build_tags",
    "build_version",
    "parse_answer",
    "parse_embedding_answer",
    "parse_embedding_request",
    "parse_error",
    "parse_request",
    "stream_builder",
    "stream_parser",
]
