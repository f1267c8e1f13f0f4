"""Figures of a trace, alike for a real run, its simulation and the clairvoyant's."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from benchmarks.routing.kinds import Instance
from benchmarks.routing.real_world import Place, price_of
from benchmarks.routing.routers import Clairvoyant, Compiled
from benchmarks.routing.run import UNANSWERED_S, WARM_SHARE, Router, simulate
from benchmarks.routing.world import Request, Server, Spec

WORKERS = 2
# A useful answer came within so many times what it takes alone, and so many of the kind's seconds.
PATIENCE, PATIENCE_S = 5, 5.0


class Strategy(Struct, frozen=True, kw_only=True):
    """A strategy of the configuration; *known*: slots and rate limits are configured too."""

    name: str
    routing: str
    known: bool = False


STRATEGIES = (
    Strategy(name="expected-latency, slots and limits known", routing="expected-latency", known=True),
    Strategy(name="expected-latency, nothing known", routing="expected-latency"),
    Strategy(name="latency-based-routing", routing="latency-based-routing"),
    Strategy(name="least-busy", routing="least-busy"),
    Strategy(name="usage-based-routing-v2", routing="usage-based-routing-v2"),
    Strategy(name="cost-based-routing", routing="cost-based-routing"),
    Strategy(name="simple-shuffle", routing="simple-shuffle"),
)


class Fate(Struct, frozen=True, kw_only=True):
    """What became of one request."""

    answered: bool
    latency_s: float
    # Of a stream; 0: none came, or the answer came at once.
    first_s: float
    # That answered; -1: none.
    server: int


class Figures(Struct, frozen=True, kw_only=True):
    """Of the counted requests of a trace; seconds."""

    mean: float
    p50: float
    p95: float
    p99: float
    first_p50: float
    first_p95: float
    first_p99: float
    # Share that was useful.
    goodput: float
    # Requests without an answer.
    failed: int
    spend_nanodollars: int


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which *share* of the sorted *values* are; 0 of none."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def figures_of(place: Place, fates: Sequence[Fate]) -> Figures:
    """Return the figures; what was not answered counts longer, as in the simulation."""
    instance, factor = place.instance, place.factor
    counted = range(int(len(fates) * WARM_SHARE), len(fates))
    prices = [price_of(spec, factor) for spec in instance.servers]
    latencies, firsts, useful, spend = [], [], 0, 0
    for number in counted:
        request, fate = instance.requests[number], fates[number]
        latencies.append(fate.latency_s + (0.0 if fate.answered else UNANSWERED_S / factor))
        if not fate.answered:
            continue
        if fate.first_s:
            firsts.append(fate.first_s)
        alone = sorted(spec.solo_s(request.prompt_tokens, request.output_tokens) for spec in instance.servers)
        useful += fate.latency_s <= PATIENCE * alone[len(alone) // 2] + PATIENCE_S / factor
        spend += prices[fate.server] * (request.prompt_tokens + request.output_tokens)
    latencies.sort()
    firsts.sort()
    return Figures(
        mean=sum(latencies) / len(latencies),
        p50=quantile(latencies, 0.5),
        p95=quantile(latencies, 0.95),
        p99=quantile(latencies, 0.99),
        first_p50=quantile(firsts, 0.5),
        first_p95=quantile(firsts, 0.95),
        first_p99=quantile(firsts, 0.99),
        goodput=useful / len(counted),
        failed=sum(not fates[number].answered for number in counted),
        spend_nanodollars=spend,
    )


class Priced(Compiled):
    """A strategy of fastgate's that knows prices, and with *known* slots and limits."""

    def __init__(self, strategy: Strategy, factor: float, seed: int = 1) -> None:
        super().__init__(strategy.routing, known=strategy.known, workers=WORKERS, seed=seed)
        self.factor = factor

    def begin(self, servers: list[Server]) -> None:
        super().begin(servers)
        for fleet in self.fleets:
            for number, server in enumerate(servers):
                price = float(price_of(server.spec, self.factor))
                fleet.describe(number, slots=server.spec.slots if self.known else 0, input_cost=price, output_cost=price)


