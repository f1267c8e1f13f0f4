"""ChatRequest -> the body of /api/chat."""

from collections.abc import Callable, Mapping
from typing import Any

from fastgate.translate.conversation import ChatRequest, Reasoning, ResponseFormat, Tool
from fastgate.translate.losses import Losses
from fastgate.translate.ollama.build_messages import build_messages
from fastgate.translate.ollama.words import BUDGETS, DIALECT, MEMBERS, OPTION_OF, OPTIONS, THINK
from fastgate.translate.quirks import fit_members
from fastgate.translate.target import Asked, Target

# How a stream is cut into what `feed` takes.
FRAMING = "lines"
PATHS: Mapping[str, str] = {"chat": "/api/chat", "chat_stream": "/api/chat", "embeddings": "/api/embed"}

# Member of ChatRequest -> member of `options`.
_OPTIONS = (
    ("max_output_tokens", "num_predict"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("top_k", "top_k"),
    ("seed", "seed"),
    ("presence_penalty", "presence_penalty"),
    ("frequency_penalty", "frequency_penalty"),
)
_SAID = {option: member for member, option in _OPTIONS}
# Without effect on meaning: left out with a warning.
_DROPPED = ("logit_bias", "user", "metadata", "service_tier", "verbosity", "store")
_DROPPED_EXTRA = frozenset(
    {
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "stream_options",
        "web_search_options",
    }
)
# Members of /api/generate that make another thing than a chat's answer: images.
_GENERATE_ONLY = frozenset({"width", "height", "steps"})
_EMPTY_SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}


def build_request(request: ChatRequest, target: Target, losses: Losses) -> tuple[dict[str, Any], Asked]:
    """Return the body, and what the answer's reader must know. Raise NotCarried for what cannot be said."""
    asked = Asked()
    body: dict[str, Any] = {"model": target.model, "messages": build_messages(request.turns, target, losses)}
    if request.tools:
        tools = _build_tools(request, losses, asked)
        if tools:
            body["tools"] = tools
    body["stream"] = request.stream
    if request.response_format is not None:
        _add_format(body, request.response_format, losses)
    if request.reasoning is not None:
        _add_think(body, request.reasoning, losses)
    if request.logprobs is not None:
        body["logprobs"] = request.logprobs
    if request.top_logprobs is not None:
        body["top_logprobs"] = request.top_logprobs
    _add_losses(body, request, losses)
    options = _build_options(request)
    if request.extra:
        _add_extra(body, options, request, losses)
    fit_members((options, body), target.quirks, losses, said=_SAID)
    if options:
        body["options"] = options
    return body, asked


def _build_options(request: ChatRequest) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for member, option in _OPTIONS:
        value = getattr(request, member)
        if value is not None:
            options[option] = value
    if request.stop:
        options["stop"] = request.stop
    return options


def _add_format(body: dict[str, Any], form: ResponseFormat, losses: Losses) -> None:
    if form.kind == "text":
        return
    if form.description:
        losses.drop("response_format.json_schema.description")
    body["format"] = form.schema if form.kind == "json_schema" and form.schema is not None else "json"


def _add_think(body: dict[str, Any], reasoning: Reasoning, losses: Losses) -> None:
    """Say how much to think; whoever asks only that thoughts be shown, gets them anyway."""
    effort, budget = reasoning.effort, reasoning.budget_tokens
    if effort is not None:
        body["think"] = THINK[effort]
        if effort in ("minimal", "xhigh"):
            losses.change("reasoning_effort", THINK[effort])
    elif budget is not None:
        level = next((word for limit, word in BUDGETS if budget < limit), "high")
        body["think"] = level if budget > 0 else False
        if budget > 0:
            losses.change("thinking.budget_tokens", level)
    elif reasoning.adaptive:
        body["think"] = True


def _build_tools(request: ChatRequest, losses: Losses, asked: Asked) -> list[dict[str, Any]]:
    """Return the tools that may be called. There is no tool_choice: tools that are not chosen are left out."""
    choice = request.tool_choice
    tools = request.tools
    if choice is not None:
        if choice.mode == "none":
            losses.emulate("tool_choice")
            # A model that called tools before may try again without being told of them.
            asked.no_calls = True
            return []
        if choice.names:
            tools = [tool for tool in tools if tool.name in choice.names]
            losses.emulate("tool_choice")
            if not tools:
                losses.refuse("tool_choice", "it names none of the tools")
        if choice.mode == "required":
            losses.drop("tool_choice")
    if request.parallel_tool_calls is False:
        losses.emulate("parallel_tool_calls")
        asked.one_call = True
    return [built for tool in tools if (built := _build_tool(tool, losses)) is not None]


def _build_tool(tool: Tool, losses: Losses) -> dict[str, Any] | None:
    if tool.kind != "function":
        losses.refuse(f"tools.{tool.name}", f"tools of kind {tool.kind} are run or written in the {tool.dialect or 'caller'}'s own way")
        return None
    if tool.strict:
        losses.drop("strict")
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = _EMPTY_SCHEMA if tool.parameters is None else tool.parameters
    return {"type": "function", "function": function}


def _add_losses(body: dict[str, Any], request: ChatRequest, losses: Losses) -> None:
    for name in _DROPPED:
        value = getattr(request, name)
        if not value:
            continue
        if losses.keeps(name):
            body[name] = value
        else:
            losses.drop(name)
    if request.n is not None and request.n != 1:
        if losses.keeps("n"):
            body["n"] = request.n
        else:
            losses.refuse("n", "an answer has one alternative")
    if any(kind != "text" for kind in request.modalities):
        losses.refuse("modalities", "its models write text")


def _add_extra(body: dict[str, Any], options: dict[str, Any], request: ChatRequest, losses: Losses) -> None:
    own = request.dialect == DIALECT
    for name, value in request.extra.items():
        if value is None:
            continue
        place = _PLACES.get(name)
        if place is not None:
            place(body, options, name, value)
        elif losses.keeps(name) or (own and name not in _GENERATE_ONLY):
            body[name] = value
        elif name in _DROPPED_EXTRA:
            losses.drop(name)
        else:
            losses.unknown(name)


def _place_option(body: dict[str, Any], options: dict[str, Any], name: str, value: Any) -> None:
    """What the caller said in words that every dialect knows goes first."""
    options.setdefault(OPTION_OF.get(name, name), value)


def _place_options(body: dict[str, Any], options: dict[str, Any], name: str, value: Any) -> None:
    if not isinstance(value, dict):
        body[name] = value
        return
    for option, setting in value.items():
        if setting is not None:
            options.setdefault(option, setting)


def _place_member(body: dict[str, Any], options: dict[str, Any], name: str, value: Any) -> None:
    body.setdefault(name, value)


_PLACES: dict[str, Callable[[dict[str, Any], dict[str, Any], str, Any], None]] = {
    **dict.fromkeys((*sorted(OPTIONS), *OPTION_OF), _place_option),
    **dict.fromkeys((*sorted(MEMBERS), "think", "format"), _place_member),
    "options": _place_options,
}
