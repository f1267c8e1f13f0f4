"""Tools, the choice among them, and the structured answer -> `tools`, `tool_choice`, `output_config.format`."""

from typing import Any

import orjson

from fastgate.translate.anthropic_messages.blocks_out import Block, Writer
from fastgate.translate.anthropic_messages.generations import Generation
from fastgate.translate.anthropic_messages.schemas import closed
from fastgate.translate.anthropic_messages.words import DIALECT, EMPTY_SCHEMA
from fastgate.translate.conversation import ChatRequest, ResponseFormat, Tool, ToolChoice
from fastgate.translate.target import Asked

ANSWER_TOOL = "json_answer"
_ANSWER_DESCRIPTION = "Give your answer to the user by calling this tool; its input is the answer."

_CHOICES = {"auto": "auto", "required": "any", "none": "none"}


def build_tools(request: ChatRequest, writer: Writer, generation: Generation) -> list[Block]:
    """Return the tools in their order, without those that tool_choice does not allow."""
    choice = request.tool_choice
    allowed = choice.names if choice is not None and choice.names and choice.mode in ("auto", "required") else None
    built = []
    for tool in request.tools:
        if allowed is not None and tool.name not in allowed:
            continue
        made = _build_tool(tool, writer, generation)
        if made is not None:
            built.append(made)
    return built


def _build_tool(tool: Tool, writer: Writer, generation: Generation) -> Block | None:
    if tool.kind == "hosted":
        return _build_hosted(tool, writer)
    schema = tool.parameters
    made: Block = {"name": writer.name(tool.name)}
    if tool.description:
        made["description"] = tool.description
    if not schema:
        schema = EMPTY_SCHEMA
    elif "type" not in schema and not writer.own:
        schema = {"type": "object", **schema}
    if tool.strict is not None and writer.own:
        made["strict"] = tool.strict
    elif tool.strict:
        if generation.structured:
            made["strict"] = True
            schema = closed(schema)
        else:
            writer.losses.drop("tools.strict")
    made["input_schema"] = schema
    if writer.own and tool.raw:
        made.update(tool.raw)
    writer.mark(made, tool.cache)
    return made


def _build_hosted(tool: Tool, writer: Writer) -> Block | None:
    if tool.dialect != DIALECT:
        writer.losses.refuse(f"tools.{tool.name}", f"the tool {tool.name!r} is run by the {tool.dialect} dialect's own provider")
        return None
    made = tool.raw
    if "cache_control" in made:
        made = dict(made)
        writer.marked.append(made)
    return made


def build_choice(request: ChatRequest, tools: list[Block], writer: Writer, generation: Generation, thinks: bool) -> Block | None:
    """Return `tool_choice`; None if nothing has to be said. *thinks*: thinking is asked for, which excludes forced calls."""
    if not tools:
        return None
    choice = request.tool_choice
    alone = request.parallel_tool_calls is False
    if choice is None:
        return {"type": "auto", "disable_parallel_tool_use": True} if alone else None
    made = _say_choice(choice, writer)
    if made["type"] in ("any", "tool") and (thinks or not generation.forced_tools):
        writer.losses.change("tool_choice", "auto")
        made = {"type": "auto"}
    if alone and made["type"] != "none":
        made["disable_parallel_tool_use"] = True
    return made


def _say_choice(choice: ToolChoice, writer: Writer) -> Block:
    if choice.mode == "named":
        return {"type": "tool", "name": writer.name(choice.names[0])} if choice.names else {"type": "any"}
    return {"type": _CHOICES[choice.mode]}


class Answer:
    """How the structured answer is asked for: *layout* is output_config.format, *instruction* is added to `system`."""

    def __init__(self) -> None:
        self.layout: Block | None = None
        self.instruction = ""
        # Calling is forced: the choice of tools is this one.
        self.choice: Block | None = None


def build_answer_format(
    request: ChatRequest, tools: list[Block], writer: Writer, generation: Generation, thinks: bool, asked: Asked
) -> Answer:
    """Return how `response_format` is said; a tool for the answer is added to *tools*."""
    answer = Answer()
    wanted = request.response_format
    if wanted is None or wanted.kind == "text":
        return answer
    if wanted.kind == "json_object" or wanted.schema is None:
        writer.losses.emulate("response_format")
        answer.instruction = "Answer with a single JSON object and nothing else: no other text, no code fence."
    elif generation.structured:
        schema = wanted.schema if writer.own else closed(wanted.schema)
        if schema is not wanted.schema:
            writer.losses.emulate("response_format.schema")
        answer.layout = {"type": "json_schema", "schema": schema}
    elif wanted.schema.get("type", "object") != "object":
        writer.losses.emulate("response_format")
        answer.instruction = _instruct(wanted.schema)
    elif request.tool_choice is None or request.tool_choice.mode != "named":
        writer.losses.emulate("response_format")
        _add_answer_tool(request, wanted, wanted.schema, tools, writer, asked, answer)
        if thinks or not generation.forced_tools:
            answer.choice = {"type": "auto"}
            answer.instruction = f"Give your final answer by calling the tool {asked.answer_tool}, and only that way."
    return answer


def _instruct(schema: dict[str, Any]) -> str:
    text = orjson.dumps(schema).decode()
    return f"Answer with JSON that matches this JSON Schema and nothing else, no other text, no code fence: {text}"


def _add_answer_tool(
    request: ChatRequest, wanted: ResponseFormat, schema: dict[str, Any], tools: list[Block], writer: Writer, asked: Asked, answer: Answer
) -> None:
    """Add a tool whose input is the answer. With tools of the caller any of them may be called, else this one has to be."""
    name = writer.name(f"{ANSWER_TOOL}_{wanted.name}" if wanted.name else ANSWER_TOOL)
    asked.answer_tool = name
    callable_tools = bool(tools) and (request.tool_choice is None or request.tool_choice.mode != "none")
    tools.append(
        {
            "name": name,
            "description": f"{wanted.description}\n{_ANSWER_DESCRIPTION}" if wanted.description else _ANSWER_DESCRIPTION,
            "input_schema": schema if "type" in schema else {"type": "object", **schema},
        }
    )
    answer.choice = {"type": "any"} if callable_tools else {"type": "tool", "name": name}
    if callable_tools and request.parallel_tool_calls is False:
        answer.choice["disable_parallel_tool_use"] = True
