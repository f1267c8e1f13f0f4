"""What a chat request means, in no dialect: every caller's dialect is parsed into this, every upstream's is built from it.

Rule 1: a value is what the caller said, never a default: None or "" is "not said".
Rule 2: what only one dialect knows is kept as it came (`Opaque`, `Tool.raw`, `extra`) with that dialect's name: its own
builder writes it back, every other builder drops or refuses it by name.
"""

from typing import Any, Literal

from msgspec import Struct, field

Role = Literal["system", "developer", "user", "assistant", "tool"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

# Anthropic's cache_control as it came: {"type": "ephemeral", "ttl": "5m" | "1h"}.
CacheMark = dict[str, Any]


class Text(Struct, tag="text", kw_only=True):
    text: str
    # A refusal of the assistant, shown as such where the dialect can.
    refusal: bool = False
    # Citations or annotations, as they came in `dialect`.
    citations: list[Any] = field(default_factory=list)
    # Of an assistant's message in OpenAI Responses: commentary, final_answer.
    phase: str = ""
    dialect: str = ""
    cache: CacheMark | None = None


class Image(Struct, tag="image", kw_only=True):
    """By URL, by base64 data with its media type, or by a provider's file id; exactly one of url, data, file_id is set."""

    url: str = ""
    data: str = ""
    media_type: str = ""
    file_id: str = ""
    # OpenAI's detail: low, high, auto, original.
    detail: str = ""
    # Members that only `dialect` knows (Anthropic's transformations); kept for its own builder.
    extra: dict[str, Any] = field(default_factory=dict)
    dialect: str = ""
    cache: CacheMark | None = None


class Audio(Struct, tag="audio", kw_only=True):
    """Base64 data with its format (wav, mp3, ...), or the id of an earlier answer's audio."""

    data: str = ""
    format: str = ""
    id: str = ""
    transcript: str = ""
    # Seconds of the epoch until which `id` may be referred to; 0: not said.
    expires_at: int = 0


class File(Struct, tag="file", kw_only=True):
    """A document: base64 data with its media type, plain text, a URL or a provider's file id."""

    data: str = ""
    media_type: str = ""
    text: str = ""
    url: str = ""
    file_id: str = ""
    filename: str = ""
    # Anthropic: title, context, citations; kept for its own builder.
    extra: dict[str, Any] = field(default_factory=dict)
    dialect: str = ""
    cache: CacheMark | None = None


class Thinking(Struct, tag="thinking", kw_only=True):
    """A thought. *dialect* made it: its signature, or `redacted` data, means something there alone."""

    text: str = ""
    signature: str = ""
    # Opaque thought without text: Anthropic's redacted_thinking, the encrypted_content of a Responses item.
    redacted: str = ""
    # Of a Responses reasoning item: rs_...
    id: str = ""
    # The text is a summary and not the thought itself.
    summary: bool = False
    dialect: str = ""


class ToolCall(Struct, tag="tool_call", kw_only=True):
    id: str
    name: str
    # JSON text as the model wrote it; free text of a custom tool. "" is {}.
    arguments: str = ""
    custom: bool = False
    # Gemini's thoughtSignature on this call.
    signature: str = ""
    # Members that only the caller's (of an answer: the provider's) dialect knows: Anthropic's caller, toolset_name.
    extra: dict[str, Any] = field(default_factory=dict)
    cache: CacheMark | None = None


class Opaque(Struct, tag="opaque", kw_only=True):
    """A block that only *dialect* knows: a server tool's call or result, a container upload, ... *kind* is its own type word."""

    dialect: str
    kind: str
    value: dict[str, Any]


Part = Text | Image | Audio | File | Thinking | ToolCall | Opaque


class ToolResult(Struct, tag="tool_result", kw_only=True):
    call_id: str
    # Of the tool, where the dialect says it or the call before names it; "" otherwise.
    name: str = ""
    parts: list[Part] = field(default_factory=list)
    is_error: bool = False
    custom: bool = False
    # Members that only the caller's dialect knows: Anthropic's toolset_name.
    extra: dict[str, Any] = field(default_factory=dict)
    cache: CacheMark | None = None


class Turn(Struct, kw_only=True):
    """One message. A turn of role "tool" holds ToolResults alone, every other turn none."""

    role: Role
    parts: list[Part | ToolResult] = field(default_factory=list)
    # OpenAI's `name` of a speaker.
    name: str = ""
    # Members of the message that only the caller's dialect knows (prefix, weight, ...), as they came.
    extra: dict[str, Any] = field(default_factory=dict)


class Tool(Struct, kw_only=True):
    name: str
    description: str = ""
    # JSON Schema; None: not said.
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    # "function"; "custom": free text in, OpenAI alone, a function for everybody else (custom_tools.py); "hosted": run by the
    # provider, `raw` says how in `dialect`.
    kind: Literal["function", "custom", "hosted"] = "function"
    raw: dict[str, Any] = field(default_factory=dict)
    dialect: str = ""
    cache: CacheMark | None = None


class ToolChoice(Struct, kw_only=True):
    """*names*: the one tool of "named", the tools that may be called under "auto" or "required" (empty: all)."""

    mode: Literal["auto", "required", "none", "named"]
    names: list[str] = field(default_factory=list)


class ResponseFormat(Struct, kw_only=True):
    kind: Literal["text", "json_object", "json_schema"]
    # Of json_schema.
    name: str = ""
    description: str = ""
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class Reasoning(Struct, kw_only=True):
    """How much to think; at most one of effort and budget is what the caller said, the other is None."""

    effort: Effort | None = None
    # Tokens.
    budget_tokens: int | None = None
    # Anthropic's adaptive thinking: the model decides.
    adaptive: bool = False
    # Thoughts (or their summary) are to be shown: OpenAI's summary (auto, concise, detailed), Gemini's includeThoughts, ...
    show: bool | None = None
    summary: str = ""
    # Anthropic's thinking and output_config.effort as they came; read by its own builder alone.
    raw: dict[str, Any] = field(default_factory=dict)


class ChatRequest(Struct, kw_only=True):
    """One chat request. The model is the deployment's business: it stands in Target."""

    turns: list[Turn]
    # Of the caller's endpoint: chat, text_completion, responses, messages, generate_content, ...
    operation: str = "chat"
    stream: bool = False
    # The caller wants usage in its stream (other dialects than openai_chat always do).
    include_usage: bool = True
    tools: list[Tool] = field(default_factory=list)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] = field(default_factory=list)
    n: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    response_format: ResponseFormat | None = None
    reasoning: Reasoning | None = None
    # Thoughts are to come with what brings them back: OpenAI's include `reasoning.encrypted_content`. Other dialects always do.
    sealed_thoughts: bool = False
    # The end user: OpenAI's user or safety_identifier, Anthropic's metadata.user_id.
    user: str = ""
    metadata: dict[str, Any] | None = None
    # OpenAI's words: auto, default, flex, priority, scale; Anthropic's standard_only is default.
    service_tier: str = ""
    verbosity: str = ""
    store: bool | None = None
    # Output beside text: ["text", "audio"], ["image"]; empty: not said.
    modalities: list[str] = field(default_factory=list)
    # OpenAI's audio {voice, format}, web_search_options, prediction, ...: members that only some dialects know, under the
    # caller's own names, as they came. `dialect` is the caller's: its builder writes them all back.
    extra: dict[str, Any] = field(default_factory=dict)
    dialect: str = ""
    # The caller speaks OpenAI's deprecated functions and function_call: its answer has them too.
    legacy_calls: bool = False
    # Cache marks were OpenAI's prompt_cache_breakpoint and not cache_control.
    cache_breakpoints: bool = False


def seal(own: str, dialect: str, signature: str) -> str:
    """Return *signature* so that the caller of dialect *own* brings it back with its origin: `dialect#signature` if that is another."""
    return signature if dialect == own or not signature else f"{dialect}#{signature}"


def unseal(own: str, signature: str) -> tuple[str, str]:
    """Return the dialect that made a signature which a caller of dialect *own* brought back, and the signature itself."""
    dialect, mark, rest = signature.partition("#")
    return (dialect, rest) if mark and dialect in SIGNING_DIALECTS else (own, signature)


# `#` stands in no base64 alphabet: no signature begins like this by itself.
SIGNING_DIALECTS = frozenset({"anthropic_messages", "gemini", "openai_responses", "bedrock", "openai_chat", "ollama"})
