"""Amazon Bedrock's Converse, as providers speak it."""

from collections.abc import Mapping
from types import MappingProxyType

from fastgate.translate.bedrock.build_request import build_request
from fastgate.translate.bedrock.errors import parse_error
from fastgate.translate.bedrock.frames import FrameSplitter, frame_splitter, parse_frame
from fastgate.translate.bedrock.parse_answer import parse_answer
from fastgate.translate.bedrock.parse_stream import stream_parser

FRAMING = "frames"
PATHS: Mapping[str, str] = MappingProxyType({"chat": "/converse", "chat_stream": "/converse-stream"})

__all__ = [
    "FRAMING",
    "PATHS",
    "FrameSplitter",
    "build_request",
    "frame_splitter",
    "parse_answer",
    "parse_error",
    "parse_frame",
    "stream_parser",
]
