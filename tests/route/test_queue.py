"""Requests that are held back because all slots are taken: their order, their bounds, and what ends their wait."""

import os
import re
import signal
import threading
from collections.abc import Iterator

import pytest

from tests.support.answers import plain
from tests.support.gateway import SCALE, Gateway, openai_model
from tests.support.groups import WELL, failing, ordered
from tests.support.parked import Parked, asking, narrow, one_of_each_worker, queueing, send_in_order
from tests.support.upstream import Upstream, send
from tests.support.wire import Client

# Longer than a request that is held back waits before it looks again by itself.
LOOKED_AGAIN_S = 0.6


@pytest.fixture
def provider() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def parked(provider: Upstream) -> Iterator[Parked]:
    step = Parked()
    provider.serve(step)
    yield step
    step.let_all_go()


def show_speed(gateway: Gateway, parked: Parked, provider: Upstream) -> None:
    """Let the gateway see that the deployment is fast, so that no wait seems long to it."""
    provider.serve(WELL)
    for _ in range(8):
        with gateway.client() as client:
            assert client.exchange(asking("quick")).status == 200
    provider.serve(parked)


def test_who_came_first_is_asked_first_however_long_they_wait(parked: Parked, provider: Upstream) -> None:
    names = [f"r{number}" for number in range(6)]
    with queueing(narrow(provider.port)) as gateway:
        clients = send_in_order(gateway, *names)
        assert clients[-1].is_silent(LOOKED_AGAIN_S * SCALE)
        for count, client in enumerate(clients, 1):
            assert parked.wait_for(count) == names[:count]
            parked.let_go()
            assert client.read_response().status == 200
        assert parked.most == 1


def test_who_comes_when_a_slot_is_free_again_waits_behind_those_who_wait_already(parked: Parked, provider: Upstream) -> None:
    with queueing(narrow(provider.port)) as gateway:
        late = gateway.client()
        late.send(asking("r0"))
        parked.let_go()
        assert late.read_response().status == 200
        clients = send_in_order(gateway, "r1", "r2")
        parked.wait_for(2)
        gateway.halt()
        parked.let_go()
        # The answer lies in the worker's socket before the new request does: it finds both in one turn.
        parked.wait_for_sent(2)
        late.send(asking("r3"))
        gateway.go_on()
        assert parked.wait_for(3) == ["r0", "r1", "r2"]
        parked.let_all_go()
        for client in (*clients, late):
            assert client.read_response().status == 200
        assert parked.order == ["r0", "r1", "r2", "r3"]


@pytest.mark.parametrize("slots", [1, 3])
def test_two_workers_together_never_have_more_in_flight_than_there_are_slots(slots: int, provider: Upstream) -> None:
    parked = Parked()
    provider.serve(parked)
    parked.let_all_go()
    with queueing(narrow(provider.port, slots=slots), workers=2) as gateway:
        statuses: list[int] = []

        def ask(caller: int) -> None:
            for turn in range(20):
                with gateway.client() as client:
                    statuses.append(client.exchange(asking(f"{caller}.{turn}")).status)

        callers = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert statuses == [200] * 240
        assert len(parked.order) == 240
        assert parked.most <= slots


def test_two_requests_that_fail_together_do_not_both_take_the_one_slot_of_another(parked: Parked, provider: Upstream) -> None:
    failing_step = Parked(plain(b'{"error":{"message":"no"}}', status="500 Internal Server Error"))
    with Upstream() as broken:
        broken.serve(failing_step)
        entries = ordered("m", broken, provider)
        entries[1]["litellm_params"]["max_parallel_requests"] = 1  # type: ignore[index]
        with queueing(*entries, router={"num_retries": 1, "routing_strategy": "simple-shuffle"}) as gateway:
            clients = send_in_order(gateway, "r0", "r1")
            failing_step.wait_for(2)
            gateway.halt()
            failing_step.let_go(2)
            failing_step.wait_for_sent(2)
            gateway.go_on()
            for count in range(1, len(clients) + 1):
                parked.wait_for(count)
                gateway.fence()
                parked.let_go()
            for client in clients:
                answer = client.read_response()
                assert (answer.status, answer.field("x-fastgate-attempts")) == (200, b"2")
            assert parked.most == 1


def test_more_than_may_wait_are_told_when_to_come_again(parked: Parked, provider: Upstream) -> None:
    with queueing(narrow(provider.port), queue={"max_requests": 2}) as gateway:
        clients = send_in_order(gateway, "r0", "r1", "r2")
        answer = gateway.client().exchange(asking("r3"))
        assert (answer.status, answer.error()["code"]) == (503, "queue_full")
        assert int(answer.field("retry-after") or 0) >= 1
        assert answer.field("x-fastgate-queue-ms") is None
        parked.let_all_go()
        assert [client.read_response().status for client in clients] == [200] * 3
        assert parked.order == ["r0", "r1", "r2"]


