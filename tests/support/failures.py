"""Ways in which a provider fails before it has said anything, and what it says when it does not."""

from dataclasses import dataclass
from typing import Literal

from tests.support.answers import DONE, LAST_CHUNK, STREAM_HEAD, answer_message, chunk, completion, delta, plain, stream
from tests.support.upstream import Step, close, fence, reset, send, stall

Dialect = Literal["openai", "anthropic"]

_ERROR = b'{"error":{"message":"not now","type":"server_error","param":null,"code":null}}'
_ROLE = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"up-model","choices":'
    b'[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
)
_ERROR_CHUNK = b'data: {"error":{"message":"overloaded","type":"server_error","code":503}}\n\n'
_MESSAGE_START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-up",'
    b'"content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
)
_BLOCK_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
_PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_OVERLOADED = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'


def text_event(text: str) -> bytes:
    """Return one event of an Anthropic stream with text."""
    made = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}' % text.encode()
    return b"event: content_block_delta\ndata: " + made + b"\n\n"


_MESSAGE_STOP = (
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
    b'"usage":{"output_tokens":2}}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
)


@dataclass(frozen=True)
class Words:
    """What a provider of one dialect says: *empty* events say nothing, *broken* is an error inside a stream."""

    empty: bytes
    broken: bytes
    content: bytes
    whole: bytes
    streamed: bytes


WORDS: dict[Dialect, Words] = {
    "openai": Words(_ROLE, _ERROR_CHUNK, delta(), plain(completion()), stream(_ROLE, delta(), delta("b"), DONE)),
    "anthropic": Words(
        _MESSAGE_START + _PING + _BLOCK_START,
        _OVERLOADED,
        text_event("a"),
        plain(answer_message()),
        stream(_MESSAGE_START, _BLOCK_START, text_event("a"), text_event("b"), *_MESSAGE_STOP),
    ),
}


def status(line: str, *fields: str) -> Step:
    return send(plain(_ERROR, *fields, status=line))


# Of requests of every kind.
FAILURES: dict[str, tuple[Step, ...]] = {
    "reset": (reset,),
    "closed": (close,),
    "garbage": (send(b"SSH-2.0-OpenSSH_9.2\r\n"), fence, close),
    "bad head": (send(b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n"), close),
    "half a head": (send(b"HTTP/1.1 200 OK\r\nContent-Type: appl"), fence, close),
    "only a head": (send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"), fence, close),
    "silence": (stall,),
    "status 500": (status("500 Internal Server Error"),),
    "status 502": (status("502 Bad Gateway"),),
    "status 503": (status("503 Service Unavailable"),),
    "status 529": (status("529 Overloaded"),),
    "status 429": (status("429 Too Many Requests", "Retry-After: 30"),),
    "status 408": (status("408 Request Timeout"),),
    "status 401": (status("401 Unauthorized"),),
    "status 403": (status("403 Forbidden"),),
    "half an error": (send(plain(_ERROR, status="500 Internal Server Error")[:-9]), fence, close),
}
WHOLE_FAILURES: dict[str, tuple[Step, ...]] = {
    "half an answer": (send(plain(completion())[:-20]), fence, close),
    "half a JSON": (send(plain(completion()[:-20])),),
}


def stream_failures(dialect: Dialect) -> dict[str, tuple[Step, ...]]:
    """Return ways in which a stream fails before it says anything."""
    words = WORDS[dialect]
    begun = STREAM_HEAD + chunk(words.empty)
    return {
        "no event": (send(STREAM_HEAD + LAST_CHUNK),),
        "empty events, then the end": (send(begun), fence, close),
        "empty events, then reset": (send(begun), fence, reset),
        "empty events, then wrong bytes": (send(begun + b"xyz\r\n"),),
        "empty events, then a clean end": (send(begun + LAST_CHUNK),),
        "empty events, then silence": (send(begun), stall),
        "an error event": (send(STREAM_HEAD + chunk(words.broken) + LAST_CHUNK),),
        "empty events, then an error event": (send(begun), fence, send(chunk(words.broken) + LAST_CHUNK)),
        "a comment, then the end": (send(STREAM_HEAD + chunk(b": PROCESSING\n\n")), fence, close),
        "half of the first content": (send(begun + chunk(words.content)[:-12]), fence, close),
    }
