"""Members of a caller's body, read with their types; what is wrong is told with its path."""

from typing import Any

_KINDS = {dict: "an object", list: "an array", str: "a string", int: "a number", float: "a number", bool: "a boolean", type(None): "null"}


class Wrong(Exception):
    """A member is not what it must be. *path* grows on the way out."""

    def __init__(self, path: str, says: str) -> None:
        super().__init__(path)
        self.path = path
        self.says = says

    def inside(self, outer: str) -> "Wrong":
        """Return the same complaint, told from outside of *outer*."""
        joint = "" if not self.path or self.path[0] == "[" else "."
        return Wrong(outer + joint + self.path, self.says)


def wrong(path: str, expected: str, value: object) -> Wrong:
    """Return the complaint that a member is something else than expected."""
    return Wrong(path, f"must be {expected}, found {_KINDS.get(type(value), 'something else')}")


def expect_object(value: Any, path: str) -> dict[str, Any]:
    """Return *value*, an object."""
    if type(value) is not dict:
        raise wrong(path, "an object", value)
    return value


def expect_list(value: Any, path: str) -> list[Any]:
    """Return *value*, an array."""
    if type(value) is not list:
        raise wrong(path, "an array", value)
    return value


def expect_text(value: Any, path: str) -> str:
    """Return *value*, a string."""
    if type(value) is not str:
        raise wrong(path, "a string", value)
    return value


def optional_text(value: Any, path: str) -> str:
    """Return *value*, a string; "" for none."""
    if value is None:
        return ""
    return expect_text(value, path)


def expect_texts(value: Any, path: str) -> list[str]:
    """Return *value*, an array of strings."""
    for at, item in enumerate(expect_list(value, path)):
        expect_text(item, f"{path}[{at}]")
    texts: list[str] = value
    return texts


def expect_number(value: Any, path: str) -> float:
    """Return *value*, a number."""
    if type(value) is not float and type(value) is not int:
        raise wrong(path, "a number", value)
    return value


def expect_integer(value: Any, path: str) -> int:
    """Return *value*, a whole number; JSON of Protocol Buffers may write it as 40.0 or "40"."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if type(value) is str and value.removeprefix("-").isdecimal() and value.isascii() and len(value) < 20:
        return int(value)
    raise wrong(path, "a whole number", value)


def expect_boolean(value: Any, path: str) -> bool:
    """Return *value*, true or false."""
    if type(value) is not bool:
        raise wrong(path, "a boolean", value)
    return value
