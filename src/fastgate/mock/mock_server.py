"""A mock provider for tests: a server on a free loopback port, in a thread, for as long as a `with` block lasts."""

import threading
from collections.abc import Callable
from types import TracebackType

from fastgate.mock.app import Counters, Received
from fastgate.mock.behaviour import Behaviour, parse_behaviour
from fastgate.mock.server import Server, listen, url_of


class MockServer:
    """`with MockServer("ttft=5ms, tokens=20") as mock:` serves on `mock.url`; what arrived is in `mock.received`."""

    def __init__(self, behaviour: str = "", *, seed: int = 0, host: str = "127.0.0.1") -> None:
        self._sock = listen(host, 0)
        self.url = url_of(self._sock)
        self.host, self.port = self._sock.getsockname()[:2]
        self._behaviour = parse_behaviour(behaviour, Behaviour(), source="MockServer")
        self._seed = seed
        self._changed = threading.Condition()
        self._started = threading.Event()
        self._server: Server | None = None
        self._thread = threading.Thread(target=self._serve, name="mock", daemon=True)

    def __enter__(self) -> "MockServer":
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._server is not None:
            self._server.stop_soon()
        self._thread.join()
        self._sock.close()

    def _serve(self) -> None:
        try:
            self._server = Server(self._sock, self._behaviour, seed=self._seed, record=True, on_change=self._on_change)
        finally:
            self._started.set()
        self._server.run()

    def _on_change(self) -> None:
        with self._changed:
            self._changed.notify_all()

    @property
    def server(self) -> Server:
        assert self._server is not None, "the mock runs only inside its `with` block"
        return self._server

    @property
    def counters(self) -> Counters:
        return self.server.app.counters

    @property
    def received(self) -> list[Received]:
        """Requests in order of arrival, each with the bytes of its body."""
        return list(self.server.app.received)

    def live(self) -> dict[str, int]:
        """Return the core's live objects."""
        return self.server.poller.counters()

    def wait_until(self, holds: Callable[[Counters], bool], timeout_s: float = 5.0) -> None:
        """Return when *holds* is true of the counters; raise TimeoutError after *timeout_s*."""
        with self._changed:
            if not self._changed.wait_for(lambda: holds(self.counters), timeout_s):
                raise TimeoutError(f"not within {timeout_s} s; the mock's counters are {self.counters}")
