"""Strategies of others, in plain Python, each from its published rule, with counters that all workers would share.

All of them leave out a server for 5 s after a failure, or until Retry-After.
"""

from __future__ import annotations

import math
import random
from collections import deque

from benchmarks.routing.run import NONE
from benchmarks.routing.world import Request, Server

COOLDOWN_S = 5.0


class Sent:
    """A request on its way."""

    __slots__ = ("begun", "first_byte", "open_then", "prompt_tokens", "server", "whole")

    def __init__(self, server: int, begun: float, open_then: int, request: Request) -> None:
        self.server = server
        self.begun = begun
        self.open_then = open_then
        self.first_byte = 0.0
        self.prompt_tokens = request.prompt_tokens
        self.whole = request.whole


class Baseline:
    """Counts requests in flight; *choose* is what differs."""

    watches = False
    held_for = 0

    def __init__(self, seed: int = 1) -> None:
        self.chance = random.Random(seed)

    def begin(self, servers: list[Server]) -> None:
        self.open = [0] * len(servers)
        self.out_until = [0.0] * len(servers)
        self.setup(len(servers))

    def setup(self, count: int) -> None: ...

    def pick(self, request: Request, now: float, excluded: set[int]) -> int:
        left = [number for number in range(len(self.open)) if number not in excluded]
        fit = [number for number in left if self.out_until[number] <= now] or left
        return self.choose(request, fit, now) if fit else NONE

    def choose(self, request: Request, fit: list[int], now: float) -> int:
        raise NotImplementedError

    def hold(self, request: Request, server: int, count: int) -> None: ...

    def dispatched(self, request: Request, server: int, now: float) -> Sent:
        self.open[server] += 1
        return Sent(server, now, self.open[server], request)

    def first_byte(self, token: Sent, now: float) -> None:
        token.first_byte = now

    def progress(self, token: Sent, tokens: int, now: float) -> None: ...

    def ended(self, token: Sent, output_tokens: int, now: float) -> None:
        self.open[token.server] -= 1
        self.learn(token, output_tokens, now)

    def learn(self, token: Sent, output_tokens: int, now: float) -> None: ...

    def failed(self, token: Sent, limited: bool, retry_after_s: float, now: float) -> None:
        self.open[token.server] -= 1
        self.out_until[token.server] = now + (retry_after_s or COOLDOWN_S)


class LeastBusyFirst(Baseline):
    """LiteLLM's least-busy (router_strategy/least_busy.py): fewest in flight, of equals the first listed."""

    def choose(self, request: Request, fit: list[int], now: float) -> int:
        return min(fit, key=lambda number: self.open[number])


class PowerOfTwo(Baseline):
    """The less busy of two chosen at random; Envoy's default."""

    def choose(self, request: Request, fit: list[int], now: float) -> int:
        return min(self.chance.sample(fit, min(2, len(fit))), key=lambda number: self.open[number])


class PeakEwma(PowerOfTwo):
    """Finagle's and linkerd's: latency that jumps to each peak and decays in 10 s, times those in flight; better of two."""

    DECAY_S = 10.0

    def setup(self, count: int) -> None:
        self.cost = [0.0] * count
        self.stamp = [0.0] * count

    def load(self, number: int, now: float) -> float:
        cost = self.cost[number] * math.exp((self.stamp[number] - now) / self.DECAY_S)
        if self.cost[number] == 0 and self.open[number]:
            return 1e9 + self.open[number]
        return cost * (self.open[number] + 1)

    def choose(self, request: Request, fit: list[int], now: float) -> int:
        return min(self.chance.sample(fit, min(2, len(fit))), key=lambda number: self.load(number, now))

    def learn(self, token: Sent, output_tokens: int, now: float) -> None:
        taken, number = now - token.begun, token.server
        weight = math.exp((self.stamp[number] - now) / self.DECAY_S)
        before = self.cost[number]
        self.cost[number] = taken if taken > before else before * weight + taken * (1 - weight)
        self.stamp[number] = now


class C3(Baseline):
    """C3 (NSDI 2015) with a full scan and shared counters: EWMA of the latency per request in flight, times their number cubed."""

    def setup(self, count: int) -> None:
        self.latency = [0.0] * count

    def choose(self, request: Request, fit: list[int], now: float) -> int:
        return min(fit, key=lambda number: (self.latency[number] * (self.open[number] + 1) ** 3, self.open[number], self.chance.random()))

    def learn(self, token: Sent, output_tokens: int, now: float) -> None:
        taken = (now - token.begun) / token.open_then
        before = self.latency[token.server]
        self.latency[token.server] = before + 0.2 * (taken - before) if before else taken


class Prequal(Baseline):
    """Prequal (NSDI 2024) on the gateway's own counts: the fastest of those whose load is below the 84 % quantile, else the least busy."""

    QUANTILE = 0.84

    def setup(self, count: int) -> None:
        self.seen: list[deque[tuple[int, float]]] = [deque(maxlen=16) for _ in range(count)]
        self.recent: deque[int] = deque(maxlen=128)

    def estimate(self, number: int) -> float:
        """Return the median latency seen at about as many requests in flight."""
        near = sorted(self.seen[number], key=lambda sample: abs(sample[0] - self.open[number] - 1))[:5]
        return sorted(taken for _, taken in near)[len(near) // 2] if near else 0.0

    def choose(self, request: Request, fit: list[int], now: float) -> int:
        self.recent.extend(self.open[number] for number in fit)
        hot = sorted(self.recent)[int(self.QUANTILE * (len(self.recent) - 1))]
        cold = [number for number in fit if self.open[number] <= hot]
        if cold:
            return min(cold, key=lambda number: (self.estimate(number), self.open[number], self.chance.random()))
        return min(fit, key=lambda number: (self.open[number], self.chance.random()))

    def learn(self, token: Sent, output_tokens: int, now: float) -> None:
        self.seen[token.server].append((token.open_then, now - token.begun))


class LatencyBased(Baseline):
    """LiteLLM's latency-based-routing (router_strategy/lowest_latency.py): mean of the last ten, by token, or first bytes for streams."""

    def setup(self, count: int) -> None:
        self.by_token: list[deque[float]] = [deque(maxlen=10) for _ in range(count)]
        self.by_first: list[deque[float]] = [deque(maxlen=10) for _ in range(count)]

    def choose(self, request: Request, fit: list[int], now: float) -> int:
        lists = self.by_token if request.whole else self.by_first
        means = {number: sum(lists[number]) / len(lists[number]) if lists[number] else 0.0 for number in fit}
        least = min(means.values())
        return self.chance.choice([number for number in fit if means[number] <= least])

    def learn(self, token: Sent, output_tokens: int, now: float) -> None:
        self.by_token[token.server].append((now - token.begun) / output_tokens)
        if token.first_byte:
            self.by_first[token.server].append(token.first_byte - token.begun)


class UsageBased(Baseline):
    """LiteLLM's usage-based-routing-v2 (router_strategy/lowest_tpm_rpm_v2.py): fewest tokens of requests that ended in this minute."""

    def setup(self, count: int) -> None:
        self.minute = 0
        self.used = [0] * count

    def choose(self, request: Request, fit: list[int], now: float) -> int:
        self.turn(now)
        least = min(self.used[number] for number in fit)
        return self.chance.choice([number for number in fit if self.used[number] == least])

    def turn(self, now: float) -> None:
        if int(now // 60) != self.minute:
            self.minute = int(now // 60)
            self.used = [0] * len(self.used)

    def learn(self, token: Sent, output_tokens: int, now: float) -> None:
        self.turn(now)
        self.used[token.server] += token.prompt_tokens + output_tokens
