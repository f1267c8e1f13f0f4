"""Start a program on one core, wait until it answers, and stop it and all its children."""

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.cpu import tree_of

LOOPBACK = "127.0.0.1"
STOP_TIMEOUT_S = 3.0


class Process:
    """A running program; a context manager that stops it by pid with everything it started."""

    def __init__(self, command: Sequence[str], core: int, log: Path, env: Mapping[str, str] | None = None, talks: bool = False) -> None:
        """Run *command* pinned to *core*, stderr to *log*; with *talks* its stdin and stdout are pipes, else stdout goes to *log* too."""
        self.command = list(command)
        self.log = log
        allowed = os.sched_getaffinity(0)
        # A child inherits the affinity; setting it on ourselves costs the child no exec of taskset.
        os.sched_setaffinity(0, {core})
        try:
            with log.open("wb") as to:
                self.started_at_s = time.monotonic()
                self._process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                    stdout=subprocess.PIPE if talks else to,
                    stderr=to,
                    env=None if env is None else {**os.environ, **env},
                )
        finally:
            os.sched_setaffinity(0, allowed)
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def hear(self) -> bytes:
        """Return the next line of the program's stdout; raise RuntimeError with its log if it ended instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.command)}\nended with {self._process.wait()}:\n{self.tail_of_log()}")
        return line

    def has_said_something(self, timeout_s: float) -> bool:
        """Return whether a line, or the end, can be heard now or within *timeout_s*."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], timeout_s)[0])

    def tail_of_log(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    def wait_until_listening(self, port: int, timeout_s: float = 20.0) -> None:
        """Return once *port* takes connections; raise RuntimeError with the program's log if it ends before or takes too long."""
        deadline = time.monotonic() + timeout_s
        pidfd = os.pidfd_open(self.pid)
        try:
            while time.monotonic() < deadline:
                with socket.socket() as probe:
                    if probe.connect_ex((LOOPBACK, port)) == 0:
                        return
                # Between two tries wait for the only other thing that can happen: the end of the program.
                if select.select([pidfd], [], [], 0.001)[0]:
                    break
        finally:
            os.close(pidfd)
        raise RuntimeError(f"{' '.join(self.command)}\ndoes not listen on port {port}:\n{self.tail_of_log()}")

    def stop(self) -> None:
        """End the program and its children: closed stdin, SIGTERM, and SIGKILL for what is left."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        tree = tree_of(self.pid) if self._process.poll() is None else []
        if tree:
            self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            for pid in tree[1:]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        if self._process.stdout is not None:
            self._process.stdout.close()


def free_port() -> int:
    """Return a loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port
