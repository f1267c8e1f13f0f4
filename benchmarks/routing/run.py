"""One strategy in one instance: the events in their order."""

from __future__ import annotations

import heapq
from typing import Protocol

from msgspec import Struct

from benchmarks.routing.kinds import Instance
from benchmarks.routing.world import END, FIRST_BYTE, Job, Request, Server

HOLD, NONE = -2, -1
ATTEMPTS = 3
TICK_S = 0.5
WAKE_S = 0.05
# What a request that got no answer has cost its caller beside the attempts: it comes again.
UNANSWERED_S = 30.0
# Shares of the requests that come first, while nothing is known yet, and are not counted.
WARM_SHARE = 0.1
ARRIVE, SERVE, REFUSE, CHANGE, TICK, WAKE = range(6)


class Router(Protocol):
    """A strategy, as the world drives it. Servers are numbers; *now* is in seconds."""

    # Wants `progress`.
    watches: bool

    def begin(self, servers: list[Server]) -> None: ...

    # Where a request that pick holds back would go.
    held_for: int

    def pick(self, request: Request, now: float, excluded: set[int]) -> int: ...
    def hold(self, request: Request, server: int, count: int) -> None: ...
    def dispatched(self, request: Request, server: int, now: float) -> object: ...
    def first_byte(self, token: object, now: float) -> None: ...
    def progress(self, token: object, tokens: int, now: float) -> None: ...
    def ended(self, token: object, output_tokens: int, now: float) -> None: ...
    def failed(self, token: object, limited: bool, retry_after_s: float, now: float) -> None: ...


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of the counted requests."""

    latencies_s: list[float]
    # Answered, and within five times what it takes alone on the server in the middle, and 5 s.
    useful: int
    unanswered: int
    # Attempts that failed, and those of them that were refused by a rate limit.
    failures: int
    limited: int
    shares: list[float]


class _Run:
    def __init__(self, instance: Instance, router: Router) -> None:
        self.instance = instance
        self.router = router
        self.servers = [Server(spec, spreads) for spec, spreads in zip(instance.servers, instance.spreads, strict=True)]
        self.events: list[tuple[float, int, int, object]] = []
        self.order = 0
        count = len(instance.requests)
        self.latency = [0.0] * count
        self.attempts = [0] * count
        self.excluded: list[set[int]] = [set() for _ in range(count)]
        self.unanswered: set[int] = set()
        self.held: list[tuple[Request, int]] = []
        self.open = count
        self.failures = self.limited = 0
        self.asked = [0] * len(self.servers)
        self.wake_at = 0.0

    def push(self, at: float, kind: int, what: object) -> None:
        self.order += 1
        heapq.heappush(self.events, (at, self.order, kind, what))

    def run(self) -> None:
        self.router.begin(self.servers)
        for request in self.instance.requests:
            self.push(request.arrival_s, ARRIVE, request)
        for number, server in enumerate(self.servers):
            for at, _ in (*server.spec.speeds, *server.spec.failing):
                self.push(at, CHANGE, number)
        if self.router.watches:
            self.push(TICK_S, TICK, None)
        while self.open:
            now, _, kind, what = heapq.heappop(self.events)
            if kind == SERVE:
                number, version = what  # type: ignore[misc]
                if version == self.servers[number].version:
                    self.serve(number, now)
            elif kind == ARRIVE:
                self.start(what, now)  # type: ignore[arg-type]
            elif kind == REFUSE:
                self.refuse(*what, now)  # type: ignore[misc]
            elif kind == CHANGE:
                self.change(what, now)  # type: ignore[arg-type]
            elif kind == TICK:
                self.tick(now)
            else:
                self.release(now)

    def start(self, request: Request, now: float) -> None:
        if not self.try_once(request, now):
            self.wake(now)

    def wake(self, now: float) -> None:
        """Look again soon: a rate limit may admit what is held."""
        if self.held and self.wake_at <= now:
            self.wake_at = now + WAKE_S
            self.push(self.wake_at, WAKE, None)

    def release(self, now: float) -> None:
        """Ask again for what is held, the oldest first: something has changed."""
        if not self.held:
            return
        held, self.held = self.held, []
        for request, server in held:
            self.router.hold(request, server, -1)
        for request, _ in held:
            self.try_once(request, now)
        self.wake(now)

    def try_once(self, request: Request, now: float) -> bool:
        excluded = self.excluded[request.number]
        choice = self.router.pick(request, now, excluded)
        if choice == NONE:
            excluded.clear()
            choice = self.router.pick(request, now, excluded)
        if choice < 0:
            self.held.append((request, self.router.held_for))
            self.router.hold(request, self.router.held_for, 1)
            return False
        self.asked[choice] += 1
        server = self.servers[choice]
        job = server.job(request)
        job.token = self.router.dispatched(request, choice, now)
        if server.failing > request.luck:
            self.push(now + server.spec.fail_s, REFUSE, (choice, job, 0.0))
            return True
        if server.spec.rpm:
            wait = server.wait_for_limit(now)
            if wait > 0:
                self.push(now + 0.05, REFUSE, (choice, job, wait))
                return True
            server.charge(now)
        server.take(job, now)
        self.plan(choice)
        return True

    def plan(self, number: int) -> None:
        server = self.servers[number]
        server.version += 1
        at = server.next_s()
        if at is not None:
            self.push(at, SERVE, (number, server.version))

    def serve(self, number: int, now: float) -> None:
        server = self.servers[number]
        what, job = server.step(now)
        if what == FIRST_BYTE:
            if not job.request.whole:
                self.router.first_byte(job.token, now)
            self.plan(number)
            return
        assert what == END
        self.latency[job.request.number] = now - job.request.arrival_s
        self.open -= 1
        self.router.ended(job.token, job.request.output_tokens, now)
        self.release(now)
        self.plan(number)

    def refuse(self, number: int, job: Job, retry_after_s: float, now: float) -> None:
        request = job.request
        self.failures += 1
        self.limited += retry_after_s > 0
        self.router.failed(job.token, retry_after_s > 0, retry_after_s, now)
        self.attempts[request.number] += 1
        if self.attempts[request.number] >= ATTEMPTS:
            self.latency[request.number] = now - request.arrival_s + UNANSWERED_S
            self.unanswered.add(request.number)
            self.open -= 1
        else:
            self.excluded[request.number].add(number)
            self.start(request, now)
        self.release(now)

    def change(self, number: int, now: float) -> None:
        server = self.servers[number]
        server.advance(now)
        for at, speed in server.spec.speeds:
            if at <= now:
                server.speed = speed
        for at, failing in server.spec.failing:
            if at <= now:
                server.failing = failing
        self.plan(number)

    def tick(self, now: float) -> None:
        for server in self.servers:
            server.advance(now)
            for job in server.running:
                if not job.request.whole and server.clock > job.first_at:
                    self.router.progress(job.token, server.tokens_of(job), now)
        self.push(now + TICK_S, TICK, None)


def simulate(instance: Instance, router: Router) -> Outcome:
    """Return what became of the instance's requests under *router*."""
    run = _Run(instance, router)
    run.run()
    counted = instance.requests[int(len(instance.requests) * WARM_SHARE) :]
    useful = 0
    for request in counted:
        alone = sorted(spec.solo_s(request.prompt_tokens, request.output_tokens) for spec in instance.servers)[len(instance.servers) // 2]
        useful += request.number not in run.unanswered and run.latency[request.number] <= 5 * alone + 5
    return Outcome(
        latencies_s=[run.latency[request.number] for request in counted],
        useful=useful,
        unanswered=sum(request.number in run.unanswered for request in counted),
        failures=run.failures,
        limited=run.limited,
        shares=[asked / sum(run.asked) for asked in run.asked],
    )
