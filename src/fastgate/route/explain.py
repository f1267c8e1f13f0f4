"""Where a request would go and why, without asking anybody: POST /router/explain."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from urllib.parse import parse_qs

import orjson

from fastgate._core import Exchange, Fleet, Operation
from fastgate.config.schema import Deployment
from fastgate.route.fallbacks import Wishes
from fastgate.route.state import JSON, Answer, describe, out_of_service, prediction

# The endpoint whose requests are meant if `?path=` names no other one.
_PATH = "/v1/chat/completions"
_OF_FAILURES = {"": "any_failure", "context_window": "context_window", "content_policy": "content_policy"}


class Line(Protocol):
    """What the explanation asks the gateway for."""

    def find_operation(self, line: bytes) -> tuple[Operation, str, str, bytes | None, bytes | None]: ...
    def explain(self, exchange: Exchange, operation: Operation, path_model: bytes | None) -> Any: ...
    def refusal(self, exchange: Exchange, code: str, message: str) -> Answer: ...
    def stand_ins(self, wishes: Wishes | None, name: str, kind: str) -> list[str]: ...


class RouterExplanation:
    """Answers by operation."""

    def __init__(self, deployments: Iterable[Deployment], fleet: Fleet, line: Line) -> None:
        self._deployments = tuple(deployments)
        self._fleet = fleet
        self._line = line
        self.answers: dict[str, Callable[[Exchange], Answer]] = {"router_explain": self._answer}

    def _answer(self, exchange: Exchange) -> Answer:
        path = parse_qs((exchange.query or b"").decode("latin-1")).get("path", [_PATH])[-1]
        operation, code, message, _, model = self._line.find_operation(b"POST " + path.encode("ascii", "replace"))
        if code or operation.body != 1 or not operation.target:
            reason = message or f"{path} takes no JSON that goes to a provider"
            return self._line.refusal(exchange, "invalid_request", f"`path` is to name the endpoint of the request: {reason}")
        known = self._fleet.snapshot(time.monotonic_ns() // 1000)
        told = self._line.explain(exchange, operation, model)
        if isinstance(told, tuple):
            return self._line.refusal(exchange, told[0], told[1])
        assert exchange.group is not None
        name = exchange.group.name.decode("utf-8", "replace")
        body = {
            "model": name,
            "operation": operation.name,
            "dialect": operation.dialect,
            "strategy": told["strategy"],
            "request": {
                "stream": told["stream"],
                "prompt_tokens": round(told["prompt_tokens"]),
                "max_tokens": int(told["max_tokens"]) or None,
            },
            **self._outcome(told, operation),
            "candidates": [self._candidate(row, told, known, operation) for row in told["candidates"]],
            "fallbacks": {word: self._line.stand_ins(exchange.wishes, name, kind) for kind, word in _OF_FAILURES.items()},
        }
        return 200, JSON, orjson.dumps(body), b""

    def _outcome(self, told: dict[str, Any], operation: Operation) -> dict[str, Any]:
        """Return what would happen now: `asked`, `held` or `nobody`."""
        chosen = None if told["chosen"] is None else self._deployments[told["chosen"]].deployment_id
        outcome = told["outcome"]
        if outcome == "held":
            return {"outcome": "held", "deployment": None, "held_for": chosen, "expected_wait_s": told["wait_s"]}
        reason = "it has made the response that the request refers to" if outcome == "pinned" else None
        if told["all_out_of_service"] and reason is None:
            reason = "every deployment is out of service, so that none is left out"
        return {"outcome": "nobody" if outcome == "nobody" else "asked", "deployment": chosen, "reason": reason}

    def _candidate(self, row: dict[str, Any], told: dict[str, Any], known: list[dict[str, Any]], operation: Operation) -> dict[str, Any]:
        number = row["deployment"]
        deployment = self._deployments[number]
        chosen = number == told["chosen"] and told["outcome"] != "held"
        return {
            **describe(deployment),
            "chosen": chosen,
            "why_not": None if chosen else why_not(row, told, known, operation),
            "prediction": prediction(row) if "score" in row else None,
            "in_flight": known[number]["in_flight"],
            "queued": known[number]["held"],
        }


def why_not(row: dict[str, Any], told: dict[str, Any], known: list[dict[str, Any]], operation: Operation) -> str:
    """Return why a candidate would not be asked."""
    seen = known[row["deployment"]]
    if not row["serves"]:
        return f"it speaks {row['dialect']}, which has nothing like {operation.name} of {operation.dialect}"
    if "not_asked" in row:
        if row["not_asked"] == "excluded":
            return "its limits never admit as much in a minute"
        out = out_of_service(seen)
        return row["not_asked"] if out is None else f"{out[0]}, for {out[1]:.3f} s more"
    if row["wait_s"] > 0:
        return f"a rate limit admits the request in {row['wait_s']:.3f} s"
    if row["full"]:
        waiting = f", and {seen['held']} wait for one" if seen["held"] else ""
        return f"all of its {seen['slots']} slots are taken{waiting}"
    if told["outcome"] == "pinned":
        return "only the one that was chosen knows the response that the request refers to"
    best = next((other for other in told["candidates"] if other["deployment"] == told["chosen"]), None)
    if best is None or "score" not in best:
        return "it was not chosen"
    return _worse(row, best, told["strategy"], seen, known[best["deployment"]])


def _worse(row: dict[str, Any], best: dict[str, Any], strategy: str, seen: dict[str, Any], other: dict[str, Any]) -> str:
    """Return why *strategy* prefers *best*, where both could be asked."""
    if strategy in ("expected-latency", "latency-based-routing"):
        more_s = row["score"] - best["score"]
        if more_s <= 0:
            return "as good as the one that was chosen: chance decides"
        return f"it is expected to cost {more_s:.3f} s more: {row['score']:.3f} s against {best['score']:.3f} s"
    if strategy == "simple-shuffle":
        return "chance chose another, by their shares"
    if strategy == "round-robin":
        return "its turn comes later"
    if strategy == "least-busy":
        return f"it has {seen['in_flight']} in flight, the one that was chosen {other['in_flight']}"
    if strategy.startswith("usage-based-routing"):
        return f"it had {seen['tokens_this_minute']} tokens in this minute, the one that was chosen {other['tokens_this_minute']}"
    return "it is no cheaper than the one that was chosen"
