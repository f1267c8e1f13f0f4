"""Tools, the choice among them, answer formats and reasoning of a caller's request."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NoReturn

from fastgate.translate.conversation import Reasoning, ResponseFormat, Tool, ToolChoice
from fastgate.translate.openai_chat.members import read_flag, read_integer, read_list, read_object, read_text, wrong
from fastgate.translate.openai_chat.parse_parts import parse_mark
from fastgate.translate.openai_chat.words import DIALECT, EFFORTS

_KNOWN_OF_TOOL = frozenset({"type", "function", "cache_control", "prompt_cache_breakpoint"})
_KNOWN_OF_FUNCTION = frozenset({"name", "description", "parameters", "strict"})
_MARKS = frozenset({"cache_control"})


def parse_tools(value: object) -> list[Tool]:
    """Return the tools in their order."""
    tools = []
    for number, tool in enumerate(read_list(value, "tools")):
        if not isinstance(tool, dict):
            raise wrong(f"tools[{number}]", "an object", tool)
        if tool.get("type") != "function":
            tools.append(_parse_other(tool, f"tools[{number}]"))
            continue
        function = tool.get("function")
        if not isinstance(function, dict):
            raise wrong(f"tools[{number}].function", "an object", function)
        found = _parse_function(function) or _wrong_function(function, f"tools[{number}].function")
        if len(tool) > 2 or not function.keys() <= _KNOWN_OF_FUNCTION:
            found.cache = parse_mark(tool) or parse_mark(function)
            if not (tool.keys() <= _KNOWN_OF_TOOL and function.keys() <= _KNOWN_OF_FUNCTION | _MARKS):
                found.raw, found.dialect = tool, DIALECT
        tools.append(found)
    return tools


def _parse_other(tool: dict[str, Any], at: str) -> Tool:
    kind = read_text(tool.get("type"), f"{at}.type")
    if kind == "custom":
        custom = read_object(tool.get("custom"), f"{at}.custom")
        name = read_text(custom.get("name"), f"{at}.custom.name")
        description = read_text(custom.get("description") or "", f"{at}.custom.description")
        return Tool(name=name, description=description, kind="custom", raw=tool, dialect=DIALECT, cache=parse_mark(tool))
    # Run by the provider: web_search, code_interpreter, OpenRouter's and Groq's own, ...
    named = tool.get("name")
    return Tool(name=named if isinstance(named, str) else kind, kind="hosted", raw=tool, dialect=DIALECT)


def parse_functions(value: object) -> list[Tool]:
    """Return the tools that the deprecated `functions` are."""
    return [
        _parse_function(read_object(function, f"functions[{number}]")) or _wrong_function(function, f"functions[{number}]")
        for number, function in enumerate(read_list(value, "functions"))
    ]


def _parse_function(function: dict[str, Any]) -> Tool | None:
    """Return the tool; None if a member is not what it has to be."""
    name, description = function.get("name"), function.get("description")
    parameters, strict = function.get("parameters"), function.get("strict")
    if not isinstance(name, str) or not isinstance(description, str | None):
        return None
    if not isinstance(parameters, dict | None) or not isinstance(strict, bool | None):
        return None
    return Tool(name=name, description=description or "", parameters=parameters, strict=strict)


def _wrong_function(function: dict[str, Any], at: str) -> NoReturn:
    """Raise what names the member that is wrong: its path is made only now."""
    read_text(function.get("name"), f"{at}.name")
    if function.get("description") is not None:
        read_text(function["description"], f"{at}.description")
    if function.get("parameters") is not None:
        read_object(function["parameters"], f"{at}.parameters")
    raise wrong(f"{at}.strict", "true or false", function.get("strict"))


_MODES: Mapping[str, Literal["auto", "required", "none"]] = MappingProxyType(
    # `any` is Mistral's and Anthropic's word.
    {"auto": "auto", "required": "required", "any": "required", "none": "none"}
)


def parse_tool_choice(value: object) -> ToolChoice:
    """Return which tools may or must be called."""
    if isinstance(value, str):
        if value in _MODES:
            return ToolChoice(mode=_MODES[value])
        raise wrong("tool_choice", "none, auto, required or an object", value)
    choice = read_object(value, "tool_choice")
    kind = choice.get("type")
    if kind in ("function", "custom"):
        named = read_object(choice.get(kind), f"tool_choice.{kind}")
        return ToolChoice(mode="named", names=[read_text(named.get("name"), f"tool_choice.{kind}.name")])
    if kind == "allowed_tools":
        allowed = read_object(choice.get("allowed_tools"), "tool_choice.allowed_tools")
        mode = _MODES.get(allowed["mode"]) if isinstance(allowed.get("mode"), str) else None
        if mode is None:
            raise wrong("tool_choice.allowed_tools.mode", "auto or required", allowed.get("mode"))
        tools = read_list(allowed.get("tools"), "tool_choice.allowed_tools.tools")
        return ToolChoice(
            mode=mode, names=[_name_of(tool, f"tool_choice.allowed_tools.tools[{number}]") for number, tool in enumerate(tools)]
        )
    # Anthropic's form, which some clients send here too.
    if isinstance(kind, str) and kind in _MODES:
        return ToolChoice(mode=_MODES[kind])
    raise wrong("tool_choice.type", "function, custom or allowed_tools", kind)


def parse_function_call(value: object) -> ToolChoice:
    """Return the choice that the deprecated `function_call` is."""
    if isinstance(value, str) and value in ("none", "auto"):
        return ToolChoice(mode=_MODES[value])
    if isinstance(value, str):
        raise wrong("function_call", "none, auto or an object", value)
    return ToolChoice(mode="named", names=[read_text(read_object(value, "function_call").get("name"), "function_call.name")])


def _name_of(tool: object, at: str) -> str:
    """Return the name of a tool that is referred to; a hosted one's is its type."""
    referred = read_object(tool, at)
    kind = read_text(referred.get("type"), f"{at}.type")
    if kind not in ("function", "custom"):
        return kind
    return read_text(read_object(referred.get(kind), f"{at}.{kind}").get("name"), f"{at}.{kind}.name")


