"""What providers of every dialect say in these tests, and what one of them is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tests.support.answers import chunk, plain

# What could be mistaken for framing, for an escape, or for the end.
TEXT = 'Grüße "aus" Łódź!\n\u2028 \\u0041 😀 data: [DONE]\r\n\r\n'
PIECES = ('Grüße "aus" ', "Łódź!\n\u2028 \\u0041", " 😀 data: [DO", "NE]\r\n\r\n")
THOUGHT = "First think, then say."
THOUGHT_PIECES = ("First ", "think, ", "then ", "say.")
CALLS = [("weather", {"city": "Łódź", "days": [1, 2]}), ("clock", {"zone": 'Europe/"Warsaw"'})]
# A call of a custom tool, whose free text went in as a function's one string.
PATCH = '*** Begin Patch\n*** Update File: a.py\n@@\n-x = {"a": 1}\n+x = {"b": "}"}\n*** End Patch\n'
PATCH_CALL: tuple[str, dict[str, Any]] = ("apply_patch", {"input": PATCH})
NAMED_CALLS: dict[int | str, tuple[str, dict[str, Any]]] = {0: ("weather", CALLS[0][1]), 1: ("clock", CALLS[1][1]), "patch": PATCH_CALL}
ARGUMENTS: dict[int | str, str] = {key: orjson.dumps(arguments).decode() for key, (_, arguments) in NAMED_CALLS.items()}
SIGNATURE = "EqQBCkYIBxgCKkA+/sigAQ=="
KINDS = ("text", "tools", "reasoning", "refused", "length")
# Kind -> what it ends with.
FINISH = {"text": "stop", "tools": "tool_calls", "reasoning": "stop", "refused": "content_filter", "length": "length"}
KEY = "sk-provider-canary"

Wire = dict[str, Any]


@dataclass(frozen=True)
class Provider:
    """*row*: of `litellm_params` beside the address and the key. *paths*: of a whole answer, of a stream. *auth*: field and value."""

    name: str
    dialect: str
    base: str
    params: Mapping[str, object]
    paths: tuple[str, str]
    auth: tuple[str, str]
    answers: Mapping[str, bytes]
    streams: Mapping[str, tuple[bytes, ...]]
    content_type: str
    # An error that it tells inside of a stream.
    broken: bytes
    # Input tokens of its cache are told; so are those of thoughts.
    tells_cached: bool = True
    thinks: bool = True

    def model(self, port: int, **more: object) -> dict[str, object]:
        """Return its entry in model_list, served on 127.0.0.1:*port*."""
        base = {"api_base": f"http://127.0.0.1:{port}{self.base}", "api_key": KEY, "max_retries": 0}
        return {"model_name": self.name, "litellm_params": base | dict(self.params) | more}

    def whole(self, kind: str) -> bytes:
        """Return the bytes of a whole answer, head included."""
        return plain(self.answers[kind])

    def stream(self, kind: str) -> bytes:
        """Return the bytes of a complete stream, head included."""
        return self.head() + b"".join(map(chunk, self.streams[kind])) + b"0\r\n\r\n"

    def head(self) -> bytes:
        return f"HTTP/1.1 200 OK\r\nContent-Type: {self.content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


def sse(*values: object) -> tuple[bytes, ...]:
    return tuple(b"data: " + orjson.dumps(value) + b"\n\n" for value in values)


def halves(text: str) -> tuple[str, str, str]:
    """Return *text* in three pieces."""
    return text[:5], text[5:9], text[9:]


def named(*values: Wire) -> tuple[bytes, ...]:
    return tuple(f"event: {value['type']}\ndata: ".encode() + orjson.dumps(value) + b"\n\n" for value in values)