def test_who_has_waited_for_as_long_as_anybody_may_is_refused(parked: Parked, provider: Upstream) -> None:
    with queueing(narrow(provider.port), queue={"max_wait_s": 0.5}) as gateway:
        show_speed(gateway, parked, provider)
        first, second = send_in_order(gateway, "r0", "r1")
        answer = second.read_response()
        assert (answer.status, answer.error()["code"]) == (503, "queue_full")
        assert int(answer.field("retry-after") or 0) >= 1
        assert float(answer.field("x-fastgate-queue-ms") or 0) >= 500
        parked.let_go()
        assert first.read_response().status == 200
        assert parked.order == ["r0"]


def test_a_wait_ends_with_the_requests_own_deadline(parked: Parked, provider: Upstream) -> None:
    with queueing(narrow(provider.port)) as gateway:
        show_speed(gateway, parked, provider)
        first = send_in_order(gateway, "r0")[0]
        second = send_in_order(gateway, "r1", timeout=0.4)[0]
        answer = second.read_response()
        assert (answer.status, answer.error()["code"]) == (504, "upstream_timeout")
        assert float(answer.field("x-fastgate-queue-ms") or 0) >= 400
        parked.let_go()
        assert first.read_response().status == 200
        assert parked.order == ["r0"]


def test_a_caller_who_goes_away_while_it_waits_is_never_asked_for(parked: Parked, provider: Upstream) -> None:
    with queueing(narrow(provider.port)) as gateway:
        first, second, third = send_in_order(gateway, "r0", "r1", "r2")
        second.close()
        gateway.fence()
        parked.let_go()
        assert first.read_response().status == 200
        parked.let_go()
        assert third.read_response().status == 200
        assert parked.order == ["r0", "r2"]
        assert '"status":499' in gateway.wait_for_line(re.compile(r".*client_closed.*")).group()


def test_a_caller_who_goes_away_when_its_turn_comes_gives_it_to_the_next(parked: Parked, provider: Upstream) -> None:
    with queueing(narrow(provider.port)) as gateway:
        first, second, third = send_in_order(gateway, "r0", "r1", "r2")
        gateway.halt()
        parked.let_go()
        parked.wait_for_sent(1)
        second.close()
        gateway.go_on()
        assert first.read_response().status == 200
        parked.let_all_go()
        assert third.read_response().status == 200
        assert parked.order[-1] == "r2"


def test_what_waited_says_for_how_long_and_what_did_not_says_nothing(parked: Parked, provider: Upstream) -> None:
    with queueing(narrow(provider.port)) as gateway:
        first, second = send_in_order(gateway, "r0", "r1")
        assert second.is_silent(0.3)
        parked.let_all_go()
        assert first.read_response().field("x-fastgate-queue-ms") is None
        answer = second.read_response()
        waited_ms = float(answer.field("x-fastgate-queue-ms") or 0)
        assert waited_ms >= 300
        assert int(answer.field("x-fastgate-overhead-us") or 0) < 300_000
        lines = [gateway.wait_for_line(re.compile(pattern)).group() for pattern in ('.*"operation":"chat".*', ".*queue_ms.*")]
        assert "queue_ms" not in lines[0]
        assert f'"queue_ms":{waited_ms:.3f},' in lines[1]


def test_who_waits_is_answered_while_the_gateway_drains(parked: Parked, provider: Upstream) -> None:
    with queueing(narrow(provider.port)) as gateway:
        first, second = send_in_order(gateway, "r0", "r1")
        gateway.process.send_signal(signal.SIGTERM)
        gateway.wait_for_line(re.compile("no new requests"))
        parked.let_all_go()
        assert [first.read_response().status, second.read_response().status] == [200, 200]
        assert first.at_end()
        assert second.at_end()


def test_who_waits_when_the_process_ends_is_told(parked: Parked, provider: Upstream) -> None:
    with queueing(narrow(provider.port), drain_timeout_s=0.2) as gateway:
        clients = send_in_order(gateway, "r0", "r1", "r2")
        gateway.process.send_signal(signal.SIGTERM)
        for client in clients:
            answer = client.read_response()
            assert (answer.status, answer.error()["code"]) == (503, "overloaded")
        assert gateway.end() == 1
        assert "connections=0 exchanges=0 upstreams=0" in gateway.log
        assert parked.order == ["r0"]


