"""Long texts of a request, carried from one dialect's body into another's as they stand: what nobody looks into is not decoded."""

from fastgate._core import hold_texts

# From here on it costs less to look for long texts than to decode them.
HOLD_FROM_BYTES = 8 * 1024

# Dialects whose packages look at no more of a message's text than whether it is blank, and at the space at its ends. Others read
# results of tools as JSON, or count characters.
CARRYING = frozenset({"openai_chat", "anthropic_messages"})


class Mislaid(Exception):
    """A text that was held is not in its place once."""


def hold(body: bytes, seed: str) -> tuple[bytes, list[memoryview]] | None:
    """Return *body* with marks made of *seed* in place of its long texts, and those; None if it has none."""
    return hold_texts(body, seed.encode()) if len(body) >= HOLD_FROM_BYTES else None


def put_back(body: bytes, seed: str, texts: list[memoryview]) -> bytes:
    """Return *body* with the texts in place of their marks, whatever their order. Raise Mislaid if one is missing or stands twice."""
    pieces = body.split(seed.encode())
    if len(pieces) != len(texts) + 1:
        raise Mislaid
    whole: list[bytes | memoryview] = [pieces[0]]
    left: list[memoryview | None] = [*texts]
    for piece in pieces[1:]:
        number = piece[:6]
        text = left[int(number)] if number.isdigit() and int(number) < len(left) else None
        if text is None:
            raise Mislaid
        left[int(number)] = None
        whole += (text, piece[6:])
    return b"".join(whole)
