"""Read members of a caller's JSON: each reader returns the value, or says which member is wrong and what was expected."""

from typing import Any

from fastgate.translate.losses import InvalidRequest

_KINDS: dict[type, str] = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    list: "a list",
    dict: "an object",
    type(None): "nothing",
}


def wrong(path: str, expected: str, seen: object) -> InvalidRequest:
    """Return the error for the member at *path*."""
    return InvalidRequest(path, f"`{path}`: expected {expected}, got {_KINDS.get(type(seen), 'something else')}")


def text_at(value: Any, path: str) -> str:
    """Return a string; "" if nothing was said."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise wrong(path, "a string", value)


def list_at(value: Any, path: str) -> list[Any]:
    """Return a list; an empty one if nothing was said."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise wrong(path, "a list", value)


def object_at(value: Any, path: str) -> dict[str, Any]:
    """Return an object."""
    if isinstance(value, dict):
        return value
    raise wrong(path, "an object", value)


def flag_at(value: Any, path: str) -> bool:
    """Return a boolean."""
    if isinstance(value, bool):
        return value
    raise wrong(path, "a boolean", value)


def count_at(value: Any, path: str) -> int:
    """Return an integer; 5.0 is one, as the server reads numbers."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise wrong(path, "an integer", value)


def number_at(value: Any, path: str) -> float:
    """Return a number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise wrong(path, "a number", value)


def texts_at(value: Any, path: str) -> list[str]:
    """Return a list of strings; one string is a list of one."""
    if isinstance(value, str):
        return [value]
    for index, item in enumerate(list_at(value, path)):
        if not isinstance(item, str):
            raise wrong(f"{path}[{index}]", "a string", item)
    return list(value)
