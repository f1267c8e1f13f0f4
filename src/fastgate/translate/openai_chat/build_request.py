"""Requests to providers: POST {base}/chat/completions."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastgate.providers.provider import Quirks
from fastgate.translate.conversation import ChatRequest, ResponseFormat, Tool, ToolCall, ToolChoice
from fastgate.translate.losses import Losses
from fastgate.translate.openai_chat.build_messages import build_messages, fit_name
from fastgate.translate.openai_chat.quirks import fit_response_format, json_instruction, without_mark
from fastgate.translate.openai_chat.reasoning import write_reasoning
from fastgate.translate.openai_chat.words import DIALECT, HARMLESS_MEMBERS, LEGACY_MEMBERS, NEUTRAL, SHARED_MEMBERS
from fastgate.translate.quirks import fit_members
from fastgate.translate.target import Asked, Target

PATHS: Mapping[str, str] = MappingProxyType({"chat": "/chat/completions", "chat_stream": "/chat/completions", "embeddings": "/embeddings"})

# Attribute of ChatRequest -> member, where the value goes as it is; in the order in which they are written.
_PLAIN = (
    ("max_output_tokens", "max_completion_tokens"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("n", "n"),
    ("seed", "seed"),
    ("presence_penalty", "presence_penalty"),
    ("frequency_penalty", "frequency_penalty"),
    ("logprobs", "logprobs"),
    ("top_logprobs", "top_logprobs"),
    ("logit_bias", "logit_bias"),
    ("metadata", "metadata"),
    ("store", "store"),
)
# The same for strings and lists, which are not said if they are empty.
_PLAIN_TEXTS = (
    ("stop", "stop"),
    ("user", "user"),
    ("service_tier", "service_tier"),
    ("verbosity", "verbosity"),
    ("modalities", "modalities"),
)
_EMPTY_SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}
# Tool whose input is the answer, where the provider knows no response_format.
ANSWER_TOOL = "structured_answer"


def build_request(request: ChatRequest, target: Target, losses: Losses) -> tuple[dict[str, Any], Asked]:
    """Return the body, and what the answer's reader must know. Raise NotCarried for what cannot be said."""
    quirks = target.quirks
    asked = Asked()
    body: dict[str, Any] = {"model": target.model, "messages": build_messages(request, quirks, losses)}
    for attribute, member in _PLAIN:
        value = getattr(request, attribute)
        if value is not None:
            body[member] = value
    for attribute, member in _PLAIN_TEXTS:
        if value := getattr(request, attribute):
            body[member] = value
    if request.top_k is not None:
        if "top_k" in quirks.knows or losses.keeps("top_k"):
            body["top_k"] = request.top_k
        else:
            losses.drop("top_k")
    if request.tools or request.tool_choice:
        _write_tools(body, request, quirks, losses, asked)
    if request.response_format:
        _write_response_format(body, request.response_format, request, quirks, losses, asked)
    if request.reasoning:
        write_reasoning(body, request.reasoning, quirks, losses)
    if request.extra:
        write_extra(body, request.extra, request.dialect, quirks, losses)
    if request.stream:
        body["stream"] = True
        _write_stream_options(body, quirks, losses)
    fit_members((body,), quirks, losses, neutral=NEUTRAL)
    return body, asked


def write_extra(body: dict[str, Any], extra: dict[str, Any], dialect: str, quirks: Quirks, losses: Losses) -> None:
    """Write members that the representation does not know: this dialect's own, those that the provider knows, and OpenAI's own."""
    for name, value in extra.items():
        if name in LEGACY_MEMBERS:
            if name != "best_of" or value != body.get("n"):
                losses.refuse(name, LEGACY_MEMBERS[name])
        elif dialect == DIALECT or name in quirks.knows or losses.keeps(name):
            body[name] = value
        elif not value:
            # Off, or empty.
            continue
        elif name in SHARED_MEMBERS and dialect == "openai_responses":
            body[name] = value
        elif name in HARMLESS_MEMBERS:
            losses.drop(name)
        else:
            losses.unknown(name)


def _write_stream_options(body: dict[str, Any], quirks: Quirks, losses: Losses) -> None:
    if quirks.stream_usage:
        body["stream_options"] = {"include_usage": True, **body.pop("stream_options", {})}
    elif body.pop("stream_options", None):
        losses.drop("stream_options")


def _write_tools(body: dict[str, Any], request: ChatRequest, quirks: Quirks, losses: Losses, asked: Asked) -> None:
    choice = request.tool_choice
    tools = request.tools
    if choice and choice.mode in ("auto", "required") and choice.names and "allowed_tools" not in quirks.knows:
        # The other tools are kept from the model: the same effect, at the price of its prompt cache.
        losses.emulate("tool_choice.allowed_tools")
        tools = [tool for tool in tools if tool.name in choice.names]
    if choice and choice.mode == "none" and _unknown("tool_choice", quirks, losses):
        losses.emulate("tool_choice")
        asked.no_calls = True
        if not any(isinstance(part, ToolCall) for turn in request.turns for part in turn.parts):
            tools = []
        choice = None
    own = request.dialect == DIALECT
    written = [one for number, tool in enumerate(tools) if (one := _write_tool(tool, number, own, quirks, losses)) is not None]
    if written:
        body["tools"] = written
    if not own:
        asked.renamed = {name: tool.name for tool in tools if (name := fit_name(tool.name, own)) != tool.name}
    # OpenAI refuses a choice and parallel_tool_calls without tools; `auto` is what there is anyway.
    if choice and (written or choice.mode in ("required", "named")) and not (choice.mode == "auto" and not choice.names and not own):
        body["tool_choice"] = _write_choice(choice, request, quirks)
    if request.parallel_tool_calls is not None and written:
        if request.parallel_tool_calls is False and _unknown("parallel_tool_calls", quirks, losses):
            losses.emulate("parallel_tool_calls")
            asked.one_call = True
        else:
            body["parallel_tool_calls"] = request.parallel_tool_calls


