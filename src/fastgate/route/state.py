"""What the router knows, for whoever operates it: GET /router/state."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson

from fastgate._core import Exchange, Fleet
from fastgate.config.schema import Deployment, Routing
from fastgate.route.shared import group_numbers

JSON = b"application/json"

# Status, content type, body, fields.
Answer = tuple[int, bytes, bytes, bytes]

# The request that predictions are made for.
TYPICAL_PROMPT_TOKENS = 300
# Deployments that are compared at once: of more the router looks at a sample.
_COMPARED = 64


class RouterState:
    """Answers by operation. All workers see the same numbers, but for those that are said to be one worker's."""

    def __init__(self, deployments: Iterable[Deployment], fleet: Fleet, routing: Routing) -> None:
        self._deployments = tuple(deployments)
        self._fleet = fleet
        self._routing = routing
        self.answers: dict[str, Callable[[Exchange], Answer]] = {"router_state": self._answer}

    def _answer(self, exchange: Exchange) -> Answer:
        now_us = time.monotonic_ns() // 1000
        known = self._fleet.snapshot(now_us)
        told = {
            "worker": self._fleet.lane,
            "workers": self._fleet.lanes,
            "typical_request": {"prompt_tokens": TYPICAL_PROMPT_TOKENS},
            "groups": [self._group(name, number, known, now_us) for name, number in group_numbers(self._deployments).items()],
        }
        return 200, JSON, orjson.dumps(told), b""

    def _group(self, name: str, number: int, known: list[dict[str, Any]], now_us: int) -> dict[str, Any]:
        members = [at for at, deployment in enumerate(self._deployments) if deployment.model_name == name]
        predictions = dict(self._predictions(number, members, now_us))
        return {
            "model": name,
            "strategy": self._routing.strategies.get(name, self._routing.strategy),
            "deployments": [
                {**describe(self._deployments[at]), **health(known[at]), **load(known[at]), "prediction": predictions.get(at)}
                for at in members
            ],
        }

    def _predictions(self, group: int, members: list[int], now_us: int) -> Iterator[tuple[int, dict[str, float]]]:
        """Give what the typical request would cost at each deployment that may be asked."""
        for start in range(0, len(members), _COMPARED):
            for row in self._fleet.explain(group, now_us, TYPICAL_PROMPT_TOKENS, among=members[start : start + _COMPARED]):
                if "score" in row:
                    yield row["deployment"], prediction(row)


def describe(deployment: Deployment) -> dict[str, Any]:
    """Return who a deployment is, without anything that is secret."""
    url = urlsplit(deployment.api_base)
    return {
        "deployment": deployment.deployment_id,
        "provider": deployment.provider,
        "model": deployment.model,
        "origin": f"{url.scheme}://{url.netloc}",
    }


def health(known: dict[str, Any]) -> dict[str, Any]:
    """Return whether a deployment is asked, and if not why and for how long."""
    out = out_of_service(known)
    return {
        "in_service": out is None,
        "out_of_service": None if out is None else {"reason": out[0], "for_s": out[1]},
        "failing": known["failing"],
        "failures_in_a_row": known["failures"],
        "rate_limited_in_a_row": known["rate_limited"],
        "failure_s": known["failure_s"],
        "stall": known["stall"],
    }


def out_of_service(known: dict[str, Any]) -> tuple[str, float] | None:
    """Return why a deployment is not asked and for how many seconds more, or None if it is."""
    if known["out_for_s"] > 0:
        return ("rate limited by its provider" if known["rate_limited"] else "ejected after failures"), known["out_for_s"]
    if known["ejected"] and known["probe_for_s"] > 0:
        return "ejected after failures: one request finds out", known["probe_for_s"]
    return None


def load(known: dict[str, Any]) -> dict[str, Any]:
    """Return what a deployment has in flight, and what it has shown of its speed."""
    return {
        "in_flight": known["in_flight"],
        "in_flight_by_worker": known["in_flight_by_worker"],
        "without_first_byte": known["without_first_byte"],
        "queued": known["held"],
        "work_s": known["work_s"],
        "tokens_in_flight": known["tokens"],
        "slots": {"configured": known["slots"] or None, "seen": known["slots_seen"], "queue_seen": known["queue_seen"]},
        "speed": {
            "overhead_s": known["overhead_s"],
            "prompt_token_s": known["prompt_token_s"],
            "output_token_s": known["output_token_s"],
            "contention": known["contention"],
            "samples": known["samples"],
        },
        "this_minute": {"tokens": known["tokens_this_minute"], "requests": known["requests_this_minute"]},
    }


def prediction(row: dict[str, Any]) -> dict[str, float]:
    """Return the parts of a score, in seconds."""
    return {
        "own_s": row["own_s"],
        "inflicted_s": row["inflicted_s"],
        "wait_s": row["wait_s"],
        "stall": row["stall"],
        "failing": row["failing"],
        "expected_first_byte_s": row["expected_first_byte_s"],
        "score": row["score"],
    }
