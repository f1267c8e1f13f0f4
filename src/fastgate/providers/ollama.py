"""Ollama: local models in its own dialect; both of LiteLLM's prefixes ask /api/chat."""

from fastgate.providers.provider import Provider


def _row(*, name: str) -> Provider:
    return Provider(
        name=name,
        dialect="ollama",
        base_url="http://localhost:11434",
        key_env=("OLLAMA_API_KEY",),
        base_env=("OLLAMA_API_BASE",),
        needs_key=False,
        docs="https://docs.ollama.com/api/chat",
    )


PROVIDERS = (_row(name="ollama"), _row(name="ollama_chat"))
