"""Tools, their choice, the form of the answer and reasoning, in the words of Responses: sent to providers, echoed to callers."""

from collections.abc import Callable
from typing import Any

from fastgate.providers.provider import Quirks
from fastgate.translate.conversation import ChatRequest, Reasoning, ResponseFormat, Tool
from fastgate.translate.losses import Losses
from fastgate.translate.openai_responses.words import DIALECT, EFFORT_OF_BUDGET

Rename = Callable[[str], str]


def build_tools(tools: list[Tool], rename: Rename, own: bool, losses: Losses | None = None) -> list[dict[str, Any]]:
    """Return the tools in their order. *own*: the caller spoke this dialect. Refuse hosted tools of other vendors by name."""
    built = []
    for tool in tools:
        if tool.kind == "function":
            built.append(_build_function(tool, rename(tool.name), own))
        elif tool.kind == "custom":
            built.append(_build_custom(tool, rename(tool.name)))
        elif tool.dialect == DIALECT:
            built.append(tool.raw)
        elif losses is not None:
            losses.refuse(f"tools.{tool.name}", f"the tool `{tool.name}` is run by providers of the {tool.dialect} dialect alone")
    return built


def _build_function(tool: Tool, name: str, own: bool) -> dict[str, Any]:
    if tool.raw and tool.dialect == DIALECT:
        return {**tool.raw, "name": name}
    built: dict[str, Any] = {"type": "function", "name": name}
    if tool.description:
        built["description"] = tool.description
    built["parameters"] = {"type": "object", "properties": {}} if tool.parameters is None else tool.parameters
    if tool.strict is not None:
        built["strict"] = tool.strict
    elif not own:
        # What is not said is strict here and in no other dialect (platform.openai.com/docs/guides/migrate-to-responses, 2026-11-20).
        built["strict"] = False
    return built


def _build_custom(tool: Tool, name: str) -> dict[str, Any]:
    if tool.raw and tool.dialect == DIALECT:
        return {**tool.raw, "name": name}
    built: dict[str, Any] = {"type": "custom", "name": name}
    if tool.description:
        built["description"] = tool.description
    # OpenAI chat says the same one level deeper: custom.format.grammar.
    said = tool.raw.get("custom")
    form = (said if isinstance(said, dict) else tool.raw).get("format")
    if isinstance(form, dict):
        grammar = form.get("grammar")
        built["format"] = {"type": "grammar", **grammar} if isinstance(grammar, dict) else form
    return built


def build_tool_choice(request: ChatRequest, rename: Rename) -> object:
    """Return the choice of tools; None if the caller did not say one."""
    choice = request.tool_choice
    if choice is None:
        return None
    if choice.mode == "named":
        return _build_named(request, choice.names[0], rename) if choice.names else "required"
    if choice.mode == "none" or not choice.names:
        return choice.mode
    return {"type": "allowed_tools", "mode": choice.mode, "tools": [_build_named(request, name, rename) for name in choice.names]}


def _build_named(request: ChatRequest, name: str, rename: Rename) -> dict[str, Any]:
    kind = next((tool.kind for tool in request.tools if tool.name == name), "function")
    return {"type": name} if kind == "hosted" else {"type": kind, "name": rename(name)}


def build_format(form: ResponseFormat) -> dict[str, Any]:
    """Return `text.format`."""
    if form.kind != "json_schema":
        return {"type": form.kind}
    # Anthropic's schemas have no name, and this dialect demands one.
    built: dict[str, Any] = {"type": "json_schema", "name": form.name or "answer"}
    if form.description:
        built["description"] = form.description
    built["schema"] = form.schema or {}
    if form.strict is not None:
        built["strict"] = form.strict
    return built


def build_reasoning(reasoning: Reasoning, quirks: Quirks) -> dict[str, Any]:
    """Return `reasoning`; an empty one if the model is to decide how much it thinks."""
    built: dict[str, Any] = {}
    effort: str | None = reasoning.effort
    if effort is None and reasoning.budget_tokens is not None:
        effort = next((word for below, word in EFFORT_OF_BUDGET if reasoning.budget_tokens < below), "high")
    if effort:
        built["effort"] = quirks.efforts.get(effort, effort)
    if reasoning.summary:
        built["summary"] = reasoning.summary
    elif reasoning.show:
        built["summary"] = "auto"
    return built
