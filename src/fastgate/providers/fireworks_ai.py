"""Fireworks AI: open models under names of the form accounts/.../models/..., in the OpenAI chat dialect."""

from msgspec.structs import replace

from fastgate.providers.compatible import COMPATIBLE, SAMPLING, hosted

PROVIDERS = (
    hosted(
        name="fireworks_ai",
        base_url="https://api.fireworks.ai/inference/v1",
        key_env=("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
        base_env=("FIREWORKS_API_BASE", "FIREWORKS_AI_API_BASE"),
        quirks=replace(
            COMPATIBLE,
            knows=SAMPLING | {"thinking", "prompt_truncate_len", "context_length_exceeded_behavior", "perf_metrics_in_response"},
            # It documents low, medium and high.
            efforts={"minimal": "low", "xhigh": "high", "max": "high"},
        ),
        docs="https://docs.fireworks.ai/guides/reasoning, 2026-11-24",
    ),
)
