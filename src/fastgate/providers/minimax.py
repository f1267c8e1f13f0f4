"""MiniMax: the OpenAI chat dialect; thoughts stand in <think> tags of the content unless reasoning_split is set."""

from msgspec.structs import replace

from fastgate.providers.compatible import COMPATIBLE, hosted

PROVIDERS = (
    # The international host; accounts of the mainland use api.minimaxi.com.
    hosted(
        name="minimax",
        base_url="https://api.minimax.io/v1",
        key_env=("MINIMAX_API_KEY",),
        base_env=("MINIMAX_API_BASE",),
        quirks=replace(COMPATIBLE, knows=frozenset(("reasoning_split",))),
        docs="https://platform.minimax.io/docs/api-reference/text-openai-api, 2026-11-24",
    ),
)
