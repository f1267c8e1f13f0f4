"""Groq: the OpenAI chat dialect; one choice per answer."""

from fastgate.providers.provider import Provider

PROVIDERS = (
    Provider(
        name="groq",
        dialect="openai_chat",
        base_url="https://api.groq.com/openai/v1",
        key_env=("GROQ_API_KEY",),
        base_env=("GROQ_API_BASE",),
        docs="https://console.groq.com/docs/api-reference",
    ),
)
