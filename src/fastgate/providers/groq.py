"""Groq: the OpenAI chat dialect; one choice per answer, no log probabilities."""

from fastgate.providers.provider import Provider, Quirks

PROVIDERS = (
    Provider(
        name="groq",
        dialect="openai_chat",
        base_url="https://api.groq.com/openai/v1",
        key_env=("GROQ_API_KEY",),
        base_env=("GROQ_API_BASE",),
        # console.groq.com/docs/responses-api, 2026-11-24.
        responses=True,
        quirks=Quirks(
            roles={"developer": "system"},
            # Answered with 400 (docs). The rest from the official client's request (pypi.org/project/groq, 1.7.0, read 2026-11-24).
            refuse=frozenset(("logprobs", "top_logprobs", "logit_bias", "n")),
            message_names=False,
            drop=frozenset(
                (
                    "moderation",
                    "prediction",
                    "prompt_cache_key",
                    "prompt_cache_options",
                    "prompt_cache_retention",
                    "safety_identifier",
                    "verbosity",
                )
            ),
            knows=frozenset(
                (
                    "include_reasoning",
                    "reasoning_format",
                    "search_settings",
                    "documents",
                    "citation_options",
                    "compound_custom",
                    "disable_tool_validation",
                    "include_domains",
                    "exclude_domains",
                )
            ),
            values={"service_tier": {"default": "on_demand"}},
            thinking="reasoning",
            # It knows none, default, low, medium, high.
            efforts={"minimal": "low", "xhigh": "high", "max": "high"},
        ),
        docs="https://console.groq.com/docs/openai, 2026-11-24",
    ),
)
