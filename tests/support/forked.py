"""Processes on the memory of the test that forks them."""

import os
import pickle
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def fork(run: Callable[[], object]) -> int:
    """Let *run* go in a process of its own; return its id. Its exit status is 0 if nothing was raised."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            run()
            status = 0
        finally:
            os._exit(status)
    return child


def together(runs: Sequence[Callable[[], T]]) -> list[T]:
    """Return what *runs* return, each in a process of its own; none begins before all are there."""
    gate, opened = os.pipe()
    pipes = [os.pipe() for _ in runs]

    def begin(run: Callable[[], T], told: int) -> None:
        os.close(opened)
        os.read(gate, 1)
        os.write(told, pickle.dumps(run()))

    children = [fork(lambda run=run, told=told: begin(run, told)) for run, (_, told) in zip(runs, pipes, strict=True)]
    os.close(opened)
    os.close(gate)
    results = []
    for child, (heard, told) in zip(children, pipes, strict=True):
        os.close(told)
        with os.fdopen(heard, "rb") as pipe:
            said = pipe.read()
        assert os.waitpid(child, 0)[1] == 0
        results.append(pickle.loads(said))
    return results
