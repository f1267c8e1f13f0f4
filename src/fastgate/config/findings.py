"""What is wrong or odd in a configuration, each with its place; errors and notes are collected, never raised one by one."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal, NamedTuple

from msgspec import Struct

Level = Literal["error", "note"]

# A value under a key with one of these in its name is never shown. `headers` carry keys, URLs of databases passwords.
_SECRET = re.compile(
    "key|password|pwd|token|secret|headers|credential|auth|database_url|redis_url|webhook|environment_variables", re.IGNORECASE
)
HIDDEN = "***"
# A terminal's line; what is longer is cut.
_SHOWN_CHARACTERS = 60


class Place(NamedTuple):
    """Where a value stands. Line 0: not in a file (a flag, an environment variable)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Finding(Struct, frozen=True, kw_only=True):
    """One mistake (error) or oddity (note) of the configuration."""

    level: Level
    place: Place
    # `$.model_list[3].litellm_params.model`
    path: str
    message: str
    # The nearest valid word, quoted by `line`; empty: none is near.
    nearest: str = ""

    @property
    def line(self) -> str:
        """The finding as one printable line."""
        text = f"{self.place}: {self.path}: {self.message}"
        return f'{text}; did you mean "{self.nearest}"?' if self.nearest else text


class Findings:
    """Collects findings in the order in which they are made."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def error(self, place: Place, path: str, found: str, expected: str, nearest: str = "") -> None:
        self.all.append(Finding(level="error", place=place, path=path, message=f"found {found}, expected {expected}", nearest=nearest))

    def note(self, place: Place, path: str, message: str, nearest: str = "") -> None:
        self.all.append(Finding(level="note", place=place, path=path, message=message, nearest=nearest))

    def lines(self, level: Level) -> list[str]:
        """Return the lines of one level, in the file's order, each once."""
        chosen = sorted((finding for finding in self.all if finding.level == level), key=lambda finding: finding.place)
        return list(dict.fromkeys(finding.line for finding in chosen))


def is_secret(path: str) -> bool:
    """Say whether a value under *path* must not be shown."""
    return _SECRET.search(path) is not None


def shown(path: str, value: object) -> str:
    """Return *value* as it may be printed in a finding about *path*."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_secret(path):
        return HIDDEN
    # A URL may carry a password before its `@`.
    text = HIDDEN if "@" in str(value) and "://" in str(value) else str(value)
    text = "".join(character if character.isprintable() else "?" for character in text)
    text = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
    return f'"{text}"' if isinstance(value, str) else text


def nearest(word: str, valid: Iterable[str], *, likeness: float = 0.6) -> str:
    """Return the valid word that *word* most likely stands for, or an empty string if none is as like as that (of 1)."""
    words = {candidate.lower(): candidate for candidate in valid}
    close = get_close_matches(word.lower(), words, n=1, cutoff=likeness)
    return words[close[0]] if close else ""
