"""Put a run before other work on the same cores."""

import atexit
import os
from pathlib import Path

# sched(7): with autogrouping, nice values count only within a session, and this file holds the nice value of the session as a whole.
_AUTOGROUP = Path("/proc/self/autogroup")


def take_priority() -> None:
    """Run this process and all it starts at nice -20, until it ends; raise PermissionError if not allowed to."""
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    if _AUTOGROUP.exists():
        _AUTOGROUP.write_text("-20")
        # The session may be a shell's that lives on.
        atexit.register(_AUTOGROUP.write_text, "0")


def describe_priority() -> str:
    group = _AUTOGROUP.read_text().split()[-1] if _AUTOGROUP.exists() else "none"
    return f"nice {os.getpriority(os.PRIO_PROCESS, 0)}, autogroup nice {group}"
