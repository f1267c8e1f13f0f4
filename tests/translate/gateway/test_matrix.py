"""Every caller's dialect at every provider's: the official SDKs read what a provider said as if it were their own."""

from collections.abc import Iterator

import orjson
import pytest

from tests.support.gateway import MASTER_KEY
from tests.support.upstream import Request, Upstream, send
from tests.translate.gateway.callers import CALLERS, FUNCTIONS, MAX_TOKENS, PLAIN_CALLERS, THOUGHTLESS_CALLERS, UNCACHED_CALLERS, Sdks, Seen
from tests.translate.gateway.providers import PROVIDERS
from tests.translate.gateway.responses import RESPONSES
from tests.translate.gateway.said import CALLS, FINISH, KINDS, TEXT, THOUGHT, Provider

# Callers whose own dialect a provider speaks: their bytes are relayed.
OWN = {
    "chat": "openai_chat",
    "responses": "openai_responses",
    "completions": "openai_chat",
    "messages": "anthropic_messages",
    "gemini": "gemini",
    "ollama": "ollama",
    "generate": "ollama",
}
# Relayed to a path of their own, which no provider here answers: completions and /api/generate.
LEGACY = frozenset({"completions", "generate"})
# Ollama's done_reason knows no filter.
NO_FILTER = frozenset({"ollama", "generate"})


def pairs(relayed: bool) -> Iterator[tuple[str, Provider, str]]:
    for caller in CALLERS:
        for provider in (*PROVIDERS, RESPONSES):
            if (OWN.get(caller) == provider.dialect) == relayed and not (relayed and caller in LEGACY):
                for kind in KINDS:
                    if kind in provider.answers and not (kind == "tools" and caller in PLAIN_CALLERS):
                        yield caller, provider, kind


def name(value: object) -> str | None:
    return value.dialect if isinstance(value, Provider) else None


RELAYED = pytest.mark.parametrize(("caller", "provider", "kind"), list(pairs(True)), ids=name)
TRANSLATED = pytest.mark.parametrize(("caller", "provider", "kind"), list(pairs(False)), ids=name)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@TRANSLATED
def test_an_sdk_reads_what_a_provider_of_another_dialect_said(
    caller: str, provider: Provider, kind: str, stream: bool, sdks: Sdks, upstream: Upstream
) -> None:
    upstream.serve(send(provider.stream(kind) if stream else provider.whole(kind)))
    seen = CALLERS[caller](sdks, provider.name, stream, kind == "tools")
    check_seen(seen, caller, provider, kind)
    check_sent(upstream.request(), provider, stream, kind == "tools")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@RELAYED
def test_an_sdk_reads_what_a_provider_of_its_own_dialect_said(
    caller: str, provider: Provider, kind: str, stream: bool, sdks: Sdks, upstream: Upstream
) -> None:
    upstream.serve(send(provider.stream(kind) if stream else provider.whole(kind)))
    seen = CALLERS[caller](sdks, provider.name, stream, kind == "tools")
    if caller == "gemini":
        # Google gives calls no ids, and its modelVersion is told as it came.
        seen.model, seen.ids = provider.name, []
    check_seen(seen, caller, provider, kind)
    check_sent(upstream.request(), provider, stream, kind == "tools")


def check_seen(seen: Seen, caller: str, provider: Provider, kind: str) -> None:
    assert seen.text == TEXT
    assert seen.thinking == (THOUGHT if kind == "reasoning" and caller not in THOUGHTLESS_CALLERS else "")
    assert seen.calls == (CALLS if kind == "tools" else [])
    assert len(set(seen.ids)) == len(seen.ids)
    assert all(seen.ids)
    assert seen.finish == ("stop" if kind == "refused" and caller in NO_FILTER else FINISH[kind])
    assert (seen.input, seen.output) == (20, 9)
    assert seen.cached == (12 if provider.tells_cached and caller not in UNCACHED_CALLERS else 0)
    assert seen.model == provider.name


def check_sent(sent: Request, provider: Provider, stream: bool, tools: bool) -> None:
    """See to it that the provider was asked as its own clients ask it, and got nothing of the caller's key."""
    assert sent.target.decode() == provider.paths[stream]
    field, value = provider.auth
    assert sent.field(field) == value.encode()
    assert MASTER_KEY.encode() not in sent.head + sent.body
    assert sent.field("content-type") == b"application/json"
    body = orjson.loads(sent.body)
    text = sent.body.decode()
    assert "hi" in text
    assert str(MAX_TOKENS) in text
    assert all((name in text) == tools for name, _, _ in FUNCTIONS)
    CHECKS[provider.dialect](body, stream)


def _check_chat(body: dict[str, object], stream: bool) -> None:
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert body.get("stream", False) is stream
    assert body.get("stream_options") == ({"include_usage": True} if stream else None)


def _check_messages(body: dict[str, object], stream: bool) -> None:
    assert body["model"] == "claude-sonnet-4-5"
    assert body["messages"] in (
        [{"role": "user", "content": "hi"}],
        [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    )
    assert body.get("stream", False) is stream


def _check_gemini(body: dict[str, object], stream: bool) -> None:
    assert body["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]
    assert not {"model", "stream", "messages"} & set(body)


def _check_ollama(body: dict[str, object], stream: bool) -> None:
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert body["stream"] is stream


def _check_bedrock(body: dict[str, object], stream: bool) -> None:
    assert body["messages"] == [{"role": "user", "content": [{"text": "hi"}]}]
    assert not {"model", "stream"} & set(body)


def _check_cohere(body: dict[str, object], stream: bool) -> None:
    assert body["messages"] in ([{"role": "user", "content": "hi"}], [{"role": "user", "content": [{"type": "text", "text": "hi"}]}])
    assert body.get("stream", False) is stream


def _check_responses(body: dict[str, object], stream: bool) -> None:
    assert body["model"] == "gpt-5"
    assert body["input"] in ("hi", [{"type": "message", "role": "user", "content": "hi"}])
    assert body.get("stream", False) is stream


CHECKS = {
    "openai_responses": _check_responses,
    "openai_chat": _check_chat,
    "anthropic_messages": _check_messages,
    "gemini": _check_gemini,
    "ollama": _check_ollama,
    "bedrock": _check_bedrock,
    "cohere": _check_cohere,
}
