"""Names to addresses, in the loop's thread pool."""

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from itertools import chain, zip_longest

from fastgate._core import Pool

# Family, packed address, port.
Address = tuple[int, bytes, int]
# Of getaddrinfo: family, kind, protocol, canonical name, address.
Found = tuple[int, int, int, str, tuple[str, int]]


class Resolver:
    """Answers pools that ask for their addresses; a pool asks again when *ttl_s* is over and uses the old ones meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ttl_s: float) -> None:
        self._loop = loop
        self._ttl_s = ttl_s

    def for_host(self, host: str, port: int) -> Callable[[Pool], None]:
        """Return what a Pool calls to learn the addresses of *host*."""
        return partial(self._resolve, host, port)

    def _resolve(self, host: str, port: int, pool: Pool) -> None:
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                packed = socket.inet_pton(family, host)
            except OSError:
                continue
            pool.on_addresses([(int(family), packed, port)], "", float("1e9"))
            return
        lookup = asyncio.ensure_future(self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM), loop=self._loop)
        lookup.add_done_callback(partial(self._on_lookup, host, port, pool))

    def _on_lookup(self, host: str, port: int, pool: Pool, lookup: "asyncio.Future[list[Found]]") -> None:
        if lookup.cancelled():
            return
        error = lookup.exception()
        if error is not None:
            pool.on_addresses([], f"cannot resolve {host}: {error.strerror if isinstance(error, OSError) else error}", 0.0)
            return
        pool.on_addresses(interleaved([(family, address[0]) for family, _, _, _, address in lookup.result()], port), "", self._ttl_s)


def interleaved(found: list[tuple[int, str]], port: int) -> list[Address]:
    """Return the addresses with families taking turns, the first one's first. RFC 8305 4."""
    first = [entry for entry in found if entry[0] == found[0][0]]
    other = [entry for entry in found if entry[0] != found[0][0]]
    mixed = chain.from_iterable(zip_longest(first, other))
    return [(int(entry[0]), socket.inet_pton(entry[0], entry[1].partition("%")[0]), port) for entry in mixed if entry]
