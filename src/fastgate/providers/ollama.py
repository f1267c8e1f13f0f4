"""Ollama: local models in its own dialect; both of LiteLLM's prefixes ask /api/chat."""

from fastgate.providers.provider import Provider, Quirks


def _row(*, name: str) -> Provider:
    return Provider(
        name=name,
        dialect="ollama",
        base_url="http://localhost:11434",
        key_env=("OLLAMA_API_KEY",),
        base_env=("OLLAMA_API_BASE",),
        needs_key=False,
        # A message has `thinking` in requests as in answers (github.com/ollama/ollama, api/types.go, read 2026-11-24).
        quirks=Quirks(thinking_returns=True),
        docs="https://docs.ollama.com/api/authentication, 2026-11-24",
    )


PROVIDERS = (_row(name="ollama"), _row(name="ollama_chat"))
