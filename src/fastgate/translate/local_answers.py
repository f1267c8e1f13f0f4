"""What the gateway tells of its models in the dialects that ask for them in a way of their own."""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import orjson

from fastgate import __version__
from fastgate._core import Exchange
from fastgate.catalogue.model import Model
from fastgate.catalogue.override import describe
from fastgate.config.schema import Deployment
from fastgate.translate.gemini.errors import build_error as build_gemini_error
from fastgate.translate.ollama.errors import build_error as build_ollama_error
from fastgate.translate.ollama.local import ModelCard, build_show, build_tags, build_version

JSON = b"application/json"

# Status, content type, body, fields.
Answer = tuple[int, bytes, bytes, bytes]

_METHODS = ["generateContent", "streamGenerateContent", "countTokens"]
# Capability of the catalogue -> Ollama's word.
_CAPABILITIES = {"function_calling": "tools", "vision": "vision", "reasoning": "thinking"}


class DialectAnswers:
    """Answers by operation; *started* is in seconds of the epoch."""

    def __init__(self, deployments: Iterable[Deployment], started: int) -> None:
        self._deployments = tuple(deployments)
        self._started = started
        self.answers: dict[str, Callable[[Exchange], Answer]] = {
            "ollama_tags": lambda exchange: (200, JSON, build_tags(list(self._cards.values())), b""),
            "ollama_show": self._answer_show,
            "ollama_version": lambda exchange: (200, JSON, build_version(__version__), b""),
            "gemini_models": lambda exchange: (200, JSON, orjson.dumps({"models": list(self._google_models.values())}), b""),
            "gemini_model": self._answer_google_model,
        }

    @cached_property
    def _models(self) -> dict[str, Model]:
        """The first deployment of each name stands for it."""
        found: dict[str, Model] = {}
        for one in self._deployments:
            if one.model_name not in found:
                found[one.model_name] = describe(one.provider, one.model, one.model_info)
        return found

    @cached_property
    def _cards(self) -> dict[str, ModelCard]:
        return {
            name: ModelCard(
                name=name,
                modified_at=self._started,
                context_window=model.context_window or 0,
                capabilities=(
                    "completion",
                    *(word for known, word in _CAPABILITIES.items() if getattr(model.capabilities, known) is not False),
                ),
            )
            for name, model in self._models.items()
        }

    def _answer_show(self, exchange: Exchange) -> Answer:
        try:
            asked = orjson.loads(exchange.body_bytes)
        except orjson.JSONDecodeError:
            asked = None
        name = (asked.get("model") or asked.get("name")) if isinstance(asked, dict) else None
        if not isinstance(name, str):
            return 400, JSON, build_ollama_error(400, "invalid_request", "invalid_body", "`model` is required"), b""
        card = self._cards.get(name) or self._cards.get(name.removesuffix(":latest"))
        if card is None:
            return 404, JSON, build_ollama_error(404, "not_found", "model_not_found", f"model '{name[:100]}' not found"), b""
        return 200, JSON, build_show(card), b""

    @cached_property
    def _google_models(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name, model in self._models.items():
            entry: dict[str, Any] = {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": _METHODS}
            if model.context_window:
                entry["inputTokenLimit"] = model.context_window
            if model.max_output_tokens:
                entry["outputTokenLimit"] = model.max_output_tokens
            found[name] = entry
        return found

    def _answer_google_model(self, exchange: Exchange) -> Answer:
        name = (exchange.path_model or b"").decode("utf-8", "replace")
        model = self._google_models.get(name)
        if model is None:
            message = f"models/{name[:100]} is not in model_list"
            return 404, JSON, build_gemini_error(404, "not_found", "model_not_found", message), b""
        return 200, JSON, orjson.dumps(model), b""
