"""DeepSeek: the OpenAI chat dialect, with cache counters of its own."""

from fastgate.providers.provider import Provider

PROVIDERS = (
    Provider(
        name="deepseek",
        dialect="openai_chat",
        base_url="https://api.deepseek.com/v1",
        key_env=("DEEPSEEK_API_KEY",),
        base_env=("DEEPSEEK_API_BASE",),
        docs="https://api-docs.deepseek.com/api/create-chat-completion",
    ),
)
