"""A server that works on a few requests at a time: order, queue and who leaves it."""

import socket
from contextlib import ExitStack
from functools import partial

from fastgate.mock import MockServer
from fastgate.mock.slots import Slots
from tests.mock.raw import CHAT, ask, build_request, chat, connect, read_until, status_of


def wait_for_requests(mock: MockServer, count: int) -> None:
    mock.wait_until(lambda counters: counters.active + counters.waiting == count)


def test_slots_serve_in_order_of_arrival() -> None:
    slots, served = Slots(2), list[int]()
    for number in range(5):
        slots.take(partial(served.append, number))
    assert (served, slots.waiting) == ([0, 1], 3)
    slots.give()
    assert served == [0, 1, 2]
    slots.give()
    slots.give()
    assert (served, slots.waiting) == ([0, 1, 2, 3, 4], 0)


def test_who_leaves_the_queue_is_not_served() -> None:
    slots, served = Slots(1), list[str]()
    assert slots.take(lambda: served.append("first")) == -1
    second = slots.take(lambda: served.append("second"))
    slots.take(lambda: served.append("third"))
    assert slots.leave(second)
    assert not slots.leave(second)
    slots.give()
    assert served == ["first", "third"]


def test_work_that_is_done_at_once_empties_a_long_queue_without_deep_calls() -> None:
    slots, served = Slots(1), list[int]()
    slots.take(lambda: None)

    def work(number: int) -> None:
        served.append(number)
        slots.give()

    for number in range(5_000):
        slots.take(partial(work, number))
    slots.give()
    assert served == list(range(5_000))


def test_requests_beyond_the_slots_wait_until_one_is_free() -> None:
    stalled = build_request(CHAT, chat(stream=True), "slots=2, stall=after:0")
    with MockServer() as mock, ExitStack() as stack:
        first, second, third = (stack.enter_context(connect(mock)) for _ in range(3))
        for number, sock in enumerate((first, second, third), 1):
            sock.sendall(stalled)
            wait_for_requests(mock, number)
        assert (mock.counters.active, mock.counters.waiting) == (2, 1)
        first.close()
        mock.wait_until(lambda counters: counters.gone == 1 and counters.waiting == 0)
        assert mock.counters.active == 2
        assert read_until(third, b"\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_client_that_leaves_the_queue_takes_no_slot() -> None:
    stalled = build_request(CHAT, chat(stream=True), "slots=1, stall=after:0")
    with MockServer() as mock, ExitStack() as stack:
        socks: list[socket.socket] = [stack.enter_context(connect(mock)) for _ in range(3)]
        for number, sock in enumerate(socks, 1):
            sock.sendall(stalled)
            wait_for_requests(mock, number)
        socks[1].close()
        mock.wait_until(lambda counters: counters.waiting == 1)
        socks[0].close()
        mock.wait_until(lambda counters: counters.waiting == 0)
        assert (mock.counters.active, mock.counters.gone) == (1, 2)


def test_a_full_queue_answers_503() -> None:
    stalled = build_request(CHAT, chat(), "slots=1, queue=1, stall=head")
    with MockServer() as mock, connect(mock) as first, connect(mock) as second:
        first.sendall(stalled)
        mock.wait_until(lambda counters: counters.active == 1)
        second.sendall(stalled)
        mock.wait_until(lambda counters: counters.waiting == 1)
        assert status_of(ask(mock, CHAT, chat(), "slots=1, queue=1")[0]) == 503


def test_models_do_not_share_their_slots() -> None:
    with MockServer("slots=1") as mock, connect(mock) as first:
        first.sendall(build_request(CHAT, chat(model="one"), "stall=head"))
        mock.wait_until(lambda counters: counters.active == 1)
        assert status_of(ask(mock, CHAT, chat(model="two"))[0]) == 200


def test_slots_are_given_back_after_answers_errors_and_cuts() -> None:
    with MockServer("slots=1") as mock:
        for x_mock in ("", "status=500", "cut=after:1", "ttft=2ms", "malformed=length"):
            ask(mock, CHAT, chat(), x_mock)
        assert status_of(ask(mock, CHAT, chat())[0]) == 200
        assert (mock.counters.active, mock.counters.waiting) == (0, 0)
