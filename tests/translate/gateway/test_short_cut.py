"""Deltas that are copied undecoded and deltas that are read say the same."""

import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.answers import STREAM_HEAD, chunk
from tests.support.gateway import Gateway
from tests.support.upstream import Upstream, send
from tests.translate.gateway.raw import build, settled

# Words of the formats themselves, and what JSON escapes.
WORDS = (
    "content", '"', '","', '"}}', "\\", '\\"', "\n", "\r\n\r\n", "data: ", "[DONE]", "delta", "text", "null", '{"', "}", "\u2028", "é",
    "\U0001f600", "\x00", "\x1f", "\x7f", "</script>", "a", "word ", "thinking", "partial_json", "\ufeff", "\x85", "/",
)  # fmt: skip
TEXTS = st.lists(st.one_of(st.sampled_from(WORDS), st.text(st.characters(exclude_categories=["Cs"]), max_size=6)), max_size=4).map("".join)
DELTAS = st.lists(TEXTS, min_size=3, max_size=10)

Event = dict[str, Any]
FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def _chat(delta: Event, finish: str | None = None) -> Event:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": [choice]}


def _chat_stream(kind: str, texts: list[str]) -> tuple[list[Event], list[Event], list[Event]]:
    """Return what comes before the deltas, the deltas, and what comes behind."""
    start: Event = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    before: dict[str, list[Event]] = {"calls": [_chat({"tool_calls": [start]})]}
    made: dict[str, Callable[[str], Event]] = {
        "text": lambda text: {"content": text},
        "thoughts": lambda text: {"reasoning_content": text},
        "calls": lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]},
    }
    deltas = [_chat(made[kind](text)) for text in texts]
    return [_chat({"role": "assistant"}), *before.get(kind, [])], deltas, [_chat({}, "tool_calls" if kind == "calls" else "stop")]


