"""Facts about the machine that a reader needs to judge the numbers."""

import os
import platform
from pathlib import Path

from benchmarks.missing import Missing


def proxy_and_load_cores() -> tuple[int, int]:
    """Return the core for the proxy and the one for load generator and upstream; raise Missing with fewer than two cores."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise Missing("a second core (one for the proxy, one for load and upstream)", "nothing: use a machine with two cores")
    return cores[0], cores[1]


def describe_machine() -> dict[str, str]:
    facts = {
        "processor": _field(Path("/proc/cpuinfo"), "model name"),
        "cores": str(os.cpu_count()),
        "memory": f"{int(_field(Path('/proc/meminfo'), 'MemTotal').split()[0]) / 1024 / 1024:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "system": _os_name(),
        "virtual": "yes" if "hypervisor" in _field(Path("/proc/cpuinfo"), "flags").split() else "no",
        "load before": f"{os.getloadavg()[0]:.2f}",
    }
    return {name: value for name, value in facts.items() if value}


def _field(path: Path, name: str) -> str:
    for line in path.read_text().splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip() == name:
            return value.strip()
    return "0" if name == "MemTotal" else ""


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return ""
