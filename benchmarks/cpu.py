"""Read what a process tree has spent: CPU time, time it waited for a core, memory.

CPU time is the scheduler's own sum (sum_exec_runtime), read through the process' CPU clock: nanoseconds, all threads, those that ended too.
utime + stime of /proc/PID/stat is that same sum in ticks of 10 ms, too coarse for a round that spends 50 ms; it is recorded beside it.
"""

import os
import time
from pathlib import Path

from msgspec import Struct

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")


class Spent(Struct, frozen=True, kw_only=True):
    """What a tree spent between two readings, in seconds."""

    cpu_s: float
    # From /proc/PID/stat, in steps of 10 ms.
    user_s: float
    system_s: float
    # Runnable, but another process had the core: how much the round was disturbed.
    waited_s: float


class _Reading(Struct, frozen=True):
    clock_s: float
    user_ticks: int
    system_ticks: int
    waited_ns: int


def tree_of(root: int) -> list[int]:
    """Return the pids of *root* and of all its descendants, root first."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = _stat_fields(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
    tree = [root]
    for pid in tree:
        tree.extend(children.get(pid, ()))
    return tree


def leaves_of(root: int) -> list[int]:
    """Return the descendants of *root* that have no children: the workers; *root* itself if it has none."""
    tree = tree_of(root)
    parents = {int(_stat_fields(pid)[1]) for pid in tree[1:]}
    return [pid for pid in tree if pid not in parents]


class TreeClock:
    """Measures what the tree under *root* spends from now until `spent` is called.

    A process that ends in between makes `spent` raise RuntimeError: a worker died, and the round's numbers are not worth having.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._before = {pid: _read(pid) for pid in tree_of(root)}

    def spent(self) -> Spent:
        try:
            after = {pid: _read(pid) for pid in self._before}
        except OSError as error:
            raise RuntimeError(f"a process under {self._root} ended within a measured round") from error
        nothing = _Reading(0.0, 0, 0, 0)
        for pid in tree_of(self._root):
            if pid not in after:
                after[pid] = _read(pid)
        pairs = [(self._before.get(pid, nothing), reading) for pid, reading in after.items()]
        return Spent(
            cpu_s=sum(b.clock_s - a.clock_s for a, b in pairs),
            user_s=sum(b.user_ticks - a.user_ticks for a, b in pairs) / TICKS_PER_S,
            system_s=sum(b.system_ticks - a.system_ticks for a, b in pairs) / TICKS_PER_S,
            waited_s=sum(b.waited_ns - a.waited_ns for a, b in pairs) / 1e9,
        )


def resident_bytes(pids: list[int]) -> int:
    """Return the sum of the resident set sizes of *pids*."""
    return sum(int((PROC / str(pid) / "statm").read_text().split()[1]) for pid in pids) * PAGE_BYTES


def proportional_bytes(pid: int) -> int:
    """Return the proportional set size (PSS) of *pid*: shared pages are divided by how many share them."""
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"/proc/{pid}/smaps_rollup has no Pss line")


def _stat_fields(pid: int) -> list[str]:
    # The name stands in parentheses and may hold spaces and parentheses itself. Field 0 here is `state` of proc(5).
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _read(pid: int) -> _Reading:
    # clock_getcpuclockid(3): the clock's id is the inverted pid, shifted, with CPUCLOCK_SCHED in the low bits.
    clock_s = time.clock_gettime((~pid << 3) | 2)
    fields = _stat_fields(pid)
    waited_ns = 0
    for task in (PROC / str(pid) / "task").iterdir():
        schedstat = task / "schedstat"
        if schedstat.exists():
            waited_ns += int(schedstat.read_text().split()[1])
    return _Reading(clock_s, int(fields[11]), int(fields[12]), waited_ns)
