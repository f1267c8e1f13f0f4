"""Ways to cut bytes into the pieces that arrive."""

from collections.abc import Iterable

from hypothesis import strategies as st


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Return *data* in pieces that end at *places* (taken modulo its length)."""
    at = sorted({place % len(data) for place in places} - {0}) if data else []
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


PLACES = st.lists(st.integers(0, 1 << 20), max_size=8)
