"""What the gateway answers itself: its models and its health."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import orjson

from fastgate import __version__
from fastgate._core import Exchange, Pool
from fastgate.account.models import JSON, Answer, ModelAnswers
from fastgate.config.schema import Deployment


class Pools(Protocol):
    """Knows the connections to every origin."""

    pools: dict[str, Pool]
    # Names of pools by deployment_id; who was never asked for has none.
    origins: dict[str, str]


class LocalAnswers:
    """Answers by operation: status, content type, body, fields. *listed*: the deployments under every name that callers may know."""

    def __init__(
        self, deployments: Iterable[Deployment], listed: Iterable[Deployment], pools: Pools, is_draining: Callable[[], bool]
    ) -> None:
        self._deployments = tuple(deployments)
        self._pools = pools
        self._is_draining = is_draining
        self.answers: dict[str, Callable[[Exchange], Answer]] = {
            **ModelAnswers(tuple(listed), int(time.time())).answers,
            "liveness": lambda exchange: (200, JSON, b'"I\'m alive!"', b""),
            "readiness": self._answer_readiness,
            "health": self._answer_health,
            "root": self._answer_root,
        }

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
