"""Counts of tokens: `input_tokens` includes what was cached, `output_tokens` what was thought."""

from typing import Any

from fastgate.providers.provider import Quirks
from fastgate.translate.answer import Usage, cost_of


def parse_usage(value: object, quirks: Quirks) -> Usage | None:
    """Return what a provider counted; None if it did not count."""
    if not isinstance(value, dict):
        return None
    inputs = _details(value, "input_tokens_details")
    outputs = _details(value, "output_tokens_details")
    usage = Usage(
        input_tokens=_count(value, "input_tokens"),
        cache_read_tokens=_count(inputs, "cached_tokens"),
        cache_write_tokens=_count(inputs, "cache_write_tokens"),
        output_tokens=_count(value, "output_tokens"),
        reasoning_tokens=_count(outputs, "reasoning_tokens"),
        audio_input_tokens=_count(inputs, "audio_tokens"),
        audio_output_tokens=_count(outputs, "audio_tokens"),
    )
    if "cost" in value:
        usage.cost = cost_of(value["cost"])
    for counter, name in quirks.usage.items():
        if name in value:
            setattr(usage, counter, _count(value, name))
    if quirks.reasoning_beside_output:
        usage.output_tokens += usage.reasoning_tokens
    return usage


def build_usage(usage: Usage | None) -> dict[str, Any] | None:
    """Return `usage` of an answer; None if nothing was counted."""
    if usage is None:
        return None
    built: dict[str, Any] = {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.cost is not None:
        built["cost"] = usage.cost
    return built


def _details(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _count(value: dict[str, Any], name: str) -> int:
    found = value.get(name)
    return found if type(found) is int and found > 0 else 0
