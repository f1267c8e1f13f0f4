"""Lines on stderr about the program itself, for people or for programs; lines about requests are the gateway's."""

import sys
import time
from collections.abc import Callable

import orjson

Say = Callable[[str], None]


def say_human(text: str) -> None:
    # One write for the whole line: stderr may be unbuffered, and several processes share it.
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def say_json(text: str) -> None:
    say_human(orjson.dumps({"time": round(time.time(), 3), "message": text}).decode())
