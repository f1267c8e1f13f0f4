"""A caller's request for messages, or for the count of its tokens -> ChatRequest."""

from collections.abc import Callable
from typing import Any, Literal

from fastgate.translate.anthropic_messages.blocks_in import Wrong, parse_blocks, rest_of, take_cache, take_optional, take_str
from fastgate.translate.anthropic_messages.words import DIALECT, TIERS_IN
from fastgate.translate.conversation import (
    ChatRequest,
    Opaque,
    Part,
    Reasoning,
    ResponseFormat,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from fastgate.translate.losses import InvalidRequest


def parse_request(body: dict[str, Any], operation: str) -> ChatRequest:
    """Return what the caller asks for; raise InvalidRequest for what the dialect itself does not allow."""
    try:
        return _parse(body, operation)
    except Wrong as wrong:
        raise InvalidRequest(wrong.path, f"{wrong.path or 'the body'}: expected {wrong.expected}") from None


def _parse(body: dict[str, Any], operation: str) -> ChatRequest:
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise Wrong("messages", "a list of messages")
    max_tokens = take_optional(body, "max_tokens", int, "a whole number")
    if max_tokens is None and operation != "count_tokens":
        raise Wrong("max_tokens", "a whole number: this dialect has no default for it")
    if max_tokens is not None and max_tokens < 0:
        raise Wrong("max_tokens", "a whole number that is not negative")
    turns = _parse_system(body.get("system"))
    names: dict[str, str] = {}
    for index, message in enumerate(messages):
        try:
            _parse_message(message, turns, names)
        except Wrong as wrong:
            raise wrong.under(f"messages[{index}]") from None
    request = ChatRequest(
        turns=turns,
        operation=operation,
        stream=bool(take_optional(body, "stream", bool, "true or false")),
        max_output_tokens=max_tokens,
        dialect=DIALECT,
    )
    for member, value in body.items():
        if value is None or member in _READ:
            continue
        read = _MEMBERS.get(member)
        if read is None:
            request.extra[member] = value
        else:
            read(request, body)
    return request


# Members that `_parse` reads itself. The model is the deployment's business.
_READ = frozenset({"messages", "max_tokens", "system", "stream", "model"})


def _parse_system(system: Any) -> list[Turn]:
    if system is None or system == "":
        return []
    if isinstance(system, str):
        return [Turn(role="system", parts=[Text(text=system)])]
    if not isinstance(system, list):
        raise Wrong("system", "a string or a list of text blocks")
    return [Turn(role="system", parts=_parse_texts(system, "system"))] if system else []


def _parse_texts(blocks: list[Any], place: str) -> list[Part | ToolResult]:
    parts = parse_blocks(blocks, place)
    for index, part in enumerate(parts):
        if type(part) is not Text and type(part) is not Opaque:
            raise Wrong(f"{place}[{index}].type", "text")
    return parts


def _parse_message(message: Any, turns: list[Turn], names: dict[str, str]) -> None:
    """Add the turns that one message says. *names* is what the calls so far are named, by their ids."""
    if not isinstance(message, dict):
        raise Wrong("", "a message object")
    role = message.get("role")
    content = message.get("content")
    if role not in ("user", "assistant", "system"):
        raise Wrong("role", "user, assistant or system")
    if isinstance(content, str):
        turns.append(Turn(role=role, parts=[Text(text=content)]))
        return
    if not isinstance(content, list):
        raise Wrong("content", "a string or a list of content blocks")
    if role == "system":
        turns.append(Turn(role=role, parts=_parse_texts(content, "content")))
        return
    parts = parse_blocks(content, "content")
    results = _take_results(parts, role, names)
    if results:
        turns.append(Turn(role="tool", parts=results))
        parts = [part for part in parts if type(part) is not ToolResult]
        if not parts:
            return
    turns.append(Turn(role=role, parts=parts))


def _take_results(parts: list[Part | ToolResult], role: str, names: dict[str, str]) -> list[Part | ToolResult]:
    """Return the results among the parts of a message, named after their calls."""
    results: list[Part | ToolResult] = []
    for index, part in enumerate(parts):
        if role == "assistant":
            if isinstance(part, ToolCall):
                names[part.id] = part.name
            elif isinstance(part, ToolResult):
                raise Wrong(f"content[{index}].type", "a type of block that an assistant message can hold")
        elif isinstance(part, ToolResult):
            part.name = names.get(part.call_id, "")
            results.append(part)
        elif isinstance(part, ToolCall | Thinking):
            raise Wrong(f"content[{index}].type", "a type of block that a user message can hold")
    return results


def _parse_tools(request: ChatRequest, body: dict[str, Any]) -> None:
    tools = body["tools"]
    if not isinstance(tools, list):
        raise Wrong("tools", "a list of tools")
    for index, tool in enumerate(tools):
        try:
            request.tools.append(_parse_tool(tool))
        except Wrong as wrong:
            raise wrong.under(f"tools[{index}]") from None


_TOOL_MEMBERS = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})


