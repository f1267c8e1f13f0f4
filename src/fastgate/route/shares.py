"""Which requests go to another model than the one they name, or to another one as well: gradual migration."""

import random
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b

import orjson

from fastgate._core import Exchange, Group
from fastgate.config.schema import Alias, Share

_MILLION = 1_000_000
# Members of a body, and of its metadata, that name whom or what a request belongs to; the first that is there counts.
_MEMBERS = ("prompt_cache_key", "safety_identifier", "user")
_METADATA = ("session_id", "user_id")

Find = Callable[[bytes], Group | None]


class Canaries:
    """*find* returns the group that serves a name."""

    def __init__(self, shares: Sequence[Share], aliases: Mapping[str, Alias], find: Find) -> None:
        # By the name that is asked for: the end of each one's part of a million, and who answers.
        self._parts: dict[bytes, list[tuple[int, Group]]] = {}
        for name, share in _by_name(shares, aliases):
            stable, group = find(name), find(share.to.encode())
            if stable is not None and group is not None:
                parts = self._parts.setdefault(name, [])
                parts.append(((parts[-1][0] if parts else 0) + share.parts, group.named(name, stable.literal, stable)))

    def divert(self, exchange: Exchange, group: Group, account: int) -> Group | None:
        """Return who answers a request for *group* instead of it, or None.

        A request that continues a response stays in the *account* that made it (-1: it continues none); of one that names what it belongs
        to that decides, so that a session stays where it is, and chance of the others.
        """
        parts = self._parts.get(group.name)
        if parts is None:
            return None
        if account >= 0:
            return next((one for _, one in parts if any(each.account == account for each in one.deployments)), None)
        session = _session_of(exchange)
        if session:
            place = int.from_bytes(blake2b(session, digest_size=8, key=group.name[:64]).digest()) % _MILLION
        else:
            place = random.randrange(_MILLION)
        return next((one for end, one in parts if place < end), None)


class Mirrors:
    """*find* returns the group that serves a name."""

    def __init__(self, shares: Sequence[Share], aliases: Mapping[str, Alias], find: Find) -> None:
        self._parts: dict[bytes, list[tuple[int, Group]]] = {}
        for name, share in _by_name(shares, aliases):
            group = find(share.to.encode())
            if group is not None:
                self._parts.setdefault(name, []).append((share.parts, group))

    def choose(self, group: Group) -> Sequence[Group]:
        """Return who is asked beside *group* this time."""
        parts = self._parts.get(group.name)
        if parts is None:
            return ()
        return [one for share, one in parts if random.randrange(_MILLION) < share]


def _by_name(shares: Sequence[Share], aliases: Mapping[str, Alias]) -> Sequence[tuple[bytes, Share]]:
    """Return each share under every name by which its model is asked for."""
    return [
        (name.encode(), share)
        for share in shares
        for name in (share.model, *(alias for alias, meant in aliases.items() if meant.model == share.model))
    ]


def _session_of(exchange: Exchange) -> bytes:
    """Return what a request says of whom or what it belongs to; b"" if it says nothing."""
    if exchange.session_id is not None:
        return exchange.session_id
    try:
        body = orjson.loads(exchange.body_bytes)
    except orjson.JSONDecodeError:  # a form, or a lone surrogate
        return b""
    if not isinstance(body, dict):
        return b""
    metadata = body.get("metadata")
    values = [body.get(name) for name in _MEMBERS]
    values += [metadata.get(name) for name in _METADATA] if isinstance(metadata, dict) else []
    return next((value.encode() for value in values if isinstance(value, str) and value), b"")
