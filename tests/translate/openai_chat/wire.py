"""What the tests of this dialect share: bodies, targets, and streams cut into events."""

from pathlib import Path
from typing import Any

import orjson
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.completion import Completion

from fastgate.providers.provider import Quirks
from fastgate.translate import openai_chat
from fastgate.translate.answer import ChatAnswer, Choice
from fastgate.translate.conversation import ChatRequest, Part, Text, Turn
from fastgate.translate.events import Event
from fastgate.translate.losses import Losses
from fastgate.translate.target import Asked, Naming, Target

CASES = Path(__file__).parents[2] / "cases" / "translate" / "openai_chat"
RECORDED = Path(__file__).parents[2] / "cases" / "openai"
NAMING = Naming(model="gpt-x", seed="s33d", now=1700000000)
DONE = b"data: [DONE]\n\n"


def target(**quirks: Any) -> Target:
    return Target(model="up-1", dialect="openai_chat", quirks=Quirks(**quirks))


def losses(*, drop_params: bool = False, allowed: tuple[str, ...] = ()) -> Losses:
    return Losses("openai_chat", drop_params=drop_params, allowed=frozenset(allowed))


def chat(*messages: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"model": "gpt-x", "messages": list(messages) or [{"role": "user", "content": "hi"}], **members}


def parsed(*messages: dict[str, Any], **members: Any) -> ChatRequest:
    return openai_chat.parse_request(chat(*messages, **members), "chat")


def asking(*parts: Part, **members: Any) -> ChatRequest:
    """Return a request of another dialect's caller."""
    said: list[Any] = list(parts) or [Text(text="hi")]
    return ChatRequest(**{"turns": [Turn(role="user", parts=said)], "dialect": "anthropic_messages", **members})


def built(request: ChatRequest, quirks: dict[str, Any] | None = None, lost: Losses | None = None) -> dict[str, Any]:
    return openai_chat.build_request(request, target(**(quirks or {})), lost or losses())[0]


def messages(*turns: Turn, quirks: dict[str, Any] | None = None, lost: Losses | None = None, **members: Any) -> list[dict[str, Any]]:
    return list(built(asking(turns=list(turns), **members), quirks, lost)["messages"])


def assistant(*parts: Any) -> Turn:
    return Turn(role="assistant", parts=list(parts))


def user(*parts: Any) -> Turn:
    return Turn(role="user", parts=list(parts))


def results(*parts: Any) -> Turn:
    return Turn(role="tool", parts=list(parts))


def answer_of(*parts: Part, **members: Any) -> ChatAnswer:
    finish = members.pop("finish", "stop")
    raw_finish = members.pop("raw_finish", "")
    return ChatAnswer(choices=[Choice(parts=list(parts), finish=finish, raw_finish=raw_finish)], **members)


def written(answer: ChatAnswer, request: ChatRequest | None = None) -> dict[str, Any]:
    """Return a built answer, after the official SDK's types have accepted it."""
    request = request or asking()
    body = openai_chat.build_answer(answer, request, NAMING)
    (Completion if request.operation == "text_completion" else ChatCompletion).model_validate_json(body)
    value: dict[str, Any] = orjson.loads(body)
    return value


def message_of(answer: ChatAnswer, request: ChatRequest | None = None) -> dict[str, Any]:
    message: dict[str, Any] = written(answer, request)["choices"][0]["message"]
    return message


def read(value: dict[str, Any], quirks: dict[str, Any] | None = None, asked: Asked | None = None) -> ChatAnswer:
    return openai_chat.parse_answer(orjson.dumps(value), target(**(quirks or {})), asked or Asked())


def completion(message: dict[str, Any], finish: str = "stop", **members: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion", "created": 5, "model": "up-1", "choices": [choice], **members}


def delta(finish: str | None = None, index: int = 0, **members: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": members, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 5, "model": "up-1", "choices": [choice]}


def heard(*chunks: dict[str, Any], quirks: dict[str, Any] | None = None, asked: Asked | None = None, done: bool = True) -> list[Event]:
    """Return the events of a stream, without its start; the stream is complete if *done*."""
    parser = openai_chat.stream_parser(target(**(quirks or {})), asked or Asked())
    events = [event for chunk in chunks for event in parser.feed(orjson.dumps(chunk))]
    if done:
        events += parser.feed(b"[DONE]")
    return [event for event in events if type(event).__name__ != "Start"]


def heard_file(path: Path, **quirks: Any) -> list[Event]:
    parser = openai_chat.stream_parser(target(**quirks), Asked())
    events = [event for block in path.read_bytes().split(b"\n\n") if block.strip() for event in parser.feed(block.removeprefix(b"data: "))]
    events += parser.close()
    assert parser.ended
    return events


def told(*events: Event, request: ChatRequest | None = None) -> bytes:
    """Return the bytes of a complete stream."""
    builder = openai_chat.stream_builder(request or asking(include_usage=False), NAMING)
    return b"".join(builder.add(event) for event in events) + builder.end()


def chunks_of(stream: bytes) -> list[dict[str, Any]]:
    """Return the chunks of a complete chat stream, after the official SDK's types have accepted each."""
    blocks = stream.split(b"\n\n")
    assert blocks[-2:] == [b"data: [DONE]", b""]
    chunks = []
    for block in blocks[:-2]:
        assert block.startswith(b"data: {")
        ChatCompletionChunk.model_validate_json(block[6:])
        chunks.append(orjson.loads(block[6:]))
    return chunks


def deltas_of(stream: bytes) -> list[dict[str, Any]]:
    """Return the deltas behind the one that tells the role, up to the one that ends the choice."""
    deltas = [choice["delta"] for chunk in chunks_of(stream) for choice in chunk["choices"]]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert deltas[-1] == {}
    return deltas[1:-1]
