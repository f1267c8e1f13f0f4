"""What a complete answer means, in no dialect."""

from typing import Any, Literal

from msgspec import Struct, field

from fastgate.translate.conversation import Part

# "stop": natural end. "pause": a server tool's turn goes on in the next request (Anthropic's pause_turn).
# "error": the model failed (malformed call, ...): never a success.
FinishReason = Literal["stop", "stop_sequence", "length", "tool_calls", "content_filter", "pause", "error"]


class Usage(Struct, kw_only=True):
    """Tokens, each counted once. *input_tokens* is all input, cached and written to the cache included; *output_tokens* all output."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    # Part of cache_write_tokens that is kept for an hour.
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    # Parts of output_tokens and of input_tokens.
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    # As the provider tells it: dollars, or an object of them; None: it tells none. Only OpenAI's dialects have a place for it.
    cost: float | dict[str, Any] | None = None


def cost_of(told: object) -> float | dict[str, Any] | None:
    """Return `cost` of a provider's `usage`, if it is one."""
    return told if isinstance(told, int | float | dict) and not isinstance(told, bool) else None


class Choice(Struct, kw_only=True):
    """One alternative. Parts are Text, Thinking, ToolCall, Image, Audio and Opaque, in the order in which they were made."""

    index: int = 0
    parts: list[Part] = field(default_factory=list)
    finish: FinishReason = "stop"
    # The string that stopped it, where the provider says so.
    stop_sequence: str = ""
    # The provider's own word where `finish` does not say it all; "" otherwise.
    raw_finish: str = ""
    # OpenAI's {content: [...], refusal: [...]}.
    logprobs: dict[str, Any] | None = None


class ChatAnswer(Struct, kw_only=True):
    """*id* as the provider gave it; "" if it gave none."""

    id: str = ""
    # Seconds of the epoch; 0: not said.
    created: int = 0
    choices: list[Choice] = field(default_factory=list)
    usage: Usage | None = None
    service_tier: str = ""
    # Members at the top of the answer that only its own dialect knows.
    extra: dict[str, Any] = field(default_factory=dict)
    dialect: str = ""


class Fault(Exception):
    """The provider's own error, or an answer that cannot be read. *kind* is a word of fastgate.errors."""

    def __init__(self, status: int, kind: str, code: str, message: str, param: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message)
        # Seconds that the body (not a field) asks to wait; None: it says nothing.
        self.retry_after_s = retry_after_s
        self.status = status
        self.kind = kind
        # As the provider said it; "" if it said none.
        self.code = code
        self.message = message
        self.param = param


# Status of an answer -> kind, where a provider's body says nothing better.
KIND_OF_STATUS = {
    400: "invalid_request",
    401: "authentication",
    402: "permission",
    403: "permission",
    404: "not_found",
    408: "timeout",
    413: "request_too_large",
    422: "invalid_request",
    424: "upstream",
    429: "rate_limit",
    500: "upstream",
    502: "upstream",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}


def kind_of_status(status: int) -> str:
    """Return the kind of error that an HTTP status stands for."""
    return KIND_OF_STATUS.get(status, "invalid_request" if 400 <= status < 500 else "upstream")
