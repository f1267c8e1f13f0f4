"""Halves of UTF-16 pairs in providers' JSON: some servers cut an escaped character between two deltas."""

import re

# An escaped backslash is no escape's beginning, and a whole pair is a character; what is left is half of one (RFC 8259 8.2).
_HALF = re.compile(rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})")


def without_halves(text: bytes) -> bytes:
    """Return JSON in which U+FFFD stands for half of a pair, which no reader of UTF-8 takes; *text* itself if it has none."""
    if b"\\ud" not in text and b"\\uD" not in text:
        return text
    return _HALF.sub(lambda match: rb"\ufffd" if match[1] else match[0], text)
