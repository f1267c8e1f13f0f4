"""Members of a JSON object with their types checked: a value, or InvalidRequest with the member's path and what was expected."""

import binascii
from typing import Any

from fastgate.translate.losses import InvalidRequest

_NAMES: dict[type, str] = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    dict: "an object",
    list: "an array",
    type(None): "null",
}


def wrong(path: str, expected: str, value: object) -> InvalidRequest:
    """Return the error of a member that is not what it must be."""
    return InvalidRequest(path, f"`{path}` must be {expected}, not {_NAMES.get(type(value), 'this')}")


def unknown_word(path: str, expected: tuple[str, ...], value: object) -> InvalidRequest:
    """Return the error of a member that is none of the words it can be."""
    known = ", ".join(f'"{word}"' for word in expected)
    said = f'"{value}"' if isinstance(value, str) else _NAMES.get(type(value), "this")
    return InvalidRequest(path, f"`{path}` must be one of {known}, not {said}")


def to_text(value: object, path: str) -> str:
    """Return a string."""
    if type(value) is str:
        return value
    raise wrong(path, "a string", value)


def to_optional_text(value: object, path: str) -> str:
    """Return a string, "" for null."""
    if value is None:
        return ""
    return to_text(value, path)


def to_integer(value: object, path: str) -> int:
    """Return an integer; a float is one if nothing stands behind its point."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise wrong(path, "an integer", value)


def to_number(value: object, path: str) -> float:
    """Return a number."""
    if type(value) is float or type(value) is int:
        return value
    raise wrong(path, "a number", value)


def to_boolean(value: object, path: str) -> bool:
    """Return a boolean."""
    if type(value) is bool:
        return value
    raise wrong(path, "a boolean", value)


def to_object(value: object, path: str) -> dict[str, Any]:
    """Return an object."""
    if type(value) is dict:
        return value
    raise wrong(path, "an object", value)


def to_array(value: object, path: str) -> list[Any]:
    """Return an array."""
    if type(value) is list:
        return value
    raise wrong(path, "an array", value)


def required_text(value: dict[str, Any], name: str, path: str) -> str:
    """Return a string that must be there."""
    found = value.get(name)
    if type(found) is str:
        return found
    if name in value:
        raise wrong(f"{path}.{name}", "a string", found)
    raise InvalidRequest(f"{path}.{name}", f"`{path}.{name}` is missing: it must be a string")


def to_word(value: object, path: str, known: tuple[str, ...]) -> str:
    """Return one of the words that a member can be."""
    if type(value) is str and value in known:
        return value
    raise unknown_word(path, known, value)


def split_data_url(url: str) -> tuple[str, str] | None:
    """Return media type and base64 data of a data: URL; None for every other URL (RFC 2397)."""
    if not url.startswith("data:"):
        return None
    head, comma, content = url.partition(",")
    if not comma or not head.endswith(";base64"):
        return None
    return head[5:].partition(";")[0], content


def to_base64(text: str) -> str:
    """Return the UTF-8 bytes of *text* in base64."""
    return binascii.b2a_base64(text.encode("utf-8", "replace"), newline=False).decode("ascii")
