"""Agent loops: a call, its result, the answer; what a provider needs of its own earlier turn comes back to it unchanged."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pytest
from google.genai import types

from tests.support.upstream import Upstream
from tests.translate.bedrock.converse import check as check_converse
from tests.translate.gateway.callers import FUNCTIONS, Sdks, read_completion, read_contents, read_lines, read_message, read_response
from tests.translate.gateway.providers import PROVIDERS
from tests.translate.gateway.said import CALLS, SIGNATURE, TEXT, THOUGHT, Provider

RESULTS = ("12 degrees", '{"time": "10:00"}')
OWN = {"chat": "openai_chat", "messages": "anthropic_messages", "gemini": "gemini", "ollama": "ollama"}


def _chat(sdks: Sdks, model: str, stream: bool) -> str:
    tools: Any = [{"type": "function", "function": {"name": name, "parameters": schema}} for name, _, schema in FUNCTIONS]
    messages: Any = [{"role": "user", "content": "hi"}]
    asked: dict[str, Any] = {"model": model, "tools": tools, "reasoning_effort": "medium", "max_completion_tokens": 8000}
    if stream:
        with sdks.openai.chat.completions.stream(messages=messages, **asked, stream_options={"include_usage": True}) as events:
            for _ in events:
                pass
            answer: Any = events.current_completion_snapshot
    else:
        answer = sdks.openai.chat.completions.create(messages=messages, **asked)
    seen = read_completion(answer)
    assert seen.calls == CALLS
    messages.append(answer.choices[0].message.to_dict())
    messages += [{"role": "tool", "tool_call_id": call_id, "content": result} for call_id, result in zip(seen.ids, RESULTS, strict=True)]
    return read_completion(sdks.openai.chat.completions.create(messages=messages, **asked)).text


def _responses(sdks: Sdks, model: str, stream: bool) -> str:
    tools: Any = [{"type": "function", "name": name, "parameters": schema, "strict": False} for name, _, schema in FUNCTIONS]
    given: Any = [{"role": "user", "content": "hi"}]
    asked: dict[str, Any] = {
        "model": model,
        "tools": tools,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "medium", "summary": "auto"},
        "max_output_tokens": 8000,
    }
    if stream:
        with sdks.openai.responses.stream(input=given, **asked) as events:
            answer: Any = events.get_final_response()
    else:
        answer = sdks.openai.responses.create(input=given, **asked)
    seen = read_response(answer)
    assert seen.calls == CALLS
    given += [item.to_dict() for item in answer.output]
    given += [
        {"type": "function_call_output", "call_id": call_id, "output": result} for call_id, result in zip(seen.ids, RESULTS, strict=True)
    ]
    for item in given:
        item.pop("parsed_arguments", None)
    return read_response(sdks.openai.responses.create(input=given, **asked)).text


def _messages(sdks: Sdks, model: str, stream: bool) -> str:
    tools: Any = [{"name": name, "input_schema": schema} for name, _, schema in FUNCTIONS]
    messages: Any = [{"role": "user", "content": "hi"}]
    asked: dict[str, Any] = {
        "model": model,
        "tools": tools,
        "max_tokens": 8000,
        "thinking": {"type": "enabled", "budget_tokens": 4000},
    }
    if stream:
        with sdks.anthropic.messages.stream(messages=messages, **asked) as events:
            answer: Any = events.get_final_message()
    else:
        answer = sdks.anthropic.messages.create(messages=messages, **asked)
    seen = read_message(answer)
    assert seen.calls == CALLS
    messages.append({"role": "assistant", "content": [block.to_dict() for block in answer.content]})
    results = [
        {"type": "tool_result", "tool_use_id": call_id, "content": result} for call_id, result in zip(seen.ids, RESULTS, strict=True)
    ]
    messages.append({"role": "user", "content": results})
    return read_message(sdks.anthropic.messages.create(messages=messages, **asked)).text


def _gemini(sdks: Sdks, model: str, stream: bool) -> str:
    declared = [{"name": name, "parameters_json_schema": schema} for name, _, schema in FUNCTIONS]
    config: Any = {
        "tools": [{"function_declarations": declared}],
        "automatic_function_calling": {"disable": True},
        "thinking_config": {"include_thoughts": True, "thinking_budget": 4000},
        "max_output_tokens": 8000,
    }
    contents: Any = [types.Content(role="user", parts=[types.Part(text="hi")])]
    if stream:
        chunks: Any = list(sdks.genai.models.generate_content_stream(model=model, contents=contents, config=config))
    else:
        chunks = [sdks.genai.models.generate_content(model=model, contents=contents, config=config)]
    seen = read_contents(chunks)
    assert seen.calls == CALLS
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or []]
    contents.append(types.Content(role="model", parts=parts))
    answered = [
        types.Part(function_response=types.FunctionResponse(id=call_id, name=name, response={"output": result}))
        for call_id, (name, _), result in zip(seen.ids, CALLS, RESULTS, strict=True)
    ]
    contents.append(types.Content(role="user", parts=answered))
    return read_contents([sdks.genai.models.generate_content(model=model, contents=contents, config=config)]).text


def _ollama(sdks: Sdks, model: str, stream: bool) -> str:
    tools: Any = [{"type": "function", "function": {"name": name, "parameters": schema}} for name, _, schema in FUNCTIONS]
    messages: Any = [{"role": "user", "content": "hi"}]
    options = {"num_predict": 8000}
    lines: Any = sdks.ollama.chat(model=model, messages=messages, tools=tools, think=True, stream=stream, options=options)
    lines = list(lines) if stream else [lines]
    assert read_lines(lines).calls == CALLS
    calls = [call.model_dump() for line in lines for call in line.message.tool_calls or []]
    thinking = "".join(line.message.thinking or "" for line in lines)
    messages.append({"role": "assistant", "content": "", "thinking": thinking, "tool_calls": calls})
    messages += [{"role": "tool", "tool_name": name, "content": result} for (name, _), result in zip(CALLS, RESULTS, strict=True)]
    return read_lines([sdks.ollama.chat(model=model, messages=messages, tools=tools, think=True, options=options)]).text


LOOPS: Mapping[str, Callable[[Sdks, str, bool], str]] = {
    "chat": _chat,
    "responses": _responses,
    "messages": _messages,
    "gemini": _gemini,
    "ollama": _ollama,
}
# Callers whose dialect has no place for a signature.
UNSIGNED = frozenset({"ollama"})
PAIRS = [(caller, provider) for caller in LOOPS for provider in PROVIDERS if OWN.get(caller) != provider.dialect]


def name(value: object) -> str | None:
    return value.dialect if isinstance(value, Provider) else None


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("caller", "provider"), PAIRS, ids=name)
def test_an_agent_gets_from_a_call_over_its_result_to_the_answer(
    caller: str, provider: Provider, stream: bool, sdks: Sdks, upstream: Upstream
) -> None:
    answers = [provider.whole("text"), provider.stream("agent") if stream else provider.whole("agent")]
    upstream.serve(lambda peer: peer.send(answers.pop()))
    assert LOOPS[caller](sdks, provider.name, stream) == TEXT
    body = orjson.loads(upstream.requests[1].body)
    CHECKS[provider.dialect](body, caller not in UNSIGNED)


# Bedrock serves Claude, whose signatures are good everywhere (docs/en/build-with-claude/extended-thinking, 2026-11-24).
@pytest.mark.parametrize("provider", [one for one in PROVIDERS if one.dialect in ("gemini", "ollama", "cohere")], ids=name)
def test_signatures_of_another_provider_are_not_shown_to_one(provider: Provider, sdks: Sdks, upstream: Upstream) -> None:
    claude = next(one for one in PROVIDERS if one.dialect == "anthropic_messages")
    answers = [provider.whole("text"), claude.whole("agent")]
    upstream.serve(lambda peer: peer.send(answers.pop()))
    first = sdks.openai.chat.completions.create(model=claude.name, messages=[{"role": "user", "content": "hi"}])
    seen = read_completion(first)
    messages: Any = [
        {"role": "user", "content": "hi"},
        first.choices[0].message.to_dict(),
        *({"role": "tool", "tool_call_id": call_id, "content": result} for call_id, result in zip(seen.ids, RESULTS, strict=True)),
    ]
    assert read_completion(sdks.openai.chat.completions.create(model=provider.name, messages=messages)).text == TEXT
    sent = upstream.requests[1].body.decode()
    assert SIGNATURE not in sent
    assert THOUGHT not in sent


def _arguments(calls: list[tuple[str, Any]]) -> None:
    assert [(name, orjson.loads(value) if isinstance(value, str) else value) for name, value in calls] == CALLS


def _check_chat(body: dict[str, Any], signed: bool) -> None:
    user, assistant, *results = body["messages"]
    assert user["content"] == "hi"
    _arguments([(call["function"]["name"], call["function"]["arguments"]) for call in assistant["tool_calls"]])
    assert [result["tool_call_id"] for result in results] == [call["id"] for call in assistant["tool_calls"]]
    assert [result["role"] for result in results] == ["tool", "tool"]
    assert RESULTS[0] in results[0]["content"]
    assert not {"thinking_blocks", "signature"} & set(assistant)


def _check_messages(body: dict[str, Any], signed: bool) -> None:
    _, assistant, results = body["messages"]
    blocks = assistant["content"]
    if signed:
        assert blocks[0] == {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}
        assert body["thinking"]["type"] == "enabled"
    calls = [block for block in blocks if block["type"] == "tool_use"]
    _arguments([(call["name"], call["input"]) for call in calls])
    assert [block["type"] for block in results["content"]] == ["tool_result", "tool_result"]
    assert [block["tool_use_id"] for block in results["content"]] == [call["id"] for call in calls]


def _check_gemini(body: dict[str, Any], signed: bool) -> None:
    _, model, results = body["contents"]
    calls = [part for part in model["parts"] if "functionCall" in part]
    _arguments([(call["functionCall"]["name"], call["functionCall"]["args"]) for call in calls])
    # Gemini 2.5 does not insist on it.
    assert calls[0].get("thoughtSignature") == (SIGNATURE if signed else None)
    assert [part["functionResponse"]["name"] for part in results["parts"]] == [name for name, _ in CALLS]
    assert all(isinstance(part["functionResponse"]["response"], dict) for part in results["parts"])


def _check_ollama(body: dict[str, Any], signed: bool) -> None:
    _, assistant, *results = body["messages"]
    _arguments([(call["function"]["name"], call["function"]["arguments"]) for call in assistant["tool_calls"]])
    assert [result["tool_name"] for result in results] == [name for name, _ in CALLS]
    assert assistant["thinking"] == THOUGHT


def _check_bedrock(body: dict[str, Any], signed: bool) -> None:
    check_converse(body)
    _, assistant, results = body["messages"]
    if signed:
        assert assistant["content"][0] == {"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": SIGNATURE}}}
    calls = [block["toolUse"] for block in assistant["content"] if "toolUse" in block]
    _arguments([(call["name"], call["input"]) for call in calls])
    assert [block["toolResult"]["toolUseId"] for block in results["content"]] == [call["toolUseId"] for call in calls]


def _check_cohere(body: dict[str, Any], signed: bool) -> None:
    _, assistant, *results = body["messages"]
    _arguments([(call["function"]["name"], call["function"]["arguments"]) for call in assistant["tool_calls"]])
    assert [result["tool_call_id"] for result in results] == [call["id"] for call in assistant["tool_calls"]]


CHECKS: Mapping[str, Callable[[dict[str, Any], bool], None]] = {
    "openai_chat": _check_chat,
    "anthropic_messages": _check_messages,
    "gemini": _check_gemini,
    "ollama": _check_ollama,
    "bedrock": _check_bedrock,
    "cohere": _check_cohere,
}
