"""OpenAI: the chat dialect's own home, and the endpoints around it."""

from fastgate.providers.provider import Provider

PROVIDERS = (
    Provider(
        name="openai",
        dialect="openai_chat",
        base_url="https://api.openai.com/v1",
        key_env=("OPENAI_API_KEY",),
        base_env=("OPENAI_API_BASE", "OPENAI_BASE_URL"),
        docs="https://platform.openai.com/docs/api-reference/introduction",
    ),
    # The same server; LiteLLM's name for deployments that are asked for /completions only.
    Provider(
        name="text-completion-openai",
        dialect="openai_chat",
        base_url="https://api.openai.com/v1",
        key_env=("OPENAI_API_KEY",),
        base_env=("OPENAI_API_BASE", "OPENAI_BASE_URL"),
        docs="https://platform.openai.com/docs/api-reference/completions",
    ),
)
