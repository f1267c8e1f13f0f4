"""Usage of Anthropic messages, read and written. Its input_tokens leave out what the cache read and wrote."""

from typing import Any

from fastgate.translate.answer import Usage
from fastgate.translate.target import Target

# Members of `usage` that are read; others are kept for a caller of this dialect.
USAGE_MEMBERS = frozenset(
    {
        "input_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "cache_creation",
        "output_tokens",
        "output_tokens_details",
        "service_tier",
    }
)


def parse_usage(said: dict[str, Any], known: Usage | None = None) -> Usage:
    """Return what *said* tells; where it is silent, what was *known* from an earlier event counts.

    The counts of a message_delta are cumulative: they replace those of message_start and are never added.
    """
    before = known or Usage()
    uncached = _count(said.get("input_tokens"), before.input_tokens - before.cache_read_tokens - before.cache_write_tokens)
    read = _count(said.get("cache_read_input_tokens"), before.cache_read_tokens)
    written = _count(said.get("cache_creation_input_tokens"), before.cache_write_tokens)
    split = said.get("cache_creation")
    details = said.get("output_tokens_details")
    return Usage(
        input_tokens=uncached + read + written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=(
            _count(split.get("ephemeral_1h_input_tokens"), 0) if isinstance(split, dict) else before.cache_write_1h_tokens
        ),
        output_tokens=_count(said.get("output_tokens"), before.output_tokens),
        reasoning_tokens=(
            _count(details.get("thinking_tokens"), before.reasoning_tokens) if isinstance(details, dict) else before.reasoning_tokens
        ),
    )


def read_usage(value: dict[str, Any], target: Target) -> Usage | None:
    """Return the usage of a complete answer; None if it says nothing."""
    return parse_usage(value) if value else None


def build_usage(usage: Usage | None) -> dict[str, Any]:
    """Return `usage` as a message or a message_delta carries it; zeros where nothing is known, since clients read the members."""
    if usage is None:
        return {"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0}
    said: dict[str, Any] = {
        "input_tokens": max(0, usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.cache_write_1h_tokens:
        said["cache_creation"] = {
            "ephemeral_5m_input_tokens": max(0, usage.cache_write_tokens - usage.cache_write_1h_tokens),
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        }
    if usage.reasoning_tokens:
        said["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return said


def _count(value: Any, known: int) -> int:
    return value if type(value) is int and value >= 0 else known
