"""OpenRouter: many providers' models under names of the form vendor/model."""

from fastgate.providers.provider import Provider, Quirks

PROVIDERS = (
    Provider(
        name="openrouter",
        dialect="openai_chat",
        base_url="https://openrouter.ai/api/v1",
        key_env=("OPENROUTER_API_KEY", "OR_API_KEY"),
        base_env=("OPENROUTER_API_BASE",),
        # openrouter.ai/docs/api-reference/responses, 2026-11-24.
        responses=True,
        # From the official client's request (pypi.org/project/openrouter, 1.3.84, read 2026-11-24): it has max_completion_tokens,
        # a developer's message, metadata, prompt_cache_key, and every effort from none to max.
        quirks=Quirks(
            drop=frozenset(("moderation", "prompt_cache_retention", "safety_identifier", "store")),
            knows=frozenset(
                (
                    "top_k",
                    "top_a",
                    "min_p",
                    "repetition_penalty",
                    "models",
                    "provider",
                    "plugins",
                    "transforms",
                    "reasoning",
                    "session_id",
                    "trace",
                    "usage",
                    "cache_control",
                    "image_config",
                    "deferred_tools",
                    "stop_server_tools_when",
                )
            ),
            thinking="reasoning",
            thinking_returns=True,
            reasoning="object",
            cache_marks=True,
        ),
        docs="https://openrouter.ai/docs/api-reference/overview, 2026-11-24",
    ),
)
