"""A gateway that has as much in hand as it takes refuses more at once, and says when to come again."""

import pytest

from tests.support.gateway import Gateway, configuration, openai_model
from tests.support.queues import Crowd, Places, body, refused
from tests.support.wire import chat, request

_RETRY_AFTER_S = {1, 2, 3}


def limited(places: Places, **limits: object) -> Gateway:
    return Gateway(configuration(openai_model("group-a", places.port), limits=limits))


def test_requests_past_the_limit_are_refused_and_those_before_it_answered() -> None:
    with Places() as places, limited(places, requests_in_flight=2) as gateway, Crowd(gateway) as crowd:
        # The connection that fences has no request in flight.
        taken = [crowd.ask(f"{at}") for at in range(2)]
        places.wait_for(2)
        status, code, again_s = refused(crowd.ask("more"))
        assert (status, code) == (503, "overloaded")
        assert again_s in _RETRY_AFTER_S
        places.release(3)
        assert [client.read_response().status for client in taken] == [200, 200]
        assert crowd.ask("again").read_response().status == 200


def test_the_answer_comes_before_the_body_is_read() -> None:
    with Places() as places, limited(places, requests_in_flight=1) as gateway, Crowd(gateway) as crowd:
        crowd.ask("slot")
        places.wait_for(1)
        head = request("/v1/chat/completions", b"x" * 1_000_000).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        with gateway.client() as client:
            client.send(head)
            answer = client.read_response()
            assert answer.status == 503
            assert answer.head.says_close
        places.release()


def test_a_connection_whose_short_request_was_refused_is_kept() -> None:
    with Places() as places, limited(places, requests_in_flight=1) as gateway, Crowd(gateway) as crowd:
        slot = crowd.ask("slot")
        places.wait_for(1)
        with gateway.client() as client:
            assert client.exchange(request("/v1/chat/completions", chat())).status == 503
            places.release(2)
            assert slot.read_response().status == 200
            assert client.exchange(request("/v1/chat/completions", chat())).status == 200


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/readiness"])
def test_health_is_answered_all_the_same(path: str) -> None:
    with Places() as places, limited(places, requests_in_flight=1) as gateway, Crowd(gateway) as crowd:
        crowd.ask("slot")
        places.wait_for(1)
        with gateway.client() as client:
            assert client.exchange(request(path, method="GET", key=None)).status == 200
        places.release()


@pytest.mark.parametrize(
    ("path", "kind"), [("/v1/chat/completions", "overloaded_error"), ("/v1/messages", "overloaded_error")], ids=["openai", "anthropic"]
)
def test_the_refusal_is_an_error_of_the_callers_dialect(path: str, kind: str) -> None:
    with Places() as places, limited(places, requests_in_flight=1) as gateway, Crowd(gateway) as crowd:
        crowd.ask("slot")
        places.wait_for(1)
        with gateway.client() as client:
            answer = client.exchange(request(path, chat()))
            error = answer.json()["error"]
            assert isinstance(error, dict)
            assert (answer.status, error["type"]) == (503, kind)
            assert int(answer.field("retry-after") or 0) in _RETRY_AFTER_S
        places.release()


def test_bodies_past_the_limit_are_refused_until_an_answer_frees_one() -> None:
    with Places() as places, limited(places, bodies_bytes=200_000) as gateway, Crowd(gateway) as crowd:
        long = "x" * 150_000
        slot = crowd.ask(long)
        places.wait_for(1)
        assert refused(crowd.ask(long))[:2] == (503, "overloaded")
        # What fits beside it is taken.
        short = crowd.ask("short")
        places.wait_for(2)
        places.release(3)
        assert [client.read_response().status for client in (slot, short)] == [200, 200]
        assert crowd.ask(long).read_response().status == 200


def test_a_body_without_a_length_is_refused_when_it_grows_past_the_limit() -> None:
    with Places() as places, limited(places, bodies_bytes=100_000) as gateway, gateway.client() as client:
        whole = request("/v1/chat/completions", body("x"), "Transfer-Encoding: chunked")
        head = b"\r\n".join(line for line in whole.partition(b"\r\n\r\n")[0].split(b"\r\n") if not line.startswith(b"Content-Length"))
        client.send(head + b"\r\n\r\n")
        piece = b"x" * 50_000
        for _ in range(3):
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        answer = client.read_response()
        assert answer.status == 503
        assert answer.head.says_close
        # Nothing is left of it: one that fits is taken.
        places.release()
        with Crowd(gateway) as crowd:
            assert crowd.ask("y" * 90_000).read_response().status == 200


def test_a_caller_who_leaves_in_its_body_gives_its_room_back() -> None:
    with Places() as places, limited(places, bodies_bytes=100_000) as gateway, Crowd(gateway) as crowd:
        for _ in range(3):
            whole = request("/v1/chat/completions", body("x" * 90_000))
            client = gateway.client()
            client.send(whole[:50_000])
            gateway.fence()
            client.reset()
            gateway.fence()
        places.release()
        assert crowd.ask("y" * 90_000).read_response().status == 200
