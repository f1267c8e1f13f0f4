"""How the answer is to be made: thinking, its form, and the parameters that only some models know."""

from typing import Any

import orjson

from fastgate.translate.bedrock.build_blocks import Block, BlockWriter
from fastgate.translate.bedrock.words import BUDGETS, EFFORTS, LEAST_BUDGET, THREE_EFFORTS, Traits
from fastgate.translate.conversation import ChatRequest, Reasoning, ResponseFormat
from fastgate.translate.losses import InvalidRequest, Losses

_ANSWER_TOOL = "json_answer"
_ANSWER_DESCRIPTION = "Gives the answer to the user. Call it once, with the whole answer as its input."
# Keywords of JSON Schema that structured outputs do not take (userguide/structured-output, 2026-11-20).
_UNCHECKED = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems"})
_SUBSCHEMAS = frozenset({"properties", "$defs", "definitions"})
# Keywords whose value is no schema, whatever it looks like.
_VALUES = frozenset({"const", "default", "enum", "examples"})
_MAX_DEPTH = 100


class Output:
    """What `build_thinking` and `build_format` found: parts of the body, and whether the model thinks."""

    __slots__ = ("additional", "answer_tool", "config", "instruction", "thinks")

    def __init__(self) -> None:
        # additionalModelRequestFields and outputConfig.
        self.additional: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.thinks = False
        self.answer_tool: Block | None = None
        # A system text that says the form of the answer.
        self.instruction = ""


def build_thinking(request: ChatRequest, traits: Traits, output: Output, losses: Losses, unsigned_calls: bool) -> None:
    """Say how much to think. *unsigned_calls*: the last turn of the assistant calls tools and has lost its thought."""
    reasoning = request.reasoning
    if reasoning is None:
        return
    write = _THINKING.get(traits.thinking)
    if write is None:
        if reasoning.effort != "none":
            losses.drop("reasoning_effort")
        return
    write(request, reasoning, output, losses, unsigned_calls)


def _think_adaptively(request: ChatRequest, reasoning: Reasoning, output: Output, losses: Losses, _unsigned: bool) -> None:
    effort = reasoning.effort
    if effort == "none":
        output.additional["thinking"] = {"type": "disabled"}
        return
    if reasoning.budget_tokens is not None:
        effort = "low" if reasoning.budget_tokens < 2048 else "medium" if reasoning.budget_tokens < 8192 else "high"
        losses.change("thinking", "adaptive")
    thinking: dict[str, Any] = {"type": "adaptive"}
    if reasoning.show is not None:
        thinking["display"] = "summarized" if reasoning.show else "omitted"
    output.additional["thinking"] = thinking
    output.thinks = True
    if effort is not None:
        output.config["effort"] = EFFORTS[effort]


def _think_by_either(request: ChatRequest, reasoning: Reasoning, output: Output, losses: Losses, unsigned: bool) -> None:
    """Claude 4.6: a budget stays one; its efforts are low, medium, high and max."""
    if reasoning.budget_tokens is not None:
        _think_by_budget(request, reasoning, output, losses, unsigned)
        return
    # Its thoughts are always shown as summaries: `display` came with the next generation.
    _think_adaptively(request, Reasoning(effort=reasoning.effort), output, losses, unsigned)
    if output.config.get("effort") == "xhigh":
        output.config["effort"] = "high"
        losses.change("reasoning_effort", "high")


def _think_by_budget(request: ChatRequest, reasoning: Reasoning, output: Output, losses: Losses, unsigned: bool) -> None:
    if reasoning.effort == "none":
        return
    budget = reasoning.budget_tokens
    if budget is None:
        budget = BUDGETS[reasoning.effort or "medium"]
        if reasoning.adaptive:
            losses.change("thinking", "enabled")
    most = request.max_output_tokens
    if most is not None and budget >= most:
        budget = most - 1
        if reasoning.budget_tokens is not None and budget >= LEAST_BUDGET:
            losses.change("thinking.budget_tokens", budget)
    # "a final assistant message must start with a thinking block" once thinking is on: without the thought it stays off.
    if budget < LEAST_BUDGET or unsigned:
        losses.change("thinking", "disabled")
        return
    output.additional["thinking"] = {"type": "enabled", "budget_tokens": budget}
    output.thinks = True


