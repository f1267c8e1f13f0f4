"""A request that waits unusually long is asked for at another deployment too: one clean answer, one cancelled loser, within the budget."""

import threading
from collections.abc import Iterator

import pytest

from tests.support.answers import completion, delta, plain, stream
from tests.support.failures import WORDS
from tests.support.gateway import Gateway
from tests.support.groups import Turns, failing
from tests.support.hedges import PAIRS, asking, assert_answered, good, learn, log_of, models, settings, told
from tests.support.upstream import Peer, Step, Upstream, close, fence, hold, reset, send, stall
from tests.support.wire import IncompleteResponseError

GROUPS = pytest.mark.parametrize("group", PAIRS)
STREAM = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def first() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def second() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(first: Upstream, second: Upstream) -> Iterator[Gateway]:
    with Gateway(settings(models(first, second))) as running:
        first.fence = second.fence = running.fence
        for group in PAIRS:
            learn(running, first, group)
        yield running


@GROUPS
@STREAM
def test_a_stalled_request_is_answered_by_its_hedge(
    gateway: Gateway, first: Upstream, second: Upstream, group: str, streamed: bool
) -> None:
    first.serve(stall)
    second.serve(good(group, 1, streamed))
    with asking(gateway, group, streamed) as client:
        answer = client.read_response()
    assert_answered(answer, group, streamed, by=1)
    # Cancelled at once.
    first.wait_for_closed(1)
    first.request()
    second.request()
    line = log_of(gateway, answer)
    names = {"deployment": f"{group}-1", "first_deployment": f"{group}-0", "hedge_deployment": f"{group}-1"}
    assert line | names | {"hedged": True, "attempts": 2, "status": 200} == line


@GROUPS
@STREAM
def test_the_first_that_answers_after_all_cancels_its_hedge(
    gateway: Gateway, first: Upstream, second: Upstream, group: str, streamed: bool
) -> None:
    late = threading.Event()
    first.serve(hold(late), good(group, 0, streamed))
    second.serve(stall)
    with asking(gateway, group, streamed) as client:
        second.request()
        late.set()
        answer = client.read_response()
    assert_answered(answer, group, streamed, by=0)
    second.wait_for_closed(1)
    assert log_of(gateway, answer)["hedge_deployment"] == f"{group}-1"


@GROUPS
def test_a_stream_that_has_begun_and_said_nothing_is_overtaken(gateway: Gateway, first: Upstream, second: Upstream, group: str) -> None:
    empty = WORDS[PAIRS[group][0]].empty
    begun = stream(empty).removesuffix(b"0\r\n\r\n")
    first.serve(send(begun), stall)
    second.serve(good(group, 1, True))
    with asking(gateway, group, True) as client:
        assert_answered(client.read_response(), group, True, by=1)
    first.wait_for_closed(1)


@GROUPS
def test_a_hedge_that_has_begun_and_said_nothing_does_not_win(gateway: Gateway, first: Upstream, second: Upstream, group: str) -> None:
    late = threading.Event()
    begun = stream(WORDS[PAIRS[group][1]].empty).removesuffix(b"0\r\n\r\n")
    first.serve(hold(late), good(group, 0, True))
    second.serve(send(begun), fence, told(late), stall)
    with asking(gateway, group, True) as client:
        assert_answered(client.read_response(), group, True, by=0)
    second.wait_for_closed(1)


FAILS: dict[str, tuple[Step, ...]] = {
    "500": (failing(),),
    "503": (failing("503 Service Unavailable"),),
    "close": (send(b"HTTP/1.1 200 OK\r\n"), close),
    "reset": (reset,),
    "no HTTP": (send(b"what?\r\n\r\n"),),
    "half": (send(plain(completion())[:-5]), close),
    "error event": (send(stream(b'data: {"error":{"message":"overloaded","code":503}}\n\n')),),
}


def failing_late(until: threading.Event, failure: str, after: threading.Event) -> tuple[Step, ...]:
    """Return steps that fail at *until*, and tell *after* when the gateway knows."""

    def fail(peer: Peer) -> None:
        for step in FAILS[failure]:
            step(peer)
        peer.upstream.fence()
        after.set()

    return (hold(until), fail)


