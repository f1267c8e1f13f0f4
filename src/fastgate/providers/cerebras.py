"""Cerebras: the OpenAI chat dialect on its own processors."""

from fastgate.providers.compatible import hosted
from fastgate.providers.provider import Quirks

PROVIDERS = (
    hosted(
        name="cerebras",
        base_url="https://api.cerebras.ai/v1",
        key_env=("CEREBRAS_API_KEY",),
        base_env=("CEREBRAS_API_BASE",),
        # The client's request has max_completion_tokens, a developer's message, prediction, prompt_cache_key and service_tier.
        quirks=Quirks(
            drop=frozenset(
                ("metadata", "moderation", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "store", "verbosity")
            ),
            knows=frozenset(("clear_thinking", "disable_reasoning", "min_completion_tokens", "min_tokens", "reasoning_format")),
            thinking="reasoning",
            # It knows none, low, medium, high.
            efforts={"minimal": "low", "xhigh": "high", "max": "high"},
        ),
        docs="https://pypi.org/project/cerebras_cloud_sdk/1.91.0/, 2026-11-24",
    ),
)
