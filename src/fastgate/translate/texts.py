"""Texts, carried from one dialect's body into another's as they stand: what nobody looks into is not decoded."""

from collections.abc import Sequence

from msgspec import Struct

# Dialects whose packages look at no more of a message's text than whether it is blank, and at the space at its ends. Others read
# results of tools as JSON, or count characters.
CARRYING = frozenset({"openai_chat", "anthropic_messages"})


class Mislaid(Exception):
    """What was held is not in its place once."""


class Places(Struct, frozen=True):
    """A body with gaps: behind pieces[n] belongs the text with the number gaps[n]."""

    pieces: tuple[bytes, ...]
    gaps: tuple[int, ...] = ()


def find_places(body: bytes, mark: bytes, count: int, names: Sequence[int] = ()) -> Places:
    """Return *body* cut at *mark* and six digits, in any order.

    Raise Mislaid if one of *count* texts stands twice, or is missing and none of *names*.
    """
    first, *others = body.split(mark)
    gaps = [int(piece[:6]) if piece[:6].isdigit() else count for piece in others]
    found = set(gaps)
    if len(found) != len(gaps) or (gaps and max(gaps) >= count) or not found.union(names).issuperset(range(count)):
        raise Mislaid
    return Places((first, *(piece[6:] for piece in others)), tuple(gaps))
