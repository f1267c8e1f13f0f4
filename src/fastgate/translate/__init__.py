"""Wire formats: a package per dialect, with the same functions under the same names (`dialect`)."""

from collections.abc import Mapping
from types import MappingProxyType, ModuleType

from fastgate.translate import anthropic_messages, bedrock, cohere, gemini, ollama, openai_chat, openai_responses

# What callers speak.
CALLERS: Mapping[str, ModuleType] = MappingProxyType(
    {
        "openai_chat": openai_chat,
        "openai_responses": openai_responses,
        "anthropic_messages": anthropic_messages,
        "gemini": gemini,
        "ollama": ollama,
    }
)
# What providers speak.
UPSTREAMS: Mapping[str, ModuleType] = MappingProxyType({**CALLERS, "bedrock": bedrock, "cohere": cohere})
