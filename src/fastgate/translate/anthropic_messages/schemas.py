"""JSON Schemas as structured outputs and strict tools take them.

platform.claude.com/docs/en/build-with-claude/structured-outputs (2026-11): every object needs additionalProperties false, and
numeric, string and array limits are a 400; Anthropic's own SDKs leave them out as well (lib/_parse/_transform.py).
"""

from collections.abc import Iterable
from typing import Any

# minItems is known for 0 and 1.
_DROPPED = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "pattern",
        "patternProperties",
        "propertyNames",
        "$schema",
    }
)
# Of `format`; any other is a 400.
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
# Schemas are looked into so far; orjson writes no deeper ones anyway than 254 levels.
_MAX_DEPTH = 100

# Keywords whose value is a schema, a list of schemas, or schemas by name.
_SCHEMA = frozenset({"items", "additionalProperties", "not", "if", "then", "else", "contains"})
_SCHEMAS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NAMED_SCHEMAS = frozenset({"properties", "$defs", "definitions"})


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return *schema* with closed objects and without what is refused; the very same object if it is so already."""
    return _close(schema, 0) if _is_open(schema, 0) else schema


def _is_dropped(keyword: str, value: Any) -> bool:
    if keyword in _DROPPED:
        return True
    if keyword == "minItems":
        return value not in (0, 1)
    return keyword == "format" and isinstance(value, str) and value not in _FORMATS


def _is_object(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or "properties" in schema or (isinstance(kind, list) and "object" in kind)


def _is_open(schema: Any, depth: int) -> bool:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return False
    if _is_object(schema) and schema.get("additionalProperties") is not False:
        return True
    for keyword, value in schema.items():
        if keyword == "oneOf" or _is_dropped(keyword, value):
            return True
        for below in _below(keyword, value):
            if _is_open(below, depth + 1):
                return True
    return False


def _below(keyword: str, value: Any) -> Iterable[Any]:
    """Return the schemas that stand in the value of a keyword."""
    if keyword in _SCHEMA:
        return (value,)
    if keyword in _SCHEMAS and isinstance(value, list):
        return value
    if keyword in _NAMED_SCHEMAS and isinstance(value, dict):
        return value.values()
    return ()


def _close(schema: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return schema
    made: dict[str, Any] = {}
    for keyword, value in schema.items():
        if _is_dropped(keyword, value):
            continue
        if keyword in _SCHEMA:
            made[keyword] = _close(value, depth + 1)
        elif keyword in _SCHEMAS and isinstance(value, list):
            # oneOf is unknown; where at most one alternative can hold, anyOf says the same.
            made["anyOf" if keyword == "oneOf" else keyword] = [_close(each, depth + 1) for each in value]
        elif keyword in _NAMED_SCHEMAS and isinstance(value, dict):
            made[keyword] = {name: _close(each, depth + 1) for name, each in value.items()}
        else:
            made[keyword] = value
    if _is_object(schema):
        made["additionalProperties"] = False
    return made
