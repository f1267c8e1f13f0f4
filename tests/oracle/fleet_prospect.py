"""A slow reference of what one request costs at one deployment."""

from __future__ import annotations

from dataclasses import dataclass

from tests.oracle.fleet_member import Member


@dataclass(eq=False)
class Prospect:
    """A candidate of one choice."""

    member: Member
    probe: bool
    wait: float
    interval: float
    prefill: float = 0.0
    decode: float = 0.0
    expected: float = 0.0
    load: float = 0.0
    stall: float = 1.0
    score: float = 0.0

    @property
    def full(self) -> bool:
        return self.wait > 0 or (self.member.slots > 0 and self.member.open >= self.member.slots)

    @property
    def probing(self) -> bool:
        return self.member.samples == 0 and self.member.open >= 2

    @property
    def solo(self) -> float:
        return self.prefill + self.decode

    def weigh(self, now: int) -> float:
        """Return the request's own time and what it delays the others by."""
        m, s, n, cap = self.member, self.solo, self.member.open, self.member.cap
        if n < cap:
            others = min(m.work_s, n * s)
            own = s * ((1 + others / s) ** m.used_contention if others > 0 else 1.0)
            inflicted = others * (m.power(n + 1) - m.power(n))
            self.expected = self.prefill * m.power(n + 1)
        else:
            each, behind, slow = m.work_s / n, n - cap + m.held, m.power(cap)
            own = (behind + 1) * each * slow / cap
            self.expected = own + self.prefill * slow
            own += s * slow
            inflicted = m.held * s * slow / cap + max(0.0, n - behind - 1) * min(each, s) * (slow - m.power(cap - 1))
        self.load = m.load_left(now)
        self.expected += self.load
        own += self.load
        if self.wait > 0:
            own += self.wait + m.held * self.interval
        self.stall = m.stall(now)
        return (own + inflicted + m.price) * self.stall
