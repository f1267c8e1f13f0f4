"""What the gateway says about its models: OpenAI's and Anthropic's list, LiteLLM's /model/info and /model_group/info."""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

import msgspec
import orjson

from fastgate._core import Exchange
from fastgate.catalogue.cost import prices_at, rate_at
from fastgate.catalogue.model import CAPABILITY_NAMES, NO_PRICES, Model, Prices, Rate
from fastgate.catalogue.override import capability_words, describe, price_words, to_dollars
from fastgate.config.schema import Deployment

JSON = b"application/json"

Answer = tuple[int, bytes, bytes, bytes]

# Capabilities that /model_group/info names, of all that there are.
_GROUP_CAPABILITIES = (
    "supports_parallel_function_calling",
    "supports_vision",
    "supports_web_search",
    "supports_url_context",
    "supports_reasoning",
    "supports_function_calling",
)
_LISTED_PRICES = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost", "cache_creation_input_token_cost")
_PER_MILLION = 10**6


class ModelAnswers:
    """Answers by operation. The catalogue is read when the first of them is asked for, not at start."""

    def __init__(self, deployments: Iterable[Deployment], started: int, now: Callable[[], float] = time.time) -> None:
        self._deployments = tuple(deployments)
        self._started = started
        self._now = now
        # Prices change with the time of day: what was said is good for its minute.
        self._minute = -1
        self._bodies: dict[str, bytes] = {}
        self.answers: dict[str, Callable[[Exchange], Answer]] = {
            "models": lambda exchange: (200, JSON, self._body("models", self._list), b""),
            "model": self._answer_model,
            "model_info": self._answer_model_info,
            "model_group_info": self._answer_group_info,
        }

    @cached_property
    def _models(self) -> tuple[tuple[Deployment, Model], ...]:
        return tuple((one, describe(one.provider, one.model, one.model_info)) for one in self._deployments)

    @cached_property
    def _groups(self) -> dict[str, list[tuple[Deployment, Model]]]:
        groups: dict[str, list[tuple[Deployment, Model]]] = {}
        for deployment, model in self._models:
            groups.setdefault(deployment.model_name, []).append((deployment, model))
        return groups

    def _body(self, name: str, build: Callable[[], object]) -> bytes:
        minute = int(self._now()) // 60
        if minute != self._minute:
            self._minute = minute
            self._bodies.clear()
        if name not in self._bodies:
            # model_info holds what YAML holds: sets, dates, integers of any length.
            self._bodies[name] = msgspec.json.encode(build(), enc_hook=str)
        return self._bodies[name]

    # --- OpenAI and Anthropic

    def _list(self) -> dict[str, Any]:
        models = [self._entry(name) for name in self._groups]
        ends = {"first_id": models[0]["id"], "last_id": models[-1]["id"]} if models else {"first_id": None, "last_id": None}
        return {"object": "list", "data": models, "has_more": False, **ends}

    def _answer_model(self, exchange: Exchange) -> Answer:
        name = (exchange.path_model or b"").decode("utf-8", "replace")
        if name not in self._groups:
            return _not_found(f'model "{name[:100]}" is not in model_list')
        return 200, JSON, orjson.dumps(self._entry(name)), b""

    def _entry(self, name: str) -> dict[str, Any]:
        """Return a model in the words of the OpenAI and the Anthropic API at once, and what is known of it.

        What is unknown is not there: clients take a default where `context_length` is missing, and nothing for a null.
        """
        members = self._groups[name]
        merged, prices = self._merged(members)
        dollars = price_words(prices)
        known = {
            "mode": merged.mode,
            "context_length": merged.context_window,
            "max_input_tokens": merged.context_window,
            "max_output_tokens": merged.max_output_tokens,
            **{word: dollars.get(word) for word in _LISTED_PRICES},
        }
        per_million = {
            "input_tokens_cost_per_million": to_dollars(_million(prices.input_token)),
            "output_tokens_cost_per_million": to_dollars(_million(prices.output_token)),
        }
        entry = {
            "id": name,
            "object": "model",
            "created": self._started,
            "owned_by": members[0][0].provider,
            "type": "model",
            "display_name": name,
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)),
            **_known(known),
            "capabilities": _known(capability_words(merged)),
        }
        if _known(per_million):
            entry["pricing"] = {**_known(per_million), "currency": "USD"}
        return entry

    # --- LiteLLM

    def _answer_model_info(self, exchange: Exchange) -> Answer:
        wanted = _query(exchange, "litellm_model_id")
        if not wanted:
            return 200, JSON, self._body("model_info", lambda: {"data": [self._info(*pair) for pair in self._models]}), b""
        found = [pair for pair in self._models if pair[0].deployment_id == wanted]
        if not found:
            return _not_found(f'no deployment has the id "{wanted[:100]}"; GET /model/info lists them')
        return 200, JSON, msgspec.json.encode({"data": [self._info(*pair) for pair in found]}, enc_hook=str), b""

    def _info(self, deployment: Deployment, model: Model) -> dict[str, Any]:
        """Return one deployment. No key, no header and no api_base is in it: a path may hold a token, and a host is nobody's business."""
        params: dict[str, Any] = {"model": f"{deployment.provider}/{deployment.model}", "custom_llm_provider": deployment.provider}
        params |= {name: value for name in ("rpm", "tpm", "weight") if (value := getattr(deployment, name))}
        rate = self._rate(model)
        known = {
            "id": deployment.deployment_id,
            "db_model": False,
            "key": f"{model.provider}/{model.name}",
            "litellm_provider": deployment.provider,
            "mode": model.mode,
            "max_tokens": model.max_output_tokens,
            "max_input_tokens": model.context_window,
            "max_output_tokens": model.max_output_tokens,
            **price_words(rate.prices, rate.tiers),
            **capability_words(model),
        }
        info = {**deployment.model_info, **known}
        return {"model_name": deployment.model_name, "litellm_params": params, "model_info": info}

    def _answer_group_info(self, exchange: Exchange) -> Answer:
        wanted = _query(exchange, "model_group")
        if not wanted:
            return 200, JSON, self._body("groups", lambda: {"data": [self._group_info(name) for name in self._groups]}), b""
        found = [self._group_info(wanted)] if wanted in self._groups else []
        return 200, JSON, orjson.dumps({"data": found}), b""

    def _group_info(self, name: str) -> dict[str, Any]:
        members = self._groups[name]
        merged, prices = self._merged(members)
        words = capability_words(merged)
        tpm = [deployment.tpm for deployment, _ in members if deployment.tpm]
        rpm = [deployment.rpm for deployment, _ in members if deployment.rpm]
        return {
            "model_group": name,
            "providers": list(dict.fromkeys(deployment.provider for deployment, _ in members)),
            "max_input_tokens": merged.context_window,
            "max_output_tokens": merged.max_output_tokens,
            **price_words(prices),
            "mode": merged.mode,
            "tpm": sum(tpm) if tpm else None,
            "rpm": sum(rpm) if rpm else None,
            **{word: words[word] for word in _GROUP_CAPABILITIES},
        }

    # --- several deployments as one

    def _rate(self, model: Model) -> Rate:
        """Return the prices in force and their tiers."""
        return rate_at(model, int(self._now())) or Rate(prices=NO_PRICES)

    def _merged(self, members: list[tuple[Deployment, Model]]) -> tuple[Model, Prices]:
        """Return a group as one model, as LiteLLM does: the largest limits and prices that are known, and what any member can do."""
        models = [model for _, model in members]
        now = int(self._now())
        rates = [prices_at(model, now) for model in models]
        capabilities = {name: _any(getattr(model.capabilities, name) for model in models) for name in CAPABILITY_NAMES}
        merged = msgspec.structs.replace(
            models[0],
            context_window=_largest(model.context_window for model in models),
            max_output_tokens=_largest(model.max_output_tokens for model in models),
            mode=next((model.mode for model in models if model.mode), None),
            capabilities=msgspec.structs.replace(models[0].capabilities, **capabilities),
        )
        if len(rates) == 1:
            return merged, rates[0]
        return merged, Prices(**{name: _largest(getattr(prices, name) for prices in rates) for name in Prices.__struct_fields__})


def _largest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _any(values: Iterable[bool | None]) -> bool | None:
    known = [value for value in values if value is not None]
    return any(known) if known else None


def _known(words: Mapping[str, object]) -> dict[str, object]:
    return {word: value for word, value in words.items() if value is not None}


def _million(price: int | None) -> int | None:
    return None if price is None else price * _PER_MILLION


def _query(exchange: Exchange, name: str) -> str:
    query = (exchange.query or b"").decode("utf-8", "replace")
    return parse_qs(query).get(name, [""])[0]


def _not_found(message: str) -> Answer:
    error = {"message": message, "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
    return 404, JSON, orjson.dumps({"error": error}), b""
