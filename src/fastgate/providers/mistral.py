"""Mistral: the OpenAI chat dialect with names of its own (random_seed, safe_prompt), and its code models' host."""

from fastgate.providers.provider import Provider, Quirks

# From the requests, choices and usage of the official client (pypi.org/project/mistralai, 3.7.0, read 2026-11-24). It knows metadata,
# prediction, prompt_cache_key and every effort from none to max.
_QUIRKS = Quirks(
    rename={"max_completion_tokens": "max_tokens", "seed": "random_seed"},
    roles={"developer": "system"},
    # The client's enumeration has both words; servers before it know only `any`.
    values={"tool_choice": {"required": "any"}},
    drop=frozenset(("moderation", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "store", "user", "verbosity")),
    refuse=frozenset(("audio", "logit_bias", "modalities", "web_search_options")),
    knows=frozenset(("top_k", "repetition_penalty", "min_tokens", "safe_prompt", "prompt_mode", "guardrails")),
    finish={"model_length": "length"},
    # There is no stream_options: the last chunk has usage unasked.
    stream_usage=False,
    # Nine letters and digits, in models whose template checks it.
    tool_ids="^[a-zA-Z0-9]{9}$",
)


def _row(*, name: str, base_url: str, key_env: tuple[str, ...], base_env: tuple[str, ...]) -> Provider:
    return Provider(
        name=name,
        dialect="openai_chat",
        base_url=base_url,
        key_env=key_env,
        base_env=base_env,
        quirks=_QUIRKS,
        docs="https://pypi.org/project/mistralai/3.7.0/, 2026-11-24",
    )


PROVIDERS = (
    _row(name="mistral", base_url="https://api.mistral.ai/v1", key_env=("MISTRAL_API_KEY",), base_env=("MISTRAL_API_BASE",)),
    _row(name="codestral", base_url="https://codestral.mistral.ai/v1", key_env=("CODESTRAL_API_KEY",), base_env=("CODESTRAL_API_BASE",)),
)
