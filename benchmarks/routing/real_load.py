"""Send an instance's requests at their times, whatever became of those before, and measure each answer.

`python -m benchmarks.routing.real_load INSTANCE PORT --until SECONDS` says `ready`, waits for `go SECONDS` on stdin, which is when the
instance's time begins on the monotonic clock, and prints a JSON array of what it has seen.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
import time
from collections import deque
from pathlib import Path
from typing import cast

import msgspec
import uvloop
from msgspec import Struct

from benchmarks.bodies import KEY, MODEL
from benchmarks.process import LOOPBACK
from benchmarks.routing.kinds import Instance
from benchmarks.routing.world import Request

# A token; English has about four bytes of each.
WORD = b"all "
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_DEPLOYMENT = re.compile(rb"\r\nx-fastgate-deployment: *([^\r]*)", re.IGNORECASE)
_COMPLETION_TOKENS = re.compile(rb'"completion_tokens": *(\d+)')
_LAST_CHUNK = b"0\r\n\r\n"


class Answer(Struct, frozen=True, kw_only=True):
    """One request's answer; times are from when the request was due."""

    # 0: there was none until the end.
    status: int
    latency_s: float
    # Of a stream; 0: none came.
    first_s: float
    # It is whole: a stream has ended as it should, and usage names the tokens that the server was to say.
    right: bool
    # As the answer's head names it.
    deployment: str
    # Sent so much after it was due.
    late_s: float


class Call(asyncio.Protocol):
    """A kept connection; one request at a time."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.number = -1
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, request: Request) -> None:
        self.number = request.number
        self.request = request
        self.received = bytearray()
        self.first_s = 0.0
        self.body_at = -1
        self.end_at = -1
        self.load.sent(request.number)
        self.transport.write(message(request))

    def data_received(self, data: bytes) -> None:
        if self.number < 0:
            return
        self.received += data
        if self.body_at < 0 and not self.read_head():
            return
        if not self.first_s and len(self.received) > self.body_at:
            self.first_s = self.load.since_due(self.number)
        whole = len(self.received) >= self.end_at if self.end_at >= 0 else self.received.endswith(_LAST_CHUNK)
        if whole:
            self.finish()

    def read_head(self) -> bool:
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return False
        self.head = bytes(self.received[: end + 2])
        self.body_at = end + 4
        length = _LENGTH.search(self.head)
        self.end_at = self.body_at + int(length[1]) if length else -1
        return True

    def finish(self) -> None:
        status, deployment = _STATUS.match(self.head), _DEPLOYMENT.search(self.head)
        counted = _COMPLETION_TOKENS.findall(self.received)
        right = bool(counted) and int(counted[-1]) == self.request.output_tokens
        if not self.request.whole:
            right = right and b"data: [DONE]" in self.received[-200:]
        number, self.number = self.number, -1
        self.load.answered(
            number,
            Answer(
                status=int(status[1]) if status else 0,
                latency_s=self.load.since_due(number),
                first_s=0.0 if self.request.whole else self.first_s,
                right=right,
                deployment=deployment[1].decode() if deployment else "",
                late_s=self.load.late_s[number],
            ),
        )
        if b"\r\nconnection: close" in self.head.lower():
            self.transport.close()
        else:
            self.load.idle.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self.number >= 0:
            self.load.answered(self.number, self.load.nothing(self.number))


def message(request: Request) -> bytes:
    """Return *request* on the wire: it names its number first, and has about as many tokens as it should."""
    text = f"{request.number} ".encode() + WORD * (request.prompt_tokens - 1)
    stream = b"" if request.whole else b',"stream":true,"stream_options":{"include_usage":true}'
    body = b'{"model":"%s","messages":[{"role":"user","content":"%s"}]%s}' % (MODEL.encode(), text, stream)
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer %s\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (KEY.encode(), len(body), body)
    )


class Load:
    """Sends the requests of *instance* to *port*."""

    def __init__(self, instance: Instance, port: int) -> None:
        self.instance = instance
        self.port = port
        # The one that was idle longest is next, so that all of them, and with them all workers, get their share.
        self.idle: deque[Call] = deque()
        count = len(instance.requests)
        self.answers: list[Answer | None] = [None] * count
        self.late_s = [0.0] * count
        self.left = count
        self.connecting: set[asyncio.Task[None]] = set()

    async def run(self, zero_s: float, until_s: float) -> list[Answer]:
        """Return the answers; what has none *until_s* seconds after *zero_s* never got one."""
        self.zero_s = zero_s
        self.loop = asyncio.get_running_loop()
        self.done = asyncio.Event()
        timers = [self.loop.call_later(max(0.0, zero_s + each.arrival_s - time.monotonic()), self.start, each) for each in self.requests()]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.done.wait(), zero_s + until_s - time.monotonic())
        for timer in timers:
            timer.cancel()
        for call in self.idle:
            call.transport.close()
        return [answer or self.nothing(number) for number, answer in enumerate(self.answers)]

    def requests(self) -> tuple[Request, ...]:
        return self.instance.requests

    def start(self, request: Request) -> None:
        while self.idle:
            call = self.idle.popleft()
            if not call.closed:
                call.send(request)
                return
        task = self.loop.create_task(self.connect(request))
        self.connecting.add(task)
        task.add_done_callback(self.connecting.discard)

    async def connect(self, request: Request) -> None:
        try:
            _, call = await self.loop.create_connection(lambda: Call(self), LOOPBACK, self.port)
        except OSError:
            self.answered(request.number, self.nothing(request.number))
            return
        call.send(request)

    def since_due(self, number: int) -> float:
        return time.monotonic() - self.zero_s - self.instance.requests[number].arrival_s

    def sent(self, number: int) -> None:
        self.late_s[number] = self.since_due(number)

    def nothing(self, number: int) -> Answer:
        return Answer(
            status=0, latency_s=self.since_due(number), first_s=0.0, right=False, deployment="", late_s=self.late_s[number]
        )

    def answered(self, number: int, answer: Answer) -> None:
        self.answers[number] = answer
        self.left -= 1
        if not self.left:
            self.done.set()


async def drive(instance: Instance, port: int, until_s: float) -> None:
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    line = await loop.run_in_executor(None, sys.stdin.readline)
    answers = await Load(instance, port).run(float(line.removeprefix("go ")), until_s)
    print(msgspec.json.encode(answers).decode(), flush=True)


def main(arguments: list[str]) -> None:
    options = argparse.ArgumentParser(description="Send an instance's requests at their times.")
    options.add_argument("instance", type=Path)
    options.add_argument("port", type=int)
    options.add_argument("--until", type=float, required=True, help="seconds after which nothing is waited for any more")
    chosen = options.parse_args(arguments)
    instance = msgspec.msgpack.decode(chosen.instance.read_bytes(), type=Instance)
    # Ctrl-C reaches the whole group; who started this one tells what to do.
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(drive(instance, chosen.port, chosen.until))


if __name__ == "__main__":
    main(sys.argv[1:])
