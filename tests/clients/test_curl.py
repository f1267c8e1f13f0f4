"""curl, as users paste it."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.support.answers import DONE, LAST_CHUNK, STREAM_HEAD, chunk, completion, delta, plain
from tests.support.foreign import environment, need
from tests.support.gateway import MASTER_KEY, Gateway, configuration, openai_model
from tests.support.upstream import Peer, Upstream, send, stall
from tests.support.wire import chat

QUIET = ("curl", "-q", "-sS", "--noproxy", "*", "--max-time", "20")


@pytest.fixture(scope="module", autouse=True)
def curl() -> None:
    need("curl", "install it to run the tests of pasted command lines")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(openai_model("group-a", upstream.port))) as running:
        yield running


def command(gateway: Gateway, body: bytes, *options: str) -> list[str]:
    fields = ("-H", f"Authorization: Bearer {MASTER_KEY}", "-H", "Content-Type: application/json")
    return [*QUIET, *options, *fields, "-d", body.decode(), f"{gateway.base_url}/v1/chat/completions"]


def output(line: list[str]) -> bytes:
    return subprocess.run(line, env=environment(), capture_output=True, check=True).stdout



def test_a_chat(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())))
    assert output(command(gateway, chat())) == completion(model="group-a")


def test_a_chat_with_http_1_0(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())))
    assert output(command(gateway, chat(), "-0")) == completion(model="group-a")


def test_a_large_chat_which_curl_announces_with_expect(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())))
    body = chat().replace(b'"hi"', b'"%s"' % (b"x" * 100_000))
    made = subprocess.run(command(gateway, body, "-H", "Expect: 100-continue", "-i"), env=environment(), capture_output=True, check=True)
    assert made.stdout.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert len(upstream.request().body) == len(body) + 1


def test_a_stream_shows_each_event_as_it_comes(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta())), stall)
    with subprocess.Popen(command(gateway, chat(stream=True, usage=True), "-N"), env=environment(), stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() + running.stdout.readline() == delta(model="group-a")
        running.terminate()
    assert upstream.closed_at()


def test_a_stream_that_ends(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta()) + chunk(DONE) + LAST_CHUNK))
    made = subprocess.run(command(gateway, chat(stream=True, usage=True), "-N"), env=environment(), capture_output=True, check=True)
    assert made.stdout == delta(model="group-a") + DONE


def test_a_stream_that_breaks_is_a_failure_for_curl_too(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta())), Peer.close)
    made = subprocess.run(command(gateway, chat(stream=True, usage=True), "-N"), env=environment(), capture_output=True, check=False)
    # CURLE_PARTIAL_FILE, or CURLE_RECV_ERROR.
    assert made.returncode in (18, 56)
    assert made.stdout.startswith(delta(model="group-a"))
    assert b'"error"' in made.stdout
