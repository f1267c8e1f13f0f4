"""xAI: the OpenAI dialects; reasoning tokens are counted beside completion_tokens."""

from msgspec.structs import replace

from fastgate.providers.compatible import COMPATIBLE
from fastgate.providers.provider import Provider

PROVIDERS = (
    Provider(
        name="xai",
        dialect="openai_chat",
        base_url="https://api.x.ai/v1",
        key_env=("XAI_API_KEY",),
        base_env=("XAI_API_BASE",),
        # docs.x.ai: chat is deprecated in favour of it, 2026-11-24.
        responses=True,
        # Chat completions are deprecated for /v1/responses. Some models refuse stop and penalties: those are passed on, the model says so.
        # max_tokens is the older word for max_completion_tokens here too.
        quirks=replace(
            COMPATIBLE,
            rename={},
            drop=COMPATIBLE.drop - {"prompt_cache_key"},
            knows=frozenset(("deferred",)),
            reasoning_beside_output=True,
        ),
        docs="https://docs.x.ai/developers/model-capabilities/text/best-practices, 2026-11-24",
    ),
)
