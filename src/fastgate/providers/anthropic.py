"""Anthropic: the messages dialect. `anthropic-version` is the caller's; the gateway adds a default."""

from fastgate.providers.provider import Provider

PROVIDERS = (
    Provider(
        name="anthropic",
        dialect="anthropic_messages",
        # The endpoint rows say /v1/messages: the base has no version.
        base_url="https://api.anthropic.com",
        key_env=("ANTHROPIC_API_KEY",),
        base_env=("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
        auth="x-api-key",
        docs="https://platform.claude.com/docs/en/api/versioning, 2026-11-24",
    ),
)
