"""Bytes that an upstream answers with."""

_CHUNK = b'{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"%s",'

LAST_CHUNK = b"0\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def plain(body: bytes, *fields: str, status: str = "200 OK", content_type: str = "application/json") -> bytes:
    """Return an answer with a Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def stream(*events: bytes) -> bytes:
    """Return a complete chunked SSE answer, one chunk per event."""
    return STREAM_HEAD + b"".join(map(chunk, events)) + LAST_CHUNK


def delta(text: str = "a", model: str = "up-model") -> bytes:
    """Return one event of an OpenAI chat stream."""
    choice = b'"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}' % text.encode()
    return b"data: " + _CHUNK % model.encode() + choice + b"\n\n"


def usage_event(model: str = "up-model") -> bytes:
    """Return the extra event that `include_usage` brings."""
    usage = b'"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}'
    return b"data: " + _CHUNK % model.encode() + usage + b"\n\n"


def completion(text: str = "hello", model: str = "up-model") -> bytes:
    """Return a chat completion's body."""
    made = (
        '{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"%s","choices":[{"index":0,"message":'
        '{"role":"assistant","content":"%s"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}'
    )
    return (made % (model, text)).encode()


def answer_message(text: str = "hello", model: str = "claude-up") -> bytes:
    """Return an Anthropic message's body."""
    made = (
        '{"id":"msg_1","type":"message","role":"assistant","model":"%s","content":[{"type":"text","text":"%s"}],'
        '"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2}}'
    )
    return (made % (model, text)).encode()