def _message_stream(kind: str, texts: list[str]) -> tuple[list[Event], list[Event], list[Event]]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "up", "content": [], "usage": {"input_tokens": 1}}
    blocks: dict[str, tuple[Event, str, str]] = {
        "text": ({"type": "text", "text": ""}, "text_delta", "text"),
        "thoughts": ({"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking"),
        "calls": ({"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}, "input_json_delta", "partial_json"),
    }
    block, name, member = blocks[kind]
    before: list[Event] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
    ]
    deltas: list[Event] = [{"type": "content_block_delta", "index": 0, "delta": {"type": name, member: text}} for text in texts]
    stop = "tool_use" if kind == "calls" else "end_turn"
    behind: list[Event] = [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    return before, deltas, behind


STREAMS = {"up-openai": _chat_stream, "up-anthropic": _message_stream}
PAIRS = [
    *(("up-openai", caller) for caller in ("messages", "responses", "gemini", "ollama")),
    *(("up-anthropic", caller) for caller in ("chat", "responses", "gemini", "ollama")),
]


def answered(gateway: Gateway, upstream: Upstream, provider: str, caller: str, events: list[bytes]) -> bytes:
    content = b"".join(b"data: " + event + b"\n\n" for event in events)
    upstream.serve(send(STREAM_HEAD + chunk(content) + b"0\r\n\r\n"))
    with gateway.client() as client:
        answer = client.exchange(build(caller, provider, stream=True))
    assert answer.status == 200, answer.body
    return settled(answer.body)


def read_and_copied(provider: str, kind: str, texts: list[str], dumps: Callable[[Event], bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return a stream twice: its deltas alike, and each with more space than the one before, which is like no other."""
    before, deltas, behind = STREAMS[provider](kind, texts)
    alike = [dumps(event) for event in (*before, *deltas, *behind)]
    spaced = [
        event[:1] + b" " * number + event[1:] if len(before) <= number < len(before) + len(deltas) else event
        for number, event in enumerate(alike)
    ]
    return spaced, alike


@pytest.mark.parametrize("kind", ["text", "thoughts"])
@pytest.mark.parametrize(("provider", "caller"), PAIRS)
@given(texts=DELTAS)
@example(texts=["a", "b", "c", '"', "\\", 'content":"x', "\n", "\u2028", "é", "", "c"])
@FEW
def test_copied_texts_are_the_same_bytes_as_read_ones(
    provider: str, caller: str, kind: str, gateway: Gateway, upstream: Upstream, texts: list[str]
) -> None:
    spaced, alike = read_and_copied(provider, kind, texts, orjson.dumps)
    assert answered(gateway, upstream, provider, caller, alike) == answered(gateway, upstream, provider, caller, spaced)


@pytest.mark.parametrize(("provider", "caller"), PAIRS)
@given(value=st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=3), chance=st.randoms(use_true_random=False))
@FEW
def test_copied_arguments_are_the_same_bytes_as_read_ones(
    provider: str, caller: str, gateway: Gateway, upstream: Upstream, value: dict[str, str], chance: Any
) -> None:
    whole = orjson.dumps(value).decode()
    pieces: list[str] = []
    while whole:
        at = chance.randint(1, 5)
        pieces.append(whole[:at])
        whole = whole[at:]
    spaced, alike = read_and_copied(provider, "calls", pieces, orjson.dumps)
    assert answered(gateway, upstream, provider, caller, alike) == answered(gateway, upstream, provider, caller, spaced)


_SURROGATE = re.compile(r"[\ud800-\udfff]")


def escaped(event: Event) -> bytes:
    """Return JSON in ASCII: what is more is escaped, half of a pair too."""
    return orjson.dumps(_marked(event)).replace(b"\xc2\x9f", b"\\u")


def _marked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _marked(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_marked(inner) for inner in value]
    if not isinstance(value, str):
        return value
    wide = value.encode("utf-16-be", "surrogatepass")
    units = [wide[at : at + 2] for at in range(0, len(wide), 2)]
    return "".join(chr(int.from_bytes(unit)) if int.from_bytes(unit) < 128 else "\x9f" + unit.hex() for unit in units)


def said(body: bytes, caller: str) -> list[Any]:
    """Return the events of a stream, as JSON of Python's own reader is: halves of pairs are kept."""
    lines = body.split(b"\n") if caller == "ollama" else [line[5:] for line in body.split(b"\n") if line.startswith(b"data:")]
    return [read_json(line.strip()) for line in lines if line.strip() not in (b"", b"[DONE]")]


def read_json(line: bytes) -> Any:
    return orjson.loads(re.sub(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}", b"\\\\ufffd", line))


@pytest.mark.parametrize("kind", ["text", "thoughts"])
@pytest.mark.parametrize(("provider", "caller"), PAIRS)
@given(
    texts=st.lists(st.text(st.sampled_from(["é", "\U0001f600", "\ud83d", "\ude00", '"', "a", "\n"]), max_size=4), min_size=3, max_size=8)
)
@example(texts=["a", "b", "\ud83d", "\ude00", "c"])
@example(texts=["\ud83d"])
@FEW
def test_escaped_texts_are_the_same_texts_and_half_a_pair_breaks_no_stream(
    provider: str, caller: str, kind: str, gateway: Gateway, upstream: Upstream, texts: list[str]
) -> None:
    spaced, alike = read_and_copied(provider, kind, texts, escaped)
    copied = answered(gateway, upstream, provider, caller, alike)
    read = answered(gateway, upstream, provider, caller, spaced)
    assert joined(copied, caller) == joined(read, caller)


def joined(body: bytes, caller: str) -> str:
    """Return all that a stream says, whole pairs and halves alike as U+FFFD."""
    text = "".join(map(_texts, said(body, caller)))
    return re.sub("[\U00010000-\U0010ffff\ufffd]+", "\ufffd", text)


def _texts(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(_texts(inner) for name, inner in value.items() if name not in ("id", "created_at", "sequence_number"))
    if isinstance(value, list):
        return "".join(map(_texts, value))
    return value if isinstance(value, str) else ""
