"""OpenAI: the chat dialect's own home, and the endpoints around it."""

from fastgate.providers.provider import Provider, Quirks


def _row(*, name: str) -> Provider:
    return Provider(
        name=name,
        dialect="openai_chat",
        base_url="https://api.openai.com/v1",
        key_env=("OPENAI_API_KEY",),
        base_env=("OPENAI_API_BASE", "OPENAI_BASE_URL"),
        # Free-text tools, a choice among some of the tools, and cache breakpoints in parts (openai 3.54.0).
        quirks=Quirks(knows=frozenset(("custom_tools", "allowed_tools", "prompt_cache_breakpoint"))),
        responses=True,
        docs="https://pypi.org/project/openai/3.54.0/, 2026-11-24",
    )


PROVIDERS = (
    _row(name="openai"),
    # The same server; LiteLLM's name for deployments that are asked for /completions only.
    _row(name="text-completion-openai"),
)
