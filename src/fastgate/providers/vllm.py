"""vLLM: the user's own server, in the OpenAI chat dialect; both of LiteLLM's prefixes ask over HTTP."""

from msgspec.structs import replace

from fastgate.providers.compatible import COMPATIBLE, SAMPLING, self_hosted
from fastgate.providers.provider import Provider

_QUIRKS = replace(
    COMPATIBLE,
    knows=SAMPLING | {"chat_template_kwargs", "structured_outputs"},
    # Was reasoning_content before 0.11.
    thinking="reasoning",
)


def _row(*, name: str) -> Provider:
    docs = "https://docs.vllm.ai/en/stable/features/reasoning_outputs/, 2026-11-24"
    return self_hosted(name=name, quirks=_QUIRKS, responses=True, docs=docs)


# The base includes /v1, as LiteLLM's does.
PROVIDERS = (_row(name="hosted_vllm"), _row(name="vllm"))
