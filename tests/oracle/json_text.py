"""A JSON text by its tokens: slow, and plain to see. The standard library says what is valid, tokens say where it stands."""

import json
import re
import sys
from itertools import accumulate
from typing import Any, NamedTuple

_TOKEN = re.compile(
    rb'(?P<string>"(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+")'
    rb"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    rb"|(?P<word>true|false|null)|(?P<mark>[{}\[\],:])|(?P<space>[ \t\r\n]+)"
)
# What the gateway's scanner takes.
DEEPEST = 4096


class Token(NamedTuple):
    """A token's bytes and where they stand."""

    text: bytes
    at: int
    end: int


class Member(NamedTuple):
    """A member of an object: its decoded key, its value's extent, and the value's tokens."""

    key: str
    at: int
    end: int
    value: list[Token]

    @property
    def first(self) -> bytes:
        return self.value[0].text


def tokens_of(text: bytes) -> list[Token] | None:
    """Return the tokens without white space; None if some byte belongs to none."""
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        if match.lastgroup != "space":
            found.append(Token(match[0], at, match.end()))
        at = match.end()
    return found


def is_valid(text: bytes) -> bool:
    """Return whether *text* is JSON as RFC 8259 has it: UTF-8, no byte order mark, no NaN; nesting up to DEEPEST levels."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    tokens = tokens_of(text)
    if tokens is None or _depth_of(tokens) > DEEPEST:
        return False
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(DEEPEST + 2 * usual)
    try:
        json.loads(text.decode("utf-8"), parse_constant=refuse, parse_int=str, parse_float=str)
    except ValueError:
        return False
    finally:
        sys.setrecursionlimit(usual)
    return True


def _depth_of(tokens: list[Token]) -> int:
    """Return how deep arrays and objects are nested at the most."""
    steps = ((token.text in {b"[", b"{"}) - (token.text in {b"]", b"}"}) for token in tokens)
    return max(accumulate(steps), default=0)


def text_of(token: bytes) -> str:
    """Return what a string token says; lone surrogates stay as they are."""
    said: Any = json.loads(token.decode("utf-8"))
    assert isinstance(said, str)
    return said


def members_of(tokens: list[Token]) -> list[Member]:
    """Return the members of the object that *tokens* (of a valid text) are, in order, doubles included."""
    assert tokens[0].text == b"{"
    found: list[Member] = []
    i = 1
    while tokens[i].text != b"}":
        key = text_of(tokens[i].text)
        start = i = i + 2
        depth = 0
        while True:
            depth += (tokens[i].text in {b"{", b"["}) - (tokens[i].text in {b"}", b"]"})
            i += 1
            if depth == 0:
                break
        found.append(Member(key, tokens[start].at, tokens[i - 1].end, tokens[start:i]))
        if tokens[i].text == b",":
            i += 1
    return found


class Edit(NamedTuple):
    """Replace [at, end) with text."""

    at: int
    end: int
    text: bytes


def apply(text: bytes, edits: list[Edit]) -> bytes:
    """Return *text* with the edits made, which do not overlap."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.at] + edit.text + text[edit.end :]
    return text
