"""A token bucket in fractions of a unit, with no word, no lock and no rounding of its own."""

from fractions import Fraction


class Bucket:
    """*burst* units at most, and one more each *increment_ns*; time is in nanoseconds and moves forward."""

    def __init__(self, increment_ns: int, burst: int) -> None:
        self.increment_ns = increment_ns
        self.burst = burst
        self.level = Fraction(burst)
        self.filled_ns = 0

    def at(self, now_ns: int) -> Fraction:
        """Return the units that are there; below 0 they are owed."""
        return min(Fraction(self.burst), self.level + Fraction(now_ns - self.filled_ns, self.increment_ns))

    def wait_ns(self, units: int, now_ns: int) -> int:
        """Return how long *units* have to wait; -1: for ever."""
        if units > self.burst:
            return -1
        lacking = max(Fraction(0), units - self.at(now_ns)) * self.increment_ns
        assert lacking.denominator == 1
        return int(lacking)

    def take(self, units: int, now_ns: int) -> int:
        wait = self.wait_ns(units, now_ns)
        if wait == 0:
            self.charge(units, now_ns)
        return wait

    def charge(self, units: int, now_ns: int) -> None:
        self.level, self.filled_ns = self.at(now_ns) - units, now_ns

    def settle(self, units: int) -> None:
        """Charge *units* more, or give them back, as if the last that was taken had been so much."""
        self.level -= units
