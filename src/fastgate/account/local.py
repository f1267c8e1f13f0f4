"""What the gateway answers itself: its models and its health."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import orjson

from fastgate import __version__
from fastgate._core import Exchange, Pool
from fastgate.config.schema import Deployment

JSON = b"application/json"

Answer = tuple[int, bytes, bytes, bytes]


class Pools(Protocol):
    """Knows the connections to every origin."""

    pools: dict[str, Pool]
    # Names of pools by deployment_id; who was never asked for has none.
    origins: dict[str, str]


class LocalAnswers:
    """Answers by operation: status, content type, body, fields."""

    def __init__(self, deployments: Iterable[Deployment], pools: Pools, is_draining: Callable[[], bool]) -> None:
        self._deployments = tuple(deployments)
        self._pools = pools
        self._is_draining = is_draining
        self._started = int(time.time())
        self._models = self._list_models()
        self.answers: dict[str, Callable[[Exchange], Answer]] = {
            "models": self._answer_models,
            "model": self._answer_model,
            "liveness": lambda exchange: (200, JSON, b'"I\'m alive!"', b""),
            "readiness": self._answer_readiness,
            "health": self._answer_health,
            "root": self._answer_root,
        }

    def _list_models(self) -> dict[str, dict[str, Any]]:
        """Return an object per model name, in the words of the OpenAI and the Anthropic API at once."""
        created_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started))
        models: dict[str, dict[str, Any]] = {}
        for deployment in self._deployments:
            model = models.setdefault(
                deployment.model_name,
                {
                    "id": deployment.model_name,
                    "object": "model",
                    "created": self._started,
                    "owned_by": deployment.provider,
                    "type": "model",
                    "display_name": deployment.model_name,
                    "created_at": created_at,
                },
            )
            for name, key in (("context_length", "max_input_tokens"), ("max_output_tokens", "max_output_tokens")):
                value = deployment.model_info.get(key)
                if isinstance(value, int):
                    model.setdefault(name, value)
        return models

    def _answer_models(self, exchange: Exchange) -> Answer:
        models = list(self._models.values())
        ends = {"first_id": models[0]["id"], "last_id": models[-1]["id"]} if models else {"first_id": None, "last_id": None}
        return 200, JSON, orjson.dumps({"object": "list", "data": models, "has_more": False, **ends}), b""

    def _answer_model(self, exchange: Exchange) -> Answer:
        name = (exchange.path_model or b"").decode("utf-8", "replace")
        model = self._models.get(name)
        if model is None:
            message = f'model "{name[:100]}" is not in model_list'
            error = {"message": message, "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
            return 404, JSON, orjson.dumps({"error": error}), b""
        return 200, JSON, orjson.dumps(model), b""

    def _answer_readiness(self, exchange: Exchange) -> Answer:
        if self._is_draining():
            return 503, JSON, orjson.dumps({"status": "draining", "version": __version__}), b"Retry-After: 1\r\n"
        return 200, JSON, orjson.dumps({"status": "healthy", "db": "Not connected", "version": __version__}), b""

    def _answer_health(self, exchange: Exchange) -> Answer:
        """Tell what this worker knows of its connections; no provider is asked, since that would cost money."""
        healthy: list[dict[str, Any]] = []
        unhealthy: list[dict[str, Any]] = []
        for deployment in self._deployments:
            endpoint: dict[str, Any] = {
                "model": deployment.model,
                "model_name": deployment.model_name,
                "model_id": deployment.deployment_id,
            }
            origin = self._pools.origins.get(deployment.deployment_id)
            failure = self._pools.pools[origin].last_failure if origin else ""
            if failure:
                unhealthy.append({**endpoint, "error": failure})
            else:
                healthy.append(endpoint)
        counts = {"healthy_count": len(healthy), "unhealthy_count": len(unhealthy)}
        return 200, JSON, orjson.dumps({"healthy_endpoints": healthy, "unhealthy_endpoints": unhealthy, **counts}), b""

    def _answer_root(self, exchange: Exchange) -> Answer:
        return 200, JSON, orjson.dumps({"name": "fastgate", "version": __version__, "models": "/v1/models"}), b""
