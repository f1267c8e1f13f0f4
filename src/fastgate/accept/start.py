"""From settings to serving: chooses host and worker count, opens the sockets, says where it listens, and supervises until the end."""

import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from fastgate import __version__
from fastgate.accept.banner import build_banner
from fastgate.accept.say import Say, say_human, say_json
from fastgate.accept.sockets import Listening, listen
from fastgate.accept.supervisor import Supervisor
from fastgate.accept.worker import WorkerOptions, worker_of
from fastgate.config.schema import Settings
from fastgate.route.shared import Shared

LogFormat = Literal["auto", "json", "human"]

# cgroup v2: "<quota> <period>" in microseconds, or "max <period>".
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
# Linux's own upper bound (fs.nr_open) is this by default.
ENOUGH_DESCRIPTORS = 1024 * 1024


class Start(Struct, frozen=True, kw_only=True):
    """What the command line decides about a start; everything else stands in the settings."""

    # Empty: every interface if callers need a key, else this machine only.
    host: str = ""
    # 0: a free one.
    port: int = 4000
    # 0: as many as this process may use CPUs.
    workers: int = 0
    # auto: human on a terminal.
    log_format: LogFormat = "auto"
    counters: bool = False


def serve(settings: Settings, start: Start, notes: Sequence[str] = ()) -> int:
    """Serve until a signal ends it; return the command's exit code. *notes* are printed below the banner.

    Raise CannotBindError if the address cannot be had.
    """
    log_format: Literal["json", "human"] = "json" if start.log_format == "json" else "human"
    say = say_json if log_format == "json" else say_human
    if start.log_format == "auto" and not sys.stderr.isatty():
        # Only the requests' lines are for machines then: the few others are read by whoever looks into the log.
        log_format = "json"
    workers = start.workers or count_cpus()
    _raise_descriptor_limit()
    listening = listen(start.host or choose_host(settings), start.port, workers)
    shared = Shared(settings, workers)
    supervisor = Supervisor(
        listening,
        worker_of(settings, WorkerOptions(log_format=log_format, counters=start.counters), shared),
        drain_timeout_s=settings.drain_timeout_s,
        on_ready=lambda: _announce(settings, listening, notes, say),
        say=say,
        forget=shared.forget,
    )
    return supervisor.run()


def choose_host(settings: Settings) -> str:
    """Return the address for whoever gave none: others can only use the gateway if they can prove who they are, or need not."""
    return "0.0.0.0" if settings.master_key or settings.allow_unauthenticated else "127.0.0.1"


def count_cpus() -> int:
    """Return how many CPUs this process can use at once: its affinity, and a container's quota rounded up."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota_us, period_us = CPU_MAX.read_text().split()
    except (OSError, ValueError):
        return count
    return count if quota_us == "max" else max(1, min(count, -(-int(quota_us) // int(period_us))))


def _raise_descriptor_limit() -> None:
    # Shells give 1024, for programs that still use select(); each open request needs two.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _announce(settings: Settings, listening: Listening, notes: Sequence[str], say: Say) -> None:
    say(f"fastgate {__version__} listening on {listening.url}")
    for line in build_banner(settings, listening, notes):
        say(line)
