"""A chat request of any dialect as a provider of OpenAI Responses takes it."""

from hashlib import sha256
from typing import Any

import orjson

from fastgate.providers.provider import Quirks
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.losses import Losses
from fastgate.translate.openai_responses.build_items import ItemWriter, split_instructions
from fastgate.translate.openai_responses.build_settings import build_format, build_reasoning, build_tool_choice, build_tools
from fastgate.translate.openai_responses.fitting import Fitting
from fastgate.translate.openai_responses.words import (
    ADDED,
    DIALECT,
    HARMLESS,
    INCLUDE_LOGPROBS,
    INCLUDE_THOUGHTS,
    MAX_USER,
    MIN_OUTPUT_TOKENS,
    SHARED,
    UNSAYABLE,
)
from fastgate.translate.quirks import fit_members
from fastgate.translate.target import Asked, Target

Body = dict[str, Any]

FRAMING = "events"
PATHS = {"chat": "/responses", "chat_stream": "/responses"}


def build_request(request: ChatRequest, target: Target, losses: Losses) -> tuple[Body, Asked]:
    """Return the body, and what the answer's reader must know. Raise NotCarried for what cannot be said."""
    quirks = target.quirks
    fitting = Fitting(request.dialect, quirks.tool_ids)
    body: Body = {"model": target.model}
    _say_conversation(body, request, quirks, fitting, losses)
    _say_tools(body, request, fitting, losses)
    _say_answer(body, request, quirks, losses)
    _say_thoughts(body, request, quirks, losses)
    _say_caller(body, request, losses)
    _say_extra(body, request, quirks, losses)
    _say_what_has_no_member(body, request, quirks, losses)
    fit_members((body,), quirks, losses, added=_added(request))
    return body, Asked(renamed=fitting.renamed)


def _say_conversation(body: Body, request: ChatRequest, quirks: Quirks, fitting: Fitting, losses: Losses) -> None:
    instructions, turns = split_instructions(request, losses)
    wish = _wish_for_format(request, quirks, losses)
    if wish:
        instructions = f"{instructions}\n\n{wish}" if instructions else wish
    if instructions:
        body["instructions"] = instructions
    writer = ItemWriter(request, quirks.roles, fitting, losses)
    writer.write(turns)
    body["input"] = writer.items


def _wish_for_format(request: ChatRequest, quirks: Quirks, losses: Losses) -> str:
    """Return the words that ask for the form which this provider's `text.format` cannot."""
    form = request.response_format
    if form is None or form.kind == "text" or form.kind in quirks.response_formats:
        return ""
    losses.emulate("response_format")
    if form.kind == "json_object":
        return "Answer with one JSON object and nothing else."
    return "Answer with JSON and nothing else. It must follow this JSON Schema:\n" + orjson.dumps(form.schema).decode()


def _say_tools(body: Body, request: ChatRequest, fitting: Fitting, losses: Losses) -> None:
    own = request.dialect == DIALECT
    if request.tools:
        if any(tool.cache is not None for tool in request.tools):
            losses.drop("cache_control")
        body["tools"] = build_tools(request.tools, fitting.name, own, losses)
    choice = build_tool_choice(request, fitting.name)
    if choice is not None:
        body["tool_choice"] = choice
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _say_answer(body: Body, request: ChatRequest, quirks: Quirks, losses: Losses) -> None:
    """Say how long the answer may be, how it is sampled and which form it has."""
    limit = request.max_output_tokens
    if limit is not None:
        if limit < MIN_OUTPUT_TOKENS and request.dialect != DIALECT:
            limit = MIN_OUTPUT_TOKENS
            losses.change("max_output_tokens", limit)
        body["max_output_tokens"] = limit
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.top_p is not None:
        body["top_p"] = request.top_p
    text: Body = {}
    form = request.response_format
    if form is not None:
        if form.kind == "text" or form.kind in quirks.response_formats:
            text["format"] = build_format(form)
        elif "json_object" in quirks.response_formats:
            text["format"] = {"type": "json_object"}
    if request.verbosity:
        text["verbosity"] = request.verbosity
    if text:
        body["text"] = text
    if request.top_logprobs is not None:
        body["top_logprobs"] = request.top_logprobs


def _say_thoughts(body: Body, request: ChatRequest, quirks: Quirks, losses: Losses) -> None:
    """Say how much to think, and have thoughts come so that they can go back: nothing is stored for them."""
    include = []
    thinks = request.sealed_thoughts
    if request.reasoning is not None:
        if quirks.reasoning == "none":
            losses.drop("reasoning")
        else:
            reasoning = build_reasoning(request.reasoning, quirks)
            if reasoning:
                body["reasoning"] = reasoning
            # What a caller of this dialect wants to get, it has said.
            asked = bool(reasoning) or request.reasoning.adaptive
            thinks = thinks or (request.dialect != DIALECT and asked and reasoning.get("effort") != "none")
    if thinks:
        include.append(INCLUDE_THOUGHTS)
    if request.logprobs:
        include.append(INCLUDE_LOGPROBS)
    if include:
        body["include"] = include


def _say_caller(body: Body, request: ChatRequest, losses: Losses) -> None:
    """Say who asks, what is to be kept, and how the answer comes."""
    if request.user:
        user = request.user
        if len(user) > MAX_USER and request.dialect != DIALECT:
            # A hash is what OpenAI asks for anyhow; it is the same user in every request.
            user = sha256(user.encode()).hexdigest()
            losses.emulate("user")
        body["safety_identifier"] = user
    if request.metadata is not None:
        body["metadata"] = request.metadata
    if request.service_tier:
        body["service_tier"] = request.service_tier
    if request.store is not None:
        body["store"] = request.store
    elif request.dialect != DIALECT:
        # Callers of other dialects cannot fetch what this one stores unless told not to.
        body["store"] = False
    if request.stream:
        body["stream"] = True
        # Padding that doubles short events.
        body["stream_options"] = {"include_obfuscation": False}


def _say_extra(body: Body, request: ChatRequest, quirks: Quirks, losses: Losses) -> None:
    """Write what only some dialects know: all of it for a caller of this one."""
    own = request.dialect == DIALECT
    for name, value in request.extra.items():
        if own:
            _merge(body, name, value)
        elif name in SHARED or name in quirks.knows or losses.keeps(name):
            body.setdefault(name, value)
        elif name in HARMLESS:
            losses.drop(name)
        else:
            losses.refuse(name)


def _merge(body: Body, name: str, value: Any) -> None:
    """Write the rest of a member whose other part was read: objects and arrays are joined."""
    found = body.get(name)
    if isinstance(found, dict) and isinstance(value, dict):
        body[name] = {**found, **value}
    elif isinstance(found, list) and isinstance(value, list):
        body[name] = found + value
    else:
        body[name] = value


def _say_what_has_no_member(body: Body, request: ChatRequest, quirks: Quirks, losses: Losses) -> None:
    for name, how in UNSAYABLE:
        value = getattr(request, name)
        if value is None or value == [] or (name == "n" and value == 1):
            continue
        if name in quirks.knows or losses.keeps(name):
            body[name] = value
        elif how == "drop":
            losses.drop(name)
        else:
            losses.refuse(name)
    if any(kind != "text" for kind in request.modalities):
        losses.refuse("modalities", "its answers are text")


def _added(request: ChatRequest) -> set[str]:
    """Return the members that the gateway has added by itself."""
    added = set(ADDED - request.extra.keys())
    if request.logprobs or request.sealed_thoughts:
        added.discard("include")
    if request.store is not None:
        added.discard("store")
    return added
