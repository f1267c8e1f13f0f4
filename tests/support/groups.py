"""Several providers behind one gateway, for what becomes of a request that one of them fails."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from tests.support.answers import completion, plain
from tests.support.gateway import Gateway, configuration, openai_model
from tests.support.upstream import Step, Upstream, send
from tests.support.wire import Response, request

WELL = send(plain(completion()))


def failing(status: str = "500 Internal Server Error", *fields: str, code: str = "", message: str = "no") -> Step:
    """Return a step that answers with an error of OpenAI's form."""
    made = orjson.dumps({"error": {"message": message, "type": "error", "param": None, "code": code or None}})
    return send(plain(made, *fields, status=status))


class Turns:
    """A step that is another one for each request."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)

    def __call__(self, peer: Any) -> None:
        (self._steps.pop(0) if len(self._steps) > 1 else self._steps[0])(peer)


@contextlib.contextmanager
def upstreams(count: int) -> Iterator[list[Upstream]]:
    """Give providers that answer well."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Upstream()).serve(WELL) for _ in range(count)]


def ordered(name: str, *served: Upstream, **params: object) -> list[dict[str, object]]:
    """Return the entries of a group whose first deployment is asked first, and whose others are asked in turn."""
    entries = [openai_model(name, one.port, model=f"up-{name}-{at}", **params) for at, one in enumerate(served)]
    for entry in entries:
        del entry["litellm_params"]["max_retries"]  # type: ignore[attr-defined]
    if len(entries) > 1:
        entries[0]["litellm_params"]["weight"] = 1  # type: ignore[index]
    return entries


def started(models: list[dict[str, object]], router: Mapping[str, object], **top: object) -> Gateway:
    """Return a gateway with these settings of the router, and further sections of the file. Deployments are asked by their weights."""
    return Gateway(configuration(*models) | {"router_settings": {"routing_strategy": "simple-shuffle", **router}} | top)


def asked(gateway: Gateway, body: bytes, target: str = "/v1/chat/completions") -> Response:
    with gateway.client() as client:
        return client.exchange(request(target, body))
