"""Chat requests as Cohere's v2 body."""

from typing import Any

import orjson

from fastgate.translate.cohere.build_messages import MessageWriter
from fastgate.translate.cohere.words import BUDGETS, HARMLESS, LEAST_P, MOST_P, OWN_MEMBERS, TOOL_CHOICES
from fastgate.translate.conversation import ChatRequest, ResponseFormat, Tool, ToolChoice
from fastgate.translate.losses import InvalidRequest, Losses
from fastgate.translate.quirks import fit_members
from fastgate.translate.target import Asked, Target

_ANSWER_TOOL = "json_answer"
_ANSWER_DESCRIPTION = "Gives the answer to the user. Call it once, with the whole answer as its input."
_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}
# Members of ChatRequest that are sent as they are -> Cohere's name.
_SAME = (
    ("max_output_tokens", "max_tokens"),
    ("temperature", "temperature"),
    ("top_k", "k"),
    ("seed", "seed"),
    ("frequency_penalty", "frequency_penalty"),
    ("presence_penalty", "presence_penalty"),
)
# The other way round, of those that have another.
_SAID = {"max_tokens": "max_output_tokens", "k": "top_k", "p": "top_p", "stop_sequences": "stop"}
# Members of ChatRequest without a word in Cohere's API.
_UNKNOWN = ("top_logprobs", "logit_bias", "user", "metadata", "verbosity", "store")


def build_request(request: ChatRequest, target: Target, losses: Losses) -> tuple[dict[str, Any], Asked]:
    """Return the body, and what the answer's reader must know."""
    asked = Asked()
    writer = MessageWriter(losses)
    writer.write(request.turns)
    body: dict[str, Any] = {"model": target.model, "messages": writer.messages}
    if request.stream:
        body["stream"] = True
    _add_tools(body, request, asked, losses)
    if request.response_format is not None:
        _add_format(body, request.response_format, asked, losses)
    _add_sampling(body, request, losses)
    _add_thinking(body, request, target, losses)
    _add_others(body, request, losses)
    fit_members((body,), target.quirks, losses, said=_SAID)
    return body, asked


def _add_tools(body: dict[str, Any], request: ChatRequest, asked: Asked, losses: Losses) -> None:
    choice = request.tool_choice or ToolChoice(mode="auto")
    tools = []
    strict = 0
    for tool in request.tools:
        if choice.names and tool.name not in choice.names:
            continue
        function = _build_function(tool, losses)
        if function is None:
            continue
        tools.append({"type": "function", "function": function})
        strict += tool.strict is True
        if tool.cache is not None:
            losses.drop("cache_control")
    if not tools:
        return
    body["tools"] = tools
    # One word for all tools: it is said if it is true of all.
    if strict == len(tools):
        body["strict_tools"] = True
    elif strict:
        losses.drop("tools.strict")
    word = TOOL_CHOICES.get(choice.mode)
    if word is not None:
        body["tool_choice"] = word
    if choice.mode == "named":
        # No word for one tool: it is the only one that is sent.
        losses.emulate("tool_choice")
    if request.parallel_tool_calls is False and choice.mode != "none":
        losses.emulate("parallel_tool_calls")
        asked.one_call = True


def _build_function(tool: Tool, losses: Losses) -> dict[str, Any] | None:
    """Return a tool as a function; None if it is left out."""
    if tool.kind == "hosted":
        losses.refuse(f"tools.{tool.name or tool.kind}", f"the tool `{tool.name or tool.kind}` is run by another provider")
        return None
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or _NO_PARAMETERS
    return function


def _add_format(body: dict[str, Any], form: ResponseFormat, asked: Asked, losses: Losses) -> None:
    """Say the form of the answer. Beside tools response_format is refused: then it is a tool whose input is the answer, or words."""
    if form.kind == "text":
        return
    schema = form.schema if form.kind == "json_schema" else None
    tools = body.get("tools")
    if tools is None:
        told: dict[str, Any] = {"type": "json_object"}
        if schema is not None:
            told["json_schema"] = schema
        body["response_format"] = told
        return
    losses.emulate("response_format")
    if schema is None or schema.get("type") != "object" or body.get("tool_choice") == "NONE":
        body["messages"].insert(0, {"role": "system", "content": _instruction(schema)})
        return
    name = _ANSWER_TOOL
    while any(tool["function"]["name"] == name for tool in tools):
        name += "_"
    asked.answer_tool = name
    function = {"name": name, "description": form.description or _ANSWER_DESCRIPTION, "parameters": schema}
    tools.append({"type": "function", "function": function})
    body["tool_choice"] = "REQUIRED"


def _instruction(schema: dict[str, Any] | None) -> str:
    if schema is None:
        return "Answer with one JSON object and with nothing else: no explanation, no Markdown."
    try:
        text = orjson.dumps(schema).decode()
    except orjson.JSONEncodeError as error:
        raise InvalidRequest("response_format", f"the schema cannot be written as JSON: {error}") from error
    return f"Answer with one JSON value that is valid by this JSON schema and with nothing else: no explanation, no Markdown.\n{text}"


def _add_sampling(body: dict[str, Any], request: ChatRequest, losses: Losses) -> None:
    for member, name in _SAME:
        value = getattr(request, member)
        if value is not None:
            body[name] = value
    if request.top_p is not None:
        p = min(max(request.top_p, LEAST_P), MOST_P)
        if p != request.top_p:
            losses.change("top_p", p)
        body["p"] = p
    stop = [sequence for sequence in request.stop if sequence]
    if stop:
        body["stop_sequences"] = stop
    if request.logprobs:
        body["logprobs"] = True


def _add_thinking(body: dict[str, Any], request: ChatRequest, target: Target, losses: Losses) -> None:
    reasoning = request.reasoning
    if reasoning is None:
        return
    # Models that cannot think refuse the member (docs.cohere.com/docs/reasoning, 2026-11-20: command-a-reasoning).
    if "reasoning" not in target.model and not losses.keeps("thinking") and not losses.keeps("reasoning_effort"):
        if reasoning.effort != "none":
            losses.drop("reasoning_effort")
        return
    if reasoning.effort == "none":
        body["thinking"] = {"type": "disabled"}
        return
    thinking: dict[str, Any] = {"type": "enabled"}
    budget = reasoning.budget_tokens
    if budget is None and reasoning.effort is not None:
        budget = BUDGETS[reasoning.effort]
        most = request.max_output_tokens
        # An answer must fit behind the thought.
        if budget is not None and most is not None and budget >= most:
            budget = max(most // 2, 1)
    if budget is not None:
        thinking["token_budget"] = budget
    body["thinking"] = thinking


def _add_others(body: dict[str, Any], request: ChatRequest, losses: Losses) -> None:
    """Name what is lost, and add what the caller said in Cohere's own words."""
    for name in _UNKNOWN:
        value = getattr(request, name)
        if value:
            if losses.keeps(name):
                body[name] = value
            else:
                losses.drop(name)
    if request.n is not None and request.n > 1:
        losses.refuse("n", "Cohere gives one answer")
    if request.modalities and request.modalities != ["text"]:
        losses.refuse("modalities", "Cohere answers with text")
    if request.service_tier not in {"", "auto", "default"}:
        losses.drop("service_tier")
    for name, value in request.extra.items():
        if name in OWN_MEMBERS or losses.keeps(name):
            body[name] = value
        elif name in HARMLESS:
            losses.drop(name)
        else:
            losses.unknown(name)