def _parse_tool(tool: Any) -> Tool:
    if not isinstance(tool, dict):
        raise Wrong("", "a tool object")
    kind = take_optional(tool, "type", str, "a string")
    if kind is not None and kind != "custom":
        # bash_20250124, web_search_20260318, mcp_toolset, ...: their schemas are known to this dialect's models alone.
        named = take_optional(tool, "name", str, "a string") or take_optional(tool, "mcp_server_name", str, "a string")
        return Tool(name=named or kind, kind="hosted", raw=tool, dialect=DIALECT, cache=take_cache(tool))
    schema = tool.get("input_schema")
    if not isinstance(schema, dict):
        raise Wrong("input_schema", "a JSON Schema object")
    name = take_str(tool, "name")
    if not name:
        raise Wrong("name", "a name")
    return Tool(
        name=name,
        description=take_optional(tool, "description", str, "a string") or "",
        parameters=schema,
        strict=take_optional(tool, "strict", bool, "true or false"),
        raw=rest_of(tool, _TOOL_MEMBERS),
        dialect=DIALECT,
        cache=take_cache(tool),
    )


_CHOICES: dict[str, Literal["auto", "required", "none"]] = {"auto": "auto", "any": "required", "none": "none"}


def _parse_choice(request: ChatRequest, body: dict[str, Any]) -> None:
    choice = _take_object(body, "tool_choice")
    kind = choice.get("type")
    try:
        if kind == "tool":
            request.tool_choice = ToolChoice(mode="named", names=[take_str(choice, "name")])
        elif isinstance(kind, str) and kind in _CHOICES:
            request.tool_choice = ToolChoice(mode=_CHOICES[kind])
        else:
            raise Wrong("type", "auto, any, tool or none")
        alone = take_optional(choice, "disable_parallel_tool_use", bool, "true or false")
    except Wrong as wrong:
        raise wrong.under("tool_choice") from None
    if alone is not None:
        request.parallel_tool_calls = not alone


def _take_object(body: dict[str, Any], member: str) -> dict[str, Any]:
    value = body[member]
    if not isinstance(value, dict):
        raise Wrong(member, "an object")
    return value


def parse_thinking(thinking: dict[str, Any]) -> Reasoning:
    """Return what `thinking` says; raise InvalidRequest if it says nothing that can be understood."""
    reasoning = Reasoning()
    try:
        _read_thinking(thinking, reasoning)
    except Wrong as wrong:
        raise InvalidRequest(f"thinking.{wrong.path}", f"thinking.{wrong.path}: expected {wrong.expected}") from None
    return reasoning


def _parse_thinking(request: ChatRequest, body: dict[str, Any]) -> None:
    thinking = _take_object(body, "thinking")
    try:
        _read_thinking(thinking, _reasoning(request))
    except Wrong as wrong:
        raise wrong.under("thinking") from None


