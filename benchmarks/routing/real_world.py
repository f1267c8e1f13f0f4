"""Instances for real runs: the simulated kinds, so much faster that a run takes seconds, and three with a question of their own."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, structs

from benchmarks.routing.kinds import CHAT, KINDS, REQUESTS, Instance, Kind, accelerator, make
from benchmarks.routing.world import Spec

SHARES = (0.5, 0.8, 0.95)
SEED = 201
# Kind -> loads that are SHARES of what it can serve: `degrade` has lost 0.9 of a quarter of its capacity at its worst, the APIs of
# `cpu-api` may take twice what its boxes can.
LOADS: dict[str, tuple[float, float, float]] = {
    "fast-slow": SHARES,
    "cpu-slots": SHARES,
    "degrade": (0.39, 0.62, 0.74),
    "bursts": SHARES,
    "heavy-tail": SHARES,
    "fail-limit": SHARES,
    "cold": (0.15, 0.35, 0.6),
    "cpu-api": (1.5, 2.4, 2.85),
}
# Nothing is unloaded at higher ones.
OWN_LOADS = ("cold",)


class Place(Struct, frozen=True, kw_only=True):
    """An instance in real seconds."""

    kind: str
    # Of what the servers can take.
    share: float
    # Real seconds are so much shorter than those of the kind.
    factor: float
    instance: Instance

    @property
    def span_s(self) -> float:
        """Return when the last request comes."""
        return self.instance.requests[-1].arrival_s


def hasten(spec: Spec, factor: float) -> Spec:
    """Return *spec* in a world whose seconds are *factor* times shorter."""
    return structs.replace(
        spec,
        overhead_s=spec.overhead_s / factor,
        prompt_s=spec.prompt_s / factor,
        token_s=spec.token_s / factor,
        # A configuration names whole requests a minute.
        rpm=float(round(spec.rpm * factor)),
        speeds=tuple((at / factor, speed) for at, speed in spec.speeds),
        failing=tuple((at / factor, chance) for at, chance in spec.failing),
        fail_s=spec.fail_s / factor,
        unload_s=spec.unload_s / factor,
        load_s=spec.load_s / factor,
    )


def hasten_all(instance: Instance, factor: float) -> Instance:
    return structs.replace(
        instance,
        servers=tuple(hasten(spec, factor) for spec in instance.servers),
        requests=tuple(structs.replace(request, arrival_s=request.arrival_s / factor) for request in instance.requests),
    )


def place(kind: str, at: int, seed: int, count: int, span_s: float) -> Place:
    """Return an instance of *kind* at the load SHARES[at] whose *count* requests come within *span_s* seconds."""
    made = make(next(each for each in KINDS if each.name == kind), LOADS[kind][at], seed, count)
    factor = made.requests[-1].arrival_s / span_s
    share = made.load if kind in OWN_LOADS else SHARES[at]
    return Place(kind=kind, share=share, factor=factor, instance=hasten_all(made, factor))


# In real seconds from here on.
BRISK = 20.0
DROP_S, BACK_S = 20.0, 50.0


def brisk(servers: Callable[[Spec], list[Spec]], load: float, name: str, span_s: float, counted: Callable[[Spec], bool] | None) -> Place:
    """Return a place of servers made from one, where requests come for *span_s* seconds."""
    kind = Kind(
        name=name,
        says=name,
        loads=(load,) * 3,
        traffic=CHAT,
        servers=lambda chance, _: servers(hasten(accelerator(chance), BRISK)),
        counted=counted or (lambda spec: True),
    )
    count = REQUESTS
    while (made := make(kind, load, SEED, count)).requests[-1].arrival_s < span_s:
        count *= 2
    requests = tuple(request for request in made.requests if request.arrival_s < span_s)
    return Place(kind=name, share=load, factor=BRISK, instance=structs.replace(made, requests=requests))


def one_drops(drop_s: float, back_s: float, span_s: float) -> Place:
    """Return four equal servers, the first of which falls to a tenth for a while."""

    def servers(spec: Spec) -> list[Spec]:
        return [structs.replace(spec, speeds=((drop_s, 0.1), (back_s, 1.0))), spec, spec, spec]

    return brisk(servers, 0.5, "one drops", span_s, None)


def one_fails(span_s: float) -> Place:
    """Return three equal servers, the first of which fails everything."""
    return brisk(lambda spec: [structs.replace(spec, failing=((0.0, 1.0),), fail_s=0.005), spec, spec], 0.4, "one fails", span_s, None)


def one_limited(span_s: float) -> Place:
    """Return an API of 600 requests a minute, faster than the two servers beside it, and 1.4 times as many requests."""
    interface = Spec(overhead_s=0.03, prompt_s=1e-5, token_s=3e-4, rpm=600, burst=10, spread_first=0.2, spread_rest=0.2)
    return brisk(lambda spec: [interface, spec, hasten(spec, 0.7)], 1.4, "one limited", span_s, lambda spec: spec.rpm > 0)


def price_of(spec: Spec, factor: float) -> int:
    """Return nano-dollars a token: what is faster costs more; 1000 at 15 ms a token."""
    return round(1000 * 0.015 / (spec.token_s * factor))
