"""The official SDKs of the callers' dialects, asked alike and read alike: what each makes of an answer, in no dialect."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import anthropic
import httpx
import ollama
import openai
import orjson
from google import genai
from google.genai import types

from tests.support.gateway import MASTER_KEY, SCALE

CITY = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "integer"}}}}
ZONE = {"type": "object", "properties": {"zone": {"type": "string"}}}
FUNCTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (("weather", "The weather.", CITY), ("clock", "The time.", ZONE))
MAX_TOKENS = 4000


@dataclass
class Seen:
    """What a caller saw. *input*, *cached* and *output* count tokens."""

    text: str = ""
    thinking: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    finish: str = ""
    input: int = 0
    cached: int = 0
    output: int = 0
    model: str = ""
    # Opaque signatures that came beside thoughts or calls.
    signatures: list[str] = field(default_factory=list)


class Sdks:
    """One client of each SDK for a gateway at *base*; leaving the context closes them."""

    def __init__(self, base: str, key: str = MASTER_KEY) -> None:
        self._stack = ExitStack()
        self.openai = self._stack.enter_context(openai.OpenAI(base_url=f"{base}/v1", api_key=key, max_retries=0))
        self.anthropic = self._stack.enter_context(anthropic.Anthropic(base_url=base, api_key=key, max_retries=0))
        # Its async half is never used and closes itself in a loop that is gone: the client of httpx is ours.
        http = self._stack.enter_context(httpx.Client(timeout=10 * SCALE))
        self.genai = genai.Client(
            api_key=key, vertexai=False, http_options=types.HttpOptions(base_url=base, httpx_client=http, api_version="v1beta")
        )
        self.ollama = ollama.Client(host=base, headers={"Authorization": f"Bearer {key}"})

    def close(self) -> None:
        self.ollama._client.close()
        self._stack.close()


Ask = Callable[[Sdks, str, bool, bool], Seen]

# --- OpenAI chat completions

_CHAT_TOOLS: list[Any] = [
    {"type": "function", "function": {"name": name, "description": says, "parameters": schema}} for name, says, schema in FUNCTIONS
]


def _chat(sdks: Sdks, model: str, stream: bool, tools: bool) -> Seen:
    asked: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": MAX_TOKENS}
    if tools:
        asked["tools"] = _CHAT_TOOLS
    if not stream:
        return read_completion(sdks.openai.chat.completions.create(**asked))
    with sdks.openai.chat.completions.stream(**asked, stream_options={"include_usage": True}) as events:
        for _ in events:
            pass
        # The accumulator leaves members that it does not know alone, and so they are compared with the sum of the chunks.
        return read_completion(events.current_completion_snapshot)


def read_completion(answer: Any) -> Seen:
    choice = answer.choices[0]
    message = choice.message
    usage = answer.usage
    calls = message.tool_calls or []
    signatures = [call.extra_content["google"]["thought_signature"] for call in calls if getattr(call, "extra_content", None)]
    signatures += [block["signature"] for block in getattr(message, "thinking_blocks", None) or [] if block.get("signature")]
    return Seen(
        text=message.content or "",
        thinking=getattr(message, "reasoning_content", None) or "",
        calls=[(call.function.name, orjson.loads(call.function.arguments)) for call in calls],
        ids=[call.id for call in calls],
        finish=choice.finish_reason or "",
        input=usage.prompt_tokens,
        cached=usage.prompt_tokens_details.cached_tokens or 0 if usage.prompt_tokens_details else 0,
        output=usage.completion_tokens,
        model=answer.model,
        signatures=signatures,
    )


# --- OpenAI legacy completions


def _completions(sdks: Sdks, model: str, stream: bool, tools: bool) -> Seen:
    assert not tools
    if not stream:
        answer = sdks.openai.completions.create(model=model, prompt="hi", max_tokens=MAX_TOKENS)
        return _read_texts([answer])
    chunks = sdks.openai.completions.create(
        model=model, prompt="hi", max_tokens=MAX_TOKENS, stream=True, stream_options={"include_usage": True}
    )
    return _read_texts(chunks)


def _read_texts(answers: Iterable[Any]) -> Seen:
    seen = Seen()
    for answer in answers:
        seen.model = answer.model
        for choice in answer.choices:
            seen.text += choice.text
            seen.finish = choice.finish_reason or seen.finish
        if answer.usage:
            seen.input, seen.output = answer.usage.prompt_tokens, answer.usage.completion_tokens
            details = answer.usage.prompt_tokens_details
            seen.cached = details.cached_tokens or 0 if details else 0
    return seen


# --- OpenAI Responses

_RESPONSE_TOOLS: list[Any] = [
    {"type": "function", "name": name, "description": says, "parameters": schema, "strict": False} for name, says, schema in FUNCTIONS
]


def _responses(sdks: Sdks, model: str, stream: bool, tools: bool) -> Seen:
    asked: dict[str, Any] = {
        "model": model,
        "input": "hi",
        "max_output_tokens": MAX_TOKENS,
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    if tools:
        asked["tools"] = _RESPONSE_TOOLS
    if not stream:
        return read_response(sdks.openai.responses.create(**asked))
    ends = []
    with sdks.openai.responses.stream(**asked) as events:
        numbers = []
        for event in events:
            numbers.append(event.sequence_number)
            if event.type in ("response.completed", "response.incomplete"):
                ends.append(event.response)
    assert numbers == list(range(len(numbers)))
    assert len(ends) == 1
    return read_response(ends[0])


def read_response(answer: Any) -> Seen:
    seen = Seen(model=answer.model)
    for item in answer.output:
        if item.type == "message":
            seen.text += "".join(part.text if part.type == "output_text" else part.refusal for part in item.content)
        elif item.type == "reasoning":
            seen.thinking += "".join(part.text for part in item.summary or item.content or [])
            if item.encrypted_content:
                seen.signatures.append(item.encrypted_content)
        elif item.type == "function_call":
            seen.calls.append((item.name, orjson.loads(item.arguments)))
            seen.ids.append(item.call_id)
        elif item.type == "custom_tool_call":
            seen.calls.append((item.name, item.input))
            seen.ids.append(item.call_id)
    reason = answer.incomplete_details.reason if answer.incomplete_details else ""
    seen.finish = {"max_output_tokens": "length", "content_filter": "content_filter"}.get(reason, "tool_calls" if seen.calls else "stop")
    assert answer.status == ("incomplete" if reason else "completed")
    seen.input, seen.output = answer.usage.input_tokens, answer.usage.output_tokens
    seen.cached = answer.usage.input_tokens_details.cached_tokens
    return seen


# --- Anthropic messages

_MESSAGE_TOOLS: list[Any] = [{"name": name, "description": says, "input_schema": schema} for name, says, schema in FUNCTIONS]
_STOPS = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length", "refusal": "content_filter"}


def _messages(sdks: Sdks, model: str, stream: bool, tools: bool) -> Seen:
    asked: dict[str, Any] = {"model": model, "max_tokens": MAX_TOKENS, "messages": [{"role": "user", "content": "hi"}]}
    if tools:
        asked["tools"] = _MESSAGE_TOOLS
    if not stream:
        return read_message(sdks.anthropic.messages.create(**asked))
    with sdks.anthropic.messages.stream(**asked) as events:
        return read_message(events.get_final_message())


def read_message(answer: Any) -> Seen:
    seen = Seen(model=answer.model)
    for block in answer.content:
        if block.type == "text":
            assert block.text
            seen.text += block.text
        elif block.type == "thinking":
            seen.thinking += block.thinking
            if block.signature:
                seen.signatures.append(block.signature)
        elif block.type == "tool_use":
            seen.calls.append((block.name, block.input))
            seen.ids.append(block.id)
    seen.finish = _STOPS[answer.stop_reason]
    usage = answer.usage
    seen.cached = usage.cache_read_input_tokens or 0
    seen.input = usage.input_tokens + seen.cached + (usage.cache_creation_input_tokens or 0)
    seen.output = usage.output_tokens
    return seen


# --- Gemini

_FINISHES = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter"}


def _gemini(sdks: Sdks, model: str, stream: bool, tools: bool) -> Seen:
    config: Any = {"max_output_tokens": MAX_TOKENS, "thinking_config": {"include_thoughts": True}}
    if tools:
        declared = [{"name": name, "description": says, "parameters_json_schema": schema} for name, says, schema in FUNCTIONS]
        config |= {"tools": [{"function_declarations": declared}], "automatic_function_calling": {"disable": True}}
    if not stream:
        return read_contents([sdks.genai.models.generate_content(model=model, contents="hi", config=config)])
    return read_contents(sdks.genai.models.generate_content_stream(model=model, contents="hi", config=config))


def read_contents(answers: Iterable[Any]) -> Seen:
    seen = Seen()
    for answer in answers:
        seen.model = answer.model_version
        for candidate in answer.candidates or []:
            for part in (candidate.content.parts if candidate.content else None) or []:
                if part.function_call:
                    seen.calls.append((part.function_call.name, part.function_call.args))
                    seen.ids.append(part.function_call.id)
                elif part.thought:
                    seen.thinking += part.text or ""
                else:
                    seen.text += part.text or ""
                if part.thought_signature:
                    seen.signatures.append(part.thought_signature.decode("latin-1"))
            if candidate.finish_reason:
                seen.finish = _FINISHES[candidate.finish_reason.value]
        usage = answer.usage_metadata
        if usage:
            seen.input = usage.prompt_token_count or 0
            seen.cached = usage.cached_content_token_count or 0
            seen.output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    if seen.calls and seen.finish == "stop":
        seen.finish = "tool_calls"
    return seen


# --- Ollama


def _ollama_chat(sdks: Sdks, model: str, stream: bool, tools: bool) -> Seen:
    asked: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hi"}], "options": {"num_predict": MAX_TOKENS}}
    if tools:
        asked["tools"] = _CHAT_TOOLS
    said = sdks.ollama.chat(**asked, stream=stream)
    return read_lines(said if stream else [said])


def _ollama_generate(sdks: Sdks, model: str, stream: bool, tools: bool) -> Seen:
    assert not tools
    said = sdks.ollama.generate(model=model, prompt="hi", options={"num_predict": MAX_TOKENS}, stream=stream)
    seen = Seen()
    for line in said if stream else [said]:
        seen.text += line.response
        seen.thinking += line.thinking or ""
        _read_end(line, seen)
    return seen


def read_lines(lines: Iterable[Any]) -> Seen:
    seen = Seen()
    for line in lines:
        seen.text += line.message.content or ""
        seen.thinking += line.message.thinking or ""
        for call in line.message.tool_calls or []:
            seen.calls.append((call.function.name, dict(call.function.arguments)))
        _read_end(line, seen)
    if seen.calls and seen.finish == "stop":
        seen.finish = "tool_calls"
    return seen


def _read_end(line: Any, seen: Seen) -> None:
    assert not seen.finish
    seen.model = line.model
    if line.done:
        seen.finish = line.done_reason
        seen.input, seen.output = line.prompt_eval_count or 0, line.eval_count or 0
        assert line.total_duration > 0


CALLERS: Mapping[str, Ask] = {
    "chat": _chat,
    "completions": _completions,
    "responses": _responses,
    "messages": _messages,
    "gemini": _gemini,
    "ollama": _ollama_chat,
    "generate": _ollama_generate,
}
# Callers whose dialect knows no tools.
PLAIN_CALLERS = frozenset({"completions", "generate"})
# Callers whose dialect tells no cached tokens.
UNCACHED_CALLERS = frozenset({"ollama", "generate"})
# Callers whose dialect shows no thoughts.
THOUGHTLESS_CALLERS = frozenset({"completions"})
