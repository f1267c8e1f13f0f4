"""Coding agents at every provider: their first turns as they send them."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anthropic.types
import cohere
import ollama
import openai.types.chat
import orjson
import pytest
from google.genai import types
from pydantic import TypeAdapter

from tests.support.gateway import Gateway
from tests.support.upstream import Upstream, send
from tests.support.wire import Response, request
from tests.translate.bedrock.converse import check as check_converse
from tests.translate.gateway.callers import Sdks, read_response
from tests.translate.gateway.providers import PROVIDERS
from tests.translate.gateway.responses import RESPONSES
from tests.translate.gateway.said import CALLS, PATCH, Provider

AGENTS = Path(__file__).parents[2] / "cases" / "agents"
# Agent -> target, fields beside those of every request.
TARGETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "claude_code": (
        "/v1/messages?beta=true",
        (
            "anthropic-version: 2023-06-01",
            "anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,effort-2025-11-24",
            "anthropic-dangerous-direct-browser-access: true",
            "x-app: cli",
        ),
    ),
    "codex": ("/v1/responses", ("originator: codex_cli_rs", "session_id: 019ab0c1", "accept: text/event-stream")),
    "opencode": ("/v1/chat/completions", ()),
    "qwen_code": ("/v1/chat/completions", ("x-dashscope-cachecontrol: enable",)),
    "gemini_cli": ("/v1beta/models/MODEL:streamGenerateContent?alt=sse", ("x-goog-api-client: google-genai-sdk/1.30.0 gl-node/v20",)),
    "goose_ollama": ("/api/chat", ()),
}
OWN = {
    "codex": "openai_responses",
    "claude_code": "anthropic_messages",
    "opencode": "openai_chat",
    "qwen_code": "openai_chat",
    "gemini_cli": "gemini",
    "goose_ollama": "ollama",
}
PAIRS = [(agent, provider) for agent in TARGETS for provider in PROVIDERS if OWN[agent] != provider.dialect]


def name(value: object) -> str | None:
    return value.dialect if isinstance(value, Provider) else None


def body_of(agent: str, model: str) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads((AGENTS / f"{agent}.json").read_bytes())
    if "model" in body:
        body["model"] = model
    return body


def ask(gateway: Gateway, agent: str, provider: Provider, **changed: object) -> Response:
    target, fields = TARGETS[agent]
    body = body_of(agent, provider.name) | changed
    with gateway.client() as client:
        return client.exchange(request(target.replace("MODEL", provider.name), orjson.dumps(body), *fields))


@pytest.mark.parametrize(("agent", "provider"), PAIRS, ids=name)
def test_an_agents_first_turn_works_at_every_provider(agent: str, provider: Provider, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(provider.stream("tools")))
    # Codex' own search of the web is no part of what every provider has.
    more = {"drop_params": True} if agent == "codex" else {}
    answer = ask(gateway, agent, provider, **more)
    assert answer.status == 200, answer.body
    for tool, _ in CALLS:
        assert tool.encode() in answer.body
    body = orjson.loads(upstream.request().body)
    VALID[provider.dialect](body)
    for text in TEXTS_OF[agent]:
        assert text in upstream.request().body.decode()
    warnings = (answer.field("x-fastgate-warnings") or b"").decode()
    assert sorted(filter(None, warnings.split("; "))) == sorted(WARNINGS[agent][provider.dialect].split())


# Compatible servers, of which the provider of chat completions is one here, are asked in other words.
RELAYED = [
    (agent, provider)
    for agent in TARGETS
    for provider in (*PROVIDERS, RESPONSES)
    if OWN[agent] == provider.dialect and provider.dialect != "openai_chat"
]


@pytest.mark.parametrize(("agent", "provider"), RELAYED, ids=name)
def test_an_agents_first_turn_is_relayed_where_the_provider_speaks_its_dialect(
    agent: str, provider: Provider, gateway: Gateway, upstream: Upstream
) -> None:
    kind = "patch" if agent == "codex" else "tools"
    upstream.serve(send(provider.stream(kind)))
    answer = ask(gateway, agent, provider)
    assert answer.status == 200, answer.body
    assert answer.body == re.sub(rb'"model":"[^"]*"', b'"model":"%b"' % provider.name.encode(), b"".join(provider.streams[kind]))
    assert answer.field("x-fastgate-warnings") is None
    sent = upstream.request()
    assert sent.target.decode().partition("?")[0] == provider.paths[1].partition("?")[0]
    said = body_of(agent, provider.name)
    model = str(provider.params["model"]).rpartition("/")[2]
    assert orjson.loads(sent.body) == (said | {"model": model} if "model" in said else said)


# What must reach the provider.
TEXTS_OF: Mapping[str, tuple[str, ...]] = {
    "claude_code": ("You are Claude Code", "rename a.py to b.py", "TodoWrite", "mcp__github__create_issue", "old_string"),
    "codex": ("You are Codex", "Filesystem sandboxing", "rename a.py to b.py", "apply_patch", "exec_command", "FREEFORM"),
    "opencode": ("You are opencode", "rename a.py to b.py", "todowrite"),
    "qwen_code": ("You are Qwen Code", "rename a.py to b.py", "todowrite"),
    "gemini_cli": ("interactive CLI agent", "setting up the context", "rename a.py to b.py", "expected_replacements"),
    "goose_ollama": ("You are Goose", "rename a.py to b.py", "shell"),
}
WARNINGS: Mapping[str, Mapping[str, str]] = {
    "claude_code": {
        "openai_chat": "drop:cache_control drop:context_management",
        "gemini": "drop:cache_control drop:user drop:context_management",
        "ollama": "drop:user drop:context_management",
        "bedrock": "clamp:thinking=enabled drop:user drop:context_management",
        "cohere": "drop:cache_control drop:user drop:context_management",
    },
    "codex": {
        "openai_chat": "emulate:tools.custom drop:tools[5] drop:client_metadata drop:prompt_cache_key",
        "anthropic_messages": "emulate:tools.custom drop:tools.web_search "
        "drop:verbosity drop:prompt_cache_key drop:client_metadata",
        "gemini": "emulate:tools.custom drop:tools.web_search drop:prompt_cache_key drop:client_metadata drop:verbosity",
        "ollama": "emulate:tools.custom drop:tools.web_search drop:verbosity drop:prompt_cache_key drop:client_metadata",
        "bedrock": "emulate:tools.custom drop:tools.web_search drop:verbosity drop:prompt_cache_key drop:client_metadata",
        "cohere": "emulate:tools.custom drop:tools.web_search drop:verbosity drop:prompt_cache_key drop:client_metadata",
    },
    "opencode": {
        "anthropic_messages": "drop:temperature drop:prompt_cache_key",
        "gemini": "drop:prompt_cache_key",
        "ollama": "drop:prompt_cache_key",
        "bedrock": "drop:temperature drop:prompt_cache_key",
        "cohere": "clamp:top_p=0.99 drop:prompt_cache_key",
    },
    "qwen_code": {
        "anthropic_messages": "drop:metadata",
        "gemini": "drop:cache_control drop:metadata",
        "ollama": "drop:metadata",
        "bedrock": "drop:metadata",
        "cohere": "drop:cache_control drop:metadata",
    },
    "gemini_cli": {
        "openai_chat": "drop:top_k emulate:thinking.budget_tokens drop:safetySettings",
        "anthropic_messages": "drop:top_k drop:safetySettings",
        "ollama": "clamp:thinking.budget_tokens=high drop:safetySettings",
        "bedrock": "drop:top_p drop:top_k drop:safetySettings",
        "cohere": "drop:safetySettings",
    },
    "goose_ollama": {
        "openai_chat": "drop:keep_alive drop:num_ctx drop:repeat_penalty drop:num_gpu",
        "anthropic_messages": "clamp:reasoning=2048 drop:temperature drop:keep_alive drop:num_ctx drop:repeat_penalty drop:num_gpu",
        "gemini": "drop:keep_alive drop:num_ctx drop:repeat_penalty drop:num_gpu",
        "bedrock": "clamp:thinking=enabled drop:temperature drop:keep_alive drop:num_ctx drop:repeat_penalty drop:num_gpu",
        "cohere": "drop:keep_alive drop:num_ctx drop:repeat_penalty drop:num_gpu",
    },
}


def _valid(kind: Any) -> Callable[[dict[str, Any]], None]:
    adapter = TypeAdapter(kind)

    def check(body: dict[str, Any]) -> None:
        adapter.validate_python(body)
        assert set(body) <= {*kind.__annotations__, "stream", "temperature", "top_p", "top_k"}

    return check


def _valid_contents(body: dict[str, Any]) -> None:
    for content in body["contents"]:
        types.Content.model_validate(content)
    types.Content.model_validate(body["systemInstruction"])
    for tool in body["tools"]:
        types.Tool.model_validate(tool)
    types.GenerationConfig.model_validate(body.get("generationConfig", {}))
    assert set(body) <= {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig"}


def _valid_ollama(body: dict[str, Any]) -> None:
    ollama._types.ChatRequest.model_validate(body)
    assert set(body) <= {"model", "messages", "tools", "think", "options", "stream", "format", "keep_alive"}
    assert set(body.get("options", {})) <= set(ollama.Options.model_fields)


def _valid_cohere(body: dict[str, Any]) -> None:
    assert set(body) <= {
        "model",
        "messages",
        "tools",
        "tool_choice",
        "stream",
        "max_tokens",
        "temperature",
        "p",
        "k",
        "thinking",
        "stop_sequences",
    }
    for message in body["messages"]:
        assert message["role"] in ("system", "user", "assistant", "tool")
    for tool in body["tools"]:
        cohere.ToolV2.model_validate(tool)


VALID: Mapping[str, Callable[[dict[str, Any]], None]] = {
    "openai_chat": _valid(openai.types.chat.completion_create_params.CompletionCreateParamsBase),
    "anthropic_messages": _valid(anthropic.types.message_create_params.MessageCreateParamsBase),
    "gemini": _valid_contents,
    "ollama": _valid_ollama,
    "bedrock": check_converse,
    "cohere": _valid_cohere,
}


@pytest.mark.parametrize("provider", PROVIDERS, ids=name)
def test_codex_search_of_the_web_is_refused_by_name(provider: Provider, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve()
    answer = ask(gateway, "codex", provider)
    assert answer.status == 400
    assert "web_search" in str(answer.error()["message"])
    assert not upstream.requests


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("provider", PROVIDERS, ids=name)
def test_codex_patches_come_back_as_free_text(provider: Provider, stream: bool, sdks: Sdks, upstream: Upstream) -> None:
    upstream.serve(send(provider.stream("patch") if stream else provider.whole("patch")))
    body = body_of("codex", provider.name) | {"extra_body": {"drop_params": True}}
    del body["stream"], body["client_metadata"]
    if stream:
        deltas = []
        with sdks.openai.responses.stream(**body) as events:
            for event in events:
                if event.type == "response.custom_tool_call_input.delta":
                    deltas.append(event.delta)
                elif event.type == "response.completed":
                    seen = read_response(event.response)
        assert "".join(deltas) == PATCH
    else:
        seen = read_response(sdks.openai.responses.create(**body))
    assert seen.calls == [("apply_patch", PATCH)]
    # The call and its result go back as a function's.
    upstream.serve(send(provider.whole("text")))
    body["input"] = [
        *body["input"],
        {"type": "custom_tool_call", "call_id": seen.ids[0], "name": "apply_patch", "input": PATCH},
        {"type": "custom_tool_call_output", "call_id": seen.ids[0], "output": "Done!"},
    ]
    assert sdks.openai.responses.create(**body).output_text
    sent = upstream.request().body.decode()
    assert "Begin Patch" in sent
    assert "Done!" in sent
    VALID[provider.dialect](orjson.loads(sent))
    assert '"custom' not in sent
