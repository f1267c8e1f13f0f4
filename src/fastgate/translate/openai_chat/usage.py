"""Tokens: read from a provider's `usage`, written into a caller's."""

from typing import Any

from fastgate.providers.provider import Quirks
from fastgate.translate.answer import Usage, cost_of
from fastgate.translate.target import Target

# Moonshot counts them at the top (platform.moonshot.ai/docs/api/chat, 2026-11).
_AT_TOP = frozenset({"cached_tokens", "cache_creation_input_tokens", "reasoning_tokens"})


def parse_usage(value: dict[str, Any], quirks: Quirks) -> Usage:
    """Return what was counted; a count that is missing or no number is zero."""
    usage = Usage(input_tokens=_count(value, "prompt_tokens"), output_tokens=_count(value, "completion_tokens"))
    prompt, completion = value.get("prompt_tokens_details"), value.get("completion_tokens_details")
    if isinstance(prompt, dict):
        usage.cache_read_tokens = _count(prompt, "cached_tokens")
        usage.cache_write_tokens = _count(prompt, "cache_write_tokens")
        usage.audio_input_tokens = _count(prompt, "audio_tokens")
    if isinstance(completion, dict):
        usage.reasoning_tokens = _count(completion, "reasoning_tokens")
        usage.audio_output_tokens = _count(completion, "audio_tokens")
    if not _AT_TOP.isdisjoint(value):
        usage.cache_read_tokens = usage.cache_read_tokens or _count(value, "cached_tokens")
        usage.cache_write_tokens = usage.cache_write_tokens or _count(value, "cache_creation_input_tokens")
        usage.reasoning_tokens = usage.reasoning_tokens or _count(value, "reasoning_tokens")
    if "cost" in value:
        usage.cost = cost_of(value["cost"])
    for counter, member in quirks.usage.items():
        if member in value:
            setattr(usage, counter, _count(value, member))
    if quirks.reasoning_beside_output:
        usage.output_tokens += usage.reasoning_tokens
    return usage


def read_usage(value: dict[str, Any], target: Target) -> Usage:
    """Return the usage of a complete answer."""
    return parse_usage(value, target.quirks)


def build_usage(usage: Usage) -> dict[str, Any]:
    """Return OpenAI's `usage`: prompt_tokens includes what was cached, completion_tokens what was thought."""
    prompt = {"cached_tokens": usage.cache_read_tokens}
    if usage.cache_write_tokens:
        prompt["cache_write_tokens"] = usage.cache_write_tokens
    if usage.audio_input_tokens:
        prompt["audio_tokens"] = usage.audio_input_tokens
    completion = {"reasoning_tokens": usage.reasoning_tokens}
    if usage.audio_output_tokens:
        completion["audio_tokens"] = usage.audio_output_tokens
    built: dict[str, Any] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": completion,
    }
    if usage.cost is not None:
        built["cost"] = usage.cost
    return built


def _count(value: dict[str, Any], member: str) -> int:
    count = value.get(member)
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0
