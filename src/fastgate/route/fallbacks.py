"""Which model stands in for one whose deployments all failed: as the configuration says, and as the request says."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from msgspec import Struct, field

from fastgate._core import Exchange, Group
from fastgate.config.schema import FAILURES, Reliability

# An error's code, message and parameter.
Refusal = tuple[str, str, str | None]
# Key of those who stand in for every model.
_EVERY = "*"
# Failures that have stand-ins of their own, and no others.
_SPECIAL = ("context_window", "content_policy")
_MOST_RETRIES = 100


class Target(Struct, frozen=True):
    """A model that stands in; *members* replace those of the body."""

    model: str
    members: Mapping[str, Any] = {}


class Wishes(Struct, kw_only=True):
    """What a request says of its own retries and fallbacks, and how far its fallbacks have come."""

    # -1: nothing is said.
    num_retries: int = -1
    # 0: nothing is said.
    timeout_s: float = 0.0
    # Kind of failure ("" for all but the special ones) -> who stands in, in order; of a model, or of whatever was asked for ("*").
    fallbacks: dict[str, dict[str, tuple[Target, ...]]] = field(default_factory=dict)
    max_fallbacks: int = -1
    disabled: bool = False
    pending: list[Target] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    # Models and kinds of failure whose stand-ins are among the pending.
    asked: set[tuple[str, str]] = field(default_factory=set)
    taken: int = 0


class Fallbacks:
    """*find* returns the group that serves a name."""

    def __init__(self, settings: Reliability, find: Callable[[bytes], Group | None]) -> None:
        self._find = find
        self._most = settings.max_fallbacks
        self._aliases = {name: alias.model for name, alias in settings.aliases.items()}
        configured = {
            "": settings.fallbacks,
            "context_window": settings.context_window_fallbacks,
            "content_policy": settings.content_policy_fallbacks,
        }
        self._configured = {
            kind: {name: tuple(map(Target, models)) for name, models in chains.items()} for kind, chains in configured.items()
        }

    def next(self, exchange: Exchange, failure: int) -> tuple[Group, bytes | None] | None:
        """Return the group to ask next and the body to ask it with (None: the caller's own), or None if nobody stands in."""
        wishes = exchange.wishes
        if wishes is None:
            wishes = exchange.wishes = Wishes()
        kind = FAILURES[failure]
        if wishes.disabled or kind in ("caller", "not_found") or exchange.group is None:
            return None
        found = self._step(wishes, kind if kind in _SPECIAL else "", exchange.group.name.decode())
        if found is None:
            return None
        target, group = found
        return group, _body(exchange, target) if target.members else None

    def follow(self, wishes: Wishes | None, name: str, kind: str) -> list[str]:
        """Return the models that would stand in for *name* one after the other. *kind*: of failure, "" for all but the special ones."""
        trial = Wishes() if wishes is None else Wishes(fallbacks=wishes.fallbacks, max_fallbacks=wishes.max_fallbacks)
        names: list[str] = []
        while (wishes is None or not wishes.disabled) and (found := self._step(trial, kind, name)) is not None:
            name = found[1].name.decode()
            names.append(name)
        return names

    def _step(self, wishes: Wishes, kind: str, name: str) -> tuple[Target, Group] | None:
        """Return who stands in next for the model *name* and its group, and note it."""
        wishes.seen.add(name)
        if (name, kind) not in wishes.asked:
            wishes.asked.add((name, kind))
            wishes.pending[:0] = self._targets(wishes, kind, name)
        most = wishes.max_fallbacks if wishes.max_fallbacks >= 0 else self._most
        while wishes.pending and wishes.taken < most:
            target = wishes.pending.pop(0)
            group = self._find(target.model.encode())
            if group is None or target.model in wishes.seen:
                continue
            wishes.seen.add(target.model)
            wishes.taken += 1
            return target, group
        return None

    def _targets(self, wishes: Wishes, kind: str, name: str) -> tuple[Target, ...]:
        own = wishes.fallbacks.get(kind, {})
        chains = self._configured[kind]
        return own.get(name) or own.get(_EVERY) or chains.get(name) or chains.get(self._aliases.get(name, "")) or chains.get(_EVERY) or ()


def _body(exchange: Exchange, target: Target) -> bytes:
    return orjson.dumps({**orjson.loads(exchange.original_body), **target.members, "model": target.model})


class _Mistake(Exception):
    """A member that cannot be used: its name, and what it may be."""


def read_wishes(members: Mapping[str, bytes]) -> Wishes | Refusal:
    """Return what a body's members for the gateway say, or why they cannot be used. *members*: their JSON by name."""
    wishes = Wishes()
    try:
        for name, text in members.items():
            value = orjson.loads(text)
            if value is not None:
                _READERS[name](wishes, name, value)
    except (_Mistake, orjson.JSONDecodeError) as mistake:
        expected = str(mistake) if isinstance(mistake, _Mistake) else "text in UTF-8"
        return "invalid_body", f"`{name}` must be {expected}", name
    return wishes


def _read_count(wishes: Wishes, name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_RETRIES:
        raise _Mistake(f"a whole number from 0 to {_MOST_RETRIES}")
    setattr(wishes, name, value)


def _read_timeout(wishes: Wishes, name: str, value: object) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value <= 1e6:
        raise _Mistake("a number of seconds above 0")
    wishes.timeout_s = float(value)


def _read_disabled(wishes: Wishes, name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise _Mistake("true or false")
    wishes.disabled = value


def _read_chain(kind: str) -> Callable[[Wishes, str, object], None]:
    def read(wishes: Wishes, name: str, value: object) -> None:
        chains = wishes.fallbacks.setdefault(kind, {})
        for entry in [value] if isinstance(value, (str, dict)) else value if isinstance(value, list) else [None]:
            if isinstance(entry, dict) and "model" not in entry:
                # LiteLLM's form in a configuration: {model: [who stands in]}.
                for model, models in entry.items():
                    listed = models if isinstance(models, list) and models else [models]
                    chains[model] = chains.get(model, ()) + tuple(map(_target, listed))
            else:
                chains[_EVERY] = (*chains.get(_EVERY, ()), _target(entry))

    return read


def _target(entry: object) -> Target:
    if isinstance(entry, str) and entry:
        return Target(entry)
    if isinstance(entry, dict) and isinstance(entry.get("model"), str):
        return Target(entry["model"], {key: value for key, value in entry.items() if key != "model"})
    raise _Mistake('a list of models, each a name or an object such as {"model": "..."}')


_READERS: dict[str, Callable[[Wishes, str, Any], None]] = {
    "num_retries": _read_count,
    "max_fallbacks": _read_count,
    "timeout": _read_timeout,
    "disable_fallbacks": _read_disabled,
    "fallbacks": _read_chain(""),
    "fallback_models": _read_chain(""),
    "context_window_fallbacks": _read_chain("context_window"),
    "content_policy_fallbacks": _read_chain("content_policy"),
}