def _unknown(name: str, quirks: Quirks, losses: Losses) -> bool:
    return (name in quirks.drop or name in quirks.refuse) and not losses.keeps(name)


def _write_tool(tool: Tool, number: int, own: bool, quirks: Quirks, losses: Losses) -> dict[str, Any] | None:
    """Return a tool; None if it was dropped."""
    if tool.dialect == DIALECT and tool.raw:
        written = tool.raw if quirks.cache_marks else without_mark(tool.raw, losses)
    elif tool.kind == "hosted":
        losses.refuse(f"tools[{number}]", f"the tool {tool.name} is run by another provider")
        return None
    elif tool.kind == "custom":
        written = _write_custom(tool)
    else:
        written = {"type": "function", "function": _write_function(tool, own)}
    if tool.cache is not None:
        if quirks.cache_marks:
            written = {**written, "cache_control": tool.cache}
        else:
            losses.drop("cache_control")
    return written


def _write_custom(tool: Tool) -> dict[str, Any]:
    """Return a tool that takes free text."""
    custom: dict[str, Any] = {"name": fit_name(tool.name, False)}
    if tool.description:
        custom["description"] = tool.description
    form = _nested_format(tool.raw.get("format"))
    if form:
        custom["format"] = form
    return {"type": "custom", "custom": custom}


def _write_function(tool: Tool, own: bool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": fit_name(tool.name, own)}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    elif not own:
        function["parameters"] = _EMPTY_SCHEMA
    if tool.strict is not None:
        function["strict"] = tool.strict
    return function


def _nested_format(form: Any) -> Any:
    """Return the format of a custom tool: Responses has the grammar's members flat, chat has them under `grammar`."""
    if isinstance(form, dict) and form.get("type") == "grammar" and "grammar" not in form:
        return {"type": "grammar", "grammar": {name: form[name] for name in ("definition", "syntax") if name in form}}
    return form


def _write_choice(choice: ToolChoice, request: ChatRequest, quirks: Quirks) -> Any:
    if choice.mode == "named":
        return _refer(choice.names[0], request) if choice.names else "required"
    if choice.names and "allowed_tools" in quirks.knows:
        allowed = {"mode": choice.mode, "tools": [_refer(name, request) for name in choice.names]}
        return {"type": "allowed_tools", "allowed_tools": allowed}
    return choice.mode


def _refer(name: str, request: ChatRequest) -> dict[str, Any]:
    """Return the object that names one tool."""
    kind: str = next((tool.kind for tool in request.tools if tool.name == name), "function")
    if kind == "hosted":
        return {"type": name}
    return {"type": kind, kind: {"name": fit_name(name, request.dialect == DIALECT)}}


def _write_response_format(
    body: dict[str, Any], form: ResponseFormat, request: ChatRequest, quirks: Quirks, losses: Losses, asked: Asked
) -> None:
    if form.kind == "text":
        return
    if form.kind == "json_schema" and not quirks.response_formats and not _unknown("tools", quirks, losses):
        _write_answer_tool(body, form, request, losses, asked)
        return
    if form.kind == "json_object":
        body["response_format"] = {"type": "json_object"}
    else:
        schema: dict[str, Any] = {"name": form.name or "answer"}
        if form.description:
            schema["description"] = form.description
        schema["schema"] = form.schema if form.schema is not None else {}
        if form.strict is not None:
            schema["strict"] = form.strict
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    fit_response_format(body, quirks, losses)


def _write_answer_tool(body: dict[str, Any], form: ResponseFormat, request: ChatRequest, losses: Losses, asked: Asked) -> None:
    """Ask for the structured answer as input of a tool. A call of a caller's own tool stays a call."""
    choice = request.tool_choice
    if choice and choice.mode in ("named", "required") and body.get("tools"):
        # The answer is a call of the caller's tool: its form says nothing.
        return
    losses.emulate("response_format")
    tools = body.get("tools", [])
    name = ANSWER_TOOL
    while any(tool.name == name for tool in request.tools):
        name += "_"
    described = form.description or json_instruction(None)
    function = {"name": name, "description": described, "parameters": form.schema or _EMPTY_SCHEMA}
    body["tools"] = [*tools, {"type": "function", "function": function}]
    only = not tools or asked.no_calls or (choice is not None and choice.mode == "none")
    body["tool_choice"] = {"type": "function", "function": {"name": name}} if only else "required"
    asked.answer_tool = name
