"""Where hedges end: what is not hedged, what callers see of other requests meanwhile, shutting down, and the budget of all workers."""

import contextlib
import threading
from collections.abc import Iterator

import orjson
import pytest

from tests.support.answers import delta, stream
from tests.support.gateway import Gateway
from tests.support.hedges import LEARNED, ask, asking, assert_answered, good, learn, models, settings
from tests.support.upstream import Upstream, hold, send, stall
from tests.support.wire import Client, chat


@pytest.fixture(scope="module")
def first() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def second() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def test_a_body_changed_for_one_deployment_is_the_callers_at_the_other(first: Upstream, second: Upstream) -> None:
    listed = models(first, second)[:2]
    listed[0]["litellm_params"]["extra_body"] = {"seed": 1}  # type: ignore[index]
    with Gateway(settings(listed)) as running:
        learn(running, first, "same")
        first.serve(stall)
        second.serve(good("same", 1, False))
        with asking(running, "same", False, temperature=0.5) as client:
            assert_answered(client.read_response(), "same", False, by=1)
        assert b'"seed":1' in first.request().body
        sent = orjson.loads(second.request().body)
        assert sent == orjson.loads(chat("up-model")) | {"temperature": 0.5}
        first.wait_for_closed(1)


def test_shutting_down_ends_both(first: Upstream, second: Upstream) -> None:
    running = Gateway(settings(models(first, second)[:2]))
    learn(running, first, "same")
    first.serve(stall)
    second.serve(stall)
    with asking(running, "same", False) as client:
        second.request()
        running.stop(expected=1)
        answer = client.read_response()
    assert answer.status == 503
    assert answer.error()["code"] == "overloaded"
    first.wait_for_closed(1)
    second.wait_for_closed(1)


def test_nothing_is_hedged_unless_it_is_asked_for(first: Upstream, second: Upstream) -> None:
    listed = models(first, second)
    with Gateway(settings(listed, models=["other"])) as running:
        learn(running, first, "same")
        learn(running, first, "other")
        late = threading.Event()
        first.serve(hold(late), good("same", 0, False))
        second.serve(good("other", 1, False))
        with asking(running, "same", False) as unhedged:
            first.request()
            with asking(running, "other", False) as hedged:
                assert_answered(hedged.read_response(), "other", False, by=1)
            late.set()
            answer = unhedged.read_response()
        assert answer.field("x-fastgate-hedged") is None
        assert answer.field("x-fastgate-deployment") == b"same-0"
        second.request()


@pytest.mark.parametrize("workers", [1, 2])
def test_hedges_of_all_workers_stay_within_the_budget(first: Upstream, second: Upstream, workers: int) -> None:
    count = 96
    with Gateway(settings(models(first, second)[:2], budget=0.1), workers=workers) as running, contextlib.ExitStack() as stack:
        learn(running, first, "same")
        late = threading.Event()
        first.serve(hold(late), good("same", 0, False))
        second.serve(stall)
        callers = [stack.enter_context(asking(running, "same", False)) for _ in range(count)]
        earned = (2 * LEARNED + count) // 10
        second.wait_for_requests(earned)
        # All of them were sent before the first was hedged; the next that is to wait as long finds nothing left.
        with asking(running, "same", False, timeout=1.5) as last:
            assert last.read_response().status == 504
        late.set()
        answers = [client.read_response() for client in callers]
        assert {answer.status for answer in answers} == {200}
        assert sum(answer.field("x-fastgate-hedged") == b"1" for answer in answers) == earned
        assert len(second.requests) == earned
        second.wait_for_closed(earned)


def test_a_caller_who_reads_slowly_is_not_cut_when_the_hedge_would_be_due(first: Upstream, second: Upstream) -> None:
    count = 60_000
    with Gateway(settings(models(first, second)[:2])) as running:
        learn(running, first, "same")
        first.serve(send(stream(*[delta("x" * 100)] * count)))
        with Client(running.connect(receive_buffer_bytes=4096)) as slow:
            slow.send(ask("same", True))
            first.request()
            head = slow.read_head()
            # As long as this takes, the other one reads nothing.
            first.serve(stall)
            second.serve(good("same", 1, False))
            with asking(running, "same", False) as hedged:
                assert_answered(hedged.read_response(), "same", False, by=1)
            assert sum(1 for _ in slow.events(head)) == count
        first.wait_for_closed(1)


def test_bodies_of_hedged_requests_are_counted_until_they_are_gone(first: Upstream, second: Upstream) -> None:
    """Room for two bodies and a half: many hedged requests in a row are served, and none is hedged while there is no room for a copy."""
    listed = models(first, second)[:2]
    config = settings(listed)
    config["fastgate_settings"] |= {"limits": {"bodies_bytes": 25_000}}  # type: ignore[operator]
    with Gateway(config) as running:
        learn(running, first, "same")
        first.serve(stall)
        second.serve(good("same", 1, False))
        for _ in range(6):
            with asking(running, "same", False, user="x" * 10_000) as client:
                assert_answered(client.read_response(), "same", False, by=1)
        late = threading.Event()
        first.serve(hold(late), good("same", 0, False))
        second.serve(stall)
        with asking(running, "same", False, user="x" * 13_000) as large:
            first.request()
            assert large.is_silent(0.5)
            late.set()
            answer = large.read_response()
        assert (answer.status, answer.field("x-fastgate-hedged")) == (200, None)
        assert not second.requests
