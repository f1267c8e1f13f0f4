"""What deployments may be sent: the configured rpm and tpm, and what their providers say that remains."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.answers import completion, plain
from tests.support.gateway import Gateway, configuration, openai_model
from tests.support.groups import WELL, asked, started, upstreams
from tests.support.upstream import send
from tests.support.wire import chat


class Noted:
    """A step that answers well and notes when it was asked."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self._lock = threading.Lock()

    def __call__(self, peer: Any) -> None:
        with self._lock:
            self.times.append(time.monotonic())
        WELL(peer)


def test_workers_together_send_no_more_than_the_configured_rpm() -> None:
    rpm, noted = 600, Noted()
    with upstreams(1) as (one,):
        one.serve(noted)
        # They wait longer than answers as short as these are worth.
        config = configuration(openai_model("g", one.port, rpm=rpm), queue={"min_wait_s": 20})
        with Gateway(config, workers=2) as gateway, ThreadPoolExecutor(16) as callers:
            statuses = list(callers.map(lambda _: asked(gateway, chat("g")).status, range(75)))
    assert statuses == [200] * 75
    # A tenth at once, then what makes up the rest of the minute; the provider's clock may have seen the first a little late.
    burst, per_s = rpm // 10, (rpm - rpm // 10 + 1) / 60
    times = sorted(noted.times)
    assert times[-1] - times[0] >= (75 - burst - 1) / per_s - 0.1


def test_what_one_may_not_be_sent_goes_to_another() -> None:
    with upstreams(2) as (one, two):
        models = [openai_model("g", one.port, rpm=1), openai_model("g", two.port)]
        with started(models, {"routing_strategy": "round-robin"}) as gateway:
            assert [asked(gateway, chat("g")).status for _ in range(6)] == [200] * 6
        assert (len(one.requests), len(two.requests)) == (1, 5)


def test_whose_answer_says_that_nothing_remains_is_not_asked_while_another_can_be() -> None:
    used_up = ("x-ratelimit-limit-requests: 60", "x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 60s")
    with upstreams(2) as (one, two):
        one.serve(send(plain(completion(), *used_up)))
        models = [openai_model("g", one.port), openai_model("g", two.port)]
        with started(models, {"routing_strategy": "round-robin"}) as gateway:
            assert [asked(gateway, chat("g")).status for _ in range(6)] == [200] * 6
        assert (len(one.requests), len(two.requests)) == (1, 5)


def test_a_request_above_every_tpm_is_refused_with_the_numbers() -> None:
    with upstreams(1) as (one,), started([openai_model("g", one.port, tpm=10)], {}) as gateway:
        answer = asked(gateway, chat("g"))
        assert (answer.status, answer.error()["code"]) == (400, "no_deployment_fits")
        assert "tokens" in str(answer.error()["message"])
        assert "tpm" in str(answer.error()["message"])
        assert not one.requests
