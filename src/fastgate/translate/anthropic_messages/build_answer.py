"""ChatAnswer -> the body of a message, as a caller of this dialect gets it."""

from collections.abc import Callable
from typing import Any

import orjson

from fastgate.translate.answer import ChatAnswer, Choice, Fault
from fastgate.translate.anthropic_messages.blocks_in import CALL_SEAL
from fastgate.translate.anthropic_messages.blocks_out import parse_arguments
from fastgate.translate.anthropic_messages.usage import build_usage
from fastgate.translate.anthropic_messages.words import DIALECT, FINISHES, STOP_REASONS, TIERS_SHOWN
from fastgate.translate.conversation import Audio, ChatRequest, Image, Opaque, Text, Thinking, ToolCall, seal
from fastgate.translate.events import Finish
from fastgate.translate.target import Naming

Block = dict[str, Any]


def build_answer(answer: ChatAnswer, request: ChatRequest, naming: Naming) -> bytes:
    """Return the body of a complete answer. Raise Fault for one that failed: this dialect has no word for it in a message."""
    choice = answer.choices[0] if answer.choices else Choice()
    if choice.finish == "error":
        raise failed(choice.raw_finish)
    own = answer.dialect == DIALECT
    content: list[Block] = []
    calls = 0
    for part in choice.parts:
        if isinstance(part, ToolCall):
            calls += 1
            content.extend(_call_blocks(part, own, naming, calls))
        else:
            write = _WRITERS.get(type(part))
            block = write(part) if write is not None else None
            if block is not None:
                content.append(block)
    finish = Finish(reason=choice.finish, stop_sequence=choice.stop_sequence, raw_finish=choice.raw_finish)
    usage = build_usage(answer.usage)
    tier = TIERS_SHOWN.get(answer.service_tier)
    if tier:
        usage["service_tier"] = tier
    message: dict[str, Any] = {
        "id": message_id(answer.id, naming),
        "type": "message",
        "role": "assistant",
        "model": naming.model,
        "content": content,
        **build_stop(finish, request, calls > 0, own),
        "usage": usage,
    }
    if own:
        for member, value in answer.extra.items():
            if member == "usage" and isinstance(value, dict):
                usage.update(value)
            else:
                message.setdefault(member, value)
    return orjson.dumps(message)


def message_id(given: str, naming: Naming) -> str:
    """Return the provider's id if it has this dialect's form, else one of ours."""
    return given if given.startswith("msg_") else naming.make_id("msg_")


def failed(raw_finish: str) -> Fault:
    """Return what tells that the model failed."""
    return Fault(502, "upstream", "", f"the model failed to answer{f' ({raw_finish})' if raw_finish else ''}; try again")


def build_stop(finish: Finish, request: ChatRequest, calls: bool, own: bool) -> dict[str, Any]:
    """Return stop_reason and stop_sequence. *calls*: the answer holds calls; *own*: this dialect's provider made it."""
    reason = STOP_REASONS.get(finish.reason, "end_turn")
    if reason == "tool_use" and not calls:
        reason = "end_turn"
    elif calls and reason in ("end_turn", "stop_sequence"):
        # Calls are to be answered, whatever the provider says.
        reason = "tool_use"
    if finish.raw_finish and (own or finish.raw_finish in FINISHES):
        reason = finish.raw_finish
    if reason != "stop_sequence":
        return {"stop_reason": reason, "stop_sequence": None}
    # Where the provider does not tell which, the only one that was asked for it must have been.
    sequence = finish.stop_sequence or (request.stop[0] if len(request.stop) == 1 else None)
    return {"stop_reason": reason, "stop_sequence": sequence}


def sealed(dialect: str, owner: str, signature: str) -> str:
    """Return a signature that comes back with its origin and, if another dialect made it, the id of what it signs."""
    return seal(DIALECT, dialect, f"{owner}#{signature}" if owner and dialect != DIALECT else signature)


def seal_of_call(signature: str) -> str:
    """Return the signature of a call as that of a thought before it: `tool_use` has no member for it."""
    return sealed("gemini", CALL_SEAL, signature)


def call_input(call: ToolCall) -> dict[str, Any]:
    """Return the object that `input` has to be."""
    return {"input": call.arguments} if call.custom else parse_arguments(call.arguments)


def _call_blocks(call: ToolCall, own: bool, naming: Naming, number: int) -> list[Block]:
    blocks: list[Block] = []
    if call.signature:
        blocks.append({"type": "thinking", "thinking": "", "signature": seal_of_call(call.signature)})
    block: Block = {
        "type": "tool_use",
        "id": call.id or naming.make_id("toolu_", number),
        "name": call.name,
        "input": call_input(call),
    }
    if own and call.extra:
        block.update(call.extra)
    blocks.append(block)
    return blocks


def _write_text(part: Any) -> Block | None:
    if not part.text:
        return None
    block: Block = {"type": "text", "text": part.text}
    if part.citations and part.dialect == DIALECT:
        block["citations"] = part.citations
    return block


def _write_thinking(part: Any) -> Block | None:
    if part.redacted and not part.text:
        return {"type": "redacted_thinking", "data": sealed(part.dialect, part.id, part.redacted)}
    signature = part.signature or part.redacted
    if not part.text and not signature:
        return None
    # Without a signature it is a thought to be shown: our builder leaves it out when it comes back.
    return {"type": "thinking", "thinking": part.text, "signature": sealed(part.dialect, part.id, signature)}


def image_block(media_type: str, data: str) -> Block:
    """Return an image that a model made, in the form that requests use: answers have no block of their own for it."""
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def _write_image(part: Any) -> Block | None:
    if part.data:
        return image_block(part.media_type, part.data)
    return {"type": "image", "source": {"type": "url", "url": part.url}} if part.url else None


def _write_audio(part: Any) -> Block | None:
    return {"type": "text", "text": part.transcript} if part.transcript else None


def _write_opaque(part: Any) -> Block | None:
    value: Block = part.value
    return value if part.dialect == DIALECT else None


_WRITERS: dict[type, Callable[[Any], Block | None]] = {
    Text: _write_text,
    Thinking: _write_thinking,
    Image: _write_image,
    Audio: _write_audio,
    Opaque: _write_opaque,
}
