"""Words of OpenAI Responses, as tables (platform.openai.com/docs/api-reference/responses, 2026-11-20)."""

from collections.abc import Mapping

DIALECT = "openai_responses"

# The only word of `include` that is said by another member of ChatRequest: sealed_thoughts, logprobs.
INCLUDE_THOUGHTS = "reasoning.encrypted_content"
INCLUDE_LOGPROBS = "message.output_text.logprobs"

# `max_output_tokens` below this is a 400.
MIN_OUTPUT_TOKENS = 16
# `safety_identifier` may have so many characters, ids of calls and names of functions so many.
MAX_USER = 128
MAX_CALL_ID = 64
MAX_NAME = 64

# Members that need the provider's own store of earlier answers, or its queue.
STATEFUL: Mapping[str, str] = {
    "previous_response_id": "the gateway keeps no earlier answers of this model: send the whole conversation as `input`",
    "conversation": "the gateway keeps no conversations of this model: send the whole conversation as `input`",
    "background": "answers of this model cannot be fetched later: ask with `stream: true`",
    "prompt": "prompts that are stored at a provider cannot be read: send `instructions` and `input`",
}

# Finish reason -> status of the answer, and `incomplete_details.reason`.
STATUS_OF_FINISH: Mapping[str, tuple[str, str]] = {
    "stop": ("completed", ""),
    "stop_sequence": ("completed", ""),
    "tool_calls": ("completed", ""),
    "pause": ("completed", ""),
    "length": ("incomplete", "max_output_tokens"),
    "content_filter": ("incomplete", "content_filter"),
    "error": ("failed", ""),
}

# Kind of error -> `error.code` of an answer that failed, where the provider said none.
CODE_OF_KIND: Mapping[str, str] = {
    "rate_limit": "rate_limit_exceeded",
    "invalid_request": "invalid_prompt",
    "request_too_large": "invalid_prompt",
}

# `error.code` of an answer that failed, or of an error in a stream -> the status that it would have had, and its kind.
STATUS_OF_CODE: Mapping[str, tuple[int, str]] = {
    "server_error": (500, "upstream"),
    "rate_limit_exceeded": (429, "rate_limit"),
    "insufficient_quota": (429, "rate_limit"),
    "server_is_overloaded": (503, "overloaded"),
    "slow_down": (503, "overloaded"),
    "vector_store_timeout": (504, "timeout"),
    "invalid_api_key": (401, "authentication"),
    "model_not_found": (404, "not_found"),
    "context_length_exceeded": (400, "invalid_request"),
    "content_filter": (400, "invalid_request"),
    "invalid_request_error": (400, "invalid_request"),
    "unsupported_parameter": (400, "invalid_request"),
    "unsupported_value": (400, "invalid_request"),
    "invalid_prompt": (400, "invalid_request"),
    "data_residency_mismatch": (400, "invalid_request"),
    "bio_policy": (400, "invalid_request"),
    "misalignment_policy_violation": (400, "invalid_request"),
    "invalid_image": (400, "invalid_request"),
    "invalid_image_format": (400, "invalid_request"),
    "invalid_base64_image": (400, "invalid_request"),
    "invalid_image_url": (400, "invalid_request"),
    "image_too_large": (400, "invalid_request"),
    "image_too_small": (400, "invalid_request"),
    "image_parse_error": (400, "invalid_request"),
    "image_content_policy_violation": (400, "invalid_request"),
    "invalid_image_mode": (400, "invalid_request"),
    "image_file_too_large": (400, "invalid_request"),
    "unsupported_image_media_type": (400, "invalid_request"),
    "empty_image_file": (400, "invalid_request"),
    "failed_to_download_image": (400, "invalid_request"),
    "image_file_not_found": (400, "invalid_request"),
}

# OpenAI's lifetime of a cache breakpoint <-> Anthropic's.
TTL_OF_BREAKPOINT: Mapping[str, str] = {"30m": "5m", "12h": "1h"}
BREAKPOINT_OF_TTL: Mapping[str, str] = {"5m": "30m", "1h": "12h"}

# Roles of input messages.
ROLES = ("user", "assistant", "system", "developer")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SUMMARIES = ("auto", "concise", "detailed")
# Budget below this -> effort; what is not below any is high. Less than nothing (Gemini's -1) leaves it to the model.
EFFORT_OF_BUDGET = ((0, ""), (1, "none"), (2048, "low"), (8192, "medium"))

# Media type -> end of a name for a document that has none: `file_data` needs a filename.
EXTENSIONS: Mapping[str, str] = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/html": "html",
    "text/csv": "csv",
    "application/json": "json",
}

# Members of the representation that Responses cannot say, and whether leaving them out changes nothing (drop) or a lot (refuse).
UNSAYABLE: tuple[tuple[str, str], ...] = (
    ("top_k", "drop"),
    ("seed", "drop"),
    ("presence_penalty", "drop"),
    ("frequency_penalty", "drop"),
    ("logit_bias", "drop"),
    ("stop", "refuse"),
    ("n", "refuse"),
)

# Members of other dialects' requests that mean the same here.
SHARED = frozenset({"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "moderation"})
# Members of other dialects' requests that concern speed, caching, tuning or another vendor's filters: left out and named.
HARMLESS = frozenset(
    {
        "prediction", "stream_options", "min_p", "top_a", "typical_p", "tfs_z", "repetition_penalty", "repeat_penalty", "repeat_last_n",
        "mirostat", "mirostat_eta", "mirostat_tau", "num_ctx", "num_keep", "num_batch", "num_gpu", "num_thread", "keep_alive",
        "truncate", "shift", "cache_control", "context_management", "speed", "diagnostics", "betas", "labels", "safetySettings",
        "safety_settings", "user", "safety_identifier",
    }
)  # fmt: skip
# What the gateway adds by itself: a provider that does not know it loses nothing of the caller's.
ADDED = frozenset({"store", "stream_options", "include"})
