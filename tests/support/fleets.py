"""Fleets for tests: a clock that only the test moves, and deployments with a speed."""

import mmap

from fastgate._core import Attempt, Fleet

S = 1_000_000
START = 1_000 * S


def fleet(deployments: int, *, lanes: int = 1, lane: int = 0, memory: mmap.mmap | None = None, seed: int = 7, buffer: float = 0) -> Fleet:
    region = memory if memory is not None else mmap.mmap(-1, Fleet.size(deployments, 1, lanes))
    return Fleet(region, deployments, 1, lanes, lane, seed, buffer)


def answer(attempt: Attempt, begun_us: int, first_s: float, token_s: float, tokens: int) -> int:
    """Let *attempt* be answered at this speed; return when it ended."""
    first_us = begun_us + round(first_s * S)
    end_us = first_us + round(token_s * tokens * S)
    attempt.first_byte(first_us)
    attempt.ended(tokens, end_us)
    return end_us


def teach(taught: Fleet, deployment: int, *, now_us: int = START, first_s: float = 0.2, token_s: float = 0.01, count: int = 12) -> int:
    """Let *deployment* answer *count* requests, one after the other, at this speed; return the time behind them."""
    for turn in range(count):
        now_us = answer(taught.dispatch(0, deployment, now_us, 100 + 20 * turn), now_us, first_s, token_s, 100)
    return now_us


def teach_all(taught: Fleet, *token_s: float, now_us: int = START) -> int:
    """Teach each deployment its speed, all in the same time; return the time behind that."""
    return max(teach(taught, number, now_us=now_us, first_s=20 * speed, token_s=speed) for number, speed in enumerate(token_s))


def in_flight(shown: Fleet, now_us: int) -> list[int]:
    return [row["in_flight"] for row in shown.snapshot(now_us)]
