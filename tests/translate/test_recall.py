"""Clients that bring no thoughts back with the results of calls: the gateway puts back what the provider wants."""

from typing import Any

import orjson
import pytest

from fastgate.translate.conversation import ChatRequest, Text, Thinking, ToolCall, Turn
from fastgate.translate.recall import CALLS_LIMIT, CHARACTERS_LIMIT, Recall
from tests.support.translated import speech, translated, translator

CLAUDE = speech("anthropic_messages", "claude-sonnet-4-5")
GEMINI = speech("gemini", "gemini-3-pro-preview")
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
QUESTION = {"role": "user", "content": "what is there?"}
FIRST = {"model": "asked", "reasoning_effort": "low", "tools": TOOLS, "messages": [QUESTION]}
THOUGHT = {"type": "thinking", "thinking": "let me look", "signature": "c2lnbmF0dXJl"}
REDACTED = {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}


def event(**members: Any) -> bytes:
    return b"data: " + orjson.dumps(members) + b"\n\n"


def answer_of_claude(stream: bool) -> list[bytes]:
    if not stream:
        call = {"type": "tool_use", "id": "toolu_7", "name": "look", "input": {}}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [THOUGHT, REDACTED, call], "stop_reason": "tool_use"}
        return [orjson.dumps(message)]
    said = [event(type="message_start", message={"id": "msg_1", "content": [], "usage": {"input_tokens": 1}})]
    said.append(event(type="content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}))
    texts = ("let", " me", " lo", "ok")
    said += [
        event(type="content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": text}) for text in texts
    ]
    said.append(event(type="content_block_delta", index=0, delta={"type": "signature_delta", "signature": THOUGHT["signature"]}))
    said.append(event(type="content_block_stop", index=0))
    said.append(event(type="content_block_start", index=1, content_block=REDACTED))
    said.append(event(type="content_block_stop", index=1))
    call = {"type": "tool_use", "id": "toolu_7", "name": "look", "input": {}}
    said.append(event(type="content_block_start", index=2, content_block=call))
    said.append(event(type="content_block_stop", index=2))
    said.append(event(type="message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 5}))
    return [*said, event(type="message_stop")]


def answer_of_gemini(stream: bool) -> list[bytes]:
    part = {"functionCall": {"name": "look", "args": {}}, "thoughtSignature": "Z2VtaW5p"}
    answer = {"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}], "responseId": "r"}
    return [event(**answer)] if stream else [orjson.dumps(answer)]


def hear(made: Any, said: bytes) -> bytes:
    """Let one event be translated as the core does: what looks like the one before is copied, and told only if that is wanted."""
    if made.shape is None or not (said.startswith(made.shape[0]) and said.endswith(made.shape[1])):
        told: bytes = made.on_event(said)
        return told
    text = said[len(made.shape[0]) : len(said) - len(made.shape[1])]
    assert made.absorbs
    made.absorb(b'"' + text + b'"')
    copied: bytes = made.shape[2] + text + made.shape[3]
    return copied


def call_of(made: Any, answer: list[bytes], stream: bool) -> dict[str, Any]:
    """Return the call that the caller of chat completions is told."""
    if not stream:
        found: dict[str, Any] = orjson.loads(made.on_answer(answer[0])[2])["choices"][0]["message"]["tool_calls"][0]
        return found
    told = b"".join(hear(made, each.removeprefix(b"data: ").strip()) for each in answer) + made.on_end()
    for line in told.split(b"\n"):
        if line.startswith(b"data: {") and (calls := orjson.loads(line[6:])["choices"][0]["delta"].get("tool_calls")):
            return {"id": calls[0]["id"], "type": "function", "function": {"name": "look", "arguments": "{}"}}
    raise AssertionError(told)


def second(call: dict[str, Any]) -> dict[str, Any]:
    """Return the next request of a client that knows calls and nothing of thoughts."""
    bare = {"id": call["id"], "type": "function", "function": {"name": "look", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "a door"}
    return {**FIRST, "messages": [QUESTION, {"role": "assistant", "content": None, "tool_calls": [bare]}, result]}


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_of_claude_stand_before_the_call_again(stream: bool) -> None:
    shared = translator()
    call = call_of(translated(shared, "openai_chat", CLAUDE, {**FIRST, "stream": stream}), answer_of_claude(stream), stream)
    for _ in range(3):
        body = orjson.loads(translated(shared, "openai_chat", CLAUDE, second(call)).body)
        assert body["messages"][1]["content"][:2] == [THOUGHT, REDACTED]
        assert body["messages"][1]["content"][2]["type"] == "tool_use"
        assert body["thinking"]["type"] == "enabled"


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_of_gemini_has_its_signature_again(stream: bool) -> None:
    shared = translator()
    call = call_of(translated(shared, "openai_chat", GEMINI, {**FIRST, "stream": stream}), answer_of_gemini(stream), stream)
    body = orjson.loads(translated(shared, "openai_chat", GEMINI, second(call)).body)
    part = body["contents"][1]["parts"][0]
    assert part["functionCall"]["name"] == "look"
    assert part["thoughtSignature"] == "Z2VtaW5p"


def test_calls_of_two_requests_are_told_apart() -> None:
    shared = translator()
    names = set()
    for number in range(2):
        made = translated(shared, "openai_chat", GEMINI, FIRST, b"request %d" % number)
        names.add(call_of(made, answer_of_gemini(False), False)["id"])
    assert len(names) == 2


def test_what_a_client_brings_back_itself_is_left_as_it_is() -> None:
    shared = translator()
    call = call_of(translated(shared, "openai_chat", CLAUDE, FIRST), answer_of_claude(False), False)
    body = second(call)
    own = {"type": "thinking", "thinking": "its own", "signature": "b3du"}
    body["messages"][1]["thinking_blocks"] = [own]
    said = orjson.loads(translated(shared, "openai_chat", CLAUDE, body).body)["messages"][1]["content"]
    assert [block["type"] for block in said] == ["thinking", "tool_use"]
    assert said[0]["thinking"] == "its own"


def request_of(call_id: str) -> ChatRequest:
    return ChatRequest(turns=[Turn(role="assistant", parts=[ToolCall(id=call_id, name="look")])])


def answered(call_id: str, text: str = "a") -> list[Any]:
    return [Text(text="x"), Thinking(text=text, signature="s", dialect="anthropic_messages"), ToolCall(id=call_id, name="look")]


def test_what_is_remembered_has_bounds() -> None:
    recall = Recall()
    for number in range(CALLS_LIMIT + 1):
        recall.keep(answered(f"call_{number}"))
    assert not recall.restore(request_of("call_0"))
    assert recall.restore(request_of("call_1"))
    recall.keep(answered("large", "a" * (CHARACTERS_LIMIT // 8)))
    assert not recall.restore(request_of("large"))
    for number in range(20):
        recall.keep(answered(f"long_{number}", "a" * (CHARACTERS_LIMIT // 10)))
    assert not recall.restore(request_of("long_0"))
    assert recall.restore(request_of("long_19"))


def test_thoughts_without_a_signature_or_a_call_are_not_remembered() -> None:
    recall = Recall()
    recall.keep([Thinking(text="a", dialect="anthropic_messages"), ToolCall(id="call_1", name="look")])
    recall.keep([Thinking(text="a", signature="s", dialect="anthropic_messages"), Text(text="b")])
    recall.keep([Thinking(text="a", signature="s", dialect="anthropic_messages"), ToolCall(id="", name="look")])
    assert not recall.restore(request_of("call_1"))
    assert not recall.restore(request_of(""))
