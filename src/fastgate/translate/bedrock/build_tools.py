"""Tools, and the choice between them, as Converse's toolConfig."""

from typing import Any

from fastgate.translate.bedrock.build_blocks import Block, BlockWriter
from fastgate.translate.conversation import ChatRequest, Tool, ToolChoice

_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


def build_tool_config(request: ChatRequest, writer: BlockWriter, answer_tool: Block | None, thinks: bool) -> Block | None:
    """Return toolConfig; None if there is nothing to say. *answer_tool* takes the structured answer; *thinks* forbids to force a call."""
    choice = request.tool_choice or ToolChoice(mode="auto")
    tools = _build_tools(request.tools, choice, writer)
    if choice.mode == "none":
        if tools or writer.called:
            writer.losses.emulate("tool_choice")
        writer.asked.no_calls = True
        if not writer.called:
            tools = []
    if writer.called and not tools:
        # "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        if choice.mode != "none":
            writer.losses.emulate("tools")
        tools = [{"toolSpec": {"name": name, "inputSchema": {"json": _NO_PARAMETERS}}} for name in writer.called]
        writer.asked.no_calls = True
    # The tool for the answer is the only one that may be called: it is named; else the model calls one of the caller's, or answers.
    alone = writer.asked.no_calls or not tools
    if answer_tool is not None:
        tools.append(answer_tool)
    if not tools:
        return None
    config: Block = {"tools": tools}
    chosen = _build_choice(choice, writer, answer_tool is not None, alone)
    if chosen is not None and thinks:
        writer.losses.change("tool_choice", "auto")
    elif chosen is not None:
        config["toolChoice"] = chosen
    if request.parallel_tool_calls is False and request.tools and not writer.asked.no_calls:
        writer.losses.emulate("parallel_tool_calls")
        writer.asked.one_call = True
    return config


def _build_tools(tools: list[Tool], choice: ToolChoice, writer: BlockWriter) -> list[Block]:
    allowed = choice.names if choice.mode in ("auto", "required") else []
    blocks: list[Block] = []
    for tool in tools:
        if allowed and tool.name not in allowed:
            continue
        if tool.kind == "hosted" and tool.dialect == "bedrock":
            blocks.append(tool.raw)
        elif tool.kind == "hosted":
            writer.losses.refuse(f"tools.{tool.name or 'hosted'}", f"the tool `{tool.name or 'hosted'}` is run by another provider")
            continue
        else:
            blocks.append({"toolSpec": _build_spec(tool, writer)})
        point = writer.cache_point(tool.cache)
        if point is not None:
            blocks.append(point)
    return blocks


def _build_spec(tool: Tool, writer: BlockWriter) -> Block:
    spec: Block = {"name": writer.tool_name(tool.name)}
    if tool.description:
        spec["description"] = tool.description
    parameters = tool.parameters or _NO_PARAMETERS
    # A schema without a type is a ValidationException: "json.type must be one of the following".
    spec["inputSchema"] = {"json": parameters if "type" in parameters else {"type": "object", **parameters}}
    if tool.strict:
        if writer.traits.schemas:
            spec["strict"] = True
        else:
            writer.losses.drop("tools.strict")
    return spec


def _build_choice(choice: ToolChoice, writer: BlockWriter, answers: bool, alone: bool) -> Block | None:
    """Return toolChoice; None for auto, which is what no word means, and which some models refuse to be told."""
    if choice.mode == "named":
        return {"tool": {"name": writer.tool_name(choice.names[0])}} if choice.names else {"any": {}}
    if answers:
        return {"tool": {"name": writer.asked.answer_tool}} if alone else {"any": {}}
    return {"any": {}} if choice.mode == "required" else None
