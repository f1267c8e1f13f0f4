"""countTokens: the tokens of a request, counted without an answer."""

import orjson

from fastgate.translate.gemini.errors import unreadable
from fastgate.translate.gemini.parse_answer import load


def parse_count(body: bytes) -> int:
    """Return the tokens that a provider counted."""
    total = load(body).get("totalTokens", 0)
    if type(total) is not int or total < 0:
        raise unreadable(body, "totalTokens is no number")
    return total


def build_count_answer(tokens: int) -> bytes:
    """Return the answer to a caller's countTokens."""
    return orjson.dumps({"totalTokens": tokens})
