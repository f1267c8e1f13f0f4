"""Turns of a talk -> `system` and `messages`.

Laws: neighbours of one role are one message; all results of a turn stand first in ONE user message;
an assistant message begins with its thoughts; what is empty is left out and never replaced by invented text.
"""

from typing import Any

from fastgate.translate.anthropic_messages.blocks_out import Block, Writer
from fastgate.translate.anthropic_messages.generations import Generation
from fastgate.translate.conversation import ChatRequest, ToolResult, Turn
from fastgate.translate.losses import NotCarried
from fastgate.translate.target import Target

Message = dict[str, Any]
System = str | list[Block]

# What a talk without a first user turn gets under `modify_params`, as LiteLLM writes it.
PLACEHOLDER = "."

_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_INSTRUCTORS = frozenset({"system", "developer"})


def build_system(request: ChatRequest, writer: Writer) -> tuple[System, int]:
    """Return `system` and the number of turns that it takes: those of system and developer which stand first.

    It is one text, unless a block of it carries a cache breakpoint, or the caller's own blocks are to stay apart.
    """
    count = 0
    parts: list[Any] = []
    for turn in request.turns:
        if turn.role not in _INSTRUCTORS:
            break
        parts.extend(turn.parts)
        count += 1
    blocks = _write_system(parts, writer)
    if not blocks:
        return "", count
    if len(blocks) > 1 and writer.own:
        return blocks, count
    for block in blocks:
        if len(block) > 2:
            return blocks, count
    return "\n".join([block["text"] for block in blocks]), count


def _write_system(parts: list[Any], writer: Writer) -> list[Block]:
    blocks = []
    for block in writer.blocks(parts):
        if block["type"] == "text" or writer.own:
            blocks.append(block)
        else:
            writer.losses.refuse(f"system.{block['type']}", "instructions are text in this dialect")
    return blocks


def build_messages(request: ChatRequest, skip: int, writer: Writer, generation: Generation) -> list[Message]:
    """Return the messages of the turns behind the first *skip*."""
    messages: list[Message] = []
    turns = request.turns
    for index in range(skip, len(turns)):
        turn = turns[index]
        role = turn.role
        if turn.name or turn.extra:
            _drop_members(turn, writer)
        if role in _INSTRUCTORS:
            _add_instruction(turn, turns[index + 1 :], messages, writer, generation)
        elif role == "assistant":
            _add(messages, "assistant", writer.blocks(turn.parts))  # type: ignore[arg-type]
        elif role == "tool":
            _add_results(messages, [writer.result(part) for part in turn.parts if isinstance(part, ToolResult)])
        else:
            _add(messages, "user", writer.blocks(turn.parts))  # type: ignore[arg-type]
    if not writer.own:
        for message in messages:
            if message["role"] == "assistant":
                _put_thoughts_first(message)
    for message in messages:
        content = message["content"]
        if len(content) == 1 and content[0]["type"] == "text" and len(content[0]) == 2:
            message["content"] = content[0]["text"]
    return messages


def _drop_members(turn: Turn, writer: Writer) -> None:
    """Name what messages of this dialect have no member for: the name of a speaker, and what only the caller's dialect knows."""
    for member in ("name", *turn.extra) if turn.name else turn.extra:
        writer.losses.drop(f"messages.{member}")


def _add(messages: list[Message], role: str, blocks: list[Block]) -> None:
    if not blocks:
        return
    if messages and messages[-1]["role"] == role:
        messages[-1]["content"].extend(blocks)
    else:
        messages.append({"role": role, "content": blocks})


def _add_results(messages: list[Message], results: list[Block]) -> None:
    """Put results behind the results and before everything else of the user's message."""
    if not messages or messages[-1]["role"] != "user":
        _add(messages, "user", results)
        return
    content = messages[-1]["content"]
    at = 0
    while at < len(content) and content[at]["type"] == "tool_result":
        at += 1
    content[at:at] = results


def _add_instruction(turn: Turn, later: list[Turn], messages: list[Message], writer: Writer, generation: Generation) -> None:
    """Add instructions amid a talk: in place where the model takes them, else as marked text of the user."""
    blocks = _write_system(turn.parts, writer)
    if not blocks:
        return
    # A system message stands behind a user's and before an assistant's or at the end
    # (platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages, 2026-11).
    placed = bool(messages) and messages[-1]["role"] in ("user", "system") and (not later or later[0].role in ("assistant", *_INSTRUCTORS))
    if generation.system_turns and placed:
        _add(messages, "system", blocks)
        return
    writer.losses.emulate("messages.system")
    for block in blocks:
        if block["type"] == "text":
            block["text"] = f"<system>\n{block['text']}\n</system>"
    _add(messages, "user", blocks)


def _put_thoughts_first(message: Message) -> None:
    content = message["content"]
    if content[0]["type"] in _THOUGHTS:
        return
    thoughts = [block for block in content if block["type"] in _THOUGHTS]
    if thoughts:
        message["content"] = thoughts + [block for block in content if block["type"] not in _THOUGHTS]


def lacks_thoughts(messages: list[Message]) -> bool:
    """Return whether results are sent for calls whose message does not begin with its thoughts: thin clients drop them."""
    if len(messages) < 2 or messages[-1]["role"] != "user":
        return False
    content, before = messages[-1]["content"], messages[-2]["content"]
    if isinstance(content, str) or content[0]["type"] != "tool_result":
        return False
    return isinstance(before, str) or before[0]["type"] not in _THOUGHTS


def check_ends(messages: list[Message], writer: Writer, target: Target, generation: Generation) -> None:
    """See that the talk begins and ends as the model wants it; raise NotCarried where no honest change helps."""
    if not messages or (generation.user_first and messages[0]["role"] != "user"):
        if not target.modify_params:
            why = "this model's talk has to begin with a message of the user"
            raise NotCarried("messages", f"`messages` cannot be carried: {why}; add one, or set modify_params: true to have it added")
        writer.losses.emulate("messages")
        messages.insert(0, {"role": "user", "content": PLACEHOLDER})
    last = messages[-1]
    if last["role"] != "assistant" or writer.own:
        return
    if not generation.prefill:
        # platform.claude.com/docs/en/api/errors#prefill-not-supported
        writer.losses.refuse("messages", "this model does not continue a trailing message of the assistant")
        if len(messages) > 1:
            messages.pop()
        return
    _trim(last, writer)


def _trim(message: Message, writer: Writer) -> None:
    """A trailing assistant message must not end in whitespace."""
    content = message["content"]
    text = content if isinstance(content, str) else content[-1].get("text", "")
    trimmed = text.rstrip()
    if trimmed == text:
        return
    writer.losses.change("messages", "trimmed")
    if isinstance(content, str):
        message["content"] = trimmed
    else:
        content[-1]["text"] = trimmed
