"""Streams between dialects: however they are cut, whatever breaks in them."""

import random
from collections.abc import Iterator

import pytest

from tests.support.answers import chunk, plain
from tests.support.gateway import Gateway
from tests.support.upstream import Peer, Step, Upstream, bytewise, close, fence, send
from tests.support.wire import Client, IncompleteResponseError, Response
from tests.translate.gateway.providers import PROVIDERS
from tests.translate.gateway.raw import RAW, build, error_of, settled, stream_error
from tests.translate.gateway.said import Provider

OWN = {
    "chat": "openai_chat",
    "completions": "openai_chat",
    "messages": "anthropic_messages",
    "gemini": "gemini",
    "gemini array": "gemini",
    "ollama": "ollama",
    "generate": "ollama",
}
PAIRS = [(caller, provider) for caller in RAW for provider in PROVIDERS if OWN.get(caller) != provider.dialect]


def name(value: object) -> str | None:
    return value.dialect if isinstance(value, Provider) else None


EVERY_PAIR = pytest.mark.parametrize(("caller", "provider"), PAIRS, ids=name)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Client]:
    with gateway.client() as connected:
        yield connected


def kinds(caller: str) -> tuple[str, ...]:
    return ("reasoning", "text") if caller in ("completions", "generate") else ("tools", "reasoning")


def ask(client: Client, upstream: Upstream, caller: str, provider: Provider, *steps: Step) -> Response:
    upstream.serve(*steps)
    return client.exchange(build(caller, provider.name, stream=True))


def ask_broken(gateway: Gateway, upstream: Upstream, caller: str, provider: Provider, *steps: Step) -> bytes:
    """Return what came of a stream that breaks: the connection ends with it."""
    upstream.serve(*steps)
    with gateway.client() as client:
        client.send(build(caller, provider.name, stream=True))
        with pytest.raises(IncompleteResponseError) as broken:
            client.read_response()
    assert broken.value.head is not None
    assert broken.value.head.status == 200
    return broken.value.body


def at_random(data: bytes, seed: str) -> Step:
    """Send *data* as pieces of random sizes that are read apart."""
    chance = random.Random(seed)
    cuts = sorted(chance.sample(range(1, len(data)), 12))

    def step(peer: Peer) -> None:
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            peer.send(data[start:end])
            peer.upstream.fence()

    return step


@EVERY_PAIR
def test_a_stream_cut_at_random_places_says_the_same_bytes(caller: str, provider: Provider, client: Client, upstream: Upstream) -> None:
    for kind in kinds(caller):
        data = provider.stream(kind)
        whole = settled(ask(client, upstream, caller, provider, send(data)).body)
        for number in range(3):
            seed = f"{caller} {provider.name} {kind} {number}"
            assert settled(ask(client, upstream, caller, provider, at_random(data, seed)).body) == whole, seed


@pytest.mark.parametrize("provider", PROVIDERS, ids=name)
def test_a_stream_that_comes_byte_by_byte_says_the_same_bytes(provider: Provider, client: Client, upstream: Upstream) -> None:
    caller = "chat" if provider.dialect != "openai_chat" else "messages"
    data = provider.stream("tools")
    whole = settled(ask(client, upstream, caller, provider, send(data)).body)
    assert settled(ask(client, upstream, caller, provider, bytewise(data)).body) == whole


@pytest.mark.parametrize("length", [1, 2, 7], ids=str)
@pytest.mark.parametrize("provider", PROVIDERS, ids=name)
def test_a_stream_in_small_chunks_of_http_says_the_same_bytes(provider: Provider, length: int, client: Client, upstream: Upstream) -> None:
    content = b"".join(provider.streams["reasoning"])
    cut = b"".join(chunk(content[at : at + length]) for at in range(0, len(content), length))
    whole = settled(ask(client, upstream, "responses", provider, send(provider.stream("reasoning"))).body)
    assert settled(ask(client, upstream, "responses", provider, send(provider.head() + cut + b"0\r\n\r\n")).body) == whole


