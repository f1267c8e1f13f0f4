"""What taking from the buckets costs, in nanoseconds: minima of repeats, in the compiled code. `python -m benchmarks.limiter`"""

import mmap
import os
import pickle
import sys
import time
from collections.abc import Iterator

from fastgate._core import Cells, Mirror, RateLimit

REPEATS = 15
TIMES = 200_000
PROCESSES = 8
# Long enough for the processes to be at it together, whichever runs first.
CONTENDED_TIMES = 10_000_000
# Nanoseconds that are allowed.
BOUNDS = {
    "one cell, clock given": 10,
    "one cell, with clock": 60,
    "five levels, with clock": 100,
    f"{PROCESSES} processes on one cell, CPU": 150,
}
# A day's worth of what a second brings: nothing is refused.
AMPLE = RateLimit(10**9, period_s=1, burst=10**14)
HEAD = b"".join(
    b"%s\r\n" % line
    for line in (
        b"HTTP/1.1 200 OK",
        b"content-type: application/json",
        b"x-ratelimit-limit-requests: 1000000",
        b"x-ratelimit-remaining-requests: 999990",
        b"x-ratelimit-reset-requests: 6ms",
        b"x-ratelimit-limit-tokens: 1000000000",
        b"x-ratelimit-remaining-tokens: 999900000",
        b"x-ratelimit-reset-tokens: 60ms",
        b"",
    )
)


def cells() -> Cells:
    return Cells(mmap.mmap(-1, 4096))


def contended() -> tuple[float, float]:
    """Return the CPU time of a take in ns, while PROCESSES take from the same cell, and how many CPUs were at it: of 1, none contend."""
    shared = cells()
    heard, told = os.pipe()
    gate, opened = os.pipe()
    children = []
    for _ in range(PROCESSES):
        child = os.fork()
        if child == 0:
            os.close(opened)
            os.read(gate, 1)
            began = time.process_time_ns()
            shared.time_takes(0, CONTENDED_TIMES, False)
            os.write(told, pickle.dumps(time.process_time_ns() - began))
            os._exit(0)
        children.append(child)
    os.close(told)
    started = time.monotonic_ns()
    os.close(opened)
    os.close(gate)
    for child in children:
        os.waitpid(child, 0)
    taken = time.monotonic_ns() - started
    with os.fdopen(heard, "rb") as pipe:
        spent = sum(pickle.load(pipe) for _ in children)
    return spent / (PROCESSES * CONTENDED_TIMES), spent / taken


def measure() -> Iterator[tuple[str, float]]:
    """Return each number with its name."""
    seen = cells()
    levels = [(8 * level, AMPLE, "requests", 1) for level in range(5)]
    yield "one cell, clock given", min(seen.time_takes(0, TIMES, False) for _ in range(REPEATS))
    yield "one cell, with clock", min(seen.time_takes(0, TIMES, True) for _ in range(REPEATS))
    borrowed, settled = zip(*(seen.time_borrows(levels, TIMES) for _ in range(REPEATS)), strict=True)
    yield "five levels, with clock", min(borrowed)
    yield "five levels settled", min(settled)
    contention = [contended() for _ in range(3)]
    # The dearest: the others may have had a CPU to themselves.
    yield f"{PROCESSES} processes on one cell, CPU", max(contention)[0]
    yield "  of which at the same time, CPUs", max(contention)[1]
    mirror = Mirror(mmap.mmap(-1, Mirror.size(1, 0)), 1, 0)
    columns = zip(*(mirror.time_requests(HEAD, 1_000_000, TIMES // 10) for _ in range(REPEATS)), strict=True)
    for name, column in zip(("a wait", "a charge", "an answer's head", "a settlement"), columns, strict=True):
        yield f"mirror of requests and tokens, {name}", min(column)


def main() -> int:
    """Print each number beside its bound; return 1 if one is over it."""
    over = 0
    for name, taken in measure():
        bound = BOUNDS.get(name)
        unit = "" if name.endswith("CPUs") else " ns"
        print(f"{name}: {taken:.1f}{unit}" + (f" (at most {bound})" if bound else ""))
        over |= bound is not None and taken > bound
    return over


if __name__ == "__main__":
    sys.exit(main())
