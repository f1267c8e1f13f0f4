"""Perplexity: answers with sources from the web, in the OpenAI chat dialect; citations stand beside the choices."""

from msgspec.structs import replace

from fastgate.providers.compatible import COMPATIBLE, hosted

PROVIDERS = (
    # No /v1 in its paths.
    hosted(
        name="perplexity",
        base_url="https://api.perplexity.ai",
        key_env=("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
        base_env=("PERPLEXITY_API_BASE",),
        # From the official client's request and usage (pypi.org/project/perplexityai, 0.46.1, read 2026-11-24).
        quirks=replace(
            COMPATIBLE,
            drop=COMPATIBLE.drop | {"seed", "service_tier", "user", "verbosity"},
            refuse=frozenset(("audio", "logit_bias", "modalities")),
            knows=frozenset(
                (
                    "top_k",
                    "country",
                    "disable_search",
                    "enable_search_classifier",
                    "image_domain_filter",
                    "image_format_filter",
                    "language_preference",
                    "last_updated_after_filter",
                    "last_updated_before_filter",
                    "latitude",
                    "longitude",
                    "num_images",
                    "num_search_results",
                    "return_images",
                    "return_related_questions",
                    "safe_search",
                    "search_after_date_filter",
                    "search_before_date_filter",
                    "search_domain_filter",
                    "search_language_filter",
                    "search_mode",
                    "search_recency_filter",
                    "stream_mode",
                )
            ),
            usage={"reasoning_tokens": "reasoning_tokens"},
            # It knows minimal, low, medium, high.
            efforts={"none": "", "xhigh": "high", "max": "high"},
            # There is no stream_options: usage comes unasked.
            stream_usage=False,
            response_formats=frozenset(("json_schema",)),
        ),
        docs="https://docs.perplexity.ai/docs/sonar/openai-compatibility, 2026-11-24",
    ),
)