def test_where_the_queue_is_full_another_model_stands_in(parked: Parked, provider: Upstream) -> None:
    with Upstream() as other:
        other.serve(WELL)
        models = (narrow(provider.port), openai_model("n", other.port))
        with queueing(*models, queue={"max_requests": 1}, router={"fallbacks": [{"m": ["n"]}]}) as gateway:
            clients = send_in_order(gateway, "r0", "r1")
            answer = gateway.client().exchange(asking("r2"))
            assert (answer.status, answer.field("x-fastgate-fallbacks-used")) == (200, b"1")
            assert answer.field("x-fastgate-attempts") == b"1"
            parked.let_all_go()
            assert [client.read_response().status for client in clients] == [200, 200]


def test_a_model_that_stands_in_is_waited_for_too(parked: Parked, provider: Upstream) -> None:
    with Upstream() as broken:
        broken.serve(failing())
        models = (openai_model("m", broken.port), narrow(provider.port, "n"))
        with queueing(*models, router={"fallbacks": [{"m": ["n"]}]}) as gateway:
            first = send_in_order(gateway, "r0", model="n")[0]
            second = send_in_order(gateway, "r1")[0]
            parked.wait_for(1)
            parked.let_go()
            assert first.read_response().status == 200
            assert parked.wait_for(2) == ["r0", "r1"]
            parked.let_go()
            answer = second.read_response()
            assert (answer.status, answer.field("x-fastgate-fallbacks-used"), answer.field("x-fastgate-attempts")) == (200, b"1", b"2")


def test_other_names_of_a_model_wait_in_its_line(parked: Parked, provider: Upstream) -> None:
    with queueing(narrow(provider.port), router={"model_group_alias": {"alias": "m"}}) as gateway:
        clients = [send_in_order(gateway, f"r{number}", model=("m", "alias")[number % 2])[0] for number in range(4)]
        for count, client in enumerate(clients, 1):
            assert parked.wait_for(count)[-1] == f"r{count - 1}"
            parked.let_go()
            assert client.read_response().status == 200
        assert parked.most == 1


def test_who_waits_goes_to_any_deployment_that_is_free_first(parked: Parked, provider: Upstream) -> None:
    second_step = Parked()
    with Upstream() as other:
        other.serve(second_step)
        with queueing(narrow(provider.port), narrow(other.port, model="other")) as gateway:
            clients = send_in_order(gateway, "r0", "r1", "r2", "r3")
            parked.wait_for(1)
            second_step.wait_for(1)
            second_step.let_go()
            assert second_step.wait_for(2)[1] == "r2"
            second_step.let_go()
            assert second_step.wait_for(3)[2] == "r3"
            second_step.let_go()
            parked.let_go()
            assert [client.read_response().status for client in clients] == [200] * 4
            assert len(parked.order) == 1


def test_who_waits_is_not_sent_to_a_deployment_that_the_request_does_not_fit(parked: Parked, provider: Upstream) -> None:
    small_step = Parked()
    with Upstream() as small:
        small.serve(small_step)
        models = (narrow(provider.port), openai_model("m", small.port, model="small") | {"model_info": {"max_input_tokens": 50}})
        with queueing(*models, router={"enable_pre_call_checks": True}) as gateway:
            clients = send_in_order(gateway, "word " * 400, "longer " * 400)
            parked.wait_for(1)
            assert clients[1].is_silent(LOOKED_AGAIN_S * SCALE)
            parked.let_all_go()
            assert [client.read_response().status for client in clients] == [200, 200]
            assert small_step.order == []


def test_a_slow_reader_of_the_answer_before_still_gets_the_one_that_waits(parked: Parked, provider: Upstream) -> None:
    much = plain(b"x" * 3_000_000, content_type="text/plain")
    with Upstream() as large:
        large.serve(send(much))
        with queueing(narrow(provider.port), openai_model("large", large.port)) as gateway:
            show_speed(gateway, parked, provider)
            first = send_in_order(gateway, "r0")[0]
            with Client(gateway.connect(receive_buffer_bytes=4096)) as client:
                client.send(asking("much", model="large") + asking("r1", timeout=1.5))
                assert len(client.read_response().body) == 3_000_000
                # It waits, and its deadline holds.
                answer = client.read_response()
                assert (answer.status, answer.error()["code"]) == (504, "upstream_timeout")
            parked.let_all_go()
            assert first.read_response().status == 200


def test_a_killed_workers_slot_is_free_for_those_who_wait_in_another(parked: Parked, provider: Upstream) -> None:
    with queueing(narrow(provider.port), workers=2) as gateway:
        first, second = one_of_each_worker(gateway)
        first.send(asking("r0"))
        parked.wait_for(1)
        second.send(asking("r1"))
        assert second.is_silent(0.1)
        os.kill(gateway.worker_of(first), signal.SIGKILL)
        assert parked.wait_for(2) == ["r0", "r1"]
        parked.let_all_go()
        assert second.read_response().status == 200
