"""/api/chat and /api/generate: the caller's JSON -> ChatRequest."""

from collections.abc import Callable
from typing import Any

import orjson

from fastgate.translate.conversation import (
    ChatRequest,
    Part,
    Reasoning,
    ResponseFormat,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from fastgate.translate.losses import InvalidRequest
from fastgate.translate.ollama.media import parse_media
from fastgate.translate.ollama.members import count_at, flag_at, list_at, number_at, object_at, text_at, texts_at, wrong
from fastgate.translate.ollama.words import DIALECT, EFFORTS, OPTIONS, ROLES

# What /api/generate can say and a chat cannot -> why it is refused. Leaving it out would change the answer.
_CHATLESS = {
    "suffix": "filling in the middle is no chat",
    "context": "the tokens of an earlier answer mean something to its server alone; send the history to /api/chat",
    "raw": "the prompt stands in a template of its own model",
    "template": "the deployment's model has its own template",
}


def parse_request(body: dict[str, Any], operation: str) -> ChatRequest:
    """Return what the caller asks for; raise InvalidRequest for what the dialect itself does not allow.

    A request without messages or prompt asks for the model to be loaded: its `turns` are empty.
    """
    # The server streams unless told otherwise.
    request = ChatRequest(turns=[], operation=operation, stream=True, dialect=DIALECT)
    readers = _MEMBERS
    if operation == "ollama_generate":
        readers = _GENERATE_MEMBERS
        _read_prompt(request, body)
    for name, value in body.items():
        reader = readers.get(name)
        if reader is None:
            if value is not None:
                request.extra[name] = value
        elif value is not None:
            reader(request, value)
    return request


def _read_prompt(request: ChatRequest, body: dict[str, Any]) -> None:
    for name, why in _CHATLESS.items():
        if body.get(name):
            raise InvalidRequest(name, f"`{name}` is not supported: {why}")
    prompt = text_at(body.get("prompt"), "prompt")
    system = text_at(body.get("system"), "system")
    parts = _parse_images(body.get("images"), "images")
    if prompt:
        parts.append(Text(text=prompt))
    if not parts:
        return
    if system:
        request.turns.append(Turn(role="system", parts=[Text(text=system)]))
    request.turns.append(Turn(role="user", parts=[*parts]))


def _parse_images(value: Any, path: str) -> list[Part]:
    """Return what `images` holds; it stands before the text, as the server's templates put it."""
    if not value:
        return []
    return [parse_media(image, f"{path}[{index}]") for index, image in enumerate(list_at(value, path))]


def _read_messages(request: ChatRequest, value: Any) -> None:
    turns = request.turns
    unanswered: list[ToolCall] = []
    for index, message in enumerate(list_at(value, "messages")):
        path = f"messages[{index}]"
        if not isinstance(message, dict):
            raise wrong(path, "an object", message)
        role = message.get("role")
        if role == "tool":
            result = _parse_result(message, path, index, unanswered)
            if turns and turns[-1].role == "tool":
                turns[-1].parts.append(result)
            else:
                turns.append(Turn(role="tool", parts=[result]))
            continue
        known = ROLES.get(role) if isinstance(role, str) else None
        if known is None:
            raise wrong(f"{path}.role", "system, user, assistant or tool", role)
        turn = Turn(role=known, parts=[*_parse_parts(message, path)])
        turns.append(turn)
        if known != "assistant":
            unanswered = []
        elif message.get("tool_calls"):
            calls = _parse_calls(message["tool_calls"], f"{path}.tool_calls", index)
            turn.parts += calls
            unanswered += calls


def _parse_parts(message: dict[str, Any], path: str) -> list[Part]:
    parts: list[Part] = []
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        raise wrong(f"{path}.content", "a string", content)
    if message.get("thinking"):
        parts.append(Thinking(text=text_at(message["thinking"], f"{path}.thinking"), dialect=DIALECT))
    if message.get("images"):
        parts += _parse_images(message["images"], f"{path}.images")
    if content:
        parts.append(Text(text=content))
    return parts


def _parse_calls(value: Any, path: str, turn: int) -> list[ToolCall]:
    """Return the calls of a message; one without an id gets one of its place, the same in every request of the conversation."""
    calls = []
    for index, call in enumerate(list_at(value, path)):
        where = f"{path}[{index}]"
        function = object_at(object_at(call, where).get("function"), f"{where}.function")
        name = function.get("name")
        if not isinstance(name, str) or not name:
            raise wrong(f"{where}.function.name", "the name of a tool", name)
        arguments = function.get("arguments")
        call_id = text_at(call.get("id"), f"{where}.id") or f"call_{turn}_{index}"
        calls.append(ToolCall(id=call_id, name=name, arguments=_dump_arguments(arguments, f"{where}.function.arguments")))
    return calls


def _dump_arguments(value: Any, path: str) -> str:
    if value is None:
        return ""
    try:
        return orjson.dumps(object_at(value, path)).decode()
    except orjson.JSONEncodeError as error:
        raise InvalidRequest(path, f"`{path}`: expected JSON: {error}") from None


def _parse_result(message: dict[str, Any], path: str, index: int, unanswered: list[ToolCall]) -> ToolResult:
    """Return a tool's result. Without tool_call_id it answers the first open call of its tool_name, or the first at all."""
    call_id = text_at(message.get("tool_call_id"), f"{path}.tool_call_id")
    name = text_at(message.get("tool_name"), f"{path}.tool_name") or text_at(message.get("name"), f"{path}.name")
    for at, call in enumerate(unanswered):
        if call.id == call_id if call_id else not name or call.name == name:
            del unanswered[at]
            call_id, name = call.id, name or call.name
            break
    return ToolResult(call_id=call_id or f"call_{index}", name=name, parts=_parse_parts(message, path))


def _read_tools(request: ChatRequest, value: Any) -> None:
    for index, tool in enumerate(list_at(value, "tools")):
        path = f"tools[{index}]"
        kind = object_at(tool, path).get("type")
        if kind not in (None, "", "function"):
            raise wrong(f"{path}.type", '"function"', kind)
        function = object_at(tool.get("function"), f"{path}.function")
        name = function.get("name")
        if not isinstance(name, str) or not name:
            raise wrong(f"{path}.function.name", "the name of a tool", name)
        parameters = function.get("parameters")
        if parameters is not None and not isinstance(parameters, dict):
            raise wrong(f"{path}.function.parameters", "a JSON Schema object", parameters)
        strict = function.get("strict")
        request.tools.append(
            Tool(
                name=name,
                description=text_at(function.get("description"), f"{path}.function.description"),
                parameters=parameters,
                strict=strict if isinstance(strict, bool) else None,
            )
        )


def _read_format(request: ChatRequest, value: Any) -> None:
    if value == "":
        return
    if value == "json":
        request.response_format = ResponseFormat(kind="json_object")
    elif isinstance(value, dict):
        request.response_format = ResponseFormat(kind="json_schema", schema=value)
    else:
        raise wrong("format", '"json" or a JSON Schema object', value)


def _read_think(request: ChatRequest, value: Any) -> None:
    if value is False:
        request.reasoning = Reasoning(effort="none")
    elif value is True:
        request.reasoning = Reasoning(adaptive=True, show=True)
    elif isinstance(value, str) and value in EFFORTS:
        request.reasoning = Reasoning(effort=EFFORTS[value], show=True)
    else:
        raise wrong("think", "true, false, low, medium, high or max", value)


def _read_options(request: ChatRequest, value: Any) -> None:
    """Read what every dialect knows; the rest goes to `extra`, each under its own name, names nobody knows stay together."""
    extra = request.extra
    unknown = {}
    for name, option in object_at(value, "options").items():
        if option is None:
            continue
        if name in _OPTIONS:
            member, reader = _OPTIONS[name]
            setattr(request, member, reader(option, f"options.{name}"))
        elif name in OPTIONS:
            extra[name] = option
        else:
            unknown[name] = option
    if unknown:
        extra["options"] = unknown
    # Zero and less is no limit, and a negative seed is chance: the server's defaults.
    if request.max_output_tokens is not None and request.max_output_tokens <= 0:
        request.max_output_tokens = None
    if request.seed is not None and request.seed < 0:
        request.seed = None


def _read_stream(request: ChatRequest, value: Any) -> None:
    request.stream = flag_at(value, "stream")


def _read_logprobs(request: ChatRequest, value: Any) -> None:
    request.logprobs = flag_at(value, "logprobs")


def _read_top_logprobs(request: ChatRequest, value: Any) -> None:
    request.top_logprobs = count_at(value, "top_logprobs")


def _skip(request: ChatRequest, value: Any) -> None:
    """Leave a member that is read elsewhere."""


# Option -> member of ChatRequest and its reader.
_OPTIONS: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "num_predict": ("max_output_tokens", count_at),
    "temperature": ("temperature", number_at),
    "top_p": ("top_p", number_at),
    "top_k": ("top_k", count_at),
    "seed": ("seed", count_at),
    "stop": ("stop", texts_at),
    "presence_penalty": ("presence_penalty", number_at),
    "frequency_penalty": ("frequency_penalty", number_at),
}

_SHARED: dict[str, Callable[[ChatRequest, Any], None]] = {
    # The gateway has chosen the deployment by it.
    "model": _skip,
    "stream": _read_stream,
    "format": _read_format,
    "options": _read_options,
    "think": _read_think,
    "logprobs": _read_logprobs,
    "top_logprobs": _read_top_logprobs,
}
_MEMBERS = {**_SHARED, "messages": _read_messages, "tools": _read_tools}
_GENERATE_MEMBERS = {**_SHARED, **dict.fromkeys(("prompt", "system", "images", *_CHATLESS), _skip)}
