"""Requests of callers: /v1/chat/completions, and the deprecated /v1/completions."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fastgate.translate.conversation import ChatRequest, Reasoning, Turn
from fastgate.translate.losses import InvalidRequest, NotCarried
from fastgate.translate.openai_chat.members import (
    read_flag,
    read_integer,
    read_list,
    read_number,
    read_object,
    read_text,
    read_texts,
    wrong,
)
from fastgate.translate.openai_chat.parse_messages import parse_messages, parse_prompt
from fastgate.translate.openai_chat.parse_tools import (
    parse_effort,
    parse_function_call,
    parse_functions,
    parse_reasoning,
    parse_response_format,
    parse_thinking,
    parse_tool_choice,
    parse_tools,
)
from fastgate.translate.openai_chat.words import DIALECT


def parse_request(body: dict[str, Any], operation: str) -> ChatRequest:
    """Return what the caller asks for. Members that the representation does not know are kept in `extra`; null is not said.

    Raise InvalidRequest for what the dialect itself does not allow, NotCarried for prompts that no chat can be made of.
    """
    legacy = operation == "text_completion"
    turns = _parse_prompts(body.get("prompt")) if legacy else parse_messages(body.get("messages"))
    request = ChatRequest(turns=turns, operation=operation, include_usage=False, dialect=DIALECT)
    request.cache_breakpoints = not legacy and _has_breakpoints(body["messages"])
    readers = _COMPLETION if legacy else _CHAT
    for name, value in body.items():
        if value is None:
            continue
        read = readers.get(name)
        if read is None:
            request.extra[name] = value
        else:
            read(request, value)
    # The name for the user that OpenAI now wants; a caller may still send both.
    if not request.user and "safety_identifier" in request.extra:
        request.user = read_text(request.extra.pop("safety_identifier"), "safety_identifier")
    return request


def _parse_prompts(value: object) -> list[Turn]:
    if isinstance(value, str):
        return parse_prompt(value)
    prompts = read_list(value, "prompt")
    if len(prompts) == 1 and isinstance(prompts[0], str):
        return parse_prompt(prompts[0])
    if not prompts:
        raise InvalidRequest("prompt", "`prompt`: expected a string, found an empty list")
    kinds = {type(prompt) for prompt in prompts}
    if kinds == {str}:
        raise NotCarried("prompt", f"`prompt` has {len(prompts)} texts: a chat model answers one; send one request for each")
    if kinds <= {int, list}:
        raise NotCarried("prompt", "`prompt` is made of tokens: a chat model takes text; send the text itself")
    raise wrong("prompt", "a string or a list of one string", prompts[0])


def _has_breakpoints(messages: list[dict[str, Any]]) -> bool:
    """Return whether any part carries OpenAI's own cache breakpoint."""
    for message in messages:
        content = message.get("content")
        if isinstance(content, list) and any(len(part) > 2 and "prompt_cache_breakpoint" in part for part in content):
            return True
    return False


def _skip(request: ChatRequest, value: object) -> None:
    """Members that are read elsewhere: the model is the deployment's business."""


def _plain(attribute: str, read: Callable[[object, str], object], name: str = "") -> Callable[[ChatRequest, object], None]:
    path = name or attribute

    def take(request: ChatRequest, value: object) -> None:
        setattr(request, attribute, read(value, path))

    return take


def _max_tokens(request: ChatRequest, value: object) -> None:
    # The deprecated word: it says nothing beside max_completion_tokens.
    tokens = read_integer(value, "max_tokens")
    if request.max_output_tokens is None:
        request.max_output_tokens = tokens


def _stream_options(request: ChatRequest, value: object) -> None:
    options = read_object(value, "stream_options")
    wanted = options.get("include_usage")
    request.include_usage = wanted is not None and read_flag(wanted, "stream_options.include_usage")
    rest = {name: member for name, member in options.items() if name != "include_usage" and member is not None}
    if rest:
        request.extra["stream_options"] = rest


def _tools(request: ChatRequest, value: object) -> None:
    request.tools, request.legacy_calls = parse_tools(value), False


def _functions(request: ChatRequest, value: object) -> None:
    functions = parse_functions(value)
    if not request.tools:
        request.tools, request.legacy_calls = functions, True


def _tool_choice(request: ChatRequest, value: object) -> None:
    request.tool_choice = parse_tool_choice(value)


