"""llama.cpp's server, and llamafile around it: the user's own, in the OpenAI chat dialect."""

from msgspec.structs import replace

from fastgate.providers.compatible import COMPATIBLE, self_hosted

_QUIRKS = replace(COMPATIBLE, knows=frozenset(("top_k", "min_p", "repeat_penalty", "grammar", "cache_prompt", "chat_template_kwargs")))

PROVIDERS = (
    self_hosted(
        name="llama_cpp",
        base_url="http://127.0.0.1:8080/v1",
        quirks=_QUIRKS,
        docs="https://www.mintlify.com/ggml-org/llama.cpp/inference/server, 2026-11-24",
    ),
    self_hosted(
        name="llamafile", base_url="http://127.0.0.1:8080/v1", quirks=_QUIRKS, docs="https://docs.litellm.ai/docs/providers/llamafile"
    ),
)
