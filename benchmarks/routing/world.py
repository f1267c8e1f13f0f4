"""The simulated world: requests, and servers that share their speed out among the requests that they run.

A server that runs m requests at a time runs each 1 / m ** contention as fast as alone. Work is counted in solo seconds; `clock` is what a
request that ran all along has had of it, so that a first byte and an end are fixed points of that clock, whoever comes and goes.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence

from msgspec import Struct

FIRST_BYTE, END = 0, 1


class Request(Struct, frozen=True):
    """A caller's request; its output is known to the world and to clairvoyants only."""

    number: int
    arrival_s: float
    prompt_tokens: int
    output_tokens: int
    # The answer comes at once.
    whole: bool
    # Chance that decides between 0 and 1 where a server fails at times.
    luck: float


class Spec(Struct, frozen=True, kw_only=True):
    """A server as it is, not as anybody knows it."""

    overhead_s: float
    prompt_s: float
    token_s: float
    contention: float = 0.0
    # 0: as many as come.
    slots: int = 0
    # Spread of ln(time) of one request, before the first byte and behind it.
    spread_first: float = 0.1
    spread_rest: float = 0.1
    # Requests a minute, and at once; 0: unlimited.
    rpm: float = 0.0
    burst: int = 10
    # (from when, speed) in order; 1 before the first.
    speeds: tuple[tuple[float, float], ...] = ()
    # (from when, chance of failing) in order.
    failing: tuple[tuple[float, float], ...] = ()
    fail_s: float = 0.05
    # The model is unloaded after so many idle seconds, and takes so many to load; 0: stays.
    unload_s: float = 0.0
    load_s: float = 0.0

    def solo_s(self, prompt_tokens: float, output_tokens: float) -> float:
        return self.overhead_s + self.prompt_s * prompt_tokens + self.token_s * output_tokens

    def capacity(self, prompt_tokens: float, output_tokens: float) -> float:
        """Return the requests of this size it serves a second, all slots taken."""
        if self.rpm and not self.slots:
            return self.rpm / 60
        return max(1, self.slots) ** (1 - self.contention) / self.solo_s(prompt_tokens, output_tokens)


class Job:
    """A request at a server."""

    __slots__ = ("end_at", "first_at", "output_tokens", "prefill_s", "request", "solo_s", "token")

    def __init__(self, request: Request, prefill_s: float, decode_s: float) -> None:
        self.request = request
        self.prefill_s = prefill_s
        self.solo_s = prefill_s + decode_s
        self.output_tokens = request.output_tokens
        # Points of the server's clock, once it runs.
        self.first_at = self.end_at = 0.0
        # What the router wants to be told its events with.
        self.token: object = None


class Server:
    """Runs jobs, as many at a time as it has slots; the others wait in its queue."""

    def __init__(self, spec: Spec, spreads: Sequence[tuple[float, float]]) -> None:
        self.spec = spec
        self.spreads = spreads
        self.clock = 0.0
        self.at_s = 0.0
        self.speed = 1.0
        self.failing = 0.0
        self.blocked_until_s = 0.0
        self.running: dict[Job, None] = {}
        self.queue: deque[Job] = deque()
        self.points: list[tuple[float, int, int, Job]] = []
        self.count = 0
        # Of what was last said to be next.
        self.version = 0
        self.admitted_at_s = -1e9
        self.idle_since_s = 0.0

    def job(self, request: Request) -> Job:
        first, rest = self.spreads[request.number]
        spec = self.spec
        prefill = (spec.overhead_s + spec.prompt_s * request.prompt_tokens) * first
        return Job(request, prefill, spec.token_s * request.output_tokens * rest)

    def advance(self, now_s: float) -> None:
        since = max(self.at_s, self.blocked_until_s)
        if now_s > since and self.running:
            self.clock += (now_s - since) * self.speed / len(self.running) ** self.spec.contention
        self.at_s = now_s

    def wait_for_limit(self, now_s: float) -> float:
        """Return the seconds until the rate limit admits a request; 0: now."""
        if not self.spec.rpm:
            return 0.0
        step = 60 / self.spec.rpm
        return max(0.0, max(self.admitted_at_s, now_s) + step - now_s - step * self.spec.burst)

    def charge(self, now_s: float) -> None:
        self.admitted_at_s = max(self.admitted_at_s, now_s) + 60 / self.spec.rpm

    def take(self, job: Job, now_s: float) -> None:
        self.advance(now_s)
        if self.spec.slots and len(self.running) >= self.spec.slots:
            self.queue.append(job)
            return
        if self.spec.unload_s and not self.running and now_s - self.idle_since_s > self.spec.unload_s:
            self.blocked_until_s = now_s + self.spec.load_s
        self._run(job)

    def _run(self, job: Job) -> None:
        job.first_at = self.clock + job.prefill_s
        job.end_at = self.clock + job.solo_s
        self.running[job] = None
        self.count += 1
        heapq.heappush(self.points, (job.first_at, self.count, FIRST_BYTE, job))

    def next_s(self) -> float | None:
        """Return when the next first byte or end comes, if nothing else happens."""
        if not self.points or self.speed <= 0:
            return None
        left = max(0.0, self.points[0][0] - self.clock)
        return max(self.at_s, self.blocked_until_s) + left * len(self.running) ** self.spec.contention / self.speed

    def step(self, now_s: float) -> tuple[int, Job]:
        """Return what has come: FIRST_BYTE or END, and of which job."""
        self.advance(now_s)
        point, _, what, job = heapq.heappop(self.points)
        self.clock = max(self.clock, point)
        if what == FIRST_BYTE:
            self.count += 1
            heapq.heappush(self.points, (job.end_at, self.count, END, job))
            return what, job
        del self.running[job]
        if self.queue:
            self._run(self.queue.popleft())
        if not self.running:
            self.idle_since_s = now_s
        return what, job

    def tokens_of(self, job: Job) -> int:
        if self.clock <= job.first_at:
            return 0
        return int(job.output_tokens * (self.clock - job.first_at) / (job.end_at - job.first_at))

    def foretell(self, job: Job | None) -> tuple[float, float]:
        """Return the seconds until *job* would be done, and those until each of the others is, added up; nobody else coming."""
        clock, contention, slots = self.clock, self.spec.contention, self.spec.slots
        ends = [(other.end_at - clock, 0.0) for other in self.running]
        queue = [(other.solo_s, 0.0) for other in self.queue]
        if job is not None:
            if slots and len(ends) >= slots:
                queue.append((job.solo_s, 1.0))
            else:
                ends.append((job.solo_s, 1.0))
        ends.sort()
        now = max(0.0, self.blocked_until_s - self.at_s)
        if job is not None and self.spec.unload_s and not self.running and self.at_s - self.idle_since_s > self.spec.unload_s:
            now += self.spec.load_s
        done = own = others = 0.0
        waiting = 0
        while ends:
            end, mine = ends[0]
            now += (end - done) * len(ends) ** contention / self.speed
            done = end
            if mine:
                own = now
            else:
                others += now
            if waiting < len(queue):
                solo, mine = queue[waiting]
                waiting += 1
                heapq.heapreplace(ends, (done + solo, mine))
            else:
                heapq.heappop(ends)
        return own, others
