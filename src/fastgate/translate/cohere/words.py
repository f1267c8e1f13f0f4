"""Words of Cohere's v2 API."""

from fastgate.translate.answer import FinishReason

# finish_reason -> why the answer ended (docs.cohere.com/reference/chat, 2026-11-20; the last three are the v1 API's).
FINISH: dict[str, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop_sequence",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR": "error",
    "TIMEOUT": "error",
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
    "USER_CANCEL": "stop",
}
# finish_reason of a failure -> status.
FAILURES = {"ERROR": 502, "TIMEOUT": 504}

# tool_choice; auto is what no word means.
TOOL_CHOICES = {"required": "REQUIRED", "named": "REQUIRED", "none": "NONE"}
# OpenAI's detail -> Cohere's.
DETAILS = {"auto": "auto", "low": "low", "high": "high", "original": "high"}

# Effort -> thinking.token_budget; None: as much as the model likes, which is what no word means.
BUDGETS: dict[str, int | None] = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": None, "max": None}

# `p` is taken from 0.01 to 0.99 (docs.cohere.com/reference/chat, 2026-11-20); OpenAI's 1 is everyone's default.
LEAST_P, MOST_P = 0.01, 0.99

# Members of Cohere's own: whoever names them means them.
OWN_MEMBERS = frozenset({"citation_options", "documents", "priority", "raw_prompting", "safety_mode", "strict_tools"})
# Members of callers' dialects without effect on meaning or cost.
HARMLESS = frozenset(
    {
        "cache_control",
        "client_metadata",
        "diagnostics",
        "include",
        "labels",
        "moderation",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safetySettings",
        "safety_identifier",
        "speed",
        "stream_options",
        "truncation",
        "web_search_options",
    }
)
