"""OpenRouter: many providers' models under names of the form vendor/model."""

from fastgate.providers.provider import Provider

PROVIDERS = (
    Provider(
        name="openrouter",
        dialect="openai_chat",
        base_url="https://openrouter.ai/api/v1",
        key_env=("OPENROUTER_API_KEY", "OR_API_KEY"),
        base_env=("OPENROUTER_API_BASE",),
        docs="https://openrouter.ai/docs/api-reference/overview",
    ),
)
