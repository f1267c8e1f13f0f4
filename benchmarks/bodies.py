"""Request bodies as chat clients send them, in both dialects: JSON of an exact size, long message strings with escapes."""

from typing import Any, Literal

import orjson

MODEL = "bench"
KEY = "sk-bench-0123456789abcdef0123456789abcdef"

Turn = dict[str, Any]

_SYSTEM = 'You are a careful assistant. Answer in "plain" English.\nSay so when you do not know.\n'
_USER = (
    "Here is the file `src/parser.py`:\n\n```python\ndef parse(line: str) -> dict[str, str]:\n"
    '    """Return the fields of *line*."""\n    return dict(part.split("=", 1) for part in line.split(";"))\n```\n\n'
    'It fails on "a=1;;b=2" with: ValueError: dictionary update sequence element #1 has length 1; 2 is required.\n'
)
_MESSAGE_BYTES = 8000
# What a tool brings back: a file's lines.
_RESULT_BYTES = 2500
_TOOLS = ("find_text", "read_file", "write_file", "run_tests", "list_folder", "show_changes")


def build_body(
    size: int,
    stream: bool,
    dialect: str = "openai_chat",
    kind: Literal["chat", "agent"] = "chat",
    *,
    usage: bool = False,
    alike: bool = True,
) -> bytes:
    """Return a chat request of exactly *size* bytes for the group `bench`, `model` first; *usage* asks for it in an OpenAI stream.

    One that is not *alike* has a stop sequence that the load generator counts up.
    """
    anthropic = dialect == "anthropic_messages"
    messages: list[Turn] = [] if anthropic else [{"role": "system", "content": _SYSTEM}]
    request: dict[str, Any] = {"model": MODEL}
    if stream:
        request["stream"] = True
        if usage and not anthropic:
            request["stream_options"] = {"include_usage": True}
    if anthropic:
        request["system"] = _SYSTEM
    request["messages"] = messages
    request |= {"temperature": 0.7, "max_tokens": 1024}
    request |= {"metadata": {"user_id": "user-4711"}} if anthropic else {"user": "user-4711"}
    if not alike:
        request["stop_sequences" if anthropic else "stop"] = ["tenant-0000"]
    if kind == "agent":
        request["tools"] = [_tool(name, anthropic) for name in _TOOLS]
        messages.append({"role": "user", "content": _USER})
        while size - len(orjson.dumps(request)) > 2 * _RESULT_BYTES:
            messages.extend(_call_and_result(len(messages), anthropic))
    _fill(request, messages, size)
    padded = request if anthropic else messages[0]
    padded["system" if anthropic else "content"] += "." * (size - len(orjson.dumps(request)))
    body = orjson.dumps(request)
    assert len(body) == size
    return body


def _fill(request: dict[str, Any], messages: list[Turn], size: int) -> None:
    """Append messages of a user and an assistant as long as they fit."""
    roles = ("assistant", "user")
    while True:
        missing = size - len(orjson.dumps(request))
        if missing < 0:
            raise ValueError(f"a chat request does not fit into {size} bytes")
        empty = len(b',{"role":"assistant","content":""}')
        if missing < 2 * empty:
            return
        room = min(missing - empty, _MESSAGE_BYTES)
        said_last = messages[-1]["role"] if messages else ""
        messages.append({"role": roles[said_last != "user"], "content": _text(room)})


def _text(room: int) -> str:
    text = (_USER * (room // len(_USER) + 1))[:room]
    # Each escape takes one byte more in JSON.
    while (over := len(orjson.dumps(text)) - 2 - room) > 0:
        text = text[: -max(1, over // 2)]
    return text


def _tool(name: str, anthropic: bool) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Path of a file or folder, relative to the repository."},
            "query": {"type": "string", "description": 'What to look for; a regular expression such as "parse_.*".'},
            "limit": {"type": "integer", "minimum": 1, "description": "At most so many lines come back."},
        },
        "required": ["query"],
        "additionalProperties": False,
    }
    described = {"name": name, "description": f"Use `{name}` on the repository. Lines come back with their numbers."}
    if anthropic:
        return {**described, "input_schema": schema}
    return {"type": "function", "function": {**described, "parameters": schema}}


def _call_and_result(number: int, anthropic: bool) -> list[Turn]:
    given = {"query": f"def parse_{number}", "path": "src/parser.py", "limit": 40}
    said, name, result = "I will look at the file first.", _TOOLS[number % len(_TOOLS)], _text(_RESULT_BYTES)
    own = f"toolu_{number:024d}"
    if anthropic:
        call = {"type": "tool_use", "id": own, "name": name, "input": given}
        return [
            {"role": "assistant", "content": [{"type": "text", "text": said}, call]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": own, "content": result}]},
        ]
    call = {"id": own, "type": "function", "function": {"name": name, "arguments": orjson.dumps(given).decode()}}
    return [
        {"role": "assistant", "content": said, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": own, "content": result},
    ]
