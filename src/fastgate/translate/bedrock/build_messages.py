"""Turns as Converse's messages: user and assistant in turn, results of tools first in theirs."""

from typing import Any

from fastgate.translate.bedrock.build_blocks import Block, BlockWriter
from fastgate.translate.conversation import Text, ToolResult, Turn
from fastgate.translate.losses import NotCarried

_ROLES = {"user": "user", "tool": "user", "assistant": "assistant"}
# LiteLLM's own words for the turn that modify_params puts in.
_PLACEHOLDER = "Please continue."


class MessageWriter:
    """Collects the blocks of one message until the role changes."""

    __slots__ = ("_blocks", "_results", "_role", "_writer", "messages", "system")

    def __init__(self, writer: BlockWriter) -> None:
        self.system: list[Block] = []
        self.messages: list[dict[str, Any]] = []
        self._writer = writer
        self._role = ""
        # Results stand before everything else of their message: they answer the calls right before it.
        self._results: list[Block] = []
        self._blocks: list[Block] = []

    def write(self, turns: list[Turn]) -> None:
        """Write all turns: system text at the beginning as `system`, later in place."""
        for turn in turns:
            role = _ROLES.get(turn.role)
            if turn.name:
                self._writer.losses.drop("messages.name")
            if role is None:
                self._write_system(turn)
                continue
            self._enter(role)
            write = self._writer.assistant_block if role == "assistant" else self._writer.user_block
            for part in turn.parts:
                if type(part) is ToolResult:
                    self._write_result(part)
                elif (block := write(part)) is not None:  # type: ignore[arg-type]
                    self._blocks.append(block)
                    point = self._writer.cache_point(getattr(part, "cache", None))
                    if point is not None:
                        self._blocks.append(point)
        self._flush()

    def open_with_user(self, placeholder: bool) -> None:
        """See to it that a user speaks first: Converse takes no other beginning. Raise NotCarried unless a *placeholder* is allowed."""
        if self.messages and self.messages[0]["role"] == "user":
            return
        if not placeholder:
            raise NotCarried("messages", "Converse wants a user's message first; begin with one, or set modify_params")
        self._writer.losses.emulate("messages")
        self.messages.insert(0, {"role": "user", "content": [{"text": _PLACEHOLDER}]})

    def _enter(self, role: str) -> None:
        if role != self._role:
            self._flush()
            self._role = role

    def _flush(self) -> None:
        content = self._results + self._blocks
        if content:
            last = self.messages[-1] if self.messages else None
            # A message of the other role between the two held nothing that is sent.
            if last is not None and last["role"] == self._role:
                last["content"] += content
            else:
                self.messages.append({"role": self._role, "content": content})
        self._results, self._blocks = [], []

    def _write_result(self, result: ToolResult) -> None:
        self._results.append(self._writer.result_block(result))
        # A toolResult holds no cachePoint: a mark inside it is a mark behind it.
        mark = result.cache or next((part.cache for part in result.parts if getattr(part, "cache", None)), None)  # type: ignore[union-attr]
        point = self._writer.cache_point(mark)
        if point is not None:
            self._results.append(point)

    def _write_system(self, turn: Turn) -> None:
        leading = not self._role
        target = self.system if leading else self._blocks
        if not leading:
            self._enter("user")
            target = self._blocks
            self._writer.losses.emulate("messages.role")
        for part in turn.parts:
            if type(part) is not Text:
                self._writer.losses.refuse("messages.content", f"Converse takes only text from the {turn.role} role")
                continue
            block = self._writer.user_block(part)
            if block is None:
                continue
            # Models know no such role within a talk: the text stands in a tag, as Anthropic's own guide has it.
            target.append(block if leading else {"text": f"<system>\n{part.text}\n</system>"})
            point = self._writer.cache_point(part.cache)
            if point is not None:
                target.append(point)
