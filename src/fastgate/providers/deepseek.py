"""DeepSeek: the OpenAI chat dialect, with cache counters and a thinking mode of its own."""

from msgspec.structs import replace

from fastgate.providers.compatible import COMPATIBLE
from fastgate.providers.provider import Provider

PROVIDERS = (
    Provider(
        name="deepseek",
        dialect="openai_chat",
        base_url="https://api.deepseek.com/v1",
        key_env=("DEEPSEEK_API_KEY",),
        base_env=("DEEPSEEK_API_BASE",),
        quirks=replace(
            COMPATIBLE,
            usage={"cache_read_tokens": "prompt_cache_hit_tokens"},
            # A tool-calling turn whose reasoning_content does not come back is a 400.
            thinking_returns=True,
            # thinking: {type: enabled | disabled}, and reasoning_effort beside it.
            reasoning="type",
            efforts={"minimal": "low", "low": "low", "medium": "high", "high": "high", "xhigh": "high", "max": "max"},
            # No room on the server: the answer is cut.
            finish={"insufficient_system_resource": "error"},
            response_formats=frozenset(("json_object",)),
        ),
        docs="https://api-docs.deepseek.com/guides/thinking_mode, 2026-11-24",
    ),
)