def _function_call(request: ChatRequest, value: object) -> None:
    choice = parse_function_call(value)
    if request.tool_choice is None:
        request.tool_choice = choice


def _logit_bias(request: ChatRequest, value: object) -> None:
    biases = read_object(value, "logit_bias")
    request.logit_bias = {token: read_number(bias, f"logit_bias.{token}") for token, bias in biases.items()}


def _response_format(request: ChatRequest, value: object) -> None:
    request.response_format = parse_response_format(value)
    if request.response_format is None:
        request.extra["response_format"] = value


def _completion_logprobs(request: ChatRequest, value: object) -> None:
    """A number of alternatives, where chat says whether and how many."""
    count = read_integer(value, "logprobs")
    request.logprobs = True
    if count:
        request.top_logprobs = count


def _legacy(name: str, read: Callable[[object, str], object], neutral: object) -> Callable[[ChatRequest, object], None]:
    def take(request: ChatRequest, value: object) -> None:
        if read(value, name) != neutral:
            request.extra[name] = value

    return take


def _reasoning(name: str, parse: Callable[[object], Reasoning | None]) -> Callable[[ChatRequest, object], None]:
    def take(request: ChatRequest, value: object) -> None:
        found = parse(value)
        if found is None:
            request.extra[name] = value
        else:
            request.reasoning = _merge(request.reasoning, found)

    return take


def _reasoning_effort(value: object) -> Reasoning | None:
    # LiteLLM's callers may send {effort, summary} here.
    return parse_reasoning(value) if isinstance(value, dict) else parse_effort(value, "reasoning_effort")


def _merge(one: Reasoning | None, other: Reasoning) -> Reasoning:
    """Return what two members say together: `none` wins, then an effort, then a budget."""
    if one is None:
        return other
    if "none" in (one.effort, other.effort):
        return Reasoning(effort="none")
    effort = one.effort or other.effort
    budget = one.budget_tokens if one.budget_tokens is not None else other.budget_tokens
    return Reasoning(
        effort=effort,
        budget_tokens=None if effort else budget,
        adaptive=one.adaptive or other.adaptive,
        show=other.show if one.show is None else one.show,
        summary=one.summary or other.summary,
    )


_SHARED: Mapping[str, Callable[[ChatRequest, Any], None]] = MappingProxyType(
    {
        "model": _skip,
        "stream": _plain("stream", read_flag),
        "stream_options": _stream_options,
        "max_tokens": _max_tokens,
        "temperature": _plain("temperature", read_number),
        "top_p": _plain("top_p", read_number),
        "top_k": _plain("top_k", read_integer),
        "stop": _plain("stop", read_texts),
        "n": _plain("n", read_integer),
        "seed": _plain("seed", read_integer),
        "presence_penalty": _plain("presence_penalty", read_number),
        "frequency_penalty": _plain("frequency_penalty", read_number),
        "logit_bias": _logit_bias,
        "user": _plain("user", read_text),
    }
)
_CHAT: Mapping[str, Callable[[ChatRequest, Any], None]] = {
    **_SHARED,
    "messages": _skip,
    "max_completion_tokens": _plain("max_output_tokens", read_integer, "max_completion_tokens"),
    "tools": _tools,
    "functions": _functions,
    "tool_choice": _tool_choice,
    "function_call": _function_call,
    "parallel_tool_calls": _plain("parallel_tool_calls", read_flag),
    "logprobs": _plain("logprobs", read_flag),
    "top_logprobs": _plain("top_logprobs", read_integer),
    "response_format": _response_format,
    "reasoning_effort": _reasoning("reasoning_effort", _reasoning_effort),
    "reasoning": _reasoning("reasoning", parse_reasoning),
    "thinking": _reasoning("thinking", parse_thinking),
    "metadata": _plain("metadata", read_object),
    "service_tier": _plain("service_tier", read_text),
    "verbosity": _plain("verbosity", read_text),
    "store": _plain("store", read_flag),
    "modalities": _plain("modalities", read_texts),
}
_COMPLETION: Mapping[str, Callable[[ChatRequest, Any], None]] = {
    **_SHARED,
    "prompt": _skip,
    "logprobs": _completion_logprobs,
    "suffix": _legacy("suffix", read_text, ""),
    "echo": _legacy("echo", read_flag, False),
    # One candidate is what there is anyway.
    "best_of": _legacy("best_of", read_integer, 1),
}
