"""A gateway inside the test's own process, for what a configuration file cannot say: a host's addresses, other interfaces."""

import asyncio
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import uvloop
import yaml

from fastgate._core import Poller
from fastgate.config.load import load
from fastgate.gateway import Gateway
from fastgate.providers import PROVIDERS
from tests.support.gateway import SCALE
from tests.support.wire import Client

# Family, packed address, port.
Address = tuple[int, bytes, int]


def v4(port: int) -> Address:
    return int(socket.AF_INET), b"\x7f\0\0\1", port


def v6(port: int) -> Address:
    return int(socket.AF_INET6), b"\0" * 15 + b"\1", port


class Inside:
    """Serves *config* from a thread, on *listener* or a socket of *host*; *addresses* are what every upstream's name resolves to."""

    def __init__(
        self,
        config: Mapping[str, object],
        directory: Path,
        addresses: Sequence[Address] = (),
        host: str = "127.0.0.1",
        listener: socket.socket | None = None,
    ) -> None:
        file = directory / "inside.yaml"
        file.write_text(yaml.safe_dump(dict(config)))
        self._loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self._poller = Poller()
        self._log = os.open(os.devnull, os.O_WRONLY)
        self._gateway = Gateway(load(file, providers=PROVIDERS, env={}).settings, self._poller, self._loop, log_fd=self._log)
        if addresses:
            for pool in self._gateway._binder.pools.values():
                pool.on_addresses(list(addresses), "", 1e9)
        self._listener = listener or socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]
        self._gateway.listen(self._listener)
        self._loop.add_reader(self._poller.fileno(), self._poller.on_ready)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def client(self, host: str = "127.0.0.1") -> Client:
        """Return a fresh connection to *host*, which is also the address it comes from."""
        return Client(socket.create_connection((host, self.port), 10 * SCALE, (host, 0)))

    def _close(self) -> None:
        self._loop.remove_reader(self._poller.fileno())
        self._gateway.close()
        self._loop.stop()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._close)
        self._thread.join()
        counters = self._poller.counters()
        self._poller.close()
        self._loop.close()
        self._listener.close()
        os.close(self._log)
        assert not any(counters.values()), counters
