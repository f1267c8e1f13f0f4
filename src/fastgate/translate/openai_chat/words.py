"""Words of OpenAI chat completions, and what they mean."""

from collections.abc import Mapping
from types import MappingProxyType

from fastgate.translate.answer import FinishReason

DIALECT = "openai_chat"
# Thinking blocks are Anthropic's (LiteLLM's convention): a bare signature in them is one of this dialect.
BLOCKS_DIALECT = "anthropic_messages"

# finish_reason, and what servers of this dialect say instead: eos (TGI, Together), model_length (Mistral), abort (vLLM, SGLang).
FINISH_READ: Mapping[str, FinishReason] = MappingProxyType(
    {
        "stop": "stop",
        "eos": "stop",
        "eos_token": "stop",
        "end_turn": "stop",
        "stop_sequence": "stop_sequence",
        "length": "length",
        "max_tokens": "length",
        "model_length": "length",
        "tool_calls": "tool_calls",
        "tool_use": "tool_calls",
        "function_call": "tool_calls",
        "content_filter": "content_filter",
        "refusal": "content_filter",
        "error": "error",
        "abort": "error",
    }
)
# `error` has no word here: an answer that ends so is an error.
FINISH_WRITTEN: Mapping[str, str] = MappingProxyType(
    {
        "stop": "stop",
        "stop_sequence": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "content_filter": "content_filter",
        "pause": "stop",
    }
)

EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})

# OpenAI's time to live of a cache breakpoint <-> that of a cache mark; the nearest, and one to one.
TTL_READ: Mapping[str, str] = MappingProxyType({"30m": "5m", "12h": "1h"})
TTL_WRITTEN: Mapping[str, str] = MappingProxyType({"5m": "30m", "1h": "12h"})

# Members of a request that have the same name and the same meaning in both of OpenAI's dialects.
SHARED_MEMBERS = frozenset(
    {
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "moderation",
        "audio",
        "prediction",
        "web_search_options",
    }
)
# Members of other dialects that are left out and named: labels, what an answer should repeat, how a local server spends its
# memory; finer ways to sample, which go as top_k goes; and the provider's own care for long talks.
HARMLESS_MEMBERS = frozenset(
    {
        "labels",
        "diagnostics",
        "include",
        "stream_options",
        "cache_control",
        "keep_alive",
        "num_ctx",
        "num_keep",
        "num_gpu",
        "num_batch",
        "num_thread",
        "main_gpu",
        "low_vram",
        "use_mmap",
        "use_mlock",
        "numa",
        "min_p",
        "typical_p",
        "tfs_z",
        "repeat_penalty",
        "repeat_last_n",
        "penalize_newline",
        "mirostat",
        "mirostat_eta",
        "mirostat_tau",
        "truncation",
        "max_tool_calls",
        "context_management",
        "client_metadata",
        "safetySettings",
        "safety_settings",
        "speed",
    }
)
# Of /v1/completions alone.
LEGACY_MEMBERS: Mapping[str, str] = MappingProxyType(
    {
        "suffix": "a chat model cannot fill in the middle",
        "echo": "a chat model does not repeat its prompt",
        "best_of": "a chat model ranks no candidates",
    }
)

# Parameter -> the value that asks for nothing: it may be left out unsaid.
NEUTRAL: Mapping[str, object] = MappingProxyType(
    {
        "n": 1,
        "logprobs": False,
        "top_logprobs": 0,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "logit_bias": {},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "store": False,
        "stop": [],
        "response_format": {"type": "text"},
        "modalities": ["text"],
        "service_tier": "auto",
        "encoding_format": "float",
    }
)

MEDIA_OF_SUFFIX: Mapping[str, str] = MappingProxyType(
    {
        "pdf": "application/pdf",
        "txt": "text/plain",
        "md": "text/markdown",
        "csv": "text/csv",
        "html": "text/html",
        "json": "application/json",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    }
)
SUFFIX_OF_MEDIA: Mapping[str, str] = MappingProxyType({media: suffix for suffix, media in MEDIA_OF_SUFFIX.items()})
