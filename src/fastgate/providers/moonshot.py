"""Moonshot AI: Kimi models in the OpenAI chat dialect."""

from msgspec.structs import replace

from fastgate.providers.compatible import COMPATIBLE, hosted

PROVIDERS = (
    # The international host; accounts of the mainland use api.moonshot.cn. Its own reference could not be read: that thoughts of
    # tool-calling turns must come back stands in LibreChat's notes (librechat.ai, ai_endpoints/moonshot, read 2026-11-24).
    hosted(
        name="moonshot",
        base_url="https://api.moonshot.ai/v1",
        key_env=("MOONSHOT_API_KEY",),
        base_env=("MOONSHOT_API_BASE",),
        quirks=replace(COMPATIBLE, thinking_returns=True),
        docs="https://platform.moonshot.ai/docs/api/chat",
    ),
)
