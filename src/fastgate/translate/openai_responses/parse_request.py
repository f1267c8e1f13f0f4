"""What a caller asks for in OpenAI Responses.

Whether an answer is to be stored (`store`, true by default) is accepted as it comes: the gateway stores nothing for a model of
another dialect, and says so with `store: false` in its answers. Members that need a store are refused by name.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from fastgate.translate.conversation import ChatRequest, Effort, Reasoning, ResponseFormat, Text, Tool, ToolChoice, Turn
from fastgate.translate.losses import InvalidRequest
from fastgate.translate.openai_responses.members import (
    required_text,
    to_array,
    to_boolean,
    to_integer,
    to_number,
    to_object,
    to_optional_text,
    to_text,
    to_word,
    unknown_word,
    wrong,
)
from fastgate.translate.openai_responses.parse_items import read_input, refuse_stateful
from fastgate.translate.openai_responses.words import (
    DIALECT,
    EFFORTS,
    INCLUDE_LOGPROBS,
    INCLUDE_THOUGHTS,
    STATEFUL,
    SUMMARIES,
)


def parse_request(body: dict[str, Any], operation: str) -> ChatRequest:
    """Return what the caller asks for; raise InvalidRequest for what the dialect itself does not allow."""
    turns: list[Turn] = []
    request = ChatRequest(turns=turns, operation=operation, dialect=DIALECT)
    for name, value in body.items():
        if value is None:
            continue
        read = _MEMBERS.get(name)
        if read is None:
            request.extra[name] = value
        else:
            read(request, value, name)
    instructions = to_optional_text(body.get("instructions"), "instructions")
    if instructions:
        turns.append(Turn(role="system", parts=[Text(text=instructions)]))
    if body.get("input") is None:
        raise InvalidRequest("input", "`input` is missing: it must be a string or an array of items")
    request.cache_breakpoints = read_input(body["input"], turns)
    return request


def _skip(request: ChatRequest, value: object, name: str) -> None:
    """Leave alone what is read elsewhere, or says nothing about the answer."""


def _number(request: ChatRequest, value: object, name: str) -> None:
    setattr(request, name, to_number(value, name))


def _integer(request: ChatRequest, value: object, name: str) -> None:
    setattr(request, name, to_integer(value, name))


def _boolean(request: ChatRequest, value: object, name: str) -> None:
    setattr(request, name, to_boolean(value, name))


def _text(request: ChatRequest, value: object, name: str) -> None:
    setattr(request, name, to_text(value, name))


def _object(request: ChatRequest, value: object, name: str) -> None:
    setattr(request, name, to_object(value, name))


def _user(request: ChatRequest, value: object, name: str) -> None:
    # `user` is the deprecated word for `safety_identifier`, which wins in any order.
    said = to_text(value, name)
    if name == "safety_identifier" or not request.user:
        request.user = said


def _top_logprobs(request: ChatRequest, value: object, name: str) -> None:
    count = to_integer(value, name)
    if count:
        request.top_logprobs = count
        request.logprobs = True


def _truncation(request: ChatRequest, value: object, name: str) -> None:
    # "disabled" is the default, and what every other dialect does.
    if to_word(value, name, ("auto", "disabled")) == "auto":
        request.extra[name] = value


def _include(request: ChatRequest, value: object, name: str) -> None:
    rest = []
    for index, word in enumerate(to_array(value, name)):
        what = to_text(word, f"{name}[{index}]")
        if what == INCLUDE_THOUGHTS:
            request.sealed_thoughts = True
        elif what == INCLUDE_LOGPROBS:
            request.logprobs = True
        else:
            rest.append(what)
    if rest:
        request.extra[name] = rest


def _reasoning(request: ChatRequest, value: object, name: str) -> None:
    said = to_object(value, name)
    reasoning = Reasoning()
    rest = {}
    for key, inner in said.items():
        if inner is None:
            continue
        if key == "effort":
            reasoning.effort = cast("Effort", to_word(inner, "reasoning.effort", EFFORTS))
        elif key in ("summary", "generate_summary"):
            reasoning.summary = to_word(inner, f"reasoning.{key}", SUMMARIES)
            reasoning.show = True
        else:
            rest[key] = inner
    if reasoning.effort is not None or reasoning.show:
        request.reasoning = reasoning
    if rest:
        request.extra[name] = rest


def _text_settings(request: ChatRequest, value: object, name: str) -> None:
    rest = {}
    for key, inner in to_object(value, name).items():
        if inner is None:
            continue
        if key == "format":
            request.response_format = _read_format(to_object(inner, "text.format"))
        elif key == "verbosity":
            request.verbosity = to_text(inner, "text.verbosity")
        else:
            rest[key] = inner
    if rest:
        request.extra[name] = rest


def _read_format(value: dict[str, Any]) -> ResponseFormat:
    kind = to_word(value.get("type"), "text.format.type", ("text", "json_object", "json_schema"))
    if kind == "json_schema":
        strict = value.get("strict")
        return ResponseFormat(
            kind="json_schema",
            name=required_text(value, "name", "text.format"),
            description=to_optional_text(value.get("description"), "text.format.description"),
            schema=to_object(value.get("schema"), "text.format.schema"),
            strict=None if strict is None else to_boolean(strict, "text.format.strict"),
        )
    return ResponseFormat(kind="json_object") if kind == "json_object" else ResponseFormat(kind="text")


def _tools(request: ChatRequest, value: object, name: str) -> None:
    tools = request.tools
    for index, tool in enumerate(to_array(value, name)):
        path = f"tools[{index}]"
        if type(tool) is not dict:
            raise wrong(path, "an object", tool)
        kind = required_text(tool, "type", path)
        tools.append(_TOOLS.get(kind, _read_hosted)(tool, path))


def _read_function(tool: dict[str, Any], path: str) -> Tool:
    parameters = tool.get("parameters")
    strict = tool.get("strict")
    # Members that only this dialect knows (defer_loading, output_schema, ...) come back from the tool as it came.
    plain = tool.keys() <= _FUNCTION_MEMBERS
    return Tool(
        name=required_text(tool, "name", path),
        description=to_optional_text(tool.get("description"), f"{path}.description"),
        parameters=None if parameters is None else to_object(parameters, f"{path}.parameters"),
        strict=None if strict is None else to_boolean(strict, f"{path}.strict"),
        raw={} if plain else tool,
        dialect="" if plain else DIALECT,
    )


def _read_custom(tool: dict[str, Any], path: str) -> Tool:
    return Tool(
        name=required_text(tool, "name", path),
        description=to_optional_text(tool.get("description"), f"{path}.description"),
        kind="custom",
        raw=tool,
        dialect=DIALECT,
    )


def _read_hosted(tool: dict[str, Any], path: str) -> Tool:
    return Tool(name=tool["type"], kind="hosted", raw=tool, dialect=DIALECT)


_TOOLS: dict[str, Callable[[dict[str, Any], str], Tool]] = {"function": _read_function, "custom": _read_custom}
_FUNCTION_MEMBERS = frozenset({"type", "name", "description", "parameters", "strict"})


def _tool_choice(request: ChatRequest, value: object, name: str) -> None:
    if type(value) is str:
        mode = _MODES.get(value)
        if mode is None:
            raise unknown_word(name, tuple(_MODES), value)
        request.tool_choice = mode()
        return
    if type(value) is not dict:
        raise wrong(name, "a string or an object", value)
    kind = required_text(value, "type", name)
    if kind in _TOOLS:
        request.tool_choice = ToolChoice(mode="named", names=[required_text(value, "name", name)])
        return
    if kind == "allowed_tools":
        mode = _MODES.get(to_word(value.get("mode"), f"{name}.mode", ("auto", "required")), _MODES["auto"])
        names = _read_allowed(to_array(value.get("tools"), f"{name}.tools"), f"{name}.tools")
        if names is not None:
            request.tool_choice = mode(names=names)
            return
    # It names a hosted tool, which only this dialect knows.
    request.extra[name] = value


def _read_allowed(tools: list[Any], path: str) -> list[str] | None:
    """Return the names of functions and custom tools; None if another tool is among them."""
    if not tools:
        raise InvalidRequest(path, f"`{path}` must name at least one tool")
    names = []
    for index, tool in enumerate(tools):
        where = f"{path}[{index}]"
        if required_text(to_object(tool, where), "type", where) not in _TOOLS:
            return None
        names.append(required_text(tool, "name", where))
    return names


_MODES: dict[str, Callable[..., ToolChoice]] = {
    "auto": partial(ToolChoice, mode="auto"),
    "required": partial(ToolChoice, mode="required"),
    "none": partial(ToolChoice, mode="none"),
}


def _stateful(request: ChatRequest, value: object, name: str) -> None:
    refuse_stateful(name, value)


_MEMBERS: dict[str, Callable[[ChatRequest, Any, str], None]] = {
    "model": _skip,
    "input": _skip,
    "instructions": _skip,
    # Padding against who watches the line: what the gateway writes by itself has none.
    "stream_options": _skip,
    "stream": _boolean,
    "store": _boolean,
    "parallel_tool_calls": _boolean,
    "temperature": _number,
    "top_p": _number,
    "max_output_tokens": _integer,
    "top_logprobs": _top_logprobs,
    "service_tier": _text,
    "user": _user,
    "safety_identifier": _user,
    "metadata": _object,
    "reasoning": _reasoning,
    "text": _text_settings,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "include": _include,
    "truncation": _truncation,
    **dict.fromkeys(STATEFUL, _stateful),
}
