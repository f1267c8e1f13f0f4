"""A request to Gemini: generateContent, streamGenerateContent and countTokens share their body, on Google AI Studio and on Vertex AI."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastgate.translate.conversation import ChatRequest
from fastgate.translate.gemini.build_contents import build_contents
from fastgate.translate.gemini.build_tools import ANSWER_TOOL, Names, build_tool_config, build_tools, declare_answer, without_dialect
from fastgate.translate.gemini.thinking import build_thinking, generation
from fastgate.translate.gemini.words import DIALECT, IN_CONFIG, PLAIN_CONFIG, TIER_WORDS
from fastgate.translate.losses import Losses
from fastgate.translate.quirks import fit_members
from fastgate.translate.target import Asked, Target

Wire = dict[str, Any]

_MAX_STOPS = 5
_PLAIN = tuple(PLAIN_CONFIG.items())
# Attributes of a request that Gemini has no word for, and that change neither meaning nor cost.
_DROPPED = ("logit_bias", "verbosity", "store")
# The same of ChatRequest.extra: hints for caches and logs of other providers.
_DROPPED_EXTRA = frozenset(
    {
        "stream_options",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "prediction",
        "moderation",
        "web_search_options",
        "cache_control",
        "metadata",
        "include",
        "truncation",
        "diagnostics",
        "inference_geo",
        "keep_alive",
    }
)
# Google's own members that callers of other dialects send beside theirs (extra_body of their SDK).
_GOOGLE_EXTRA: Mapping[str, str] = MappingProxyType(
    {
        "safety_settings": "safetySettings",
        "safetySettings": "safetySettings",
        "cached_content": "cachedContent",
        "cachedContent": "cachedContent",
        "labels": "labels",
    }
)
# docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/add-labels-to-api-calls, 2026-11-24.
_LABEL_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL = re.compile(r"[a-z0-9_-]{0,63}")


def build_request(request: ChatRequest, target: Target, losses: Losses) -> tuple[Wire, Asked]:
    """Return the body, and what the answer's reader must know. Raise NotCarried for what cannot be said."""
    names = Names()
    asked = Asked()
    tools = build_tools(request, names, losses)
    config = _build_config(request, target, losses)
    tool_config = _build_format(request, target, tools, config, names, asked, losses)
    body = build_contents(request, target, names, losses)
    if tools:
        body["tools"] = tools
    if tool_config is not None:
        body["toolConfig"] = tool_config
    _add_labels(body, request, target, losses)
    _add_tier(body, request, losses)
    _add_extra(body, request, losses)
    for attribute in _DROPPED:
        if getattr(request, attribute):
            losses.drop(attribute)
    fit_members((config, body), target.quirks, losses, said=PLAIN_CONFIG)
    if config:
        body["generationConfig"] = config
    if request.parallel_tool_calls is False and tools:
        losses.emulate("parallel_tool_calls")
        asked.one_call = True
    asked.renamed = names.renamed
    return body, asked


def build_count_request(request: ChatRequest, target: Target, losses: Losses) -> Wire:
    """Return the body of countTokens. AI Studio takes more than contents only as a whole request, Vertex AI only beside them."""
    body, _ = build_request(request, target, losses)
    if "countTokens.systemInstruction" in target.quirks.knows:
        return {name: body[name] for name in ("contents", "systemInstruction", "tools", "generationConfig") if name in body}
    model = target.model if target.model.startswith("models/") else f"models/{target.model}"
    return {"generateContentRequest": {"model": model, **body}}


def _build_config(request: ChatRequest, target: Target, losses: Losses) -> Wire:
    config: Wire = {}
    for name, attribute in _PLAIN:
        value = getattr(request, attribute)
        if value is not None:
            config[name] = value
    if request.stop:
        if len(request.stop) > _MAX_STOPS:
            losses.refuse("stop", f"Gemini takes at most {_MAX_STOPS} stop sequences")
        else:
            config["stopSequences"] = request.stop
    if request.modalities:
        _add_modalities(config, request, losses)
    if request.reasoning is not None:
        thinking = build_thinking(request.reasoning, request.dialect, target, losses)
        if thinking is not None:
            config["thinkingConfig"] = thinking
    if request.dialect == DIALECT:
        for name, value in request.extra.items():
            if name.startswith(IN_CONFIG):
                config[name.removeprefix(IN_CONFIG)] = value
    return config


