"""Alibaba Cloud Model Studio: Qwen models in the OpenAI chat dialect, under the three names that LiteLLM has for it."""

from msgspec.structs import replace

from fastgate.providers.compatible import COMPATIBLE, hosted
from fastgate.providers.provider import Provider

# Thinking is switched by enable_thinking and bounded by thinking_budget: callers who know them say them, no effort is translated.
_QUIRKS = replace(
    COMPATIBLE,
    knows=frozenset(("enable_thinking", "thinking_budget", "enable_search", "search_options", "top_k", "repetition_penalty")),
    reasoning="none",
)


def _row(*, name: str, base_url: str, key_env: tuple[str, ...], base_env: tuple[str, ...]) -> Provider:
    docs = "https://www.alibabacloud.com/help/en/model-studio/deep-thinking, 2026-11-24"
    return hosted(name=name, base_url=base_url, key_env=key_env, base_env=base_env, quirks=_QUIRKS, docs=docs)


PROVIDERS = (
    # The international host; accounts of the mainland use dashscope.aliyuncs.com.
    _row(
        name="dashscope",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        key_env=("DASHSCOPE_API_KEY",),
        base_env=("DASHSCOPE_API_BASE",),
    ),
    _row(
        name="qwencloud",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        key_env=("QWENCLOUD_API_KEY",),
        base_env=("QWENCLOUD_API_BASE",),
    ),
    _row(
        name="qwen_ai_platform",
        base_url="https://dashscope.aliyuncs.com/compatible-mode/v1",
        key_env=("QWEN_AI_PLATFORM_API_KEY",),
        base_env=("QWEN_AI_PLATFORM_API_BASE",),
    ),
)
