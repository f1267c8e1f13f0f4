"""Change a body as the configuration says, in LiteLLM's words: what is left out, and what is added."""

import re
from collections.abc import Mapping
from typing import Any

from fastgate.config.schema import Rewrites

# Members of a body that are the gateway's business and no provider's.
OWN_MEMBERS = frozenset(
    {
        "drop_params",
        "allowed_openai_params",
        "additional_drop_params",
        "fallback_models",
        "fallbacks",
        "num_retries",
        "mock_response",
    }
)

_STEP = re.compile(r"([^.\[\]]+)|\[(\*|\d+)\]")


def drop_members(body: dict[str, Any], rewrites: Rewrites) -> None:
    """Leave out what is to be dropped of the caller's body, and what is the gateway's own; in place."""
    for path in rewrites.additional_drop_params:
        drop_path(body, path)
    if not OWN_MEMBERS.isdisjoint(body):
        for name in OWN_MEMBERS:
            body.pop(name, None)


def add_extra(body: dict[str, Any], extra: Mapping[str, Any]) -> None:
    """Write *extra* into a body that goes upstream: objects are merged, everything else replaced; in place."""
    for name, value in extra.items():
        found = body.get(name)
        if isinstance(found, dict) and isinstance(value, Mapping):
            add_extra(found, value)
        else:
            body[name] = dict(value) if isinstance(value, Mapping) else value


def drop_path(body: Any, path: str) -> None:
    """Leave out the member at *path* (`user`, `metadata.x`, `tools[*].function.strict`, `messages[0].name`), where there is one."""
    steps = [match[1] or match[2] for match in _STEP.finditer(path)]
    if steps:
        _drop(body, steps)


def _drop(value: Any, steps: list[str]) -> None:
    step, rest = steps[0], steps[1:]
    if isinstance(value, list):
        chosen = range(len(value)) if step == "*" else [int(step)] if step.isdigit() and int(step) < len(value) else []
        if rest:
            for index in chosen:
                _drop(value[index], rest)
        elif step != "*" and chosen:
            del value[int(step)]
    elif isinstance(value, dict) and step in value:
        if rest:
            _drop(value[step], rest)
        else:
            del value[step]
