"""What is in flight comes back to exactly nothing, whatever became of the requests, and of the workers that had them."""

import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.accept.test_processes import Operated
from tests.support.answers import DONE, LAST_CHUNK, STREAM_HEAD, chunk, completion, delta, plain
from tests.support.gateway import MASTER_KEY, SCALE, configuration, openai_model
from tests.support.groups import failing
from tests.support.parked import asking, narrow, said
from tests.support.upstream import Peer, Upstream
from tests.support.wire import Client, IncompleteResponseError, request

CALLERS = 16
REQUESTS_EACH = 150
KILLS = 5
ASK_STATE = request("/router/state", method="GET", key=MASTER_KEY)
# What the provider does, as the request says, and how the caller behaves: it reads the answer, or leaves when that has begun, or before.
OUTCOMES = {
    "good": 6,
    "stream": 6,
    "500": 2,
    "429": 2,
    "reset": 1,
    "cut": 1,
    "stream cut": 1,
    "stream kept": 1,
    "kept": 1,
}
READS, LEAVES_BEGUN, LEAVES = 12, 2, 1


def answer(peer: Peer) -> None:
    """Do as the request says."""
    body = next(made.body for made in reversed(peer.upstream.requests) if made.connection == peer.connection)
    words = said(body)
    if words.startswith("stream"):
        peer.send(STREAM_HEAD + b"".join(chunk(delta()) for _ in range(5)))
        if words == "stream":
            peer.send(chunk(DONE) + LAST_CHUNK)
    elif words.isdigit():
        # A 429 says when to come again; whoever is told waits here.
        failing(f"{words} No", *(["retry-after-ms: 5"] if words == "429" else []))(peer)
    elif words == "cut":
        peer.send(plain(completion())[:-20])
    elif words == "good":
        peer.send(plain(completion()))
    if words.endswith("cut"):
        peer.close()
    elif words == "reset":
        peer.reset()
    elif words.endswith("kept"):
        # Until the gateway has done with it, since its caller went away or it took too long.
        peer.wait_closed()


class Mix:
    """Callers in threads, which ask in all ways; `outcomes` counts what they saw."""

    def __init__(self, gateway: Operated, seed: int) -> None:
        self._gateway = gateway
        self._changed = threading.Condition()
        self._done = 0
        self.outcomes: Counter[str] = Counter()
        self._callers = [threading.Thread(target=self._run, args=(random.Random(f"{seed}.{number}"),)) for number in range(CALLERS)]

    def start(self) -> None:
        for caller in self._callers:
            caller.start()

    def join(self) -> None:
        for caller in self._callers:
            caller.join()

    def wait_for_share(self, share: float) -> None:
        """Return when this share of the requests is over."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._done >= share * CALLERS * REQUESTS_EACH, 60 * SCALE)

    def _run(self, chance: random.Random) -> None:
        for _ in range(REQUESTS_EACH):
            words = chance.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]
            leaves = chance.choices(["reads", "leaves begun", "leaves"], [READS, LEAVES_BEGUN, LEAVES])[0]
            model = chance.choice(["wide", "wide", "narrow", "cooling"])
            try:
                outcome = self._ask(words, leaves, model)
            except (IncompleteResponseError, OSError) as error:
                outcome = type(error).__name__
            with self._changed:
                self._done += 1
                self.outcomes[outcome] += 1
                self._changed.notify_all()

    def _ask(self, words: str, leaves: str, model: str) -> str:
        # A provider that never answers is given up after this.
        members = {"stream": True} if words.startswith("stream") else {}
        with Client(self._gateway.connect(timeout_s=30)) as client:
            client.send(asking(words, model=model, timeout=0.2 if words.endswith("kept") else 20, **members))
            if leaves == "leaves":
                return "left"
            head = client.read_head()
            if leaves == "leaves begun":
                return "left when it had begun"
            for _ in client.pieces(head):
                pass
            return str(head.status)


@pytest.fixture
def providers() -> Iterator[list[Upstream]]:
    with Upstream() as first, Upstream() as second, Upstream() as third, Upstream() as fourth:
        yield [provider.serve(answer) for provider in (first, second, third, fourth)]


def settings(providers: list[Upstream]) -> dict[str, object]:
    first, second, third, fourth = providers
    models = [
        openai_model("wide", first.port, model="a"),
        openai_model("wide", second.port, model="b"),
        openai_model("cooling", fourth.port, model="d"),
        narrow(third.port, "narrow", 2, model="c"),
    ]
    for model in models:
        del model["litellm_params"]["max_retries"]  # type: ignore[attr-defined]
    return configuration(*models) | {
        "router_settings": {
            "allowed_fails": 1000,
            "cooldown_time": 0.05,
            "fallbacks": [{"narrow": ["wide"]}],
            "retry_policy": {"max_retries": 1, "delay": 0.02},
        }
    }


def unsettled(gateway: Operated) -> list[dict[str, Any]]:
    """Return the deployments that something is still in flight at, or waits for."""
    with gateway.client() as client:
        groups = orjson.loads(client.exchange(ASK_STATE, "GET").body)["groups"]
    counts = ("in_flight", "without_first_byte", "queued", "work_s", "tokens_in_flight")
    rows = [row for group in groups for row in group["deployments"]]
    return [row for row in rows if any(row[count] != 0 for count in counts) or any(row["in_flight_by_worker"])]


def wait_until_settled(gateway: Operated) -> None:
    end = time.monotonic() + 10 * SCALE
    while (left := unsettled(gateway)) and time.monotonic() < end:
        continue
    assert not left


@pytest.mark.parametrize("seed", [1])
def test_nothing_is_left_in_flight_when_workers_are_killed_among_requests_of_every_outcome(seed: int, providers: list[Upstream]) -> None:
    chance = random.Random(seed)
    with Operated(settings(providers), workers=2) as gateway:
        mix = Mix(gateway, seed)
        mix.start()
        for kill in range(KILLS):
            mix.wait_for_share((kill + 0.5) / KILLS)
            victim = chance.choice(gateway.workers())
            os.kill(victim, signal.SIGKILL)
            gateway.wait_for_line(re.compile(rf"pid {victim}\D.*was killed"))
        mix.join()
        wait_until_settled(gateway)
    assert sum(mix.outcomes.values()) == CALLERS * REQUESTS_EACH
    # It was a mix.
    assert {"200", "500", "429", "504", "left", "left when it had begun", "IncompleteResponseError"} <= set(mix.outcomes)