def _think_as_nova(request: ChatRequest, reasoning: Reasoning, output: Output, losses: Losses, _unsigned: bool) -> None:
    """Nova 2 (nova2-userguide/extended-thinking, 2026-11-20): with high effort no limit and no sampling parameter is taken."""
    if reasoning.effort == "none":
        output.additional["reasoningConfig"] = {"type": "disabled"}
        return
    budget = reasoning.budget_tokens
    effort = THREE_EFFORTS[reasoning.effort] if reasoning.effort else "medium"
    if budget is not None:
        effort = "low" if budget < 2048 else "medium" if budget < 8192 else "high"
        losses.change("thinking", effort)
    if effort == "high" and not (request.max_output_tokens is None and request.temperature is None and request.top_p is None):
        effort = "medium"
        losses.change("reasoning_effort", effort)
    output.additional["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": effort}


def _think_by_effort(request: ChatRequest, reasoning: Reasoning, output: Output, losses: Losses, _unsigned: bool) -> None:
    if reasoning.effort is not None:
        output.additional["reasoning_effort"] = THREE_EFFORTS[reasoning.effort]
    elif reasoning.budget_tokens is not None:
        losses.drop("thinking.budget_tokens")


_THINKING = {
    "adaptive": _think_adaptively,
    "both": _think_by_either,
    "budget": _think_by_budget,
    "nova": _think_as_nova,
    "effort": _think_by_effort,
}


def build_format(form: ResponseFormat | None, writer: BlockWriter, output: Output, taken: list[str]) -> None:
    """Say the form of the answer: by a schema, by a tool whose input it is, or in words. *taken*: names of the caller's tools."""
    if form is None or form.kind == "text":
        return
    schema = form.schema
    if form.kind == "json_object" or schema is None:
        writer.losses.emulate("response_format")
        output.instruction = "Answer with one JSON object and with nothing else: no explanation, no Markdown."
        return
    if writer.traits.schemas:
        definition = {"schema": _dump(close_schema(schema, writer.losses))}
        if form.name:
            definition["name"] = form.name
        if form.description:
            definition["description"] = form.description
        output.config["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": definition}}
        return
    writer.losses.emulate("response_format")
    if not writer.traits.chooses or schema.get("type") != "object":
        output.instruction = (
            "Answer with one JSON value that is valid by this JSON schema and with nothing else: no explanation, no Markdown.\n"
            + _dump(schema)
        )
        return
    name = _ANSWER_TOOL
    while name in taken:
        name += "_"
    writer.asked.answer_tool = name
    description = form.description or _ANSWER_DESCRIPTION
    output.answer_tool = {"toolSpec": {"name": name, "description": description, "inputSchema": {"json": schema}}}
    if output.thinks:
        output.instruction = f"Give your answer by calling the tool {name}."


def close_schema(schema: dict[str, Any], losses: Losses, depth: int = 0) -> dict[str, Any]:
    """Return *schema* as structured outputs take it: objects are closed, limits of numbers and lengths are left out and named."""
    if depth > _MAX_DEPTH:
        raise InvalidRequest("response_format", f"the schema has more than {_MAX_DEPTH} levels")
    closed: dict[str, Any] = {}
    for name, value in schema.items():
        if name in _UNCHECKED and not isinstance(value, dict | list):
            losses.drop(f"response_format.{name}")
        elif name in _SUBSCHEMAS and isinstance(value, dict):
            closed[name] = {key: _close(inner, losses, depth) for key, inner in value.items()}
        elif name in _VALUES:
            closed[name] = value
        elif isinstance(value, list):
            closed[name] = [_close(inner, losses, depth) for inner in value]
        else:
            closed[name] = _close(value, losses, depth)
    if (closed.get("type") == "object" or "properties" in closed) and closed.get("additionalProperties") is not False:
        if closed.get("additionalProperties"):
            losses.change("response_format.additionalProperties", "false")
        closed["additionalProperties"] = False
    return closed


def _close(value: Any, losses: Losses, depth: int) -> Any:
    return close_schema(value, losses, depth + 1) if isinstance(value, dict) else value


def _dump(schema: dict[str, Any]) -> str:
    try:
        return orjson.dumps(schema).decode()
    except orjson.JSONEncodeError as error:
        raise InvalidRequest("response_format", f"the schema cannot be written as JSON: {error}") from error
