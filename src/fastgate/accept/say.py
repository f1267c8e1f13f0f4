"""Lines on stderr about the program itself, for people or for programs; lines about requests are the gateway's."""

import contextlib
import io
import os
import select
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import orjson

Say = Callable[[str], None]

# Writes of at most PIPE_BUF bytes to a pipe that polls writable never block (pipe(7)).
_WRITE_BYTES = 4096
# How long a reader may take to make room: a worker that died is replaced only behind its line.
_PATIENCE_MS = 100


def say_human(text: str) -> None:
    """Write a line. A reader that has gone or stalls costs the line: nobody waits for it longer than a moment."""
    line = text.encode(errors="replace") + b"\n"
    try:
        fd = sys.stderr.fileno()
    except io.UnsupportedOperation:  # a stream in memory
        sys.stderr.write(text + "\n")
        return
    ready = select.poll()
    ready.register(fd, select.POLLOUT)
    with contextlib.suppress(OSError):
        while line and any(events & select.POLLOUT for _, events in ready.poll(_PATIENCE_MS)):
            line = line[os.write(fd, line[:_WRITE_BYTES]) :]


def say_json(text: str) -> None:
    """The same as a JSON object."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    say_human(orjson.dumps({"time": now, "message": text}).decode())
