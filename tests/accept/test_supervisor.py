"""The supervisor alone, over workers that only say who they are: what it does when they die, and when it is told to end."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
from types import TracebackType
from typing import Self

import pytest

from tests.support.gateway import SCALE

PATIENCE_S = 10 * SCALE


class Supervised:
    """A running supervisor; leaving the context kills what is left of it."""

    def __init__(self, behaviour: str, drain_timeout_s: float = 30.0) -> None:
        command = [sys.executable, "-m", "tests.accept.supervised", behaviour, str(drain_timeout_s)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []

    def wait_for_line(self, pattern: str) -> re.Match[str]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no line matches {pattern!r}: {self.lines}")

    def port(self) -> int:
        return int(self.wait_for_line(r"^port (\d+)$").group(1))

    def send(self, signum: signal.Signals) -> None:
        self.process.send_signal(signum)

    def exit_code(self) -> int:
        assert self.process.stdout is not None
        self.lines += self.process.stdout.read().splitlines()
        return self.process.wait(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def ask(port: int) -> int:
    """Return the pid of the worker that answers a fresh connection."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connected:
        return int(connected.recv(64))


def ask_all(port: int, count: int = 2) -> set[int]:
    """Return the pids of *count* different workers; the kernel spreads connections by their ports."""
    found: set[int] = set()
    for _ in range(1000):
        found.add(ask(port))
        if len(found) == count:
            return found
    raise AssertionError(f"only {found} answered")


def wait_for_end(pid_fd: int) -> None:
    assert select.select([pid_fd], [], [], PATIENCE_S)[0], "the process is still there"
    os.close(pid_fd)


def test_a_killed_worker_is_replaced_and_the_other_goes_on() -> None:
    with Supervised("answer") as supervised:
        port = supervised.port()
        killed, other = ask_all(port)
        os.kill(killed, signal.SIGKILL)
        said = supervised.wait_for_line(r"^worker \d ").string
        assert f"(pid {killed}) was killed by SIGKILL; the next one starts now" in said
        after = ask_all(port)
        assert other in after
        assert killed not in after


def test_no_connection_is_refused_or_lost_while_a_worker_is_replaced() -> None:
    with Supervised("answer") as supervised:
        port = supervised.port()
        for _ in range(5):
            victim = ask(port)
            os.kill(victim, signal.SIGKILL)
            # What the victim had accepted died with it; what comes from here on is in a backlog or with the other.
            supervised.wait_for_line(r"was killed")
            assert all(ask(port) for _ in range(20))


def test_a_worker_that_is_told_to_end_is_replaced_too() -> None:
    with Supervised("answer") as supervised:
        told = ask(supervised.port())
        os.kill(told, signal.SIGTERM)
        assert str(told) in supervised.wait_for_line(r"^worker \d ").string


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_stop_signal_ends_all_workers(signum: signal.Signals, code: int) -> None:
    with Supervised("answer") as supervised:
        ends = [os.pidfd_open(pid) for pid in ask_all(supervised.port())]
        supervised.send(signum)
        assert supervised.exit_code() == code
        for end in ends:
            wait_for_end(end)


def test_sighup_ends_neither_the_supervisor_nor_its_workers() -> None:
    with Supervised("answer") as supervised:
        port = supervised.port()
        workers = ask_all(port)
        for pid in (*workers, supervised.process.pid):
            os.kill(pid, signal.SIGHUP)
        assert "restart" in supervised.wait_for_line("^SIGHUP: ").string
        assert ask_all(port) == workers
        supervised.send(signal.SIGTERM)
        assert supervised.exit_code() == 0


def test_the_port_is_free_after_the_end() -> None:
    with Supervised("answer") as supervised:
        port = supervised.port()
        supervised.send(signal.SIGTERM)
        supervised.exit_code()
        socket.create_server(("127.0.0.1", port)).close()


def test_a_second_signal_does_not_wait_for_a_worker_that_hangs() -> None:
    with Supervised("hang") as supervised:
        supervised.port()
        supervised.send(signal.SIGTERM)
        supervised.wait_for_line("^SIGTERM: no new requests; open ones have 30 s")
        supervised.send(signal.SIGTERM)
        assert supervised.exit_code() == 1
        assert "SIGTERM again: stopping now" in supervised.lines


def test_a_worker_that_hangs_is_killed_after_the_drain_deadline() -> None:
    with Supervised("hang", drain_timeout_s=0.1) as supervised:
        supervised.port()
        supervised.send(signal.SIGTERM)
        assert supervised.exit_code() == 1


def test_workers_end_when_their_supervisor_was_killed() -> None:
    with Supervised("answer") as supervised:
        ends = [os.pidfd_open(pid) for pid in ask_all(supervised.port())]
        supervised.send(signal.SIGKILL)
        for end in ends:
            wait_for_end(end)


def test_a_configuration_that_workers_refuse_ends_the_program_with_one_message() -> None:
    with Supervised("refuse") as supervised:
        assert supervised.exit_code() == 3
        assert supervised.lines == ["config.yaml:1:1: nothing is right"]


def test_a_worker_that_dies_before_it_serves_ends_the_program() -> None:
    with Supervised("die") as supervised:
        assert supervised.exit_code() == 1
        assert len(supervised.lines) == 1
        assert "was killed by SIGKILL before it could serve" in supervised.lines[0]


def test_workers_that_die_again_and_again_are_started_ever_more_slowly() -> None:
    with Supervised("die_when_ready") as supervised:
        for delay in ("now", "in 0.1 s", "in 0.2 s", "in 0.4 s"):
            supervised.wait_for_line(rf"^worker 1 .* ended with status 9; the next one starts {delay}$")
        supervised.send(signal.SIGTERM)
        supervised.exit_code()
