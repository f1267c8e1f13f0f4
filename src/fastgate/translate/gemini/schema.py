"""Schemas: Google's own form, a subset of OpenAPI's, into JSON Schema.

`type` in capitals, `nullable`, counts as strings and `propertyOrdering` are what differs (ai.google.dev/api/caching#Schema, 2026-11-24).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fastgate.translate.gemini.members import Wrong, expect_integer, expect_list, expect_object, expect_text, expect_texts

# Deeper than any model follows; a parser of recursive values needs an end.
_MAX_DEPTH = 64


def json_schema(schema: Any, path: str, depth: int = 0) -> dict[str, Any]:
    """Return JSON Schema that means the same as a schema of Google's form; JSON Schema comes out as it is."""
    out: dict[str, Any] = {}
    if depth > _MAX_DEPTH:
        raise Wrong(path, f"is nested more than {_MAX_DEPTH} levels deep")
    nullable = False
    ordering: list[str] = []
    for name, value in expect_object(schema, path).items():
        if name == "nullable":
            nullable = value is True
        elif name in ("propertyOrdering", "property_ordering"):
            ordering = expect_texts(value, f"{path}.{name}")
        else:
            word = _WORDS.get(name, name)
            reader = _READERS.get(word)
            out[word] = value if reader is None else reader(value, f"{path}.{name}", depth + 1)
    if ordering and isinstance(out.get("properties"), dict):
        out["properties"] = _ordered(out["properties"], ordering)
    return _nullable(out) if nullable else out


def _ordered(properties: dict[str, Any], ordering: list[str]) -> dict[str, Any]:
    """The order of members is what `propertyOrdering` says in JSON Schema's form."""
    first = {name: properties[name] for name in ordering if name in properties}
    return first | {name: value for name, value in properties.items() if name not in first}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
    elif "anyOf" in schema:
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    values = schema.get("enum")
    if isinstance(values, list) and None not in values:
        schema["enum"] = [*values, None]
    return schema


def _type(value: Any, path: str, _: int) -> Any:
    if isinstance(value, list):
        return [expect_text(item, path).lower() for item in value]
    return expect_text(value, path).lower()


def _count(value: Any, path: str, _: int) -> int:
    return expect_integer(value, path)


def _members(value: Any, path: str, depth: int) -> dict[str, Any]:
    return {name: json_schema(member, f"{path}.{name}", depth) for name, member in expect_object(value, path).items()}


def _list(value: Any, path: str, depth: int) -> list[dict[str, Any]]:
    return [json_schema(item, f"{path}[{at}]", depth) for at, item in enumerate(expect_list(value, path))]


def _schema_or_flag(value: Any, path: str, depth: int) -> Any:
    return value if isinstance(value, bool) else json_schema(value, path, depth)


# Google's spelling -> JSON Schema's.
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "any_of": "anyOf",
        "min_items": "minItems",
        "max_items": "maxItems",
        "min_length": "minLength",
        "max_length": "maxLength",
        "min_properties": "minProperties",
        "max_properties": "maxProperties",
        "additional_properties": "additionalProperties",
        "ref": "$ref",
        "defs": "$defs",
    }
)
_READERS: Mapping[str, Callable[[Any, str, int], Any]] = MappingProxyType(
    {
        "type": _type,
        "properties": _members,
        "$defs": _members,
        "items": json_schema,
        "anyOf": _list,
        "additionalProperties": _schema_or_flag,
        "minItems": _count,
        "maxItems": _count,
        "minLength": _count,
        "maxLength": _count,
        "minProperties": _count,
        "maxProperties": _count,
    }
)
