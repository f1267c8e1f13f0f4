"""A slow reference of what `Fleet` learns of a deployment: the same rules in plain Python, written for reading."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

S = 1_000_000


@dataclass
class Fit:
    """Sums of a weighted regression that forgets."""

    w: float = 0.0
    x: float = 0.0
    xx: float = 0.0
    y: float = 0.0
    xy: float = 0.0

    def add(self, weight: float, x: float, y: float) -> None:
        self.w = self.w * 0.97 + weight
        self.x = self.x * 0.97 + weight * x
        self.xx = self.xx * 0.97 + weight * x * x
        self.y = self.y * 0.97 + weight * y
        self.xy = self.xy * 0.97 + weight * x * y


def clipped(sample: float, estimate: float) -> float:
    return max(estimate / 3, min(sample, estimate * 3)) if estimate > 0 else sample


@dataclass(eq=False)
class Member:
    """A deployment: what is configured, what is in flight, what was learned."""

    number: int
    slots: int = 0
    weight: int = 0
    rpm: int = 0
    tpm: int = 0
    input_cost: float = -1
    output_cost: float = -1
    # In the order of their dispatch.
    tickets: list[Any] = field(default_factory=list)
    held: int = 0
    overhead: float = 0.0
    prompt: float = 0.0
    token: float = 0.0
    contention: float = 0.8
    # What powers are taken of: follows the contention in steps.
    used_contention: float = 0.8
    samples: int = 0
    sampled_us: int = 0
    overtook_us: int = 0
    seen: int = 0
    queued: bool = False
    first_fit: Fit = field(default_factory=Fit)
    contention_fit: Fit = field(default_factory=Fit)
    failing: float = 0.0
    failed_us: int = 0
    fail_s: float = 0.0
    out_until_us: int = 0
    failures: int = 0
    limited: int = 0
    retry_us: int = 0
    probe_until_us: int = 0
    # What a request that its limit admits takes from those behind it.
    price: float = 0.0
    priced_us: int = 0
    # A limit as 429s tell of it.
    pace_us: int = 0
    spent_us: int = 0
    admitted: int = 0
    # A model that is unloaded while nothing is in flight.
    idle_us: int = 0
    unload_us: int = 0
    load_s: float = 0.0
    loaded_us: int = 0
    # Minute -> tokens and requests.
    used: dict[int, list[int]] = field(default_factory=dict)
    seen_us: int = 0
    running: int = 0
    load: float = 0.0
    pace: float = 0.0
    live_us: int = 0
    live_pace: float = 0.0
    live_tokens: int = 0

    @property
    def open(self) -> int:
        return len(self.tickets)

    @property
    def silent(self) -> list[Any]:
        return [ticket for ticket in self.tickets if ticket.silent]

    @property
    def streams(self) -> int:
        return self.open - len(self.silent)

    @property
    def work_s(self) -> float:
        return float(sum(ticket.work_us for ticket in self.tickets)) * 1e-6

    @property
    def cap(self) -> int:
        if self.slots:
            return self.slots
        return max(1, self.seen) if self.queued else max(8, 2 * self.seen)

    def power(self, n: int) -> float:
        return math.pow(n, self.used_contention) if n else 0.0

    def sync(self) -> None:
        if abs(self.contention - self.used_contention) > 0.01:
            self.used_contention = self.contention

    def use(self, now: int, tokens: int, requests: int) -> None:
        cell = self.used.setdefault(now // (60 * S), [0, 0])
        cell[0] = max(0, cell[0] + tokens)
        cell[1] += requests

    def use_now(self, now: int) -> list[int]:
        return self.used.get(now // (60 * S), [0, 0])

    def observe(self, now: int) -> None:
        span = (now - self.seen_us) * 1e-6
        if span > 0:
            if self.seen_us:
                pace = 1 / self.power(self.running) if self.running > 1 else 1.0
                self.load += span * self.running
                self.pace += span * pace
                self.live_pace += span * pace * self.streams
            self.seen_us = now
            if now - self.live_us >= S // 2:
                self.learn_live(now)
        self.running = min(self.open, self.cap)

    def learn_live(self, now: int) -> None:
        if self.live_pace > 0 and self.token > 0 and self.samples and now - self.live_us < 4 * S:
            sample = clipped(self.live_pace / max(self.live_tokens, 1), self.token)
            if self.live_tokens >= 2 * self.streams or sample > self.token:
                shifted = sample > self.token * 2 or sample * 2 < self.token
                share = 0.3 if shifted else min(0.12 * (now - self.live_us) / (S // 2), 0.3)
                slower = self.token + share * (sample - self.token)
                self.token = slower if sample > self.token else self.token * (sample / self.token) ** share
        self.live_us, self.live_pace, self.live_tokens = now, 0.0, 0

    def learn_first(self, prompt_tokens: float, sample: float) -> None:
        fit = self.first_fit
        if self.overhead <= 0 and self.prompt <= 0:
            expected = 0.3 + 0.0005 * prompt_tokens
            self.overhead, self.prompt = 0.3 * sample / expected, 0.0005 * sample / expected
            fit.add(0.25 / (self.overhead * self.overhead + 1e-6), 0, self.overhead)
            fit.add(0.25 / (sample * sample + 1e-6), 1000, self.overhead + self.prompt * 1000)
        expected = self.overhead + self.prompt * prompt_tokens
        fit.add(1 / (expected * expected + 1e-6), prompt_tokens, clipped(sample, expected))
        spread = fit.w * fit.xx - fit.x * fit.x
        if spread > 1e-9 * fit.w * fit.xx:
            self.prompt = (fit.w * fit.xy - fit.x * fit.y) / spread
        self.overhead = (fit.y - self.prompt * fit.x) / fit.w
        if self.prompt < 0:
            self.prompt, self.overhead = 0.0, fit.y / fit.w
        elif self.overhead < 0:
            self.overhead, self.prompt = 0.0, fit.xy / fit.xx

    def learn_contention(self, together: float, token_s: float) -> None:
        if together < 1 or token_s <= 0:
            return
        fit = self.contention_fit
        fit.add(1, math.log(together), math.log(token_s))
        spread = max(0.0, fit.xx - fit.x * fit.x / fit.w)
        found = (fit.xy - fit.x * fit.y / fit.w + 1.0 * 0.8) / (spread + 1.0)
        self.contention = (1 + max(0.0, min(found, 1.0))) - 1
        self.sync()

    def learn_token(self, sample: float) -> None:
        before = self.token
        if sample <= 0:
            return
        if before <= 0:
            self.token = sample
            return
        self.token = before + 0.25 * (min(sample, before * 3) - before) if sample > before else before * (sample / before) ** 0.25
        if sample > before * 2 or sample * 2 < before:
            self.scale_first(self.token / before)

    def scale_first(self, factor: float) -> None:
        self.overhead *= factor
        self.prompt *= factor
        self.first_fit.y *= factor
        self.first_fit.xy *= factor

    def learn_whole(self, prompt_tokens: float, tokens: float, sample: float) -> None:
        if sample <= 0:
            return
        if self.token <= 0:
            self.overhead, self.prompt, self.token = 0.3, 0.0005, 0.02
            factor = sample / (self.overhead + self.prompt * prompt_tokens + self.token * tokens)
        else:
            expected = self.overhead + self.prompt * prompt_tokens + self.token * tokens
            factor = 1 + 0.25 * (clipped(sample, expected) / expected - 1)
        self.token *= factor
        self.scale_first(factor)

    def learn_slots(self, now: int) -> None:
        oldest = self.silent[0] if self.silent else None
        if oldest is None or oldest.whole or self.slots or now - oldest.dispatched_us < oldest.expected_us * 5 // 2 + S // 2:
            return
        if self.overtook_us <= oldest.dispatched_us and self.seen:
            self.queued = True

    def stall(self, now: int) -> float:
        """How much worse than it seems: its oldest request without a first byte has waited far too long."""
        if not self.silent:
            return 1.0
        oldest = self.silent[0]
        expected = min(oldest.expected_us // 1000, (1 << 24) - 1) * 1e-3
        waited = now * 1e-6 - (oldest.dispatched_us // 1000) * 1e-3
        return max(1.0, (waited - 1) / (3 * (expected + 0.2))) if waited > 3 * expected + 1 else 1.0

    def failing_at(self, now: int) -> float:
        return self.failing * math.exp((self.failed_us - now) * 1e-6 / 10) if self.failing > 0 else 0.0

    def set_failing(self, failing: float, now: int) -> None:
        self.failing, self.failed_us = failing if failing > 1e-6 else 0.0, now

    def note_success(self, now: int) -> None:
        if (failing := self.failing_at(now)) > 0:
            self.set_failing(failing * 0.8, now)
        if self.failures:
            self.failures = 0
            if not self.limited:
                self.out_until_us = 0
        if self.limited and now >= self.out_until_us:
            self.limited = 0

    def note_limited(self, retry_after: int, now: int) -> None:
        span = min(retry_after, 3600 * S)
        if span <= 0:
            span = min(S // 2 << min(self.limited, 6), 30 * S)
        self.learn_pace(span if retry_after > 0 else 0, now)
        if now >= self.out_until_us or not self.limited:
            self.limited += 1
        elif retry_after <= 0:
            return
        self.retry_us = max(span, int(self.retry_us * 0.97)) if retry_after > 0 else 0
        self.out_until_us = max(self.out_until_us, now + span)

    def learn_pace(self, span: int, now: int) -> None:
        admitted = self.admitted - 1
        if span <= 0 or now < self.spent_us:
            self.admitted = max(0, admitted)
            return
        if self.spent_us and 0 < admitted <= 100:
            pace = (now + span - self.spent_us) // admitted
            self.pace_us = self.pace_us + int((pace - self.pace_us) * 0.05) if 0 < self.pace_us < pace else pace
        self.spent_us, self.admitted = now + span, 0

    @property
    def interval_us(self) -> int:
        """Between two requests that a learned limit is taken to admit; 0: no limit."""
        if self.pace_us:
            return int(self.pace_us * max(0.0, 1 + (4 - self.admitted) / 100))
        return self.retry_us if self.limited else 0

    def admit(self, now: int) -> None:
        span = self.interval_us
        self.admitted += self.spent_us > 0
        if 0 < span <= 15 * S:
            self.out_until_us = max(self.out_until_us, now - 4 * span) + span

    def load_left(self, now: int) -> float:
        """Seconds until its model is loaded."""
        if not self.unload_us:
            return 0.0
        if self.open:
            return max(0, self.loaded_us - now) * 1e-6
        return self.load_s if now - self.idle_us >= self.unload_us else 0.0

    def learn_price(self, lost: float, now: int) -> None:
        span = min((now - self.priced_us) * 1e-6, 5)
        self.price += (1 - math.exp(-span / 60)) * (lost * 0.9 - self.price)
        self.price = self.price if self.price > 1e-3 else 0.0
        self.priced_us = now

    def note_failure(self, took_s: float, now: int) -> None:
        self.fail_s = self.fail_s + 0.3 * (took_s - self.fail_s) if self.fail_s > 0 else max(took_s, 1e-3)
        self.set_failing(1 - (1 - self.failing_at(now)) * 0.7, now)
        if self.failures >= 2 and now < self.out_until_us:
            return
        self.failures += 1
        if self.failures >= 2:
            longest = int(max(2.0, min(50 * self.fail_s, 60.0)) * S)
            self.out_until_us = max(self.out_until_us, now + min(S // 4 << min(self.failures - 1, 10), longest))
