"""xAI: the OpenAI dialects; reasoning tokens are counted beside completion_tokens."""

from fastgate.providers.provider import Provider

PROVIDERS = (
    Provider(
        name="xai",
        dialect="openai_chat",
        base_url="https://api.x.ai/v1",
        key_env=("XAI_API_KEY",),
        base_env=("XAI_API_BASE",),
        docs="https://docs.x.ai/docs/api-reference",
    ),
)