@pytest.mark.parametrize("failure", FAILS)
@GROUPS
@STREAM
def test_a_first_that_fails_leaves_the_request_to_its_hedge(
    gateway: Gateway, first: Upstream, second: Upstream, group: str, streamed: bool, failure: str
) -> None:
    now, failed = threading.Event(), threading.Event()
    first.serve(*failing_late(now, failure, failed))
    second.serve(hold(failed), good(group, 1, streamed))
    with asking(gateway, group, streamed) as client:
        second.request()
        now.set()
        assert_answered(client.read_response(), group, streamed, by=1)
    first.request()
    second.request()


@pytest.mark.parametrize("failure", FAILS)
@GROUPS
@STREAM
def test_a_hedge_that_fails_leaves_the_request_to_the_first(
    gateway: Gateway, first: Upstream, second: Upstream, group: str, streamed: bool, failure: str
) -> None:
    now, failed = threading.Event(), threading.Event()
    now.set()
    first.serve(hold(failed), good(group, 0, streamed))
    second.serve(*failing_late(now, failure, failed))
    with asking(gateway, group, streamed) as client:
        assert_answered(client.read_response(), group, streamed, by=0)
    first.request()
    second.request()


@GROUPS
@STREAM
@pytest.mark.parametrize("order", ["first", "hedge"])
def test_a_request_whose_both_attempts_fail_is_made_again(
    gateway: Gateway, first: Upstream, second: Upstream, group: str, streamed: bool, order: str
) -> None:
    one, other, after = threading.Event(), threading.Event(), threading.Event()
    waits = (one, other) if order == "first" else (other, one)
    tells = (other, after) if order == "first" else (after, other)

    def fails(at: int) -> Step:
        def step(peer: Peer) -> None:
            for done in failing_late(waits[at], "500", tells[at]):
                done(peer)

        return step

    first.serve(Turns(fails(0), good(group, 0, streamed)))
    second.serve(fails(1))
    with asking(gateway, group, streamed) as client:
        second.request()
        one.set()
        answer = client.read_response()
    assert_answered(answer, group, streamed, by=0, attempts=3)
    assert len(first.requests) == 2
    second.request()


@GROUPS
@STREAM
def test_what_the_caller_did_wrong_is_told_at_once(gateway: Gateway, first: Upstream, second: Upstream, group: str, streamed: bool) -> None:
    now = threading.Event()
    first.serve(hold(now), failing("400 Bad Request"))
    second.serve(stall)
    with asking(gateway, group, streamed) as client:
        second.request()
        now.set()
        answer = client.read_response()
    assert answer.status == 400
    assert answer.field("x-fastgate-hedged") == b"1"
    second.wait_for_closed(1)


@GROUPS
@STREAM
def test_a_caller_who_leaves_cancels_both(gateway: Gateway, first: Upstream, second: Upstream, group: str, streamed: bool) -> None:
    first.serve(stall)
    second.serve(stall)
    with asking(gateway, group, streamed) as client:
        second.request()
        client.reset()
    first.wait_for_closed(1)
    second.wait_for_closed(1)


@GROUPS
@STREAM
def test_the_deadline_ends_both(gateway: Gateway, first: Upstream, second: Upstream, group: str, streamed: bool) -> None:
    first.serve(stall)
    second.serve(stall)
    with asking(gateway, group, streamed, timeout=1) as client:
        second.request()
        answer = client.read_response()
    assert answer.status == 504
    assert answer.error()["code"] == "upstream_timeout"
    first.wait_for_closed(1)
    second.wait_for_closed(1)


def test_a_hedge_that_breaks_after_it_won_ends_the_stream_with_an_error(gateway: Gateway, first: Upstream, second: Upstream) -> None:
    first.serve(stall)
    second.serve(send(stream(delta()).removesuffix(b"0\r\n\r\n")), fence, close)
    with asking(gateway, "same", True) as client:
        head = client.read_head()
        events = []
        with pytest.raises(IncompleteResponseError):
            events.extend(client.events(head))
    assert events[0] == delta(model="same")
    assert b'"code":"upstream_cut"' in events[-1]
    first.wait_for_closed(1)


def test_a_deployment_that_cannot_be_asked_for_it_is_no_hedge(gateway: Gateway, first: Upstream, second: Upstream) -> None:
    """The other deployment's dialect refuses the parameter: the first is waited for."""
    late = threading.Event()
    first.serve(hold(late), good("into", 0, False))
    second.serve(stall)
    with asking(gateway, "into", False, n=2) as client:
        first.request()
        assert client.is_silent(0.5)
        late.set()
        answer = client.read_response()
    assert answer.status == 200
    assert answer.field("x-fastgate-attempts") == b"1"
    assert answer.field("x-fastgate-hedged") is None
    assert not second.requests
