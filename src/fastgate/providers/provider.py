"""What a row of `providers/` says."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

Auth = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "none"]


class Quirks(Struct, frozen=True, kw_only=True):
    """How a provider differs from the letter of its dialect: tables that generic code applies, empty where it does not."""

    # Parameter of the dialect -> this provider's word for it: max_completion_tokens -> max_tokens, seed -> random_seed.
    rename: Mapping[str, str] = field(default_factory=dict)
    # Role of a message -> the role that this provider knows: developer -> system.
    roles: Mapping[str, str] = field(default_factory=dict)
    # Parameter -> value of the dialect -> this provider's value: tool_choice: required -> any.
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # Parameters that it refuses or ignores: without effect on meaning or cost, so dropped and named; and those that are refused by name.
    drop: frozenset[str] = frozenset()
    refuse: frozenset[str] = frozenset()
    # Parameters beyond the dialect that it knows: top_k, min_p, repetition_penalty, ...
    knows: frozenset[str] = frozenset()
    # Counter of translate.answer.Usage -> member of `usage` where this provider says it.
    usage: Mapping[str, str] = field(default_factory=dict)
    # Reasoning tokens are counted beside the completion tokens and not inside.
    reasoning_beside_output: bool = False
    # Member of messages and deltas that carries thoughts.
    thinking: str = "reasoning_content"
    # Thoughts of earlier turns go back in that member.
    thinking_returns: bool = False
    # How it is told how much to think: "effort" (reasoning_effort), "object" (reasoning: {effort}), "type" (thinking: {type}, and
    # reasoning_effort beside it if there are `efforts`), or not at all.
    reasoning: Literal["effort", "object", "type", "none"] = "effort"
    # Effort -> this provider's word; "" is left out.
    efforts: Mapping[str, str] = field(default_factory=dict)
    # Its own words for why an answer ended -> those of the dialect.
    finish: Mapping[str, str] = field(default_factory=dict)
    # Streams can be asked for usage with stream_options.
    stream_usage: bool = True
    # Content parts carry Anthropic's cache_control through.
    cache_marks: bool = False
    # What response_format can be: json_schema, json_object; what is missing is emulated.
    response_formats: frozenset[str] = frozenset({"json_schema", "json_object"})
    # Ids of tool calls have to match this, others are rewritten; "" is any.
    tool_ids: str = ""
    # Messages may carry the name of their speaker.
    message_names: bool = True


class Provider(Struct, frozen=True, kw_only=True):
    """Who serves a model: where, in which dialect, and how it wants to be asked."""

    # `model: name/...` in config.yaml.
    name: str
    # Wire format: openai_chat, anthropic_messages, gemini, ollama, bedrock, cohere.
    dialect: str
    # Without trailing slash. Empty: the deployment must give api_base.
    base_url: str = ""
    # Value of a part in braces of `base_url` -> the base URL for it, where that is not made in the same way.
    base_urls: Mapping[str, str] = field(default_factory=dict)
    # Environment variables, the first that is set wins.
    key_env: tuple[str, ...] = ()
    base_env: tuple[str, ...] = ()
    version_env: tuple[str, ...] = ()
    # Whether a deployment without a key is a mistake.
    needs_key: bool = True
    auth: Auth = "bearer"
    # What authorizes a deployment that has no key: signatures of AWS, tokens of Google or of Microsoft's Entra.
    tokens: Literal["", "aws", "google", "entra"] = ""
    # Fields sent with every request.
    headers: tuple[tuple[str, str], ...] = ()
    quirks: Quirks = Quirks()
    # It serves OpenAI's /responses itself; at others such requests become chat completions.
    responses: bool = False
    # How the target is made from the base URL's path: {base} {operation} {model} {api_version}.
    target: str = "{base}{operation}"
    # The page, and the day it was read.
    docs: str = ""
