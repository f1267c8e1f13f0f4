"""What a dialect knows about one request and what it hands back."""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Protocol

from msgspec import Struct

from fastgate.errors import GatewayError
from fastgate.mock.behaviour import Behaviour
from fastgate.mock.kept import Kept

# All answers claim this second, so that the same request gets the same bytes.
CREATED = 1_767_225_600


class Call(Struct, kw_only=True):
    """One request as its dialect sees it."""

    operation: str
    method: str
    # From the path; "" where the path names none.
    object_id: str
    # As the caller wrote it, parameters included.
    model: str
    # The JSON object, or the fields of a form.
    fields: dict[str, object]
    body: bytes
    stream: bool
    prompt_tokens: int
    # How many tokens the answer gets, and whether the caller's own limit made it that few.
    tokens: int
    limited: bool
    size_bytes: int
    behaviour: Behaviour
    # 24 hexadecimal digits of a hash over the request.
    ident: str
    kept: Kept


class Answer(Struct, kw_only=True):
    """A plain answer's body."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    # Whether the tokens of the call take time here (they do not in embeddings).
    generated: bool = False


class Events(Struct, kw_only=True):
    """A streamed answer, one event each: before the first token, the tokens, after the last."""

    opening: list[bytes]
    tokens: list[bytes]
    closing: list[bytes]


class Dialect(Protocol):
    """The functions that every dialect module has."""

    @property
    def REQUEST_ID(self) -> str:  # noqa: N802 - a module's constant
        """Name of the field that carries the request id."""

    def check_call(self, call: Call) -> None:
        """Raise ClientError for what the real provider would refuse."""

    def build_answer(self, call: Call) -> Answer: ...

    def build_events(self, call: Call) -> Events: ...

    def build_error(self, error: GatewayError, ident: str) -> bytes: ...

    def build_failure(self, status: int, ident: str) -> bytes:
        """Return the body of an error that the caller asked for."""


EventsBuilder = Callable[[Call], Events]


def build_ident(*parts: bytes) -> str:
    digest = blake2b(digest_size=12)
    for part in parts:
        digest.update(part)
        digest.update(b"\0")
    return digest.hexdigest()


# Deeper than any message has its text.
MAX_DEPTH = 8


def text_of(content: object, depth: int = MAX_DEPTH) -> str:
    """Return the text of a message's content: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    if not depth:
        return ""
    if isinstance(content, list):
        return " ".join(text_of(part, depth - 1) for part in content)
    if isinstance(content, Mapping):
        return text_of(content.get("text") or content.get("content") or "", depth - 1)
    return ""
