"""A supervisor over workers that do one thing; run as `python -m tests.accept.supervised BEHAVIOUR DRAIN_TIMEOUT_S`.

Prints the port when all workers accept. Each connection is told the pid of the worker that accepted it, and closed.
"""

import os
import selectors
import signal
import socket
import sys

from fastgate.accept import lifeline
from fastgate.accept.sockets import listen
from fastgate.accept.supervisor import RunWorker, Supervisor

WORKERS = 2


def answer(sockets: tuple[socket.socket, ...], line: socket.socket, place: int) -> int:
    """Serve until told to end, or until nobody is there to tell."""
    line.send(lifeline.READY)
    selector = selectors.DefaultSelector()
    for sock in (*sockets, line):
        selector.register(sock, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is line:
                return lifeline.ENDED
            accepted, _ = sockets[0].accept()
            accepted.sendall(str(os.getpid()).encode())
            accepted.close()


def refuse(sockets: tuple[socket.socket, ...], line: socket.socket, place: int) -> int:
    line.send(lifeline.FAILED + b"config.yaml:1:1: nothing is right")
    return lifeline.CONFIG_INVALID


def die(sockets: tuple[socket.socket, ...], line: socket.socket, place: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return lifeline.ENDED


def die_when_ready(sockets: tuple[socket.socket, ...], line: socket.socket, place: int) -> int:
    line.send(lifeline.READY)
    return 9


def hang(sockets: tuple[socket.socket, ...], line: socket.socket, place: int) -> int:
    line.send(lifeline.READY)
    while True:
        signal.pause()


BEHAVIOURS: dict[str, RunWorker] = {made.__name__: made for made in (answer, refuse, die, die_when_ready, hang)}


def say(text: str) -> None:
    print(text, flush=True)


def main(behaviour: str, drain_timeout_s: str) -> int:
    listening = listen("127.0.0.1", 0, WORKERS)
    supervisor = Supervisor(
        listening,
        BEHAVIOURS[behaviour],
        drain_timeout_s=float(drain_timeout_s),
        on_ready=lambda: say(f"port {listening.port}"),
        say=say,
    )
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
