"""Everything at once for a while: afterwards the gateway is as it was before. FASTGATE_SOAK_S says for how long."""

import contextlib
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import orjson
import pytest

from tests.support.answers import DONE
from tests.support.foreign import SANITIZED_BYTES
from tests.support.gateway import SCALE, Gateway, configuration, openai_model
from tests.support.wire import Client, IncompleteResponseError, chat, request

SOAK_S = float(os.environ.get("FASTGATE_SOAK_S", "10"))
CALLERS = 12
MIB = 1 << 20
# What a model's name makes the mock do, by the name that callers use.
BEHAVIOURS = {
    "plain": "tokens=5-50",
    "large": "size=200000-900000",
    "fast": "tokens=20-300",
    "paced": "tokens=10-30&delay=1ms&ttft=2ms",
    "long": "tokens=400&event_size=2000",
    "silent": "stall=after:3&tokens=10",
    "never": "stall=head",
    "limited": "status=429&retry_after=1",
    "broken": "status=500",
    "cut": "cut=mid:4&tokens=20",
    "reset": "cut=reset:2&tokens=20",
    "garbage": "malformed=chunk:3&tokens=20",
    "nonsense": "malformed=head",
}
_MOCK = re.compile(r"mock listening on http://127\.0\.0\.1:(\d+)")


@pytest.fixture
def mock_port() -> Iterator[int]:
    """Give the port of a mock provider in a process of its own."""
    command = [sys.executable, "-m", "fastgate", "mock", "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = _MOCK.match(process.stdout.readline())
        assert found
        try:
            yield int(found[1])
        finally:
            process.terminate()


class Caller:
    """One thread of requests, each of a kind drawn by chance; what went wrong is in `failure`."""

    def __init__(self, gateway: Gateway, seed: int) -> None:
        self._gateway = gateway
        self._random = random.Random(seed)
        self._client: Client | None = None
        self.statuses: Counter[int] = Counter()
        self.sent = 0
        self.failure = ""
        self._kinds: tuple[tuple[Callable[[], None], int], ...] = (
            (self.plain, 30),
            (self.stream, 25),
            (self.leave_at_once, 8),
            (self.leave_a_stream, 15),
            (self.read_slowly, 3),
            (self.error, 10),
            (self.broken_stream, 10),
            (self.broken_answer, 4),
        )

    def run(self, until: float) -> None:
        kinds, weights = zip(*self._kinds, strict=True)
        while time.monotonic() < until and not self.failure:
            kind = self._random.choices(kinds, weights)[0]
            try:
                kind()
            except (AssertionError, OSError, IncompleteResponseError) as error:
                self.failure = f"{kind.__name__}: {error!r}"
        self._leave()

    def _leave(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _send(self, model: str, *, stream: bool, client: Client | None = None) -> Client:
        if client is None:
            client = self._client = self._client or self._gateway.client()
        self.sent += 1
        client.send(request(body=chat(model, stream=stream, usage=self._random.random() < 0.5)))
        return client

    def plain(self) -> None:
        model = self._random.choice(("plain", "plain", "large"))
        answer = self._send(model, stream=False).read_response()
        assert answer.status == 200
        assert answer.json()["model"] == model

    def stream(self) -> None:
        client = self._send(self._random.choice(("fast", "paced")), stream=True)
        assert list(client.events(client.read_head()))[-1] == DONE

    def leave_at_once(self) -> None:
        self._send(self._random.choice(("plain", "fast", "never", "silent")), stream=self._random.random() < 0.5)
        self._leave()

    def leave_a_stream(self) -> None:
        client = self._send(self._random.choice(("fast", "paced", "long", "silent")), stream=True)
        events = client.events(client.read_head())
        for _ in range(self._random.randint(0, 3)):
            next(events)
        self._leave()

    def read_slowly(self) -> None:
        """Read a stream through a small buffer, with other work between."""
        with Client(self._gateway.connect(receive_buffer_bytes=4096)) as client:
            self._send("long", stream=True, client=client)
            self.stream()
            last = b""
            for number, event in enumerate(client.events(client.read_head())):
                last = event
                if number % 100 == 0:
                    self.plain()
            assert last == DONE

    def error(self) -> None:
        model, status = self._random.choice((("limited", 429), ("broken", 500), ("nonsense", 502), ("nobody", 404)))
        answer = self._send(model, stream=self._random.random() < 0.5).read_response()
        assert answer.status == status
        assert answer.error()["message"]
        self._leave_if_told(answer.head.says_close)

    def _leave_if_told(self, told: bool) -> None:
        if told:
            self._leave()

    def broken_stream(self) -> None:
        client = self._send(self._random.choice(("cut", "reset", "garbage")), stream=True)
        head = client.read_head()
        events: list[bytes] = []
        with contextlib.suppress(IncompleteResponseError):
            events.extend(client.events(head))
        assert DONE not in events
        assert head.status >= 500 or b'"error"' in events[-1]
        self._leave()

    def broken_answer(self) -> None:
        client = self._send("garbage", stream=False)
        with contextlib.suppress(IncompleteResponseError):
            client.read_response()
        self._leave()


def soak(gateway: Gateway, seed: int) -> tuple[list[Caller], list[int]]:
    """Let callers loose; return them, and the gateway's memory as it was over the time."""
    until = time.monotonic() + SOAK_S
    callers = [Caller(gateway, seed + number) for number in range(CALLERS)]
    threads = [threading.Thread(target=caller.run, args=(until,), daemon=True) for caller in callers]
    for thread in threads:
        thread.start()
    resident = []
    while time.monotonic() < until and not any(caller.failure for caller in callers):
        threads[0].join(SOAK_S / 100)
        resident.append(gateway.rss_bytes())
    for thread in threads:
        thread.join(20 * SCALE)
    return callers, resident


@pytest.mark.timeout(SOAK_S + 60 * SCALE)
def test_a_soak_leaves_nothing_behind(mock_port: int) -> None:
    seed = random.SystemRandom().getrandbits(32)
    models = [openai_model(name, mock_port, f"mock?{behaviour}", timeout=30) for name, behaviour in BEHAVIOURS.items()]
    with Gateway(configuration(*models)) as gateway:
        callers, resident = soak(gateway, seed)
        assert not [caller.failure for caller in callers if caller.failure], f"seed {seed}: {[c.failure for c in callers if c.failure]}"
        gateway.fence()
    # `stop` has proved that no connection and no exchange is left.
    sent = sum(caller.sent for caller in callers)
    assert sent > 100 * SOAK_S / SCALE
    lines = [orjson.loads(line) for line in gateway.log.splitlines() if line.startswith("{")]
    asked = [line for line in lines if line["operation"] == "chat"]
    assert len(asked) == sent, f"seed {seed}"
    assert len({line["request_id"] for line in asked}) == sent
    assert {200, 404, 429, 499, 500, 502} <= {line["status"] for line in asked}
    # After the first third everything that is allocated once is there.
    third = len(resident) // 3
    early, late = statistics.median(resident[third : 2 * third]), statistics.median(resident[2 * third :])
    assert late - early < 2 * MIB + SANITIZED_BYTES, f"seed {seed}: {early} bytes, then {late}"
