"""Together AI: open models in the OpenAI chat dialect, with a word of its own for a natural end."""

from msgspec.structs import replace

from fastgate.providers.compatible import COMPATIBLE, SAMPLING, hosted

PROVIDERS = (
    hosted(
        name="together_ai",
        base_url="https://api.together.ai/v1",
        key_env=("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN"),
        base_env=("TOGETHER_AI_API_BASE",),
        # From the official client's request and answer (pypi.org/project/together, 3.1.1, read 2026-11-24).
        quirks=replace(
            COMPATIBLE,
            knows=SAMPLING
            | {"reasoning", "chat_template_kwargs", "context_length_exceeded_behavior", "safety_model", "echo", "compliance"},
            thinking="reasoning",
            # It knows low, medium, high.
            efforts={"none": "", "minimal": "low", "xhigh": "high", "max": "high"},
            finish={"eos": "stop"},
        ),
        docs="https://docs.together.ai/docs/inference/responses-api, 2026-11-24",
    ),
)
