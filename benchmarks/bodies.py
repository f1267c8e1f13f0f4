"""Request bodies as chat clients send them: JSON of an exact size, long message strings with escapes."""

import orjson

MODEL = "bench"
KEY = "sk-bench-0123456789abcdef0123456789abcdef"

_SYSTEM = 'You are a careful assistant. Answer in "plain" English.\nSay so when you do not know.\n'
_USER = (
    "Here is the file `src/parser.py`:\n\n```python\ndef parse(line: str) -> dict[str, str]:\n"
    '    """Return the fields of *line*."""\n    return dict(part.split("=", 1) for part in line.split(";"))\n```\n\n'
    'It fails on "a=1;;b=2" with: ValueError: dictionary update sequence element #1 has length 1; 2 is required.\n'
)
_MESSAGE_BYTES = 8000


def build_body(size: int, stream: bool) -> bytes:
    """Return a chat request of exactly *size* bytes for the group `bench`, `model` first."""
    messages: list[dict[str, str]] = [{"role": "system", "content": _SYSTEM}]
    request: dict[str, object] = {"model": MODEL}
    if stream:
        request["stream"] = True
    request["messages"] = messages
    request |= {"temperature": 0.7, "max_tokens": 1024, "user": "user-4711"}
    while True:
        missing = size - len(orjson.dumps(request))
        if missing < 0:
            raise ValueError(f"a chat request does not fit into {size} bytes")
        empty = len(b',{"role":"assistant","content":""}')
        if missing < 2 * empty:
            break
        room = min(missing - empty, _MESSAGE_BYTES)
        text = (_USER * (room // len(_USER) + 1))[:room]
        # Each escape takes one byte more in JSON.
        while (over := len(orjson.dumps(text)) - 2 - room) > 0:
            text = text[: -max(1, over // 2)]
        messages.append({"role": "user" if len(messages) % 2 else "assistant", "content": text})
    messages[0]["content"] += "." * (size - len(orjson.dumps(request)))
    body = orjson.dumps(request)
    assert len(body) == size
    return body
