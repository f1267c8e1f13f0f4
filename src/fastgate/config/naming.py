"""Which provider a model's name means."""

from collections.abc import Mapping
from typing import Protocol

from fastgate.config.findings import nearest


class ProviderRow(Protocol):
    """What the configuration needs of a row of `providers/`."""

    @property
    def name(self) -> str: ...
    @property
    def dialect(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def base_urls(self) -> Mapping[str, str]: ...
    @property
    def key_env(self) -> tuple[str, ...]: ...
    @property
    def base_env(self) -> tuple[str, ...]: ...
    @property
    def version_env(self) -> tuple[str, ...]: ...
    @property
    def needs_key(self) -> bool: ...
    @property
    def target(self) -> str: ...
    @property
    def responses(self) -> bool: ...


Providers = Mapping[str, ProviderRow]

# Names without a provider. Never from a price table: those lose retired models, and files that name them must go on working.
_BARE = (
    *((prefix, "openai") for prefix in ("gpt-", "chatgpt-", "ft:gpt-", "text-embedding-", "text-moderation-", "omni-moderation-")),
    *((prefix, "openai") for prefix in ("dall-e", "tts-", "whisper", "sora-", "codex-", "computer-use-", "davinci-", "babbage-")),
    ("claude", "anthropic"),
    ("gemini", "gemini"),
    ("deepseek-", "deepseek"),
    ("command", "cohere"),
    *((prefix, "mistral") for prefix in ("mistral-", "codestral-", "ministral-", "magistral-", "devstral-", "pixtral-", "open-mistral-")),
    ("grok-", "xai"),
)


class UnknownProvider(Exception):
    """No provider is meant; `expected` says what would be understood, `nearest` the nearest provider's name."""

    def __init__(self, expected: str, near: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.nearest = near


def provider_of(model: str, custom: str, providers: Providers) -> tuple[str, str]:
    """Return the provider's name and the name of the model there; one prefix is taken off, never two.

    Raise UnknownProvider. *custom* is `custom_llm_provider`, empty if not given.
    """
    head, slash, rest = model.partition("/")
    if custom:
        if custom not in providers:
            raise UnknownProvider("a known provider", nearest(custom, providers))
        return custom, rest if slash and head == custom and rest else model
    if slash and head in providers:
        if not rest:
            raise UnknownProvider("a model's name after the provider's")
        return head, rest
    if model == "*":
        return "openai", model
    bare = _bare_provider(model.lower()) if not slash else ""
    if bare and bare in providers:
        return bare, model
    if slash:
        expected = "provider/model with a known provider, or custom_llm_provider beside it"
        near = nearest(head, providers)
        raise UnknownProvider(expected, f"{near}/{rest}" if near else "")
    raise UnknownProvider('"provider/model": the provider cannot be told from the name alone', _near_bare(model, providers))


def _bare_provider(model: str) -> str:
    # o1, o3-mini, o4-mini-2025-04-16: an `o` and a digit.
    if len(model) > 1 and model[0] == "o" and model[1].isdigit():
        return "openai"
    return next((provider for prefix, provider in _BARE if model.startswith(prefix)), "")


def _near_bare(model: str, providers: Providers) -> str:
    """Return what a misspelt bare name may have meant: `gtp-4` is near `gpt-`."""
    prefix = nearest(model.partition("-")[0], [prefix.rstrip("-") for prefix, _ in _BARE])
    provider = next((provider for bare, provider in _BARE if bare.rstrip("-") == prefix), "") if prefix else ""
    return f"{provider}/{model}" if provider in providers else ""
