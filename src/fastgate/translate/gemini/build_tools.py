"""`tools` and `toolConfig` of a request to Gemini, and the names under which tools go there."""

import re
from typing import Any

from fastgate.translate.conversation import ChatRequest, Tool, ToolChoice
from fastgate.translate.gemini.words import DIALECT
from fastgate.translate.losses import Losses

# ai.google.dev/api/caching#FunctionDeclaration, 2026-11-24.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.:-]")
_MAX_NAME = 128

# The function that takes a structured answer where Google has no schema beside tools.
ANSWER_TOOL = "give_answer"
_ANSWER_SAYS = "Give the final answer to the user. Call it once no other function is needed."

Wire = dict[str, Any]


class Names:
    """Names of tools as the caller says them, and as they are sent."""

    def __init__(self) -> None:
        self._sent: dict[str, str] = {}
        self._said: dict[str, str] = {}

    def send(self, name: str) -> str:
        """Return the name to send; the same for the same name, and no two the same."""
        sent = self._sent.get(name)
        if sent is None:
            sent = name if _NAME.fullmatch(name) else _spell(name)
            number = 1
            free = sent
            while free in self._said:
                number += 1
                free = f"{sent[: _MAX_NAME - 4]}_{number}"
            sent = free
            self._sent[name] = sent
            self._said[sent] = name
        return sent

    def free(self, name: str) -> str:
        """Return a name like *name* that no tool has."""
        while name in self._said:
            name += "_"
        return name

    @property
    def renamed(self) -> dict[str, str]:
        """Return the names as sent, with what the caller said, where they differ."""
        return {sent: said for sent, said in self._said.items() if sent != said}


def _spell(name: str) -> str:
    spelled = _NOT_IN_NAMES.sub("_", name)
    return (spelled if spelled[:1].isalpha() or spelled[:1] == "_" else f"_{spelled}")[:_MAX_NAME]


def build_tools(request: ChatRequest, names: Names, losses: Losses) -> list[Wire]:
    """Return `tools`: all functions in one entry, where the first stands; every tool that Google runs in its own."""
    tools: list[Wire] = []
    declarations: list[Wire] = []
    for tool in request.tools:
        if tool.cache is not None:
            losses.drop("cache_control")
        if tool.kind == "hosted":
            if tool.dialect == DIALECT:
                tools.append(tool.raw)
            else:
                losses.refuse(f"tools.{tool.name}", "it runs at another provider")
            continue
        if not declarations:
            tools.append({"functionDeclarations": declarations})
        declarations.append(_declare(tool, names))
    return tools


def _declare(tool: Tool, names: Names) -> Wire:
    declaration: Wire = {"name": names.send(tool.name)}
    if tool.description:
        declaration["description"] = tool.description
    parameters = tool.parameters
    if parameters:
        declaration["parametersJsonSchema"] = without_dialect(parameters)
    if tool.raw and tool.dialect == DIALECT:
        declaration |= tool.raw
    return declaration


def without_dialect(schema: Wire) -> Wire:
    """Return a schema without what Google answers with 400: the name of its own dialect, and OpenAI's strict."""
    if "$schema" not in schema and "strict" not in schema:
        return schema
    return {name: value for name, value in schema.items() if name not in ("$schema", "strict")}


def build_tool_config(request: ChatRequest, has_functions: bool, names: Names, losses: Losses) -> Wire | None:
    """Return `toolConfig`, None if nothing was said about calls. Google refuses it without functions."""
    config: Wire = {}
    choice = request.tool_choice
    if choice is not None and has_functions:
        config["functionCallingConfig"] = _calling(choice, request, names)
    elif choice is not None and choice.mode in ("required", "named"):
        losses.refuse("tool_choice", "Gemini can be made to call functions alone, and there are none")
    if request.dialect == DIALECT:
        for name, value in request.extra.items():
            if name.startswith("toolConfig."):
                config[name.removeprefix("toolConfig.")] = value
    return config or None


def _calling(choice: ToolChoice, request: ChatRequest, names: Names) -> Wire:
    if choice.mode == "none":
        return {"mode": "NONE"}
    if choice.mode == "auto":
        strict = request.dialect == DIALECT and any(tool.strict for tool in request.tools)
        # Allowed names go with ANY and VALIDATED only (ai.google.dev/gemini-api/docs/function-calling, 2026-11-24).
        calling: Wire = {"mode": "VALIDATED" if strict or choice.names else "AUTO"}
    else:
        calling = {"mode": "ANY"}
    if choice.names:
        calling["allowedFunctionNames"] = [names.send(name) for name in choice.names]
    return calling


def declare_answer(name: str, schema: Wire | None) -> Wire:
    """Return the function whose arguments are the structured answer."""
    return {"name": name, "description": _ANSWER_SAYS, "parametersJsonSchema": schema or {"type": "object"}}