@EVERY_PAIR
def test_an_error_event_in_mid_stream_is_the_callers_own_and_the_end(
    caller: str, provider: Provider, gateway: Gateway, upstream: Upstream
) -> None:
    events = b"".join(map(chunk, (*provider.streams["text"][:4], provider.broken)))
    said = ask_broken(gateway, upstream, caller, provider, send(provider.head() + events + b"0\r\n\r\n"))
    assert "it broke" in stream_error(caller, said)


@EVERY_PAIR
def test_a_stream_cut_in_the_middle_ends_with_an_error(caller: str, provider: Provider, gateway: Gateway, upstream: Upstream) -> None:
    # Half of an event is left behind.
    said = b"".join(provider.streams["text"][:5])
    assert stream_error(caller, ask_broken(gateway, upstream, caller, provider, send(provider.head() + chunk(said[:-9])), close))


@EVERY_PAIR
def test_a_stream_that_ends_early_but_in_order_ends_with_an_error(
    caller: str, provider: Provider, gateway: Gateway, upstream: Upstream
) -> None:
    events = b"".join(map(chunk, provider.streams["text"][:4]))
    assert stream_error(caller, ask_broken(gateway, upstream, caller, provider, send(provider.head() + events + b"0\r\n\r\n")))


BEGINNINGS: dict[str, tuple[Step, ...]] = {
    "cut before the first event": (lambda peer: peer.send(head_of(peer)), fence, close),
    "empty": (lambda peer: peer.send(head_of(peer) + b"0\r\n\r\n"),),
}


def head_of(peer: Peer) -> bytes:
    """Return the head that the provider asked here sends."""
    target = peer.upstream.requests[-1].target.decode()
    return next(provider.head() for provider in PROVIDERS if provider.paths[1] == target)


@pytest.mark.parametrize("beginning", BEGINNINGS, ids=str)
@EVERY_PAIR
def test_a_stream_without_any_event_is_an_error_with_a_status(
    caller: str, provider: Provider, beginning: str, gateway: Gateway, upstream: Upstream
) -> None:
    with gateway.client() as client:
        answer = ask(client, upstream, caller, provider, *BEGINNINGS[beginning])
    assert answer.status == 503
    assert error_of(caller, answer)[1]


@EVERY_PAIR
def test_a_stream_that_begins_with_an_error_has_its_status(caller: str, provider: Provider, client: Client, upstream: Upstream) -> None:
    answer = ask(client, upstream, caller, provider, send(provider.head() + chunk(provider.broken) + b"0\r\n\r\n"))
    assert answer.status >= 429
    assert "it broke" in error_of(caller, answer)[1]


# Frames are no stream of lines or events: Bedrock's are taken for what they are, whatever their type says.
@pytest.mark.parametrize(("caller", "provider"), [pair for pair in PAIRS if pair[1].dialect != "bedrock"], ids=name)
def test_a_whole_answer_to_a_request_for_a_stream_is_streamed(caller: str, provider: Provider, client: Client, upstream: Upstream) -> None:
    answer = ask(client, upstream, caller, provider, send(provider.whole("text")))
    assert answer.status == 200
    assert "Łódź!".encode() in answer.body
    assert answer.field("content-type") == CONTENT_TYPES.get(caller, b"text/event-stream; charset=utf-8"), answer.body


CONTENT_TYPES = {
    "gemini array": b"application/json",
    "ollama": b"application/x-ndjson",
    "generate": b"application/x-ndjson",
}


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b'{"a":', b"[]", b"null", b"\xff"], ids=repr)
@pytest.mark.parametrize("provider", PROVIDERS, ids=name)
def test_an_answer_that_cannot_be_read_is_a_502(provider: Provider, body: bytes, client: Client, upstream: Upstream) -> None:
    upstream.serve(send(plain(body)))
    for caller in ("responses", "messages" if provider.dialect != "anthropic_messages" else "chat"):
        answer = client.exchange(build(caller, provider.name, stream=False))
        assert answer.status == 502
        assert error_of(caller, answer)[1]
