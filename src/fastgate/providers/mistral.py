"""Mistral: the OpenAI chat dialect with names of its own (random_seed, safe_prompt), and its code models' host."""

from fastgate.providers.provider import Provider

PROVIDERS = (
    Provider(
        name="mistral",
        dialect="openai_chat",
        base_url="https://api.mistral.ai/v1",
        key_env=("MISTRAL_API_KEY",),
        base_env=("MISTRAL_API_BASE",),
        docs="https://docs.mistral.ai/api/endpoint/chat",
    ),
    Provider(
        name="codestral",
        dialect="openai_chat",
        base_url="https://codestral.mistral.ai/v1",
        key_env=("CODESTRAL_API_KEY",),
        base_env=("CODESTRAL_API_BASE",),
        docs="https://docs.mistral.ai/api/endpoint/chat",
    ),
)
