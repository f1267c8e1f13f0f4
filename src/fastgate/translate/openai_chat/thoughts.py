"""Thoughts, in the three forms that go around: reasoning_content, thinking_blocks (LiteLLM), reasoning_details (OpenRouter).

A thinking block is Anthropic's: a bare signature in it is Anthropic's, one of any other dialect is sealed with its name.
An entry of reasoning_details means something to its provider alone and has to come back unchanged: the whole entry, its text
apart, is the thought's signature.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from fastgate.translate.conversation import Part, Thinking, ToolResult, seal, unseal
from fastgate.translate.openai_chat.words import BLOCKS_DIALECT, DIALECT

# Stands as signature of a thought that this dialect made without one, where the provider wants thoughts back: so a caller of
# another dialect, which brings back what is signed, brings it back with its origin.
UNSIGNED = "unsigned"


_FORMS = frozenset({"reasoning_content", "reasoning", "thinking_blocks", "reasoning_details"})


def thoughts_of(message: dict[str, Any], member: str = "reasoning_content") -> list[Thinking]:
    """Return the thoughts of an assistant's message; of several forms the one that says most. What is malformed is no thought."""
    if _FORMS.isdisjoint(message) and member not in message:
        return []
    text = message.get("reasoning_content") or message.get("reasoning") or message.get(member)
    plain = text if isinstance(text, str) else ""
    found: list[Thinking] = []
    blocks = message.get("thinking_blocks")
    if isinstance(blocks, list):
        found = [thought for block in blocks if isinstance(block, dict) and (thought := thought_of_block(block))]
    details = message.get("reasoning_details")
    if not found and isinstance(details, list):
        found = [thought for detail in details if isinstance(detail, dict) and (thought := thought_of_detail(detail))]
    if plain and not any(thought.text for thought in found):
        found.insert(0, Thinking(text=plain, dialect=DIALECT))
    return found


def thought_of_block(block: dict[str, Any]) -> Thinking | None:
    """Return what a thinking block says; None if it says nothing."""
    text, signature, redacted, own = (block.get(name) for name in ("thinking", "signature", "data", "id"))
    dialect, inner = unseal(BLOCKS_DIALECT, signature) if isinstance(signature, str) else ("", "")
    origin, data = unseal(BLOCKS_DIALECT, redacted) if isinstance(redacted, str) else ("", "")
    thought = Thinking(
        text=text if isinstance(text, str) else "",
        signature=inner,
        redacted=data,
        id=own if isinstance(own, str) else "",
        summary=block.get("summary") is True,
        dialect=(dialect if inner else "") or (origin if data else "") or DIALECT,
    )
    return thought if thought.text or inner or data or thought.id else None


def block_of(thought: Thinking) -> dict[str, Any] | None:
    """Return the thinking block that brings *thought* back; None if its text alone does."""
    if not thought.signature and not thought.redacted and not thought.id:
        return None
    if thought.signature == UNSIGNED and thought.dialect == DIALECT:
        return None
    bare = bool(thought.redacted) and not thought.text and not thought.signature
    block: dict[str, Any] = {"type": "redacted_thinking"} if bare else {"type": "thinking", "thinking": thought.text}
    if thought.signature:
        block["signature"] = seal(BLOCKS_DIALECT, thought.dialect, thought.signature)
    if thought.redacted:
        block["data"] = seal(BLOCKS_DIALECT, thought.dialect, thought.redacted)
    if thought.id:
        block["id"] = thought.id
    if thought.summary:
        block["summary"] = True
    return block


def thought_of_detail(detail: dict[str, Any]) -> Thinking | None:
    """Return what an entry of reasoning_details says; None if it says nothing."""
    member = "summary" if detail.get("type") == "reasoning.summary" else "text"
    text = detail.get(member)
    if isinstance(detail.get("data"), str):
        return Thinking(redacted=packed(detail), dialect=DIALECT)
    if not isinstance(text, str) or not text:
        return Thinking(signature=packed(detail), dialect=DIALECT) if detail.get("signature") else None
    rest = {name: value for name, value in detail.items() if name != member}
    return Thinking(text=text, signature=packed(rest), summary=member == "summary", dialect=DIALECT)


def packed(detail: dict[str, Any]) -> str:
    """Return an entry of reasoning_details as a signature."""
    return orjson.dumps(detail).decode()


def write_thoughts(message: dict[str, Any], parts: Iterable[Part | ToolResult], member: str) -> None:
    """Put the thoughts that this dialect made back into an assistant's message, in the forms in which they came."""
    texts: list[str] = []
    details: list[dict[str, Any]] = []
    for part in parts:
        if not isinstance(part, Thinking) or part.dialect != DIALECT:
            continue
        if part.text:
            texts.append(part.text)
        detail = _unpacked(part.redacted or part.signature)
        if detail is not None:
            if part.text:
                detail["summary" if part.summary else "text"] = part.text
            details.append(detail)
    if details:
        message["reasoning_details"] = details
    if texts:
        message[member] = "".join(texts)


def _unpacked(signature: str) -> dict[str, Any] | None:
    """Return the entry that `packed` made a signature of; None if it is none."""
    if not signature.startswith("{"):
        return None
    try:
        detail = orjson.loads(signature)
    except orjson.JSONDecodeError:
        return None
    return detail if isinstance(detail, dict) else None
