"""Defaults of the configuration, which are in LiteLLM's words (OpenAI's), for requests of any dialect that do not say them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastgate.errors import ConfigError, GatewayError
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.embeddings import EmbeddingRequest
from fastgate.translate.openai_chat import parse_request

# What a default can say of a chat request.
_MEMBERS = (
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_output_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "n",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "response_format",
    "reasoning",
    "user",
    "metadata",
    "service_tier",
    "verbosity",
    "store",
    "modalities",
)
# Defaults that say something of embeddings; they say nothing of a chat.
_OF_EMBEDDINGS = frozenset({"dimensions", "encoding_format"})
# Two words for one thing: a default of the one must not stand beside the caller's other.
_SAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}

_MAX_TOKENS = ("max_tokens", "max_completion_tokens")
_SAMPLING = ("temperature", "top_p")
_CONFIG = (
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("stop", "stopSequences"),
    ("seed", "seed"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
    *((name, "maxOutputTokens") for name in _MAX_TOKENS),
)
_OPTIONS = ("top_k", "seed", "presence_penalty", "frequency_penalty", "num_ctx", "repeat_penalty", *_SAMPLING)
# Dialect -> default -> where it stands in a body that goes to a provider of the same dialect; others have no place there.
_PLACES: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "openai_responses": {
            **{name: (name,) for name in (*_SAMPLING, "tool_choice", "parallel_tool_calls", "metadata", "store", "service_tier", "user")},
            **dict.fromkeys(_MAX_TOKENS, ("max_output_tokens",)),
            "reasoning_effort": ("reasoning", "effort"),
        },
        "anthropic_messages": {
            **{name: (name,) for name in (*_SAMPLING, "top_k", "thinking", "service_tier")},
            **dict.fromkeys(_MAX_TOKENS, ("max_tokens",)),
            "stop": ("stop_sequences",),
        },
        "gemini": {name: ("generationConfig", member) for name, member in _CONFIG},
        "ollama": {
            **{name: ("options", name) for name in _OPTIONS},
            **dict.fromkeys(_MAX_TOKENS, ("options", "num_predict")),
            "stop": ("options", "stop"),
            "keep_alive": ("keep_alive",),
        },
    }
)
_LISTS = frozenset({"stop_sequences", "stopSequences"})


def parse_defaults(defaults: Mapping[str, object], deployment_id: str) -> ChatRequest | None:
    """Return what the configuration's defaults say of a chat, None if they say nothing. Raise ConfigError if they cannot be read."""
    of_chat = {name: value for name, value in defaults.items() if name not in _OF_EMBEDDINGS}
    if not of_chat:
        return None
    try:
        return parse_request({"messages": [{"role": "user", "content": ""}], **of_chat}, "chat")
    except GatewayError as error:
        raise ConfigError([f"deployment {deployment_id}: {error.message}"]) from error


def fill_request(request: ChatRequest, defaults: ChatRequest) -> None:
    """Fill in what a caller of any dialect did not say; in place."""
    for name in _MEMBERS:
        value = getattr(defaults, name)
        if value not in (None, "", []) and getattr(request, name) in (None, "", []):
            setattr(request, name, value)
    for name, value in defaults.extra.items():
        request.extra.setdefault(name, value)


def fill_embeddings(asked: EmbeddingRequest, defaults: Mapping[str, object]) -> None:
    """Fill in the size of vectors if the caller did not say it; in place."""
    size = defaults.get("dimensions")
    if asked.dimensions is None and type(size) is int:
        asked.dimensions = size


def fill_body(body: dict[str, Any], dialect: str, kind: str, defaults: Mapping[str, object]) -> None:
    """Fill in what the caller of a provider of its own dialect did not say, in that dialect's words; in place."""
    places = _PLACES.get(dialect)
    for name, value in defaults.items():
        if (name in _OF_EMBEDDINGS) != (kind == "embeddings") or kind not in ("chat", "embeddings"):
            continue
        if dialect == "openai_chat":
            if name not in body and _SAME.get(name, name) not in body:
                body[name] = value
        elif places is not None and name in places:
            _place(body, places[name], value)


def _place(body: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    *outer, last = path
    for name in outer:
        inner = body.setdefault(name, {})
        if not isinstance(inner, dict):
            # The provider says what is wrong with it.
            return
        body = inner
    body.setdefault(last, [value] if last in _LISTS and isinstance(value, str) else value)
