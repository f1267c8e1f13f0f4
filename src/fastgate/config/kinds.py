"""What a key's value may be: how it is read, and the words that say what was expected."""

from collections.abc import Callable
from math import inf, isfinite

from msgspec import Struct

from fastgate.config.schema import MOST_PRIORITY


class Kind(Struct, frozen=True):
    """A type of value. `read` raises ValueError for a value that is not of it."""

    expected: str
    read: Callable[[object], object]
    # A number or date written without quotes is taken as the text it is.
    is_text: bool = False


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _read_flag(value: object) -> bool:
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if not isinstance(value, bool):
        raise ValueError
    return value


def _read_integer(value: object) -> int:
    # Values from the environment are text.
    if isinstance(value, str):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    return value


def _read_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError
    try:
        number = float(value)
    except OverflowError:
        raise ValueError from None
    if not isfinite(number):
        raise ValueError
    return number


def _read_map(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError
    return value


def _read_list(value: object) -> object:
    if not isinstance(value, list):
        raise ValueError
    return value


def integer(low: int, high: int = 2**53) -> Kind:
    """Return the kind of whole numbers from *low* to *high*."""

    def read(value: object) -> int:
        number = _read_integer(value)
        if not low <= number <= high:
            raise ValueError
        return number

    return Kind(f"a whole number of at least {low}" if high == 2**53 else f"a whole number from {low} to {high}", read)


def number(low: float, *, high: float = inf, open_end: bool = False, unit: str = "") -> Kind:
    """Return the kind of numbers from *low*, or above it with *open_end*, to *high*."""

    def read(value: object) -> float:
        found = _read_number(value)
        if not low <= found <= high or (open_end and found == low):
            raise ValueError
        return found

    bound = f"{'above' if open_end else 'of at least'} {low:g}" + (f" and at most {high:g}" if high < inf else "")
    return Kind(f"a number {unit}{bound}", read)


def choice(*names: str) -> Kind:
    """Return the kind of one of several names."""

    def read(value: object) -> str:
        if value not in names:
            raise ValueError
        return str(value)

    return Kind("one of " + ", ".join(names), read)


def _read_flag_or_text(value: object) -> bool | str:
    try:
        return _read_flag(value)
    except ValueError:
        return _read_text(value)


TEXT = Kind("text", _read_text, is_text=True)
FLAG = Kind("true or false", _read_flag)
FLAG_OR_PATH = Kind("true, false or a file's path", _read_flag_or_text)
MAP = Kind("a map", _read_map)
LIST = Kind("a list", _read_list)
ANY = Kind("anything", lambda value: value)
COUNT = integer(0)
POSITIVE = integer(1)
PRIORITY = integer(0, MOST_PRIORITY)
AMOUNT = number(0)
# Of one unit: a token, an image, a request.
DOLLARS = number(0, high=10**6, unit="of dollars ")
SECONDS = number(0, open_end=True, unit="of seconds ")
WAIT = number(0, unit="of seconds ")
