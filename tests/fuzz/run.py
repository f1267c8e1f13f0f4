"""Fuzz the installed core: `python -m tests.fuzz.run --seconds 45 [--seed N] [--target NAME]`. Exit status 1 on the first finding."""

import argparse
import mmap
import os
import random
import sys
import time
import traceback
from collections.abc import Callable

from tests.fuzz.mutator import LONGEST, mutated, seeds, smaller
from tests.fuzz.targets import MAKERS, Target

# In the order of MAKERS.
_NAMES = ("server", "client", "translated", "request", "gateway")
# Cases of one target before the next has its turn.
_TURN = 200
_MINIMISING_S = 20.0


class _Notes:
    """What a child was doing, for the parent to read when it is gone: target, case's seed, input, executions."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, LONGEST + 64)

    def begin(self, target: int, seed: int, data: bytes, executions: int) -> None:
        head = b"%d %d %d %d\n" % (target, seed, len(data), executions)
        self._shared[: len(head) + len(data)] = head + data

    def read(self) -> tuple[int, int, bytes, int]:
        self._shared.seek(0)
        target, seed, length, executions = map(int, self._shared.readline().split())
        return target, seed, self._shared.read(length), executions


def in_child(work: Callable[[], None], *, quiet: bool) -> bool:
    """Return whether *work* ends well in a process of its own: a sanitizer's abort or a crash is a finding like any other."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1] == 0
    code = 1
    try:
        if quiet:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - the parent prints the input, this the cause
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def fuzz(makers: tuple[Callable[[], Target], ...], seed: int, seconds: float, notes: _Notes) -> None:
    """Run cases until *seconds* are over; raise what is wrong with one."""
    rng = random.Random(seed)
    targets = [make() for make in makers]
    corpora = [seeds(target.name) for target in targets]
    end = time.monotonic() + seconds
    executions = 0
    for target, corpus in enumerate(corpora):
        for data in corpus:
            executions += 1
            notes.begin(target, executions, data, executions)
            targets[target].run(data, executions)
    while time.monotonic() < end:
        target = rng.randrange(len(targets))
        for _ in range(_TURN):
            data, case = mutated(rng, corpora[target]), rng.getrandbits(32)
            executions += 1
            notes.begin(target, case, data, executions)
            targets[target].run(data, case)
    for one in targets:
        one.close()


def minimised(make: Callable[[], Target], data: bytes, seed: int) -> bytes:
    """Return a smaller input that fails as well, or *data*."""

    def fails(candidate: bytes) -> bool:
        return not in_child(lambda: make().run(candidate, seed), quiet=True)

    end = time.monotonic() + _MINIMISING_S
    found = True
    while found:
        found = False
        for candidate in smaller(data):
            if time.monotonic() > end:
                return data
            if fails(candidate):
                data, found = candidate, True
                break
    return data


def main(arguments: list[str] | None = None) -> int:
    """Return 0 if nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--target", choices=_NAMES)
    options = parser.parse_args(arguments)
    makers = tuple(make for name, make in zip(_NAMES, MAKERS, strict=True) if options.target in {None, name})
    notes = _Notes()
    print(f"seed {options.seed}", flush=True)
    start = time.monotonic()
    good = in_child(lambda: fuzz(makers, options.seed, options.seconds, notes), quiet=False)
    took = time.monotonic() - start
    target, case, data, executions = notes.read()
    print(f"{executions} executions in {took:.1f} s, {executions / took:.0f}/s")
    if good:
        return 0
    data = minimised(makers[target], data, case)
    print(f"{makers[target].__name__} fails, case {case}:\n{data!r}")
    in_child(lambda: makers[target]().run(data, case), quiet=False)
    return 1


if __name__ == "__main__":
    sys.exit(main())
