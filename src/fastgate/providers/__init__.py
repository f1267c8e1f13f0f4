"""Who serves models: one row per provider."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from fastgate.providers import (
    anthropic,
    azure,
    bedrock,
    cohere,
    compatible,
    deepseek,
    gemini,
    groq,
    mistral,
    ollama,
    openai,
    openrouter,
    vertex_ai,
    xai,
)
from fastgate.providers.provider import Provider

_MODULES = (
    openai,
    anthropic,
    azure,
    gemini,
    vertex_ai,
    bedrock,
    ollama,
    openrouter,
    deepseek,
    mistral,
    groq,
    xai,
    cohere,
    compatible,
)


def by_name(rows: Iterable[Provider]) -> Mapping[str, Provider]:
    """Return the rows under their names; raise ValueError if two have the same name."""
    found: dict[str, Provider] = {}
    for row in rows:
        if row.name in found:
            raise ValueError(f'two provider rows are named "{row.name}"')
        found[row.name] = row
    return MappingProxyType(found)


PROVIDERS: Mapping[str, Provider] = by_name(row for module in _MODULES for row in module.PROVIDERS)

__all__ = ["PROVIDERS", "Provider", "by_name"]
