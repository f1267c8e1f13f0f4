"""What a stream says, event by event, in no dialect. *choice* is the index of the alternative, *call* the ordinal of a tool call in it."""

from typing import Any

from msgspec import Struct, field

from fastgate.translate.answer import FinishReason, Usage


class Start(Struct, kw_only=True):
    """The first event; id and created as the provider gave them, or "" and 0."""

    id: str = ""
    created: int = 0
    service_tier: str = ""


class TextDelta(Struct, kw_only=True):
    text: str
    choice: int = 0
    logprobs: dict[str, Any] | None = None


class RefusalDelta(Struct, kw_only=True):
    text: str
    choice: int = 0


class ThinkingDelta(Struct, kw_only=True):
    text: str
    choice: int = 0
    # It is a summary and not the thought itself.
    summary: bool = False


class ThinkingSignature(Struct, kw_only=True):
    """Ends the present thought: its signature, made by *dialect*. *id* is that of a Responses reasoning item."""

    signature: str
    dialect: str
    choice: int = 0
    id: str = ""


class RedactedThinking(Struct, kw_only=True):
    """A whole thought without text."""

    redacted: str
    dialect: str
    choice: int = 0


class Citation(Struct, kw_only=True):
    """An annotation of the text so far, as it came in *dialect*."""

    value: dict[str, Any]
    dialect: str
    choice: int = 0


class ToolStart(Struct, kw_only=True):
    """Calls are numbered from 0 in the order of their starts; their deltas may interleave."""

    call: int
    id: str
    name: str
    signature: str = ""
    custom: bool = False
    choice: int = 0
    # Members that only the provider's dialect knows, as of ToolCall.extra.
    extra: dict[str, Any] = field(default_factory=dict)


class ToolDelta(Struct, kw_only=True):
    """The next piece of a call's arguments, JSON text."""

    call: int
    arguments: str
    choice: int = 0


class ImageOut(Struct, kw_only=True):
    """A whole image: base64."""

    media_type: str
    data: str
    choice: int = 0


class AudioDelta(Struct, kw_only=True):
    """OpenAI's delta.audio as it came: id, data, transcript, expires_at."""

    value: dict[str, Any]
    choice: int = 0


class Finish(Struct, kw_only=True):
    """One alternative is complete. The stream may still tell usage."""

    reason: FinishReason
    choice: int = 0
    stop_sequence: str = ""
    raw_finish: str = ""


class UsageSeen(Struct, kw_only=True):
    """Usage of the whole answer so far; the last word counts."""

    usage: Usage


class Failed(Struct, kw_only=True):
    """The provider broke off with an error. Fields as of answer.Fault."""

    status: int
    kind: str
    code: str
    message: str


class Unknown(Struct, kw_only=True):
    """An event that only *dialect* knows: its own builder may pass it on, every other drops it."""

    dialect: str
    value: dict[str, Any] = field(default_factory=dict)


Event = (
    Start
    | TextDelta
    | RefusalDelta
    | ThinkingDelta
    | ThinkingSignature
    | RedactedThinking
    | Citation
    | ToolStart
    | ToolDelta
    | ImageOut
    | AudioDelta
    | Finish
    | UsageSeen
    | Failed
    | Unknown
)
