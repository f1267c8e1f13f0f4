"""Kinds of scenario that tell strategies apart. A seed makes an instance of a kind: servers, their faults, the requests that arrive."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from msgspec import Struct, structs

from benchmarks.routing.world import Request, Spec

REQUESTS = 2000


class Traffic(Struct, frozen=True, kw_only=True):
    """Sizes of requests (log-normal), and how they arrive."""

    prompt_tokens: float = 300
    prompt_spread: float = 1.0
    output_tokens: float = 100
    output_spread: float = 0.8
    longest: int = 4000
    # Share of answers that come at once.
    whole: float = 0.2
    # Times as many requests in a burst as between two; 1: none. And how long both last, in requests.
    burst: float = 1.0
    burst_requests: float = 60

    def mean(self, median: float, spread: float) -> float:
        return median * math.exp(spread * spread / 2)


class Instance(Struct, frozen=True, kw_only=True):
    """One world to run every strategy in."""

    kind: str
    load: float
    seed: int
    servers: tuple[Spec, ...]
    requests: tuple[Request, ...]
    # By server and request: factors of the time before the first byte and behind it.
    spreads: tuple[tuple[tuple[float, float], ...], ...]


Servers = Callable[[random.Random, float], list[Spec]]


class Kind(Struct, frozen=True, kw_only=True):
    """Makes servers of (chance, seconds that the requests will arrive in); *loads* are shares of the capacity of *counted* servers."""

    name: str
    says: str
    loads: tuple[float, float, float]
    traffic: Traffic
    servers: Servers
    counted: Callable[[Spec], bool] = lambda spec: True


def jitter(chance: random.Random, value: float, by: float = 0.15) -> float:
    return value * math.exp(chance.uniform(-by, by))


def accelerator(chance: random.Random, speed: float = 1.0, slots: int = 4) -> Spec:
    return Spec(
        overhead_s=jitter(chance, 0.08),
        prompt_s=jitter(chance, 0.0004) / speed,
        token_s=jitter(chance, 0.015) / speed,
        contention=chance.uniform(0.6, 0.85),
        slots=slots,
    )


def cpu_box(chance: random.Random, speed: float = 1.0, slots: int = 2) -> Spec:
    return Spec(
        overhead_s=jitter(chance, 0.1),
        prompt_s=jitter(chance, 0.008) / speed,
        token_s=jitter(chance, 0.08) / speed,
        contention=chance.uniform(0.75, 0.92),
        slots=slots,
        spread_first=0.08,
        spread_rest=0.08,
    )


def api(chance: random.Random, **more: object) -> Spec:
    spec = Spec(
        overhead_s=jitter(chance, 0.5, 0.4),
        prompt_s=jitter(chance, 0.0002),
        token_s=jitter(chance, 0.02, 0.4),
        contention=chance.uniform(0, 0.05),
        spread_first=0.35,
        spread_rest=0.2,
    )
    return structs.replace(spec, **more)


def equal(chance: random.Random, span_s: float) -> list[Spec]:
    return [accelerator(chance)] * 4


def fast_and_slow(chance: random.Random, span_s: float) -> list[Spec]:
    fast = accelerator(chance)
    slow = structs.replace(fast, prompt_s=fast.prompt_s * 4, token_s=fast.token_s * 4)
    return [fast, fast, slow, slow]


def one_degrades(chance: random.Random, span_s: float) -> list[Spec]:
    from_s, to_s = span_s * chance.uniform(0.3, 0.4), span_s * chance.uniform(0.6, 0.75)
    servers = equal(chance, span_s)
    sick = chance.randrange(4)
    servers[sick] = structs.replace(servers[sick], speeds=((from_s, 0.1), (to_s, 1.0)))
    return servers


def cpu_slots(chance: random.Random, span_s: float) -> list[Spec]:
    return [cpu_box(chance, speed, slots) for speed, slots in ((1.6, 4), (1.0, 2), (0.8, 4), (0.5, 2))]


def fail_and_limit(chance: random.Random, span_s: float) -> list[Spec]:
    windows: list[tuple[float, float]] = []
    at = 0.0
    while at < span_s:
        at += span_s * chance.uniform(0.06, 0.15)
        windows.append((at, 0.95))
        at += span_s * chance.uniform(0.04, 0.1)
        windows.append((at, 0.0))
    capacity = 2 * accelerator(chance).capacity(495, 138)
    return [
        api(chance, failing=tuple(windows), fail_s=0.03),
        api(chance, rpm=60 * capacity * 0.4, burst=8),
        accelerator(chance),
        accelerator(chance, 0.7),
    ]


def cold_loads(chance: random.Random, span_s: float) -> list[Spec]:
    return [structs.replace(cpu_box(chance, speed, 2), unload_s=90, load_s=12) for speed in (1.2, 1.0, 0.9, 0.6)]


def busy_neighbour(chance: random.Random, span_s: float) -> list[Spec]:
    servers = [cpu_box(chance, speed, 2) for speed in (1.0, 1.0, 0.8)]
    speeds: list[tuple[float, float]] = []
    at = 0.0
    while at < span_s:
        at += chance.expovariate(1 / 240)
        speeds.append((at, chance.uniform(0.2, 0.4)))
        at += chance.expovariate(1 / 150)
        speeds.append((at, 1.0))
    return [*servers, structs.replace(cpu_box(chance, 1.4, 4), speeds=tuple(speeds))]


def sixteen(chance: random.Random, span_s: float) -> list[Spec]:
    return [accelerator(chance, math.exp(chance.uniform(-1.2, 0.7)), chance.choice((2, 4, 8))) for _ in range(16)]


def boxes_and_apis(chance: random.Random, span_s: float) -> list[Spec]:
    boxes = [cpu_box(chance, speed, slots) for speed, slots in ((1.3, 2), (1.0, 2), (0.7, 4))]
    capacity = sum(box.capacity(495, 138) for box in boxes)
    return [*boxes, api(chance, rpm=60 * capacity * 1.2, burst=6), api(chance, rpm=60 * capacity * 0.8, burst=4)]


CHAT = Traffic()
KINDS = (
    Kind(name="equal", says="four equal servers near saturation", loads=(0.7, 0.85, 0.93), traffic=CHAT, servers=equal),
    Kind(name="fast-slow", says="two fast and two slow servers, 4 to 1", loads=(0.5, 0.7, 0.85), traffic=CHAT, servers=fast_and_slow),
    Kind(
        name="degrade",
        says="one of four falls to a tenth for a third of the run",
        loads=(0.4, 0.55, 0.68),
        traffic=CHAT,
        servers=one_degrades,
    ),
    Kind(name="cpu-slots", says="CPU boxes of 2 or 4 slots and unequal speed", loads=(0.55, 0.7, 0.85), traffic=CHAT, servers=cpu_slots),
    Kind(name="bursts", says="five times as many requests in bursts", loads=(0.4, 0.55, 0.7), traffic=Traffic(burst=5), servers=equal),
    Kind(
        name="heavy-tail",
        says="outputs with a heavy tail",
        loads=(0.5, 0.65, 0.8),
        traffic=Traffic(output_tokens=60, output_spread=1.5, longest=8000),
        servers=lambda chance, span_s: [accelerator(chance, speed) for speed in (1.3, 1.0, 0.8)],
    ),
    Kind(
        name="fail-limit",
        says="an API that fails fast at times and one that says 429, beside two servers",
        loads=(0.5, 0.8, 1.1),
        traffic=CHAT,
        servers=fail_and_limit,
        counted=lambda spec: spec.slots > 0,
    ),
    Kind(name="cold", says="boxes that unload an idle model", loads=(0.15, 0.35, 0.6), traffic=CHAT, servers=cold_loads),
    Kind(name="neighbour", says="a box whose CPU others use at times", loads=(0.4, 0.55, 0.68), traffic=CHAT, servers=busy_neighbour),
    Kind(name="sixteen", says="sixteen servers of random speed and slots", loads=(0.5, 0.7, 0.85), traffic=CHAT, servers=sixteen),
    Kind(
        name="cpu-api",
        says="CPU boxes beside rate-limited APIs; load in shares of the boxes'",
        loads=(0.8, 1.6, 2.4),
        traffic=CHAT,
        servers=boxes_and_apis,
        counted=lambda spec: spec.slots > 0,
    ),
)


def sized(chance: random.Random, median: float, spread: float, longest: int) -> int:
    return max(1, min(longest, round(median * math.exp(spread * chance.gauss(0, 1)))))


def arrivals(chance: random.Random, traffic: Traffic, rate: float, count: int) -> list[float]:
    times, at, left, burst = [], 0.0, 0.0, True
    # In a burst `burst` times the rate between two; as many requests in both on average.
    fast = rate * (1 + traffic.burst) / 2
    for _ in range(count):
        if traffic.burst > 1:
            if left <= 0:
                burst = not burst
                left = chance.expovariate(1 / traffic.burst_requests)
            left -= 1
        at += chance.expovariate(rate if traffic.burst <= 1 else fast if burst else fast / traffic.burst)
        times.append(at)
    return times


def make(kind: Kind, load: float, seed: int, count: int = REQUESTS) -> Instance:
    """Return the instance of *kind* that *seed* makes."""
    chance = random.Random(f"{kind.name} {load} {seed}")
    traffic = kind.traffic
    sizes = [
        (
            sized(chance, traffic.prompt_tokens, traffic.prompt_spread, 16000),
            sized(chance, traffic.output_tokens, traffic.output_spread, traffic.longest),
        )
        for _ in range(count)
    ]
    prompt, output = (sum(column) / count for column in zip(*sizes, strict=True))
    # Servers are made twice by the same chance: faults stand in shares of the time that the load then gives.
    state = chance.getstate()
    rate = load * sum(spec.capacity(prompt, output) for spec in kind.servers(chance, 1.0) if kind.counted(spec))
    chance.setstate(state)
    servers = tuple(kind.servers(chance, count / rate))
    times = arrivals(chance, traffic, rate, count)
    requests = tuple(
        Request(number, at, *size, chance.random() < traffic.whole, chance.random())
        for number, (at, size) in enumerate(zip(times, sizes, strict=True))
    )
    # What a request takes beyond its lengths is its own: were it drawn for each server, a clairvoyant would take the luckiest draw.
    draws = [(chance.gauss(0, 1), chance.gauss(0, 1)) for _ in range(count)]
    spreads = tuple(
        tuple((math.exp(spec.spread_first * first), math.exp(spec.spread_rest * rest)) for first, rest in draws) for spec in servers
    )
    return Instance(kind=kind.name, load=load, seed=seed, servers=servers, requests=requests, spreads=spreads)
