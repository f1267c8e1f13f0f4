"""Which model stands in for one whose deployments all failed: as the configuration says, and as the request says."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct, field

from fastgate._core import Deployment as Bound
from fastgate._core import Exchange, Group
from fastgate.config.schema import FAILURES, MOST_PRIORITY, Deployment, Reliability

# An error's code, message and parameter.
Refusal = tuple[str, str, str | None]
# Key of those who stand in for every model.
_EVERY = "*"
# Failures that have stand-ins of their own, and no others.
_SPECIAL = ("context_window", "content_policy")
_MOST_RETRIES = 100
# What a failure is called where a body says when another model is asked; every class that is not here is an error.
_CONDITION_OF = {"rate_limit": "rate_limit", "timeout": "timeout"}
_CONDITIONS = ("rate_limit", "timeout", "error", "all")
# Group, body (None: the caller's), microseconds for one attempt (0: as the deployment says), retries (-1: likewise).
Turn = tuple[Group, bytes | None, int, int]


class Target(Struct, frozen=True):
    """A model that stands in; *members* replace those of the body."""

    model: str
    members: Mapping[str, Any] = {}
    # Of _CONDITIONS: when it does; empty: always.
    conditions: frozenset[str] = frozenset()
    # Of one attempt, and how often it is asked; 0: nothing is said.
    timeout_s: float = 0.0
    max_attempts: int = 0


class Wishes(Struct, kw_only=True):
    """What a request says of its own retries and fallbacks, and how far its fallbacks have come."""

    # -1: nothing is said.
    num_retries: int = -1
    # 0: nothing is said.
    timeout_s: float = 0.0
    # -1: nothing is said.
    priority: int = -1
    # Kind of failure ("" for all but the special ones) -> who stands in, in order; of a model, or of whatever was asked for ("*").
    fallbacks: dict[str, dict[str, tuple[Target, ...]]] = field(default_factory=dict)
    max_fallbacks: int = -1
    disabled: bool = False
    # Which deployments it is for; empty: it does not say.
    tags: tuple[str, ...] = ()
    region: str = ""
    # Conditions under which no other model is asked.
    refused: set[str] = field(default_factory=set)
    pending: list[Target] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    # Models and kinds of failure whose stand-ins are among the pending.
    asked: set[tuple[str, str]] = field(default_factory=set)
    taken: int = 0


class Fallbacks:
    """*find* returns the group that serves a name; *deployments* may have fallbacks of their own."""

    def __init__(self, settings: Reliability, deployments: Sequence[Deployment], find: Callable[[bytes], Group | None]) -> None:
        self._find = find
        self._own = [tuple(map(Target, one.fallbacks)) for one in deployments]
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

    def next(self, exchange: Exchange, failure: int) -> Turn | None:
        """Return the group to ask next and how, or None if nobody stands in."""
        wishes = exchange.wishes
        if wishes is None:
            wishes = exchange.wishes = Wishes()
        kind = FAILURES[failure]
        condition = _CONDITION_OF.get(kind, "error")
        if wishes.disabled or condition in wishes.refused or kind in ("caller", "not_found") or exchange.group is None:
            return None
        found = self._step(wishes, kind if kind in _SPECIAL else "", condition, exchange.group.name.decode(), exchange.deployment)
        if found is None:
            return None
        target, group = found
        retries = target.max_attempts - 1 if target.max_attempts else wishes.num_retries
        return group, _body(exchange, target) if target.members else None, int(target.timeout_s * 1_000_000), retries

    def follow(self, wishes: Wishes | None, name: str, kind: str) -> list[str]:
        """Return the models that would stand in for *name* one after the other. *kind*: of failure, "" for all but the special ones."""
        trial = Wishes() if wishes is None else Wishes(fallbacks=wishes.fallbacks, max_fallbacks=wishes.max_fallbacks)
        names: list[str] = []
        while (wishes is None or not wishes.disabled) and (
            found := self._step(trial, kind, "error", name, None)
        ) is not None:
            name = found[1].name.decode()
            names.append(name)
        return names

    def _step(self, wishes: Wishes, kind: str, condition: str, name: str, failed: Bound | None) -> tuple[Target, Group] | None:
        """Return who stands in next for the model *name* and its group, and note it."""
        wishes.seen.add(name)
        if (name, kind) not in wishes.asked:
            wishes.asked.add((name, kind))
            wishes.pending[:0] = self._targets(wishes, kind, name, failed)
        most = wishes.max_fallbacks if wishes.max_fallbacks >= 0 else self._most
        for target in [one for one in wishes.pending if not one.conditions or condition in one.conditions]:
            if wishes.taken >= most:
                break
            wishes.pending.remove(target)
            group = self._find(target.model.encode())
            if group is None or target.model in wishes.seen:
                continue
            wishes.seen.add(target.model)
            wishes.taken += 1
            return target, group
        return None

    def _targets(self, wishes: Wishes, kind: str, name: str, failed: Bound | None) -> tuple[Target, ...]:
        said = wishes.fallbacks.get(kind, {})
        if found := said.get(name) or said.get(_EVERY):
            return found
        if not kind and failed is not None and self._own[failed.number]:
            return self._own[failed.number]
        chains = self._configured[kind]
        return chains.get(name) or chains.get(self._aliases.get(name, "")) or _of_pattern(chains, name)


def _of_pattern(chains: Mapping[str, tuple[Target, ...]], name: str) -> tuple[Target, ...]:
    """Return who stands in for the most specific name with a `*` that covers *name*."""
    covering = [pattern for pattern in chains if "*" in pattern and _covers(pattern, name)]
    return chains[max(covering, key=len)] if covering else ()


def _covers(pattern: str, name: str) -> bool:
    prefix, _, suffix = pattern.partition("*")
    return len(name) >= len(pattern) - 1 and name.startswith(prefix) and name.endswith(suffix)


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


def _read_priority(wishes: Wishes, name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_PRIORITY:
        raise _Mistake(f"a whole number from 0 to {MOST_PRIORITY}")
    wishes.priority = value


def _read_timeout(wishes: Wishes, name: str, value: object) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value <= 1e6:
        raise _Mistake("a number of seconds above 0")
    wishes.timeout_s = float(value)


def _read_tags(wishes: Wishes, name: str, value: object) -> None:
    tags = [value] if isinstance(value, str) else value
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise _Mistake("a list of texts")
    wishes.tags = tuple(tags)


def _read_region(wishes: Wishes, name: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise _Mistake("the name of a region or an area, such as eu")
    wishes.region = value


def _read_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Mistake("true or false")
    return value


def _read_disabled(wishes: Wishes, _: str, value: object) -> None:
    wishes.disabled = _read_flag(value)


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


def _read_condition(wishes: Wishes, name: str, value: object) -> None:
    if not _read_flag(value):
        wishes.refused.add(name.removeprefix("fallback_on_"))


def _read_config(wishes: Wishes, _: str, value: object) -> None:
    """Read `fallback_config`; what else it may hold says nothing here."""
    models = value.get("models", []) if isinstance(value, dict) else None
    if not isinstance(models, list):
        raise _Mistake('an object such as {"models": [{"model": "..."}]}')
    chains = wishes.fallbacks.setdefault("", {})
    chains[_EVERY] = (*chains.get(_EVERY, ()), *map(_configured_target, models))


def _configured_target(entry: object) -> Target:
    if isinstance(entry, str):
        return _target(entry)
    members: dict[str, Any] = entry if isinstance(entry, dict) else {}
    model, conditions = members.get("model"), members.get("conditions") or ["all"]
    timeout_s, max_attempts = members.get("timeout") or 0, members.get("max_attempts") or 0
    if not isinstance(model, str) or not model:
        raise _Mistake("an object whose models each have a model")
    if not isinstance(conditions, list) or not all(one in _CONDITIONS for one in conditions):
        raise _Mistake(f"an object whose conditions are among {', '.join(_CONDITIONS)}")
    if not _is_number(timeout_s) or not 0 <= timeout_s <= 1e6:
        raise _Mistake("an object whose timeouts are seconds")
    if not isinstance(max_attempts, int) or not _is_number(max_attempts) or not 0 <= max_attempts <= _MOST_RETRIES:
        raise _Mistake(f"an object whose max_attempts are whole numbers up to {_MOST_RETRIES}")
    when = frozenset() if "all" in conditions else frozenset(conditions)
    return Target(model, conditions=when, timeout_s=float(timeout_s), max_attempts=max_attempts)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_READERS: dict[str, Callable[[Wishes, str, Any], None]] = {
    "num_retries": _read_count,
    "max_fallbacks": _read_count,
    "timeout": _read_timeout,
    "priority": _read_priority,
    "disable_fallbacks": _read_disabled,
    "fallback_on_rate_limit": _read_condition,
    "fallback_on_error": _read_condition,
    "fallback_config": _read_config,
    "tags": _read_tags,
    "allowed_model_region": _read_region,
    "fallbacks": _read_chain(""),
    "fallback_models": _read_chain(""),
    "context_window_fallbacks": _read_chain("context_window"),
    "content_policy_fallbacks": _read_chain("content_policy"),
}
