"""What the gateway answers by itself: /api/tags, /api/show, /api/version, and requests that only load a model."""

from hashlib import sha256
from typing import Any

import orjson
from msgspec import Struct, field

from fastgate.translate.conversation import ChatRequest
from fastgate.translate.ollama.build_answer import build_created
from fastgate.translate.target import Naming


class ModelCard(Struct, frozen=True, kw_only=True):
    """A model as callers of this dialect see it. What the gateway does not know is empty, as the server says it of a remote model."""

    name: str
    # Seconds of the epoch.
    modified_at: int = 0
    size_bytes: int = 0
    format: str = ""
    family: str = ""
    # "7.6B", "Q4_K_M".
    parameter_size: str = ""
    quantization_level: str = ""
    # Tokens; 0: not known.
    context_window: int = 0
    # completion, tools, vision, thinking, embedding, insert.
    capabilities: tuple[str, ...] = ("completion",)
    # Further members of `model_info`.
    more: dict[str, Any] = field(default_factory=dict)


def build_tags(models: list[ModelCard]) -> bytes:
    """Return the body of GET /api/tags."""
    return orjson.dumps({"models": [_build_entry(model) for model in models]})


def _build_entry(model: ModelCard) -> dict[str, Any]:
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": build_created(model.modified_at),
        "size": model.size_bytes,
        # Callers tell versions of a model apart by it: one name, one digest.
        "digest": sha256(model.name.encode()).hexdigest(),
        "details": _build_details(model),
    }


def _build_details(model: ModelCard) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": model.format,
        "family": model.family,
        "families": [model.family] if model.family else None,
        "parameter_size": model.parameter_size,
        "quantization_level": model.quantization_level,
    }


def build_show(model: ModelCard) -> bytes:
    """Return the body of POST /api/show. The context length stands under the family's name, as the server writes it."""
    model_info: dict[str, Any] = {}
    if model.family:
        model_info["general.architecture"] = model.family
    if model.context_window:
        model_info[f"{model.family or 'general'}.context_length"] = model.context_window
    model_info.update(model.more)
    show = {
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": _build_details(model),
        "model_info": model_info,
        "capabilities": model.capabilities,
        "modified_at": build_created(model.modified_at),
    }
    return orjson.dumps(show)


def build_version(version: str) -> bytes:
    """Return the body of GET /api/version."""
    return orjson.dumps({"version": version})


def build_loaded(request: ChatRequest, naming: Naming) -> bytes:
    """Return the answer to a request without messages or prompt (its `turns` are empty), which asks to load a model.

    It is one object whether or not a stream was asked for; `keep_alive: 0` asks to unload (docs.ollama.com/api/chat, 2026-11-20).
    """
    body: dict[str, Any] = {"model": naming.model, "created_at": build_created(naming.now)}
    if request.operation == "ollama_generate":
        body["response"] = ""
    else:
        body["message"] = {"role": "assistant", "content": ""}
    body["done"] = True
    body["done_reason"] = "unload" if request.extra.get("keep_alive") in (0, "0", "0s") else "load"
    return orjson.dumps(body)
