"""Words of Anthropic messages and what they mean: tables alone."""

from typing import Any

from fastgate.translate.answer import FinishReason
from fastgate.translate.conversation import Effort

DIALECT = "anthropic_messages"

# Dialects whose thoughts this one can take back: Bedrock serves the same models and passes their signatures on.
SIGNERS = frozenset({DIALECT, "bedrock"})

# stop_reason -> finish (an-py types/stop_reason.py 2.12, and `compaction` of the beta types).
FINISHES: dict[str, FinishReason] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "content_filter",
    "model_context_window_exceeded": "length",
}
# Words that `finish` does not say in full.
RAW_FINISHES = frozenset({"model_context_window_exceeded"})

STOP_REASONS: dict[str, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "pause": "pause_turn",
}

# service_tier of a request, both ways; flex buys less than standard capacity, which Anthropic does not sell.
TIERS_IN = {"auto": "auto", "standard_only": "default"}
TIERS_OUT = {"auto": "auto", "priority": "auto", "scale": "auto", "fast": "auto", "default": "standard_only", "flex": "standard_only"}
# usage.service_tier of an answer, both ways.
TIERS_SERVED = {"standard": "default", "priority": "priority", "batch": "batch"}
TIERS_SHOWN = {"default": "standard", "priority": "priority", "scale": "priority", "batch": "batch"}

# Effort -> budget_tokens of models that know no effort. Chosen so that the way back (`effort_of_budget`) gives the effort again.
BUDGETS: dict[Effort, int] = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32000, "max": 32000}
# ThinkingConfigEnabledParam: "Must be >= 1024 and less than max_tokens".
MIN_BUDGET = 1024

# Effort -> what to say instead where a model does not know it, in this order.
LESS: dict[str, tuple[str, ...]] = {
    "minimal": ("low",),
    "low": (),
    "medium": (),
    "high": (),
    "xhigh": ("high",),
    "max": ("xhigh", "high"),
}

DEFAULT_MAX_TOKENS = 4096
# Prompt caching, "up to 4 cache breakpoints" (platform.claude.com/docs/en/build-with-claude/prompt-caching, 2026-11).
MAX_CACHE_MARKS = 4
MAX_TOOL_NAME = 128

# First characters of base64 -> media type: Anthropic compares the data with what is declared and answers 400.
SIGNATURES = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("JVBERi0", "application/pdf"),
)
# RIFF is a container: WEBP stands in bytes 8 to 11 (Google WebP container specification).
RIFF = "UklGR"
IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
PDF = "application/pdf"
# Documents that are text, beside text/*.
TEXT_TYPES = frozenset({"application/json", "application/xml", "application/yaml", "application/x-yaml", "application/javascript"})

EMPTY_SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}

# Members of a request that this dialect alone has, beside those that ChatRequest carries. A caller of another dialect who
# writes one of them talks to this dialect on purpose (LiteLLM passes them through as well).
OWN_MEMBERS = frozenset(
    {
        "cache_control",
        "container",
        "context_management",
        "diagnostics",
        "fallbacks",
        "inference_geo",
        "mcp_servers",
        "output_config",
        "speed",
        "thinking",
    }
)
# Members of other dialects without effect on what is answered: dropped and named.
HARMLESS_MEMBERS = frozenset(
    {
        "include",
        "include_obfuscation",
        "keep_alive",
        "labels",
        "litellm_metadata",
        "moderation",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "safetySettings",
        "stream_options",
        "truncation",
        "user",
        "web_search_options",
    }
)


def effort_of_budget(budget: int) -> Effort:
    """Return the effort that a budget of thinking tokens stands for."""
    return "low" if budget < 2048 else "medium" if budget < 8192 else "high"
