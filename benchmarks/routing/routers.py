"""The strategies of fastgate, as compiled, and two clairvoyants to compare with."""

from __future__ import annotations

import mmap

from benchmarks.routing.run import HOLD, NONE
from benchmarks.routing.world import Job, Request, Server
from fastgate._core import Attempt, Fleet


class Compiled:
    """One of fastgate's strategies, by its name. *known*: slots and rate limits are configured. *workers* share what they know."""

    def __init__(self, strategy: str, *, known: bool = False, workers: int = 1, shared: bool = True, seed: int = 1) -> None:
        self.strategy = strategy
        self.known = known
        self.workers = workers
        self.shared = shared
        self.seed = seed
        self.watches = True

    def begin(self, servers: list[Server]) -> None:
        count, workers = len(servers), self.workers
        lanes = workers if self.shared else 1
        regions = [mmap.mmap(-1, Fleet.size(count, 1, lanes)) for _ in range(1 if self.shared else workers)]
        self.servers = servers
        self.fleets = [
            Fleet(regions[lane if not self.shared else 0], count, 1, lanes, lane if self.shared else 0, self.seed + lane)
            for lane in range(workers)
        ]
        for fleet in self.fleets:
            for number, server in enumerate(servers):
                fleet.describe(number, slots=server.spec.slots if self.known else 0)

    def _limits(self, now: float) -> dict[int, tuple[int, int]] | None:
        if not self.known:
            return None
        waits = {number: server.wait_for_limit(now) for number, server in enumerate(self.servers) if server.spec.rpm}
        return {
            number: (int((now + wait) * 1e6) + 1_000_001, int(60e6 / self.servers[number].spec.rpm))
            for number, wait in waits.items()
            if wait > 0
        }

    def pick(self, request: Request, now: float, excluded: set[int]) -> int:
        fleet = self.fleets[request.number % self.workers]
        choice = fleet.pick(
            self.strategy,
            0,
            int(now * 1e6) + 1_000_000,
            request.prompt_tokens,
            whole=request.whole,
            excluded=excluded,
            not_before=self._limits(now),
        )
        self.held_for = fleet.held_for
        return choice

    def hold(self, request: Request, server: int, count: int) -> None:
        self.fleets[request.number % self.workers].hold(server, count)

    def dispatched(self, request: Request, server: int, now: float) -> Attempt:
        return self.fleets[request.number % self.workers].dispatch(
            0, server, int(now * 1e6) + 1_000_000, request.prompt_tokens, whole=request.whole
        )

    def first_byte(self, token: Attempt, now: float) -> None:
        token.first_byte(int(now * 1e6) + 1_000_000)

    def progress(self, token: Attempt, tokens: int, now: float) -> None:
        token.progress(tokens, int(now * 1e6) + 1_000_000)

    def ended(self, token: Attempt, output_tokens: int, now: float) -> None:
        token.ended(output_tokens, int(now * 1e6) + 1_000_000)

    def failed(self, token: Attempt, limited: bool, retry_after_s: float, now: float) -> None:
        token.failed("rate_limited" if limited else "server", int(now * 1e6) + 1_000_000, int(retry_after_s * 1e6))


class Clairvoyant:
    """Knows every server as it is, each request's length, and who would refuse it; not who comes next.

    It asks where the request is done first; *social*: where that and what it delays the others by is least.
    """

    watches = False

    def __init__(self, *, social: bool) -> None:
        self.social = social

    def begin(self, servers: list[Server]) -> None:
        self.servers = servers
        self.holding = [0] * len(servers)

    def pick(self, request: Request, now: float, excluded: set[int]) -> int:
        best, least = NONE, 0.0
        soonest = 0.0
        for number, server in enumerate(self.servers):
            if number in excluded or server.failing > request.luck:
                continue
            wait = server.wait_for_limit(now)
            if wait > 0:
                # Those held before it are admitted before it.
                wait += self.holding[number] * 60 / server.spec.rpm
            server.advance(now)
            own, others = server.foretell(server.job(request))
            cost = own + wait + (others - server.foretell(None)[1] if self.social else 0)
            if best == NONE or cost < least:
                best, least, soonest = number, cost, wait
        if best == NONE:
            return NONE
        self.held_for = best
        return HOLD if soonest > 0 else best

    def hold(self, request: Request, server: int, count: int) -> None:
        self.holding[server] += count

    def dispatched(self, request: Request, server: int, now: float) -> Job | None: ...
    def first_byte(self, token: object, now: float) -> None: ...
    def progress(self, token: object, tokens: int, now: float) -> None: ...
    def ended(self, token: object, output_tokens: int, now: float) -> None: ...
    def failed(self, token: object, limited: bool, retry_after_s: float, now: float) -> None: ...
