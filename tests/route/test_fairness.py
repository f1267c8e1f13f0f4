"""Callers whose requests wait in the gateway take turns."""

import pytest

from tests.support.gateway import SCALE
from tests.support.queues import Crowd, Places, body, crowded, queueing, refused
from tests.support.wire import request


def test_of_one_caller_the_oldest_request_is_asked_first() -> None:
    with crowded() as (places, crowd):
        for at in range(4):
            crowd.ask(f"a{at}")
        places.release(5)
        assert places.wait_for(5) == ["slot", "a0", "a1", "a2", "a3"]


def test_a_caller_with_one_request_does_not_stand_behind_the_many_of_another() -> None:
    with crowded() as (places, crowd):
        for at in range(20):
            crowd.ask(f"a{at}", caller=1)
        crowd.ask("b", caller=2)
        places.release(22)
        assert places.wait_for(22).index("b") == 2


def test_callers_with_many_requests_have_every_other_turn() -> None:
    with crowded() as (places, crowd):
        for at in range(4):
            crowd.ask(f"a{at}", caller=1, max_tokens=2)
        for at in range(4):
            crowd.ask(f"b{at}", caller=2, max_tokens=2)
        places.release(9)
        order = places.wait_for(9)[1:]
    assert [said for said in order if said[0] == "a"] == ["a0", "a1", "a2", "a3"]
    assert [said for said in order if said[0] == "b"] == ["b0", "b1", "b2", "b3"]
    # Two of the same in a row where they were expected to be a little less work than the others; then it is the others' turn.
    firsts = [sum(said[0] == "a" for said in order[:count]) - count / 2 for count in range(1, 8)]
    assert max(map(abs, firsts)) <= 1


def test_a_turn_counts_by_the_work_it_is() -> None:
    with crowded() as (places, crowd):
        long = "x" * 60_000
        for at in range(2):
            crowd.ask(f"{at}{long}", caller=1)
        for at in range(6):
            crowd.ask(f"b{at}", caller=2)
        places.release(9)
        order = [said[:2] for said in places.wait_for(9)[1:]]
    assert order[0] == "0x"
    # Its second waits until the other has had as much: more than one.
    assert order.index("1x") > 2


def test_who_comes_later_does_not_overtake_for_having_come_rarely() -> None:
    with crowded() as (places, crowd):
        for at in range(3):
            crowd.ask(f"a{at}", caller=1)
        places.release(3)
        places.wait_for(4)
        crowd.ask("b0", caller=2)
        crowd.ask("b1", caller=2)
        crowd.ask("a3", caller=1)
        places.release(4)
        # No credit for the turns before it came: one each.
        assert places.wait_for(7)[4:] == ["b0", "a3", "b1"]


def test_a_request_that_comes_when_room_was_made_for_another_waits_behind_it() -> None:
    """The end of an answer and a request are found in one turn of the loop."""
    with Places() as places, queueing(places) as gateway, Crowd(gateway) as crowd, gateway.client() as late:
        slot = crowd.ask("slot", caller=200)
        places.wait_for(1)
        crowd.ask("a", caller=1)
        gateway.halt()
        places.release()
        places.answered.acquire()
        late.send(request("/v1/chat/completions", body("late")))
        gateway.go_on()
        assert slot.read_response().status == 200
        gateway.fence()
        places.release(2)
        assert places.wait_for(3) == ["slot", "a", "late"]


def test_the_turn_of_a_caller_who_leaves_goes_to_the_next() -> None:
    with crowded() as (places, crowd):
        gone = crowd.ask("a", caller=1)
        crowd.ask("b", caller=2)
        gone.reset()
        crowd.ask("c", caller=3)
        places.release(3)
        assert places.wait_for(3) == ["slot", "b", "c"]


@pytest.mark.parametrize("workers", [1, 2])
def test_everybody_is_answered_in_the_end(workers: int) -> None:
    with Places() as places, queueing(places, slots=2, workers=workers) as gateway:
        places.release(40)
        with Crowd(gateway) as crowd:
            clients = [crowd.ask(f"{at}", caller=1 + at % 7) for at in range(40)]
            assert [client.read_response().status for client in clients] == [200] * 40


def test_a_full_queue_gives_the_place_of_who_has_most_to_who_has_least() -> None:
    with crowded(max_requests=3) as (places, crowd):
        waiting = [crowd.ask(f"a{at}", caller=1) for at in range(3)]
        crowd.ask("b", caller=2)
        status, code, again_s = refused(waiting[2])
        assert (status, code) == (503, "queue_full")
        assert 1 <= again_s <= 3
        places.release(4)
        assert places.wait_for(4) == ["slot", "a0", "b", "a1"]


def test_a_full_queue_refuses_more_of_who_has_most() -> None:
    with crowded(max_requests=2) as (places, crowd):
        for at in range(2):
            crowd.ask(f"a{at}", caller=1)
        assert refused(crowd.ask("a2", caller=1))[:2] == (503, "queue_full")
        places.release(3)
        assert places.wait_for(3) == ["slot", "a0", "a1"]


def test_a_request_whose_deadline_cannot_be_kept_is_refused_at_once() -> None:
    with Places() as places, queueing(places) as gateway, Crowd(gateway) as crowd:
        crowd.teach(places, 0.3)
        crowd.ask("slot", max_tokens=2)
        places.wait_for(5)
        # What it takes is known now: such a request is not answered in half of that, wherever it waits.
        hasty = crowd.ask("hasty", timeout=0.15, max_tokens=2)
        status, code, again_s = refused(hasty)
        assert (status, code) == (503, "queue_full")
        assert 1 <= again_s <= 3
        crowd.ask("patient", timeout=60 * SCALE, max_tokens=2)
        places.release(2)
        assert places.wait_for(6)[4:] == ["slot", "patient"]


def test_who_would_wait_too_long_is_told_when_it_would_not() -> None:
    with Places() as places, queueing(places, max_wait_s=1.2 * SCALE, max_wait_times=100) as gateway, Crowd(gateway) as crowd:
        crowd.teach(places, 0.3 * SCALE)
        crowd.ask("slot", caller=100, max_tokens=2)
        places.wait_for(5)
        asked = [crowd.ask(f"a{at}", caller=1, max_tokens=2) for at in range(20)]
        # About four fit into the time: the last would have to wait far beyond it, but one of another caller would not.
        status, code, again_s = refused(asked[-1])
        assert (status, code) == (503, "queue_full")
        assert 1 <= again_s <= 3
        crowd.ask("b", caller=2, max_tokens=2)
        places.release(4)
        assert "b" in places.wait_for(8)
