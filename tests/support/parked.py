"""A provider that keeps requests until it is told to answer, and knows how many it had at a time."""

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import orjson

from tests.accept.test_processes import Operated
from tests.support.answers import completion, plain
from tests.support.gateway import SCALE, Gateway, configuration, openai_model
from tests.support.upstream import Peer
from tests.support.wire import Client, request

_PATIENCE_S = 10.0
ANSWER = plain(completion())
ALIVE = request("/health/liveness", method="GET", key=None)


class Parked:
    """A step that answers a request when it is let go; requests are known by what their user says."""

    def __init__(self, answer: bytes = ANSWER) -> None:
        self._answer = answer
        self._changed = threading.Condition()
        self._leaving = 0
        self._open = False
        # What was asked, in the order in which it came.
        self.order: list[str] = []
        self.here = 0
        self.most = 0
        self._sent = 0

    def __call__(self, peer: Peer) -> None:
        body = next(made.body for made in reversed(peer.upstream.requests) if made.connection == peer.connection)
        with self._changed:
            self.order.append(said(body))
            self.here += 1
            self.most = max(self.most, self.here)
            self._changed.notify_all()
            try:
                assert self._changed.wait_for(lambda: self._open or self._leaving > 0, _PATIENCE_S * SCALE), "nobody let it go"
                self._leaving -= 1
            finally:
                self.here -= 1
        peer.send(self._answer)
        with self._changed:
            self._sent += 1
            self._changed.notify_all()

    def wait_for_sent(self, count: int) -> None:
        """Return when *count* answers lie in the gateway's sockets."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._sent >= count, _PATIENCE_S * SCALE), "nothing was sent"

    def wait_for(self, count: int) -> list[str]:
        """Return what has been asked once *count* requests came."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.order) >= count, _PATIENCE_S * SCALE), f"only {self.order} came"
            return list(self.order)

    def let_go(self, count: int = 1) -> None:
        """Answer *count* of those that are here, or that come."""
        with self._changed:
            self._leaving += count
            self._changed.notify_all()

    def let_all_go(self) -> None:
        """Answer whatever is here or comes from now on."""
        with self._changed:
            self._open = True
            self._changed.notify_all()


def asking(words: str, model: str = "m", **members: object) -> bytes:
    """Return a chat request in which the user says *words*."""
    body = {"model": model, "messages": [{"role": "user", "content": words}], **members}
    return request("/v1/chat/completions", orjson.dumps(body))


def said(body: bytes) -> str:
    words: str = orjson.loads(body)["messages"][-1]["content"]
    return words


def narrow(port: int, name: str = "m", slots: int = 1, **params: object) -> dict[str, object]:
    """Return the entry of a deployment that takes *slots* requests at a time."""
    return openai_model(name, port, max_parallel_requests=slots, **params)


class Queueing(Operated):
    """A gateway that closes the connections made to it when its test is over."""

    def client(self) -> Client:
        made = super().client()
        self._opened.append(made)
        return made

    def __enter__(self) -> Self:
        self._opened: list[Client] = []
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for client in (*self._opened, *([self._fence] if self._fence is not None else [])):
            client.close()
        self._fence = None
        super().__exit__(kind, error, trace)


def queueing(*models: Mapping[str, object], workers: int = 1, router: Mapping[str, object] | None = None, **settings: Any) -> Queueing:
    """Return a gateway with these deployments; *settings* are those of fastgate."""
    made = configuration(*models, **settings)
    return Queueing(made | {"router_settings": {"num_retries": 0, **(router or {})}}, workers=workers)


def send_in_order(gateway: Gateway, *words: str, **members: object) -> list[Client]:
    """Send a request on each of so many connections, the next when the worker has read the one before."""
    clients = []
    for one in words:
        clients.append(gateway.client())
        clients[-1].send(asking(one, **members))  # type: ignore[arg-type]
        gateway.fence()
    return clients


def one_of_each_worker(gateway: Queueing) -> list[Client]:
    """Return a connection to each of the two workers."""
    found: dict[int, Client] = {}
    while len(found) < 2:
        client = gateway.client()
        assert client.exchange(ALIVE, "GET").status == 200
        found[gateway.worker_of(client)] = client
    return list(found.values())
