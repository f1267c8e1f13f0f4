"""Listening sockets: opened once by the supervisor, one per worker and address, and inherited through fork.

They outlive every worker, so connections that wait in a dead worker's backlog are served by the one that replaces it.
"""

import errno
import os
import socket

# Connections the kernel completes for a worker that is busy. The kernel caps it at net.core.somaxconn (4096 since Linux 5.4).
# - nginx: 511  - uvicorn: 2048  - HAProxy: maxconn
BACKLOG = 4096


class CannotBindError(OSError):
    """The address cannot be listened on; `strerror` says why and what to do."""


class Listening:
    """Open sockets, by worker: `slots[n]` are worker n's, one per address that the host stands for."""

    __slots__ = ("host", "port", "slots")

    def __init__(self, host: str, port: int, slots: tuple[tuple[socket.socket, ...], ...]) -> None:
        self.host = host
        self.port = port
        self.slots = slots

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return all(is_loopback(sock.getsockname()[0]) for sock in self.slots[0])

    def close(self) -> None:
        for sockets in self.slots:
            for sock in sockets:
                sock.close()


def is_loopback(address: str) -> bool:
    """Tell whether *address*, a literal as getsockname() gives it, is 127.0.0.0/8 or ::1."""
    return address.startswith("127.") or address == "::1"


def listen(host: str, port: int, workers: int) -> Listening:
    """Return sockets that listen on *host*, a literal or a name, for each of *workers*; port 0 takes a free one.

    Raise CannotBindError with a sentence for the person at the terminal.
    """
    host = host.removeprefix("[").removesuffix("]")
    opened: list[list[socket.socket]] = [[] for _ in range(workers)]
    chosen = port
    try:
        for family, address in _resolve(host, port):
            if chosen:
                _check_free(family, address, chosen)
            for sockets in opened:
                sock = _open(family, address, chosen, reuse_port=True)
                sockets.append(sock)
                # The kernel never gives out a port that another SO_REUSEPORT socket has, so the first one decides for all.
                chosen = sock.getsockname()[1]
                sock.listen(BACKLOG)
                sock.setblocking(False)
    except OSError as error:
        Listening(host, chosen, tuple(map(tuple, opened))).close()
        raise CannotBindError(error.errno, _say_why(host, chosen, error)) from error
    return Listening(host, chosen, tuple(map(tuple, opened)))


def _resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses: list[tuple[socket.AddressFamily, str]] = list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))
    if len(addresses) == 1:
        return addresses
    # A name: a machine without IPv6 still has `::1 localhost` in its hosts file.
    usable = [(family, address) for family, address in addresses if _exists(family, address)]
    return usable or addresses


def _exists(family: socket.AddressFamily, address: str) -> bool:
    try:
        _open(family, address, 0, reuse_port=False).close()
    except OSError:
        return False
    return True


def _check_free(family: socket.AddressFamily, address: str, port: int) -> None:
    # With SO_REUSEPORT a second gateway of the same user would bind without an error and get half of the connections.
    _open(family, address, port, reuse_port=False).close()


def _open(family: socket.AddressFamily, address: str, port: int, *, reuse_port: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of the previous run in TIME_WAIT must not keep the port.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # `::` takes IPv4 too, as people expect of it in containers; a single IPv6 address has no IPv4 side.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def _say_why(host: str, port: int, error: OSError) -> str:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if isinstance(error, socket.gaierror):
        return f'cannot listen on {where}: "{host}" is not an address or a name that resolves here ({error.strerror})'
    reasons = {
        errno.EADDRINUSE: "another program has that port; stop it, or choose another with --port (0 takes a free one)",
        errno.EACCES: "this user may not use that port; choose one above 1023 with --port",
        errno.EADDRNOTAVAIL: "no interface of this machine has that address; 0.0.0.0 is every interface, 127.0.0.1 this machine only",
        errno.EMFILE: "too many open files (ulimit -n); use fewer --workers",
    }
    return f"cannot listen on {where}: {reasons.get(error.errno or 0) or os.strerror(error.errno or 0)}"
