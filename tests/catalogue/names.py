"""Names that genai-prices' match clauses match."""

from collections.abc import Iterator
from typing import Any

from genai_prices import types


def names_of(match: Any) -> Iterator[str]:
    """Give a name for each clause of *match*; those of a regex are the models' own business."""
    for clause in match.or_ if isinstance(match, types.ClauseOr) else [match]:
        if isinstance(clause, types.ClauseEquals):
            yield clause.equals
        elif isinstance(clause, types.ClauseStartsWith):
            yield from (clause.starts_with, clause.starts_with + "-x")
        elif isinstance(clause, types.ClauseEndsWith):
            yield from (clause.ends_with, "x-" + clause.ends_with)
        elif isinstance(clause, types.ClauseContains):
            yield from (clause.contains, f"x-{clause.contains}-x")
        elif isinstance(clause, types.ClauseAnd):
            yield from (name for part in clause.and_ for name in names_of(part))
