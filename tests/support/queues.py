"""A provider with few places, and callers who wait for one of them in the gateway."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import orjson

from tests.support.answers import completion, plain
from tests.support.gateway import SCALE, Gateway, configuration, openai_model
from tests.support.upstream import Peer, Upstream
from tests.support.wire import Client, Response, request


class Places(Upstream):
    """Answers a request only when it is told to; those that came are known by what they say."""

    def __init__(self) -> None:
        super().__init__()
        self._released = threading.Semaphore(0)
        # One for each answer that was sent.
        self.answered = threading.Semaphore(0)
        self.serve(self._answer)

    def _answer(self, peer: Peer) -> None:
        assert self._released.acquire(timeout=10 * SCALE), "nobody let the request go"
        peer.send(plain(completion()))
        self.answered.release()

    def release(self, count: int = 1) -> None:
        """Let *count* requests be answered, also such as are still to come."""
        self._released.release(count)

    def wait_for(self, count: int) -> list[str]:
        """Return what the requests say that came, in their order, once there are *count*."""
        self._wait(lambda: len(self._requests) >= count, f"fewer than {count} requests came")
        return self.said

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Nobody is left who would let them go.
        self.release(1000)
        super().__exit__(kind, error, trace)

    @property
    def said(self) -> list[str]:
        """What the requests say that came, in their order."""
        return [orjson.loads(one.body)["messages"][0]["content"] for one in self.requests]


def body(says: str, model: str = "group-a", **members: object) -> bytes:
    return orjson.dumps({"model": model, "messages": [{"role": "user", "content": says}], **members})


def queueing(*upstreams: Upstream, slots: int = 1, workers: int = 1, limits: dict[str, object] | None = None, **queue: object) -> Gateway:
    """Return a gateway to deployments of *slots* each; keywords are `fastgate_settings.queue`."""
    models = [openai_model("group-a", one.port, max_parallel_requests=slots) for one in upstreams]
    return Gateway(configuration(*models, queue=queue, limits=limits or {}), workers=workers)


class Crowd:
    """Callers of a gateway, each with an address of its own; every request is read before the next is sent."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._clients: list[Client] = []

    def ask(self, says: str, *fields: str, caller: int = 1, **members: object) -> Client:
        """Send a request from 127.0.0.*caller*, and return when the gateway has read it."""
        made = socket.create_connection(("127.0.0.1", self._gateway.port), 10 * SCALE, (f"127.0.0.{caller}", 0))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(made)
        self._clients.append(client)
        client.send(request("/v1/chat/completions", body(says, **members), *fields))
        self._gateway.fence()
        return client

    def teach(self, places: Places, seconds: float) -> None:
        """Let the gateway see how long such requests take: four answers, each *seconds* after its request."""
        for _ in range(4):
            came = len(places.requests)
            client = self.ask("lesson", caller=100, max_tokens=2)
            places.wait_for(came + 1)
            self.let_pass(seconds)
            places.release()
            assert client.read_response().status == 200

    def let_pass(self, seconds: float) -> None:
        """Return when the gateway has worked for *seconds* of its clock."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._gateway.fence()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for client in self._clients:
            client.close()


@contextlib.contextmanager
def crowded(slots: int = 1, **queue: object) -> Iterator[tuple[Places, Crowd]]:
    """Give a provider of *slots* places and its callers; `occupied` of them are taken by requests that say `slot`."""
    with Places() as places, queueing(places, slots=slots, **queue) as gateway, Crowd(gateway) as crowd:
        for at in range(slots):
            crowd.ask("slot", caller=200 + at)
        places.wait_for(slots)
        yield places, crowd


def refused(client: Client) -> tuple[int, str, int]:
    """Return status, code and Retry-After of an answer of the gateway's own."""
    answer: Response = client.read_response()
    error = answer.json()["error"]
    assert isinstance(error, dict)
    return answer.status, error["code"], int(answer.field("retry-after") or 0)
