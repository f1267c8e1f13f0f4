"""The mock provider: answers each request by its plan, waiting for a slot where the plan says so."""

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Protocol

from msgspec import Struct

from fastgate.mock.behaviour import Behaviour
from fastgate.mock.delivery import Client, Delivery
from fastgate.mock.kept import Kept
from fastgate.mock.pacing import Pacer
from fastgate.mock.plan import Asked, Plan, build_plan
from fastgate.mock.script import Script
from fastgate.mock.slots import Slots

# Request bytes whose plans are kept; past it all are forgotten at once.
MAX_PLANNED_BYTES = 64 * 1024 * 1024
MAX_PLANS = 4_096
MAX_KEY_BYTES = 4_096
# The oldest are forgotten first.
MAX_RECEIVED = 10_000

RECORDED_FIELDS = (
    "host",
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "content-type",
    "content-length",
    "transfer-encoding",
    "accept",
    "accept-encoding",
    "user-agent",
    "connection",
    "anthropic-version",
    "anthropic-beta",
    "openai-organization",
    "x-request-id",
    "x-mock",
    "x-forwarded-for",
    "via",
)


class Request(Client, Protocol):
    """What the mock needs of the core's Request."""

    @property
    def method(self) -> bytes: ...
    @property
    def target(self) -> bytes: ...
    @property
    def body(self) -> bytes: ...
    def field(self, name: bytes, /) -> bytes: ...


class Received(Struct, frozen=True):
    """One request as it arrived; of its fields those of RECORDED_FIELDS that it had."""

    method: str
    target: str
    fields: dict[str, str]
    body: bytes


class Counters(Struct):
    """What happened so far; `active` and `waiting` are there now."""

    requests: int = 0
    # Answers played to their end, errors among them.
    answered: int = 0
    errors: int = 0
    # Clients that left before the end of their answer.
    gone: int = 0
    active: int = 0
    waiting: int = 0


class App:
    """Give `on_request` to the core's Responder."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        behaviour: Behaviour,
        *,
        seed: int = 0,
        record: bool = False,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self.counters = Counters()
        self.received: deque[Received] = deque(maxlen=MAX_RECEIVED)
        self._behaviour = behaviour
        self._record = record
        # Called after every change of the counters.
        self._on_change = on_change
        self._random = Random(seed)
        self._pacer = Pacer(loop)
        self._kept = Kept()
        self._plans: dict[tuple[bytes, ...], Plan] = {}
        self._planned_bytes = 0
        self._slots: dict[tuple[str, int], Slots] = {}
        # Nobody else holds an answer that has fallen silent.
        self._deliveries: set[Delivery] = set()

    def on_request(self, request: Request) -> None:
        """Answer *request*, now or later."""
        self.counters.requests += 1
        if self._record:
            self.received.append(_received(request))
        plan = self._find_plan(request)
        script = plan.script
        if plan.failure is not None and (plan.error_rate >= 1.0 or self._random.random() < plan.error_rate):
            self.counters.errors += 1
            script = plan.failure
        if plan.slots:
            self._queue(request, plan, script)
        elif len(script.pieces) == 1 and script.dues_us[0] == 0 and script.ending == "finish":
            request.write(script.pieces[0])
            self.counters.answered += 1
            self._changed()
            request.finish()
        else:
            self._deliver(request, script)

    def _find_plan(self, request: Request) -> Plan:
        body = request.body
        # Hashing 2 MB takes over a millisecond, comparing them a tenth: long bodies are found by their ends.
        ends = body if len(body) <= MAX_KEY_BYTES else b"%d " % len(body) + body[: MAX_KEY_BYTES // 2] + body[-MAX_KEY_BYTES // 2 :]
        key = (request.target, request.field(b"x-mock"), request.field(b"anthropic-version"), ends, request.method)
        plan = self._plans.get(key)
        if plan is not None and plan.body == body:
            return plan
        asked = Asked(request.method, key[0], key[1], key[2], request.field(b"content-type"), body)
        plan = build_plan(asked, self._behaviour, self._kept)
        if plan.pure:
            self._planned_bytes += len(body) + sum(map(len, plan.script.pieces))
            if self._planned_bytes > MAX_PLANNED_BYTES or len(self._plans) >= MAX_PLANS:
                self._plans.clear()
                self._planned_bytes = len(body)
            self._plans[key] = plan
        return plan

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change()

    def _deliver(self, request: Request, script: Script, slots: Slots | None = None) -> Delivery:
        """Start to play *script*; give the slot back to *slots* when it has ended."""

        def on_end(ended: Delivery, gone: bool) -> None:
            self._deliveries.discard(ended)
            self.counters.active -= 1
            if gone:
                self.counters.gone += 1
            else:
                self.counters.answered += 1
            self._changed()
            if slots is not None:
                slots.give()

        delivery = Delivery(request, script, self._pacer, on_end)
        self._deliveries.add(delivery)
        self.counters.active += 1
        request.on_gone = delivery.on_gone
        self._changed()
        delivery.start()
        return delivery

    def _queue(self, request: Request, plan: Plan, script: Script) -> None:
        slots = self._slots.get((plan.model, plan.slots))
        if slots is None:
            slots = self._slots[plan.model, plan.slots] = Slots(plan.slots)
        if plan.refusal is not None and slots.waiting >= plan.queue:
            self.counters.errors += 1
            self._deliver(request, plan.refusal)
            return
        waited = False

        def start() -> None:
            if waited:
                self.counters.waiting -= 1
            self._deliver(request, script, slots)

        ticket = slots.take(start)
        if ticket < 0:
            return
        waited = True
        self.counters.waiting += 1

        def on_gone() -> None:
            if slots.leave(ticket):
                self.counters.waiting -= 1
                self.counters.gone += 1
                self._changed()

        request.on_gone = on_gone
        self._changed()


def _received(request: Request) -> Received:
    fields = {name: request.field(name.encode()).decode("latin-1") for name in RECORDED_FIELDS}
    present = {name: value for name, value in fields.items() if value}
    return Received(request.method.decode("latin-1"), request.target.decode("latin-1"), present, request.body)
