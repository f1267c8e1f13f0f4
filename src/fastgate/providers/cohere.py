"""Cohere: its own chat dialect (v2); both of LiteLLM's prefixes."""

from fastgate.providers.provider import Provider


def _row(*, name: str) -> Provider:
    return Provider(
        name=name,
        dialect="cohere",
        base_url="https://api.cohere.com",
        key_env=("COHERE_API_KEY", "CO_API_KEY"),
        base_env=("COHERE_API_BASE",),
        docs="https://docs.cohere.com/reference/chat, 2026-11-24",
    )


PROVIDERS = (_row(name="cohere"), _row(name="cohere_chat"))
