"""Names that nobody configured: how long a wildcard's may be, what they cost, and the hint that is given quickly."""

import statistics
import time
from collections.abc import Iterator

import pytest

from tests.support.answers import completion, plain
from tests.support.foreign import SANITIZED_BYTES
from tests.support.gateway import SCALE, Gateway, configuration, openai_model
from tests.support.upstream import Upstream, send
from tests.support.wire import chat, request

MIB = 1 << 20
# Longest name that a wildcard matches.
NAME_BYTES = 2048
MODELS = 1000


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(openai_model("*", upstream.port, model="*"))) as running:
        yield running


@pytest.fixture(scope="module")
def crowded(upstream: Upstream) -> Iterator[Gateway]:
    models = [openai_model(f"provider-{number}/some-model-name-{number * 7}", upstream.port) for number in range(MODELS)]
    with Gateway(configuration(*models)) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())))


def status_of(gateway: Gateway, name: str) -> int:
    with gateway.client() as client:
        return client.exchange(request(body=chat(name))).status


def test_a_wildcard_matches_names_of_2048_bytes_at_the_most(gateway: Gateway, upstream: Upstream) -> None:
    assert status_of(gateway, "m" * NAME_BYTES) == 200
    assert status_of(gateway, "\u00e9" * (NAME_BYTES // 2)) == 200
    upstream.serve(send(plain(completion())))
    assert status_of(gateway, "m" * (NAME_BYTES + 1)) == 404
    assert status_of(gateway, "\u00e9" * (NAME_BYTES // 2) + "m") == 404
    assert upstream.requests == []


def test_long_names_are_not_remembered(gateway: Gateway) -> None:
    def ask_for(first: int, count: int) -> None:
        for number in range(first, first + count):
            assert status_of(gateway, f"{number}" + "m" * (4 * MIB)) == 404

    ask_for(100, 2)
    before = gateway.rss_bytes()
    ask_for(200, 10)
    assert gateway.rss_bytes() - before < 8 * MIB + SANITIZED_BYTES


@pytest.mark.parametrize("name", ["provider-1/some-model-nam", "x" * 100, "provider-" * 10, "p"])
def test_an_unknown_name_among_a_thousand_is_told_quickly(name: str, crowded: Gateway) -> None:
    took_s: list[float] = []
    with crowded.client() as client:
        for _ in range(9):
            began = time.monotonic()
            answer = client.exchange(request(body=chat(name)))
            took_s.append(time.monotonic() - began)
            assert answer.status == 404
    assert statistics.median(took_s) < 0.015 * SCALE


def test_an_unknown_name_among_a_thousand_is_answered_with_the_closest(crowded: Gateway) -> None:
    with crowded.client() as client:
        answer = client.exchange(request(body=chat("provider-1/some-model-nam-7")))
    assert 'the closest is "provider-1/some-model-name-7"' in str(answer.error()["message"])
