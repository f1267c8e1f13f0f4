"""A slow reference of `Fleet` for one worker: attempts, and every strategy's choice."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tests.oracle.fleet_member import Member, S
from tests.oracle.fleet_prospect import Prospect

NONE, HOLD = -1, -2


class Chance:
    """xorshift64*, as numbers in [0, 1)."""

    MASK = (1 << 64) - 1

    def __init__(self, seed: int) -> None:
        self.state = (seed * 2 + 1) & self.MASK

    def next(self) -> float:
        self.state ^= self.state >> 12
        self.state ^= self.state << 25 & self.MASK
        self.state ^= self.state >> 27
        return ((self.state * 2685821657736338717 & self.MASK) >> 11) / 9007199254740992.0


@dataclass(eq=False)
class Ticket:
    """One attempt."""

    fleet: ReferenceFleet
    member: Member
    prompt_tokens: float
    max_tokens: float
    whole: bool
    dispatched_us: int
    probe: bool
    prefill_us: int
    work_us: int
    solo: float
    expected_us: int
    used_tokens: int
    queued: bool
    idle_us: int
    load_us: int
    excess: float = 0.0
    first_sample: float = 0.0
    silent: bool = True
    open: bool = True
    tokens: int = 0
    refreshed_us: int = 0
    refreshed_tokens: int = 0
    first_byte_us: int = 0
    load_at: float = 0.0
    pace_at: float = 0.0
    load_first: float = 0.0
    pace_first: float = 0.0

    def first_byte(self, now: int) -> None:
        m = self.member
        if not self.open or not self.silent:
            return
        m.observe(now)
        self.first_byte_us = self.refreshed_us = now
        self.load_first, self.pace_first = m.load, m.pace
        m.overtook_us = max(m.overtook_us, self.dispatched_us)
        self.silent = False
        m.seen = max(m.seen, m.streams)
        self.work_us = max(0, self.work_us - self.prefill_us)
        if not self.whole:
            sample = m.pace - self.pace_at
            if self.queued:
                sample = min(sample, m.overhead + m.prompt * self.prompt_tokens)
            if self.idle_us > 5 * S and self.suspect_load(sample, now):
                sample = 0.0
            if sample > 0 and not self.load_us:
                m.learn_first(self.prompt_tokens, sample)
            if m.samples:
                m.sampled_us = now
        m.observe(now)

    def suspect_load(self, sample: float, now: int) -> bool:
        m = self.member
        excess = (now - self.dispatched_us - self.prefill_us) * 1e-6
        m.loaded_us = 0
        if excess > 2 + self.prefill_us * 1e-6 and m.samples:
            self.excess, self.first_sample = excess, sample
            return True
        if 0 < m.unload_us <= self.idle_us:
            m.unload_us = self.idle_us + self.idle_us // 4
        return False

    def learn_load(self, token_s: float) -> None:
        m = self.member
        if token_s * self.fleet.expected_left(0, self.max_tokens) > 2 * (self.solo - self.prefill_us * 1e-6):
            m.learn_first(self.prompt_tokens, self.first_sample)
            return
        m.unload_us = min(m.unload_us, self.idle_us) if m.unload_us else self.idle_us
        m.load_s = m.load_s + 0.25 * (self.excess - m.load_s) if m.load_s > 0 else self.excess

    def progress(self, tokens: int, now: int) -> None:
        m = self.member
        if not self.open or tokens <= self.tokens:
            return
        self.first_byte(now)
        m.live_tokens += tokens - self.tokens
        self.tokens = tokens
        if tokens - self.refreshed_tokens >= 16 or now - self.refreshed_us >= S // 4:
            self.refreshed_tokens, self.refreshed_us = tokens, now
            m.observe(now)
            m.learn_slots(now)
            if m.token > 0:
                self.work_us = int(m.token * self.fleet.expected_left(tokens, self.max_tokens) * S)

    def close(self, now: int) -> None:
        self.member.observe(now)
        self.open = False
        self.member.tickets.remove(self)
        if self.probe:
            self.member.probe_until_us = 0
        if not self.member.open:
            self.member.idle_us = now
        self.member.observe(now)

    def ended(self, output_tokens: int, now: int) -> None:
        m = self.member
        if not self.open:
            return
        if self.silent:
            self.whole = True
            self.first_byte(now)
        output_tokens = output_tokens if output_tokens > 0 else self.tokens
        m.live_tokens += max(0, output_tokens - self.tokens)
        self.close(now)
        m.note_success(now)
        if output_tokens > 0:
            self.learn_end(output_tokens, now)
            self.fleet.lengths[min(15, max(0, int(math.log2(output_tokens))))] += 1
            m.use(now, int(self.prompt_tokens) + output_tokens - self.used_tokens, 0)

    def learn_end(self, tokens: int, now: int) -> None:
        m = self.member
        span, whole_span = (now - self.first_byte_us) * 1e-6, (now - self.dispatched_us) * 1e-6
        if whole_span <= 0:
            return
        if self.load_us and self.whole:
            if self.idle_us and (now - self.dispatched_us) * 2 < self.load_us:
                m.unload_us = self.idle_us + self.idle_us // 4
            return
        if self.whole or span < 0.02 * whole_span:
            m.learn_whole(self.prompt_tokens, tokens, m.pace - self.pace_at)
        else:
            if self.excess > 0:
                self.learn_load((m.pace - self.pace_first) / tokens)
            m.learn_contention((m.load - self.load_first) / span, span / tokens)
            m.learn_token((m.pace - self.pace_first) / tokens)
        if m.token > 0:
            m.samples += 1
            m.sampled_us = now

    def failed(self, failure: str, now: int, retry_after_us: int = 0) -> None:
        m = self.member
        if not self.open:
            return
        self.close(now)
        if failure == "rate_limited":
            m.note_limited(retry_after_us, now)
        elif failure in ("server", "timeout"):
            m.note_failure((now - self.dispatched_us) * 1e-6, now)
        elif failure == "caller":
            m.note_success(now)
        m.use(now, (int(self.prompt_tokens) if self.tokens else 0) + self.tokens - self.used_tokens, 0)


class ReferenceFleet:
    """The reference; one group, times in us, as in `Fleet`."""

    def __init__(self, count: int, seed: int, buffer: float = 0.0) -> None:
        self.members = [Member(number) for number in range(count)]
        self.lengths = [0.0] * 16
        self.chance = Chance(seed)
        self.buffer = buffer
        self.turn = 0

    def expected_left(self, tokens: float, limit: float) -> float:
        masses = left = 0.0
        for bucket, count in enumerate(self.lengths):
            low, high = (2.0**bucket if bucket else 0.0), 2.0 ** (bucket + 1)
            mass = count + (2 if bucket == 7 else 0)
            if high <= tokens or mass <= 0:
                continue
            middle = low
            if tokens > low:
                middle = tokens
                mass *= (high - tokens) / (high - low)
            middle = (middle + high) * 0.5
            if 0 < limit < middle:
                middle = limit
            masses += mass
            left += mass * (middle - tokens)
        if masses <= 0:
            return max(1.0, max(tokens, 1.0) if limit <= 0 else limit - tokens)
        return max(1.0, left / masses)

    def gather(self, now: int, excluded: Collection[int], not_before: Mapping[int, tuple[int, int]], panic: bool) -> list[Prospect]:
        found = []
        for m in self.members:
            out, probe = m.out_until_us - now, m.failures >= 2
            if m.number in excluded or (not panic and probe and (out > 0 or m.probe_until_us > now)):
                continue
            at, interval = not_before.get(m.number, (0, 0))
            p = Prospect(m, probe, max(0.0, (at - now) * 1e-6), interval * 1e-6)
            if out > 0 and not panic:
                p.wait, p.interval = max(p.wait, out * 1e-6), max(p.interval, m.interval_us * 1e-6)
            found.append(p)
        return found

    def foresee(self, found: list[Prospect], now: int, prompt_tokens: float, max_tokens: float, cached: Mapping[int, float]) -> None:
        tokens = self.expected_left(0, max_tokens)
        measured = [p for p in found if p.member.samples]
        for p in measured:
            m = p.member
            m.sync()
            p.prefill = m.overhead + m.prompt * max(0.0, prompt_tokens - cached.get(m.number, 0.0))
            p.decode = m.token * tokens
        prefill, decode = 0.3 + 0.0005 * prompt_tokens, 0.02 * tokens
        if measured:
            median = sorted(measured, key=lambda p: p.solo)[(len(measured) - 1) // 2]
            prefill, decode = median.prefill, median.decode
        for p in found:
            stale = (now - p.member.sampled_us) * 1e-6 - 25
            if not p.member.samples:
                p.prefill, p.decode = prefill * 0.7, decode * 0.7
            elif stale > 0 and p.solo > prefill + decode:
                factor = ((prefill + decode) / p.solo) ** (1 - math.exp(-stale / 30))
                p.prefill *= factor
                p.decode *= factor

    def pick(
        self,
        strategy: str,
        now: int,
        prompt_tokens: float,
        max_tokens: float = 0,
        excluded: Collection[int] = (),
        cached: Mapping[int, float] = {},
        not_before: Mapping[int, tuple[int, int]] = {},
    ) -> int:
        found = self.gather(now, excluded, not_before, False) or self.gather(now, excluded, not_before, True)
        if not found:
            return NONE
        if strategy in ("expected-latency", "latency-based-routing"):
            self.foresee(found, now, prompt_tokens, max_tokens, cached)
            best = self.pick_expected(found, now, self.buffer if strategy == "latency-based-routing" else 0.0)
        else:
            best = self.pick_named(strategy, [p for p in found if not p.full] or found, now, prompt_tokens, max_tokens)
        return HOLD if best.full else best.member.number

    def pick_expected(self, found: list[Prospect], now: int, buffer: float) -> Prospect:
        for p in found:
            p.score = p.weigh(now)
        costs = {p: p.score for p in found}
        least = min(costs.values())
        for p in found:
            if (failing := p.member.failing_at(now)) > 0:
                p.score += failing / max(0.05, 1 - failing) * (least + p.member.fail_s)
        self.learn_prices(found, costs, now)
        able = [p for p in found if not p.probing] or found
        values = {p: p.score * (1 + 0.02 * self.chance.next()) for p in able}
        best = min(able, key=lambda p: values[p])
        if buffer <= 0 or best.full:
            return best
        worst = best.score * (1 + buffer)
        return self.among([p for p in able if p.score <= worst and not p.full], best)

    def learn_prices(self, found: list[Prospect], costs: Mapping[Prospect, float], now: int) -> None:
        free = [costs[p] for p in found if p.wait <= 0]
        for p in found:
            m = p.member
            if now > m.priced_us and (p.wait > 0 or m.price > 0):
                lost = 0.0
                if p.wait > 0:
                    lost = max(0.0, min(free, default=-1.0) - costs[p] + (p.wait + m.held * p.interval + m.price) * p.stall)
                m.learn_price(lost, now)

    def among(self, alike: list[Prospect], best: Prospect) -> Prospect:
        """One of them by chance, drawn as they are met."""
        for number, p in enumerate(alike, 1):
            if self.chance.next() * number < 1:
                best = p
        return best

    def least(self, found: list[Prospect], values: list[float]) -> Prospect:
        """One with the least value; a draw for each that is the least so far."""
        best, least, alike = found[0], values[0], 0
        for p, value in zip(found, values, strict=True):
            if value < least:
                least, alike = value, 0
            if value == least:
                alike += 1
                if self.chance.next() * alike < 1:
                    best = p
        return best

    def pick_named(self, strategy: str, found: list[Prospect], now: int, prompt_tokens: float, max_tokens: float) -> Prospect:
        if strategy == "simple-shuffle":
            for name in ("weight", "rpm", "tpm"):
                shares = [getattr(p.member, name) for p in found]
                if sum(shares) > 0:
                    at = self.chance.next() * sum(shares)
                    for p, share in zip(found, shares, strict=True):
                        at -= share
                        if share > 0 and at < 0:
                            return p
            return found[int(self.chance.next() * len(found))]
        if strategy == "round-robin":
            best = next((p for p in found if p.member.number >= self.turn), found[0])
            self.turn = best.member.number + 1
            return best
        if strategy == "least-busy":
            return self.least(found, [p.member.open for p in found])
        within = [p for p in found if not self.spent(p.member, now, prompt_tokens)] or found
        if strategy.startswith("usage-based-routing"):
            relative = all(p.member.tpm > 0 for p in found)
            return self.least(within, [p.member.use_now(now)[0] / (p.member.tpm if relative else 1) for p in within])
        tokens = self.expected_left(0, max_tokens)
        return self.least(within, [self.price(p.member, prompt_tokens, tokens) for p in within])

    def spent(self, m: Member, now: int, tokens: float) -> bool:
        used = m.use_now(now)
        return (0 < m.rpm <= used[1]) or (m.tpm > 0 and used[0] + tokens > m.tpm)

    def price(self, m: Member, prompt_tokens: float, tokens: float) -> float:
        if m.input_cost < 0 or m.output_cost < 0:
            return 1e300
        return m.input_cost * prompt_tokens + m.output_cost * tokens

    def dispatch(self, number: int, now: int, prompt_tokens: float, max_tokens: float = 0, whole: bool = False) -> Ticket:
        m = self.members[number]
        p = Prospect(m, m.failures >= 2, 0.0, 0.0)
        self.foresee([p], now, prompt_tokens, max_tokens, {})
        p.weigh(now)
        expected = p.expected * (p.solo / p.prefill if whole and p.prefill > 0 else 1)
        used = int(prompt_tokens + self.expected_left(0, max_tokens))
        idle = now - m.idle_us if not m.open and m.idle_us else 0
        load = int(p.load * S)
        queued = m.slots == 0 and m.open + 1 > max(1, m.seen)
        ticket = Ticket(
            self,
            m,
            prompt_tokens,
            max_tokens,
            whole,
            now,
            p.probe,
            int(p.prefill * S),
            int(p.solo * S),
            p.solo,
            int(expected * S),
            used,
            queued,
            idle,
            load,
        )
        ticket.refreshed_us = now
        if not m.open and load:
            m.loaded_us = now + load
        m.observe(now)
        m.use(now, used, 1)
        if ticket.probe:
            m.probe_until_us = now + max(5 * S, min(10 * ticket.expected_us, 60 * S))
        m.admit(now)
        m.tickets.append(ticket)
        m.observe(now)
        ticket.load_at, ticket.pace_at = m.load, m.pace
        return ticket