class Recorded:
    """A router whose requests' times are kept."""

    def __init__(self, inner: Router, instance: Instance) -> None:
        self.inner = inner
        self.watches = inner.watches
        self.instance = instance
        count = len(instance.requests)
        self.servers = [-1] * count
        self.first_s = [0.0] * count
        self.ended_s: list[float | None] = [None] * count
        self.failed_s = [0.0] * count

    @property
    def held_for(self) -> int:
        return self.inner.held_for

    def begin(self, servers: list[Server]) -> None:
        self.inner.begin(servers)

    def pick(self, request: Request, now: float, excluded: set[int]) -> int:
        return self.inner.pick(request, now, excluded)

    def hold(self, request: Request, server: int, count: int) -> None:
        self.inner.hold(request, server, count)

    def dispatched(self, request: Request, server: int, now: float) -> tuple[Request, object]:
        self.servers[request.number] = server
        return request, self.inner.dispatched(request, server, now)

    def first_byte(self, token: tuple[Request, object], now: float) -> None:
        request, inner = token
        self.first_s[request.number] = now - request.arrival_s
        self.inner.first_byte(inner, now)

    def progress(self, token: tuple[Request, object], tokens: int, now: float) -> None:
        self.inner.progress(token[1], tokens, now)

    def ended(self, token: tuple[Request, object], output_tokens: int, now: float) -> None:
        request, inner = token
        self.ended_s[request.number] = now - request.arrival_s
        self.inner.ended(inner, output_tokens, now)

    def failed(self, token: tuple[Request, object], limited: bool, retry_after_s: float, now: float) -> None:
        request, inner = token
        self.failed_s[request.number] = now - request.arrival_s
        self.inner.failed(inner, limited, retry_after_s, now)

    def fates(self) -> list[Fate]:
        return [
            Fate(answered=ended is not None, latency_s=failed if ended is None else ended, first_s=first, server=server)
            for ended, failed, first, server in zip(self.ended_s, self.failed_s, self.first_s, self.servers, strict=True)
        ]


class Replay:
    """Sends each request to the server that has answered it before."""

    watches = False
    held_for = 0

    def __init__(self, servers: Sequence[int]) -> None:
        self.servers = servers

    def pick(self, request: Request, now: float, excluded: set[int]) -> int:
        return self.servers[request.number]

    def begin(self, servers: list[Server]) -> None: ...
    def hold(self, request: Request, server: int, count: int) -> None: ...
    def dispatched(self, request: Request, server: int, now: float) -> None: ...
    def first_byte(self, token: object, now: float) -> None: ...
    def progress(self, token: object, tokens: int, now: float) -> None: ...
    def ended(self, token: object, output_tokens: int, now: float) -> None: ...
    def failed(self, token: object, limited: bool, retry_after_s: float, now: float) -> None: ...


def replayed(place: Place, fates: Sequence[Fate]) -> Figures:
    """Return the figures of the simulated world if each request goes where it went; what was refused or failed costs nothing there.

    What has not been answered waits at a server of its own, and is as it was.
    """
    instance = place.instance
    servers = (*(structs.replace(spec, rpm=0.0, failing=()) for spec in instance.servers), Spec(overhead_s=0, prompt_s=0, token_s=0))
    spreads = (*instance.spreads, ((1.0, 1.0),) * len(instance.spreads[0]))
    world = structs.replace(instance, servers=servers, spreads=spreads)
    recorded = Recorded(Replay([fate.server if fate.answered else len(servers) - 1 for fate in fates]), world)
    simulate(world, recorded)
    pairs = zip(fates, recorded.fates(), strict=True)
    return figures_of(place, [again if fate.answered else fate for fate, again in pairs])


def simulated(place: Place, router: Router) -> Figures:
    """Return the figures of *place* under *router* in the simulated world."""
    recorded = Recorded(router, place.instance)
    simulate(place.instance, recorded)
    return figures_of(place, recorded.fates())


def clairvoyant(place: Place) -> Figures:
    """Return the figures of the better of the two clairvoyants."""
    return min((simulated(place, Clairvoyant(social=social)) for social in (False, True)), key=lambda figures: figures.mean)
