"""The mock provider as a server of its own: `fastgate mock`."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable

import uvloop

from fastgate._core import Listener, Poller, Responder
from fastgate.config.schema import Limits
from fastgate.errors import ClientError
from fastgate.mock.app import App
from fastgate.mock.behaviour import Behaviour, parse_behaviour

# Exit codes.
BAD_USAGE = 2
CANNOT_BIND = 4

# The kernel caps it at net.core.somaxconn (4096 since Linux 5.4).
BACKLOG = 4096

# A mock may be asked for anything that a gateway forwards; clients that wait for a slot are silent for long.
LIMITS = Limits(body_bytes=256 * 1024 * 1024, keepalive_timeout_s=3_600.0, write_timeout_s=3_600.0)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raise OSError if the address cannot be had. Port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.create_server((host, port), family=family, backlog=BACKLOG)
    sock.setblocking(False)
    return sock


def url_of(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server:
    """A mock on a loop of its own. Create, run and close it in one thread; only `stop_soon` may be called from others."""

    def __init__(
        self, sock: socket.socket, behaviour: Behaviour, *, seed: int = 0, record: bool = False, on_change: Callable[[], None] | None = None
    ) -> None:
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self.app = App(self.loop, behaviour, seed=seed, record=record, on_change=on_change)
        self.poller = Poller()
        self.loop.add_reader(self.poller.fileno(), self.poller.on_ready)
        self._listener = Listener(self.poller, sock, Responder(self.app.on_request), LIMITS)

    def run(self) -> None:
        """Serve until `stop_soon`."""
        try:
            self.loop.run_forever()
        finally:
            self._listener.close()
            self.loop.remove_reader(self.poller.fileno())
            self.poller.close()
            self.loop.close()

    def stop_soon(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)


def run(host: str = "127.0.0.1", port: int = 8000, behaviour: str = "", *, seed: int = 0) -> int:
    """Serve the mock provider until SIGTERM or SIGINT; return the command's exit code.

    *behaviour* is what an `x-mock` field can say: `ttft=50ms, tokens=200`. Mistakes are told on stderr.
    """
    try:
        defaults = parse_behaviour(behaviour, Behaviour(), source="fastgate mock")
    except ClientError as error:
        sys.stderr.write(f"{error.message}\n")
        return BAD_USAGE
    try:
        sock = listen(host, port)
    except OSError as error:
        sys.stderr.write(f"fastgate mock: cannot listen on {host}:{port}: {error.strerror}; choose another with --port\n")
        return CANNOT_BIND
    with sock:
        server = Server(sock, defaults, seed=seed)
        for signum in (signal.SIGTERM, signal.SIGINT):
            server.loop.add_signal_handler(signum, server.loop.stop)
        sys.stdout.write(f"mock listening on {url_of(sock)}\n")
        sys.stdout.flush()
        server.run()
    return 0
