"""What JSON a caller's member has to be: each reader returns the value, or raises InvalidRequest with its path."""

from typing import Any

from fastgate.translate.losses import InvalidRequest

_NAMES = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object", type(None): "nothing"}


def wrong(path: str, expected: str, value: object) -> InvalidRequest:
    """Return the error that says what stands at *path* and what should."""
    found = f'"{value[:40]}"' if isinstance(value, str) else _NAMES.get(type(value), "something else")
    return InvalidRequest(path, f"`{path}`: expected {expected}, found {found}")


def read_text(value: object, path: str) -> str:
    """Return a string."""
    if isinstance(value, str):
        return value
    raise wrong(path, "a string", value)


def read_integer(value: object, path: str) -> int:
    """Return a whole number; a boolean is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise wrong(path, "a whole number", value)


def read_number(value: object, path: str) -> float:
    """Return a number as it came, whole or not; a boolean is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise wrong(path, "a number", value)


def read_flag(value: object, path: str) -> bool:
    """Return a boolean."""
    if isinstance(value, bool):
        return value
    raise wrong(path, "true or false", value)


def read_list(value: object, path: str) -> list[Any]:
    """Return a list, whatever is in it."""
    if isinstance(value, list):
        return value
    raise wrong(path, "a list", value)


def read_object(value: object, path: str) -> dict[str, Any]:
    """Return an object, whatever is in it."""
    if isinstance(value, dict):
        return value
    raise wrong(path, "an object", value)


def read_texts(value: object, path: str) -> list[str]:
    """Return a list of strings; one string is a list of one."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise wrong(path, "a string or a list of strings", value)
    for number, one in enumerate(value):
        if not isinstance(one, str):
            raise wrong(f"{path}[{number}]", "a string", one)
    return value