def _add_modalities(config: Wire, request: ChatRequest, losses: Losses) -> None:
    if request.dialect == DIALECT or set(request.modalities) <= {"text", "image"}:
        if request.dialect == DIALECT or "image" in request.modalities:
            config["responseModalities"] = [word.upper() for word in request.modalities]
    else:
        losses.refuse("modalities", "speech is asked of Gemini in its own dialect alone")


def _build_format(
    request: ChatRequest, target: Target, tools: list[Wire], config: Wire, names: Names, asked: Asked, losses: Losses
) -> Wire | None:
    """Add the form of the answer to *config*, or a function that takes it to *tools*; return toolConfig."""
    functions: list[Wire] = next((tool["functionDeclarations"] for tool in tools if "functionDeclarations" in tool), [])
    form = request.response_format
    # "Function calling with a response mime type: 'application/json' is unsupported" before Gemini 3.
    excluded = bool(functions) and 0 < generation(target.model) < 30 and request.dialect != DIALECT
    if form is None or form.kind == "text" or not excluded:
        if form is not None:
            _add_format(config, request)
        return build_tool_config(request, bool(functions), names, losses)
    choice = request.tool_choice
    mode = "auto" if choice is None else choice.mode
    losses.emulate("response_format")
    if mode in ("required", "named"):
        # A call is wanted and no answer: there is nothing that could have the form.
        return build_tool_config(request, True, names, losses)
    if form.schema is not None and form.schema.get("type", "object") != "object":
        losses.refuse("response_format", "Gemini before version 3 has no schema beside tools but that of an object")
        return build_tool_config(request, True, names, losses)
    asked.answer_tool = names.free(ANSWER_TOOL)
    functions.append(declare_answer(asked.answer_tool, None if form.schema is None else without_dialect(form.schema)))
    calling: Wire = {"mode": "ANY"}
    if mode == "none":
        calling["allowedFunctionNames"] = [asked.answer_tool]
    elif choice is not None and choice.names:
        calling["allowedFunctionNames"] = [*(names.send(name) for name in choice.names), asked.answer_tool]
    return {"functionCallingConfig": calling}


def _add_format(config: Wire, request: ChatRequest) -> None:
    form = request.response_format
    if form is None:
        return
    if form.kind == "text":
        if request.dialect == DIALECT:
            config["responseMimeType"] = "text/plain"
        return
    config["responseMimeType"] = "application/json"
    if form.kind == "json_schema" and form.schema is not None:
        config["responseJsonSchema"] = without_dialect(form.schema)


def _add_labels(body: Wire, request: ChatRequest, target: Target, losses: Losses) -> None:
    """Labels exist on Vertex AI; their alphabet is small."""
    if not request.metadata and not request.user:
        return
    labels: Wire = {}
    wanted = dict(request.metadata or {})
    if request.user:
        wanted["user"] = request.user
    for name, value in wanted.items():
        fits = isinstance(value, str) and _LABEL_NAME.fullmatch(name) and _LABEL.fullmatch(value)
        if fits and "labels" in target.quirks.knows:
            labels[name] = value
        else:
            losses.drop("user" if name == "user" and request.user else "metadata")
    if labels:
        body["labels"] = labels


def _add_tier(body: Wire, request: ChatRequest, losses: Losses) -> None:
    tier = request.service_tier
    if not tier or tier == "auto":
        return
    word = TIER_WORDS.get(tier)
    if word is None:
        losses.drop("service_tier")
    else:
        body["serviceTier"] = word


def _add_extra(body: Wire, request: ChatRequest, losses: Losses) -> None:
    own = request.dialect == DIALECT
    for name, value in request.extra.items():
        if own:
            if not name.startswith((IN_CONFIG, "toolConfig.")):
                body[name] = value
        elif name in _GOOGLE_EXTRA:
            body[_GOOGLE_EXTRA[name]] = value
        elif losses.keeps(name):
            body[name] = value
        elif name in _DROPPED_EXTRA or value is None:
            losses.drop(name)
        else:
            losses.unknown(name)