def parse_response_format(value: object) -> ResponseFormat | None:
    """Return the form of the answer; None if only the caller's provider knows it (grammars, regular expressions)."""
    form = read_object(value, "response_format")
    kind = read_text(form.get("type"), "response_format.type")
    if kind == "text":
        return ResponseFormat(kind="text")
    if kind == "json_object":
        # Together's and Fireworks' older form has the schema here (docs.together.ai/docs/json-mode, 2026-11).
        return None if form.get("schema") is not None else ResponseFormat(kind="json_object")
    if kind != "json_schema":
        return None
    at = "response_format.json_schema"
    schema = read_object(form.get("json_schema"), at)
    name, description, strict = schema.get("name"), schema.get("description"), schema.get("strict")
    return ResponseFormat(
        kind="json_schema",
        name="" if name is None else read_text(name, f"{at}.name"),
        description="" if description is None else read_text(description, f"{at}.description"),
        schema=None if schema.get("schema") is None else read_object(schema["schema"], f"{at}.schema"),
        strict=None if strict is None else read_flag(strict, f"{at}.strict"),
    )


def parse_effort(value: object, path: str) -> Reasoning | None:
    """Return how much to think; None if the word is one provider's own."""
    word = read_text(value, path)
    if word not in EFFORTS:
        return None
    effort: Any = word
    return Reasoning(effort=effort)


def parse_reasoning(value: object) -> Reasoning | None:
    """Return what OpenRouter's and the Responses dialect's `reasoning` says; None if it is neither."""
    said = read_object(value, "reasoning")
    effort, budget, summary = said.get("effort"), said.get("max_tokens"), said.get("summary")
    found = Reasoning()
    if effort is not None:
        known = parse_effort(effort, "reasoning.effort")
        if known is None:
            return None
        found = known
    elif budget is not None:
        found.budget_tokens = read_integer(budget, "reasoning.max_tokens")
    elif said.get("enabled") is not None:
        if read_flag(said["enabled"], "reasoning.enabled"):
            found.adaptive = True
        else:
            found.effort = "none"
    if said.get("exclude") is not None:
        found.show = not read_flag(said["exclude"], "reasoning.exclude")
    if summary is not None:
        found.summary, found.show = read_text(summary, "reasoning.summary"), True
    return found


def parse_thinking(value: object) -> Reasoning | None:
    """Return what Anthropic's `thinking` says, which callers of LiteLLM, DeepSeek and others send; None if it is none of these."""
    said = read_object(value, "thinking")
    kind = read_text(said.get("type"), "thinking.type")
    if kind == "disabled":
        return Reasoning(effort="none")
    if kind == "adaptive":
        return Reasoning(adaptive=True)
    if kind != "enabled":
        return None
    budget = said.get("budget_tokens")
    if budget is None:
        return Reasoning(adaptive=True)
    return Reasoning(budget_tokens=read_integer(budget, "thinking.budget_tokens"))
