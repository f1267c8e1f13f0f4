"""OpenAI Responses."""

import orjson

from fastgate.translate import openai_chat

REQUEST_ID_FIELD = openai_chat.REQUEST_ID_FIELD
build_error = openai_chat.build_error


def build_error_event(status: int, kind: str, code: str, message: str) -> bytes:
    """Return the event that tells a stream's reader that it broke; its members are flat."""
    event = {"type": "error", "code": code, "message": message, "param": None}
    return b"event: error\ndata: " + orjson.dumps(event) + b"\n\n"
