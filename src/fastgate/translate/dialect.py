"""What every dialect's package has: the same functions under the same names.

A caller's dialect parses requests and builds answers; an upstream's builds requests and parses answers. A package that plays
one part alone leaves out the other's functions. All of it is pure: no clock, no chance, no I/O, no configuration.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from fastgate.translate.answer import ChatAnswer, Fault
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.events import Event, Failed
from fastgate.translate.losses import Losses
from fastgate.translate.target import Asked, Naming, Target


class ErrorWriter(Protocol):
    """Errors in a caller's dialect."""

    # Name of the field that carries the request's id in answers.
    REQUEST_ID_FIELD: str

    def build_error(self, status: int, kind: str, code: str, message: str, param: str = "") -> bytes:
        """Return the body of an error answer."""

    def build_error_event(self, status: int, kind: str, code: str, message: str, param: str = "") -> bytes:
        """Return the event that tells a stream's reader that it broke."""


class StreamBuilder(Protocol):
    """Writes one stream in a caller's dialect, framing included; each method returns the bytes to send now, b"" for none."""

    # Of the answer's Content-Type field.
    CONTENT_TYPE: ClassVar[bytes]
    # Deltas that `absorb` has to be told of.
    ABSORBS: ClassVar[frozenset[type]]
    # There may be COPIES too: whether a delta's text may be copied as the provider's JSON has it. It may if nothing is said.

    def add(self, event: Event) -> bytes:
        """Take the next event. Failed is not among them: `fail` ends a stream that broke."""

    def end(self) -> bytes:
        """Return what completes the stream, once: what is open is closed, then finish, usage and the terminator."""

    def fail(self, failed: Failed) -> bytes:
        """Return what tells that the stream broke, once; nothing that looks like a complete end."""

    # Nanoseconds of the answer's parts, for callers that are told (TIMED of the package); set before `end`.
    timings: dict[str, int]

    def absorb(self, event: Event) -> None:
        """Take note of a delta whose bytes were written without `add`: only what is repeated later (full texts, arguments)."""


class FrameSplitter(Protocol):
    """Cuts a stream that is no text."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that are complete with *data*; raise Fault for what is none."""


class StreamParser(Protocol):
    """Reads one stream of an upstream's dialect, an event (FRAMING) at a time."""

    # The dialect's own end was seen: [DONE], message_stop, done: true, a finish reason and end of file, ...
    ended: bool

    def feed(self, data: bytes) -> list[Event]:
        """Return what one event says; *data* is the value of its data lines, a line of NDJSON, or a frame.

        An error in the stream is Failed, the last event. Raise Fault for what cannot be read.
        """

    def close(self) -> list[Event]:
        """Return what the end of the connection says; afterwards `ended` tells whether the answer is complete."""


class CallerDialect(ErrorWriter, Protocol):
    """What the gateway reads from callers and writes to them."""

    def parse_request(self, body: dict[str, Any], operation: str) -> ChatRequest:
        """Return what the caller asks for; raise InvalidRequest for what the dialect itself does not allow."""

    def build_answer(self, answer: ChatAnswer, request: ChatRequest, naming: Naming) -> bytes:
        """Return the body of a complete answer."""

    def stream_builder(self, request: ChatRequest, naming: Naming) -> StreamBuilder:
        """Return a writer of one stream."""


class UpstreamDialect(Protocol):
    """What the gateway writes to providers and reads from them."""

    # How a stream is cut into what `feed` takes: "events" (SSE), "lines" (NDJSON), "frames" (AWS event stream).
    FRAMING: str
    # Operation -> what follows the provider's base URL: "chat", "chat_stream", "embeddings", "count_tokens" as far as there are.
    # A package whose models are asked for embeddings at several has `embeddings_path(target)` too.
    PATHS: Mapping[str, str]

    def build_request(self, request: ChatRequest, target: Target, losses: Losses) -> tuple[dict[str, Any], Asked]:
        """Return the body, and what the answer's reader must know. Raise NotCarried for what cannot be said."""

    def parse_answer(self, body: bytes, target: Target, asked: Asked) -> ChatAnswer:
        """Return what a complete 2xx answer says. Raise Fault for an error in it, or for what cannot be read."""

    def stream_parser(self, target: Target, asked: Asked) -> StreamParser:
        """Return a reader of one stream."""

    def frame_splitter(self) -> FrameSplitter:
        """Return what cuts a stream of frames; of dialects whose FRAMING is "frames" alone."""

    def parse_error(self, status: int, body: bytes) -> Fault:
        """Return what an answer of status 4xx or 5xx says; never raises."""