def _read_thinking(thinking: dict[str, Any], reasoning: Reasoning) -> None:
    kind = take_str(thinking, "type")
    display = take_optional(thinking, "display", str, "summarized or omitted")
    if kind == "enabled":
        budget = take_optional(thinking, "budget_tokens", int, "a whole number")
        if budget is None:
            raise Wrong("budget_tokens", "a whole number")
        # output_config may stand before: a budget says more than its effort.
        reasoning.budget_tokens, reasoning.effort = budget, None
    elif kind == "adaptive":
        reasoning.adaptive = True
    elif kind in ("disabled", "between_tools"):
        reasoning.effort = "none"
    else:
        raise Wrong("type", "enabled, adaptive, disabled or between_tools")
    reasoning.raw["thinking"] = thinking
    if display is not None:
        reasoning.show = display == "summarized"


def _reasoning(request: ChatRequest) -> Reasoning:
    if request.reasoning is None:
        request.reasoning = Reasoning()
    return request.reasoning


_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})


def _parse_output(request: ChatRequest, body: dict[str, Any]) -> None:
    output = dict(_take_object(body, "output_config"))
    try:
        effort = take_optional(output, "effort", str, "a string")
        if effort is not None and effort not in _EFFORTS:
            raise Wrong("effort", "low, medium, high, xhigh or max")
        layout = take_optional(output, "format", dict, "an object")
    except Wrong as wrong:
        raise wrong.under("output_config") from None
    if effort is not None:
        reasoning = _reasoning(request)
        reasoning.raw["effort"] = effort
        # What `thinking` says of itself is said more plainly.
        if reasoning.effort is None and reasoning.budget_tokens is None:
            reasoning.effort = effort
    if layout is not None:
        request.response_format = _parse_format(layout, "output_config.format")
    output.pop("effort", None)
    output.pop("format", None)
    if output:
        request.extra["output_config"] = output


def _parse_old_format(request: ChatRequest, body: dict[str, Any]) -> None:
    """`output_format` of the beta structured-outputs-2025-11-13."""
    request.response_format = _parse_format(_take_object(body, "output_format"), "output_format")


def _parse_format(layout: dict[str, Any], place: str) -> ResponseFormat:
    if layout.get("type") != "json_schema":
        raise Wrong(f"{place}.type", "json_schema")
    schema = layout.get("schema")
    if not isinstance(schema, dict):
        raise Wrong(f"{place}.schema", "a JSON Schema object")
    return ResponseFormat(kind="json_schema", schema=schema)


def _parse_metadata(request: ChatRequest, body: dict[str, Any]) -> None:
    metadata = _take_object(body, "metadata")
    try:
        request.user = take_optional(metadata, "user_id", str, "a string") or ""
    except Wrong as wrong:
        raise wrong.under("metadata") from None
    rest = {name: value for name, value in metadata.items() if name != "user_id"}
    if rest:
        request.metadata = rest


def _parse_tier(request: ChatRequest, body: dict[str, Any]) -> None:
    tier = take_str(body, "service_tier")
    request.service_tier = TIERS_IN.get(tier, tier)


def _parse_stop(request: ChatRequest, body: dict[str, Any]) -> None:
    stop = body["stop_sequences"]
    if not isinstance(stop, list) or not all(isinstance(each, str) for each in stop):
        raise Wrong("stop_sequences", "a list of strings")
    request.stop = stop


def _take_number(body: dict[str, Any], member: str) -> float:
    value = body[member]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(member, "a number")
    return value


def _parse_temperature(request: ChatRequest, body: dict[str, Any]) -> None:
    request.temperature = _take_number(body, "temperature")


def _parse_top_p(request: ChatRequest, body: dict[str, Any]) -> None:
    request.top_p = _take_number(body, "top_p")


def _parse_top_k(request: ChatRequest, body: dict[str, Any]) -> None:
    request.top_k = take_optional(body, "top_k", int, "a whole number")


_MEMBERS: dict[str, Callable[[ChatRequest, dict[str, Any]], None]] = {
    "tools": _parse_tools,
    "tool_choice": _parse_choice,
    "thinking": _parse_thinking,
    "output_config": _parse_output,
    "output_format": _parse_old_format,
    "metadata": _parse_metadata,
    "service_tier": _parse_tier,
    "stop_sequences": _parse_stop,
    "temperature": _parse_temperature,
    "top_p": _parse_top_p,
    "top_k": _parse_top_k,
}
