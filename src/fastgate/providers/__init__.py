"""Who serves models: one row per provider."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from fastgate.providers import (
    anthropic,
    azure,
    bedrock,
    cerebras,
    clouds,
    cohere,
    dashscope,
    deepseek,
    embedders,
    fireworks_ai,
    gemini,
    groq,
    hosts,
    llama_cpp,
    makers,
    minimax,
    mistral,
    moonshot,
    ollama,
    openai,
    openrouter,
    perplexity,
    routers,
    servers,
    together_ai,
    vertex_ai,
    vllm,
    xai,
    zai,
)
from fastgate.providers.provider import Provider

_MODULES = (
    openai,
    anthropic,
    azure,
    gemini,
    vertex_ai,
    bedrock,
    cohere,
    ollama,
    openrouter,
    deepseek,
    mistral,
    groq,
    xai,
    together_ai,
    fireworks_ai,
    perplexity,
    cerebras,
    moonshot,
    minimax,
    zai,
    dashscope,
    vllm,
    llama_cpp,
    makers,
    hosts,
    clouds,
    routers,
    servers,
    embedders,
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
