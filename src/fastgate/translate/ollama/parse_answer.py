"""The body of a complete answer of /api/chat -> ChatAnswer."""

from datetime import datetime
from typing import Any

import orjson

from fastgate.translate.answer import ChatAnswer, Choice, FinishReason, Usage
from fastgate.translate.conversation import Audio, Image, Part, Text, Thinking, ToolCall
from fastgate.translate.losses import InvalidRequest
from fastgate.translate.ollama.errors import fault_of, unreadable
from fastgate.translate.ollama.media import parse_media
from fastgate.translate.ollama.words import DIALECT, FINISH, UNSIGNED
from fastgate.translate.target import Asked, Target


def parse_answer(body: bytes, target: Target, asked: Asked) -> ChatAnswer:
    """Return what a complete 2xx answer says. Raise Fault for an error in it, or for what cannot be read.

    `extra["timings"]` holds the server's own clock: load_ns, prompt_eval_ns, eval_ns, total_ns; 0 is not said.
    """
    line = parse_line(body)
    if line.get("error"):
        raise fault_of(502, line["error"])
    message = line.get("message")
    if not isinstance(message, dict):
        raise unreadable(body, "it has no message")
    if line.get("done") is False:
        raise unreadable(body, "it is not complete (done is false)")
    parts: list[Part] = []
    if thinking := text_of(message, "thinking", body):
        parts.append(Thinking(text=thinking, signature=UNSIGNED if target.quirks.thinking_returns else "", dialect=DIALECT))
    if content := text_of(message, "content", body):
        parts.append(Text(text=content))
    parts += parse_images(message, body)
    calls = parse_calls(message, body, asked, 0)
    parts += calls
    finish, raw_finish = parse_finish(line, target, bool(calls))
    choice = Choice(parts=parts, finish=finish, raw_finish=raw_finish, logprobs=parse_logprobs(line))
    created = parse_created(line.get("created_at"))
    extra = {"timings": parse_timings(line)}
    return ChatAnswer(created=created, choices=[choice], usage=parse_usage(line), extra=extra, dialect=DIALECT)


def parse_line(line: bytes) -> dict[str, Any]:
    """Return the object that a line or a body is."""
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise unreadable(line, str(error)) from None
    if not isinstance(said, dict):
        raise unreadable(line, "it is no object")
    return said


def text_of(message: dict[str, Any], name: str, line: bytes) -> str:
    """Return a string of the message; "" if there is none."""
    value = message.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise unreadable(line, f"message.{name} is no string")
    return value


def parse_images(message: dict[str, Any], line: bytes) -> list[Image | Audio]:
    """Return the images of a message; sound among them is told apart by its first bytes."""
    images = message.get("images")
    if not images:
        return []
    if not isinstance(images, list):
        raise unreadable(line, "message.images is no list")
    try:
        return [parse_media(image, "message.images") for image in images]
    except InvalidRequest as error:
        raise unreadable(line, error.message) from None


def parse_calls(message: dict[str, Any], line: bytes, asked: Asked, seen: int) -> list[ToolCall]:
    """Return the calls that are passed on; *seen* is how many came before. The server gives no ids, or gives them (0.12.10)."""
    calls = message.get("tool_calls")
    if not calls or asked.no_calls:
        return []
    if not isinstance(calls, list):
        raise unreadable(line, "message.tool_calls is no list")
    if asked.one_call:
        calls = calls[: 1 - min(seen, 1)]
    parsed = []
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(name, str) or not isinstance(function, dict):
            raise unreadable(line, "a tool call has no function or no name")
        call_id = call.get("id")
        arguments = _text_of_arguments(function.get("arguments"))
        parsed.append(ToolCall(id=call_id if isinstance(call_id, str) else "", name=asked.renamed.get(name, name), arguments=arguments))
    return parsed


def _text_of_arguments(arguments: Any) -> str:
    if isinstance(arguments, str):
        # Some servers of this dialect leave them as the model wrote them.
        return arguments
    return "{}" if arguments is None else orjson.dumps(arguments).decode()


def parse_finish(line: dict[str, Any], target: Target, called: bool) -> tuple[FinishReason, str]:
    """Return why the answer ended, and the server's own word where that does not say it all.

    The server says "stop" for calls as well; length wins: a call that was cut is not runnable.
    """
    word = line.get("done_reason")
    word = word if isinstance(word, str) else ""
    finish = FINISH.get(target.quirks.finish.get(word, word))
    raw_finish = "" if word in ("", "stop", "length") else word
    if called and finish != "length":
        return "tool_calls", raw_finish
    return finish or "stop", raw_finish


def parse_usage(line: dict[str, Any]) -> Usage | None:
    """Return the tokens; a count of zero is left out by the server, None is for neither of both."""
    prompt, output = line.get("prompt_eval_count"), line.get("eval_count")
    if prompt is None and output is None:
        return None
    return Usage(input_tokens=_count(prompt), output_tokens=_count(output))


def parse_timings(line: dict[str, Any]) -> dict[str, int]:
    """Return the server's durations in nanoseconds."""
    return {
        "load_ns": _count(line.get("load_duration")),
        "prompt_eval_ns": _count(line.get("prompt_eval_duration")),
        "eval_ns": _count(line.get("eval_duration")),
        "total_ns": _count(line.get("total_duration")),
    }


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def parse_logprobs(line: dict[str, Any]) -> dict[str, Any] | None:
    """Return the log probabilities in OpenAI's shape, to which the server's entries are close: bytes and top_logprobs may lack."""
    entries = line.get("logprobs")
    if not entries or not isinstance(entries, list):
        return None
    return {"content": [_parse_logprob(entry, True) for entry in entries if isinstance(entry, dict)], "refusal": None}


def _parse_logprob(entry: dict[str, Any], top: bool) -> dict[str, Any]:
    token = entry.get("token")
    token = token if isinstance(token, str) else ""
    parsed = {"token": token, "logprob": entry.get("logprob", 0.0), "bytes": entry.get("bytes") or list(token.encode())}
    if top:
        others = entry.get("top_logprobs")
        others = others if isinstance(others, list) else []
        parsed["top_logprobs"] = [_parse_logprob(other, False) for other in others if isinstance(other, dict)]
    return parsed


def parse_created(value: Any) -> int:
    """Return seconds of the epoch for RFC 3339 text; 0 for anything else."""
    if not isinstance(value, str):
        return 0
    try:
        return max(0, int(datetime.fromisoformat(value).timestamp()))
    except (ValueError, OverflowError, OSError):
        return 0
