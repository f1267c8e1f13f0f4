"""Custom tools (free text in) where no provider knows them: functions with one string, whose calls come back as free text.

Done before an upstream's builder and behind its parser: builders are given custom tools only for providers that know them.
"""

from typing import Any

import orjson
from msgspec.structs import replace

from fastgate.translate.answer import ChatAnswer
from fastgate.translate.conversation import ChatRequest, Part, Tool, ToolCall, ToolResult, Turn
from fastgate.translate.events import Event, Finish, ToolDelta, ToolStart
from fastgate.translate.losses import Losses
from fastgate.translate.target import Target

# In Quirks.knows of providers whose chat completions take custom tools.
KNOWN = "custom_tools"

_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The whole input of the tool as plain text."}},
    "required": ["input"],
    "additionalProperties": False,
}


def emulate_custom_tools(request: ChatRequest, target: Target, losses: Losses) -> frozenset[str]:
    """Write custom tools, their calls and results as a function's, in place, unless the provider knows them; return their names."""
    if target.dialect == "openai_responses" or KNOWN in target.quirks.knows:
        return frozenset()
    names = frozenset(tool.name for tool in request.tools if tool.kind == "custom")
    if names:
        losses.emulate("tools.custom")
        request.tools = [_as_function(tool) if tool.kind == "custom" else tool for tool in request.tools]
    # A talk may hold calls of tools that are no longer offered.
    if names or request.dialect in _TALKS_OF_CUSTOM_TOOLS:
        for turn in request.turns:
            _rewrite_calls(turn)
    return names


_TALKS_OF_CUSTOM_TOOLS = frozenset({"openai_chat", "openai_responses"})


def _as_function(tool: Tool) -> Tool:
    description = tool.description
    grammar = _grammar_of(tool.raw)
    if grammar:
        syntax, definition = grammar
        says = f"The input has to match this {syntax} grammar:" if syntax else "The input has to match this grammar:"
        description = f"{description}\n\n{says}\n{definition}" if description else f"{says}\n{definition}"
    return Tool(name=tool.name, description=description, parameters=_PARAMETERS, cache=tool.cache)


def _grammar_of(raw: dict[str, Any]) -> tuple[str, str] | None:
    """Return syntax and definition of a tool's grammar: Responses has them flat, chat completions under `custom` and `grammar`."""
    inner = raw.get("custom")
    form = (inner if isinstance(inner, dict) else raw).get("format")
    if not isinstance(form, dict) or form.get("type") != "grammar":
        return None
    nested = form.get("grammar")
    found = nested if isinstance(nested, dict) else form
    syntax, definition = found.get("syntax"), found.get("definition")
    if not isinstance(definition, str):
        return None
    return syntax if isinstance(syntax, str) else "", definition


def _rewrite_calls(turn: Turn) -> None:
    for number, part in enumerate(turn.parts):
        if type(part) is ToolCall and part.custom:
            arguments = orjson.dumps({"input": part.arguments}).decode()
            turn.parts[number] = replace(part, custom=False, arguments=arguments)
        elif type(part) is ToolResult and part.custom:
            turn.parts[number] = replace(part, custom=False)


def free_text(arguments: str) -> str:
    """Return the text that the arguments of an emulated call hold; all of them if they hold none."""
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    text = value.get("input") if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments


def restore_calls(answer: ChatAnswer, names: frozenset[str]) -> None:
    """Write the calls of emulated tools as free text, in place."""
    for choice in answer.choices:
        parts: list[Part] = choice.parts
        for number, part in enumerate(parts):
            if type(part) is ToolCall and part.name in names and not part.custom:
                parts[number] = replace(part, custom=True, arguments=free_text(part.arguments))


class CustomCalls:
    """The same for a stream: the text of such a call is told once its arguments are whole."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        # Choice and ordinal of a call whose arguments are not whole -> their pieces.
        self._open: dict[tuple[int, int], list[str]] = {}

    def read(self, events: list[Event]) -> list[Event]:
        """Return what the caller is told for *events*."""
        told: list[Event] = []
        for event in events:
            kind = type(event)
            if kind is ToolStart and event.name in self._names and not event.custom:  # type: ignore[union-attr]
                self._open[event.choice, event.call] = []  # type: ignore[union-attr]
                told.append(replace(event, custom=True))
            elif kind is ToolDelta and (event.choice, event.call) in self._open:  # type: ignore[union-attr]
                told += self._take(event)  # type: ignore[arg-type]
            else:
                if kind is Finish:
                    told += self.close()
                told.append(event)
        return told

    def _take(self, delta: ToolDelta) -> list[Event]:
        key = delta.choice, delta.call
        pieces = self._open[key]
        pieces.append(delta.arguments)
        if not delta.arguments.rstrip().endswith("}"):
            return []
        arguments = "".join(pieces)
        try:
            orjson.loads(arguments)
        except orjson.JSONDecodeError:
            # A brace of the text itself.
            return []
        del self._open[key]
        return [ToolDelta(call=delta.call, arguments=free_text(arguments), choice=delta.choice)]

    def close(self) -> list[Event]:
        """Return the text of the calls that are still open: their stream ended."""
        told: list[Event] = []
        for (choice, call), pieces in self._open.items():
            arguments = "".join(pieces)
            if arguments:
                told.append(ToolDelta(call=call, arguments=free_text(arguments), choice=choice))
        self._open.clear()
        return told
