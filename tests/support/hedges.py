"""Two providers behind a gateway that hedges: whoever has a weight is asked first, the other is the hedge."""

import contextlib
import re
import threading
from collections.abc import Iterator
from typing import Any

import orjson

from tests.support.answers import DONE
from tests.support.failures import WORDS, Dialect
from tests.support.gateway import Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Peer, Step, Upstream, send
from tests.support.wire import Client, Response, chat, request

# Group -> the dialect of the deployment that is asked first, and of the other.
PAIRS: dict[str, tuple[Dialect, Dialect]] = {
    "same": ("openai", "openai"),
    "into": ("openai", "anthropic"),
    "from": ("anthropic", "openai"),
    "other": ("anthropic", "anthropic"),
}
MAKE = {"openai": openai_model, "anthropic": anthropic_model}
# Answers after which hedges are asked for.
LEARNED = 40


def models(first: Upstream, second: Upstream, **params: object) -> list[dict[str, object]]:
    made = []
    for group, dialects in PAIRS.items():
        for at, (dialect, upstream) in enumerate(zip(dialects, (first, second), strict=True)):
            # Whoever has a weight is asked first.
            shares = {} if at else {"weight": 1}
            entry = MAKE[dialect](group, upstream.port, max_retries=2, **shares, **params)
            entry["model_info"] = {"id": f"{group}-{at}"}
            made.append(entry)
    return made


def settings(listed: list[dict[str, object]], **hedging: object) -> dict[str, object]:
    own = {"hedging": {"models": ["*"], "budget": 1, **hedging}, "drain_timeout_s": 0.2}
    return configuration(*listed, **own) | {"router_settings": {"disable_cooldowns": True}}


def learn(gateway: Gateway, first: Upstream, group: str) -> None:
    """Let the gateway see how long answers of a group take to begin."""
    words = WORDS[PAIRS[group][0]]
    with gateway.client() as client:
        for streamed in (False, True):
            first.serve(send(words.streamed if streamed else words.whole))
            for _ in range(LEARNED):
                assert client.exchange(ask(group, streamed)).status == 200


def ask(group: str, streamed: bool, **more: object) -> bytes:
    body = orjson.loads(chat(group, stream=streamed)) | more
    return request("/v1/chat/completions", orjson.dumps(body))


def good(group: str, at: int, streamed: bool) -> Step:
    words = WORDS[PAIRS[group][at]]
    return send(words.streamed if streamed else words.whole)


def told(event: threading.Event) -> Step:
    def step(_: Peer) -> None:
        event.set()

    return step


@contextlib.contextmanager
def asking(gateway: Gateway, group: str, streamed: bool, **more: object) -> Iterator[Client]:
    """Give the caller of one request, which is on its way."""
    with gateway.client() as client:
        client.send(ask(group, streamed, **more))
        yield client


def said(answer: Response, streamed: bool) -> str:
    if not streamed:
        found: Any = answer.json()
        return str(found["choices"][0]["message"]["content"])
    assert answer.body.endswith(DONE)
    events = [orjson.loads(event) for event in re.findall(rb"data: (\{.*\})", answer.body)]
    assert not [event for event in events if "error" in event], answer.body
    assert sum(event["choices"][0]["delta"].get("role") == "assistant" for event in events if event["choices"]) <= 1
    return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])


def assert_answered(answer: Response, group: str, streamed: bool, by: int, attempts: int = 2) -> None:
    assert answer.status == 200, answer.raw
    assert said(answer, streamed) == ("ab" if streamed else "hello")
    assert answer.field("x-fastgate-hedged") == b"1"
    assert answer.field("x-fastgate-attempts") == b"%d" % attempts
    assert answer.field("x-fastgate-deployment") == f"{group}-{by}".encode()
    assert set(re.findall(rb'"model":"(.*?)"', answer.body)) == {group.encode()}


def log_of(gateway: Gateway, answer: Response) -> dict[str, Any]:
    name = re.escape((answer.field("x-request-id") or b"").decode())
    found: dict[str, Any] = orjson.loads(gateway.wait_for_line(re.compile(r'\{.*"request_id":"' + name + r'".*\}')).group(0))
    return found
