"""The servers of an instance on real ports: OpenAI chats, answered as fast as the simulated world says.

`python -m benchmarks.routing.real_server INSTANCE [--headers]` prints its ports, waits for `go SECONDS` on stdin, which is when the
instance's time begins on the monotonic clock, and prints what it has seen at the next line, or when stdin ends.

The physics is `world.Server` itself, moved on in real time: what was due is carried out at the time it was due, however late the loop wakes
up, so that only bytes are late, not the servers. A request whose caller has left runs to its end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import heapq
import math
import sys
import time
from collections import deque
from pathlib import Path
from typing import cast

import msgspec
import orjson
import uvloop
from msgspec import Struct

from benchmarks.process import LOOPBACK
from benchmarks.routing.kinds import Instance
from benchmarks.routing.world import FIRST_BYTE, Job, Request, Server, Spec

# An answer's tokens are events of their own, sent in so many pieces.
PIECES = 14
# What a refusal by the rate limit takes, as in the simulation.
REFUSAL_S = 0.05
TAKEN, FAILED, LIMITED = range(3)

_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s"
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n%s\r\n"
_EVENT = b'data: {"id":"chat","object":"chat.completion.chunk","created":1,"model":"mock","choices":[%s]%s}\n\n'
_ROLE = _EVENT % (b'{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}', b"")
_TOKEN = _EVENT % (b'{"index":0,"delta":{"content":"word"},"finish_reason":null}', b"")
_FINISH = _EVENT % (b'{"index":0,"delta":{},"finish_reason":"stop"}', b"")
_USAGE = b',"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}'
_CHOICE = b'{"index":0,"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}'
_WHOLE = b'{"id":"chat","object":"chat.completion","created":1,"model":"mock","choices":[%s]%s}'
_ERROR = b'{"error":{"message":"%s","type":"%s","code":"%s"}}'
_END = b"0\r\n\r\n"


class ServerSeen(Struct, frozen=True, kw_only=True):
    """What has come to one server: when, and what became of it (TAKEN, FAILED, LIMITED)."""

    arrivals: list[tuple[float, int]]
    # Most that ran at a time.
    peak: int


class Seen(Struct, frozen=True, kw_only=True):
    """What the servers have seen, and how late they sent first bytes and ends."""

    servers: list[ServerSeen]
    late_s: list[float]


class Member:
    """One server; *answer* of a Connection is called as its physics says."""

    def __init__(self, spec: Spec, spreads: tuple[tuple[float, float], ...], world: World) -> None:
        self.server = Server(spec, spreads)
        self.world = world
        changes = [(at, "speed", value) for at, value in spec.speeds] + [(at, "failing", value) for at, value in spec.failing]
        self.changes = deque(sorted(changes))
        # Points of the server's clock at which a piece of an answer is due: (point, count, job, tokens by then).
        self.pieces: list[tuple[float, int, Job, int]] = []
        self.count = 0
        self.arrivals: list[tuple[float, int]] = []
        self.peak = 0
        self.timer: asyncio.TimerHandle | None = None

    def ask(self, request: Request, connection: Connection) -> None:
        """Take *request*, or refuse it in time."""
        now = self.world.now()
        self.run_until(now)
        server = self.server
        if server.failing > request.luck:
            self.arrivals.append((now, FAILED))
            self.world.loop.call_later(server.spec.fail_s, connection.fail)
            return
        wait = server.wait_for_limit(now)
        if wait > 0:
            self.arrivals.append((now, LIMITED))
            self.world.loop.call_later(REFUSAL_S, connection.limit, wait)
            return
        if server.spec.rpm:
            server.charge(now)
        self.arrivals.append((now, TAKEN))
        job = server.job(request)
        job.token = connection
        server.take(job, now)
        self.peak = max(self.peak, len(server.running))
        self.arm(now)

    def fields(self) -> bytes:
        """Return header fields about the rate limit, if they are wanted and there is one."""
        server, now = self.server, self.world.now()
        if not self.world.headers or not server.spec.rpm:
            return b""
        step = 60 / server.spec.rpm
        used_s = max(0.0, server.admitted_at_s - now)
        left = max(0, int((step * server.spec.burst - used_s) / step))
        return b"x-ratelimit-limit-requests: %d\r\nx-ratelimit-remaining-requests: %d\r\nx-ratelimit-reset-requests: %dms\r\n" % (
            round(server.spec.rpm),
            left,
            math.ceil(used_s * 1000),
        )

    def next(self) -> tuple[float, str] | None:
        """Return when what is due next."""
        server = self.server
        found: list[tuple[float, str]] = []
        if self.changes:
            found.append((self.changes[0][0], "change"))
        if self.pieces:
            left = max(0.0, self.pieces[0][0] - server.clock)
            at = max(server.at_s, server.blocked_until_s) + left * len(server.running) ** server.spec.contention / server.speed
            found.append((at, "piece"))
        at_event = server.next_s()
        if at_event is not None:
            found.append((at_event, "event"))
        # Of what is due at the same time a piece comes before the end behind it.
        return min(found, key=lambda due: due[0], default=None)

    def run_until(self, now: float) -> None:
        """Carry out what was due until *now*, each thing at its own time."""
        while (due := self.next()) is not None and due[0] <= now:
            at, what = due
            if what == "change":
                self.server.advance(at)
                _, name, value = self.changes.popleft()
                setattr(self.server, name, value)
            elif what == "piece":
                self.server.advance(at)
                _, _, job, tokens = heapq.heappop(self.pieces)
                job.token.piece(tokens)  # type: ignore[attr-defined]
            else:
                self.world.late_s.append(now - at)
                kind, job = self.server.step(at)
                if kind == FIRST_BYTE:
                    self.begin(job)
                else:
                    job.token.end()  # type: ignore[attr-defined]
                self.peak = max(self.peak, len(self.server.running))

    def begin(self, job: Job) -> None:
        if job.request.whole:
            return
        job.token.begin()  # type: ignore[attr-defined]
        each = max(1, -(-job.output_tokens // PIECES))
        for tokens in range(each, job.output_tokens, each):
            self.count += 1
            point = job.first_at + (job.end_at - job.first_at) * tokens / job.output_tokens
            heapq.heappush(self.pieces, (point, self.count, job, tokens))

    def arm(self, now: float) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        due = self.next()
        if due is not None:
            # Timers of libuv count whole milliseconds.
            self.timer = self.world.loop.call_later(math.ceil(max(0.0, due[0] - now) * 1000) / 1000, self.on_timer)

    def on_timer(self) -> None:
        self.timer = None
        now = self.world.now()
        self.run_until(now)
        self.arm(now)


class Connection(asyncio.Protocol):
    """HTTP/1.1 of one gateway's connection: a request with a Content-Length, its answer, and again."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, blank, rest = self.buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        _, named, value = head.lower().partition(b"\r\ncontent-length:")
        length = int(value.partition(b"\r\n")[0]) if named else 0
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        if b"/chat/completions" not in head.partition(b"\r\n")[0]:
            self.write_error(b"404 Not Found", b"no such path", b"not_found_error")
            return
        self.accept(orjson.loads(rest[:length]))

    def accept(self, body: dict[str, object]) -> None:
        messages = body["messages"]
        self.request = self.member.world.instance.requests[int(messages[0]["content"].partition(" ")[0])]  # type: ignore[index]
        options = body.get("stream_options")
        self.wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        self.sent_tokens = 0
        self.member.ask(self.request, self)

    def write(self, content: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(content)

    def write_whole(self, status: bytes, body: bytes, fields: bytes = b"") -> None:
        self.write(_HEAD % (status, len(body), self.member.fields() + fields, body))

    def write_error(self, status: bytes, message: bytes, code: bytes, fields: bytes = b"") -> None:
        self.write_whole(status, _ERROR % (message, code, code), fields)

    def fail(self) -> None:
        self.write_error(b"500 Internal Server Error", b"this server fails now", b"server_error")

    def limit(self, wait_s: float) -> None:
        fields = b"Retry-After: %d\r\nretry-after-ms: %d\r\n" % (math.ceil(wait_s), math.ceil(wait_s * 1000))
        self.write_error(b"429 Too Many Requests", b"too many requests", b"rate_limit_exceeded", fields)

    def usage(self) -> bytes:
        asked, said = self.request.prompt_tokens, self.request.output_tokens
        return _USAGE % (asked, said, asked + said)

    def begin(self) -> None:
        self.write(_STREAM_HEAD % self.member.fields() + b"%x\r\n%s\r\n" % (len(_ROLE), _ROLE))

    def piece(self, tokens: int) -> None:
        events = _TOKEN * (tokens - self.sent_tokens)
        self.sent_tokens = tokens
        self.write(b"%x\r\n%s\r\n" % (len(events), events))

    def end(self) -> None:
        if self.request.whole:
            choice = _CHOICE % (b"word" * self.request.output_tokens)
            self.write_whole(b"200 OK", _WHOLE % (choice, self.usage()))
            return
        events = _TOKEN * (self.request.output_tokens - self.sent_tokens) + _FINISH
        if self.wants_usage:
            events += _EVENT % (b"", self.usage())
        events += b"data: [DONE]\n\n"
        self.write(b"%x\r\n%s\r\n%s" % (len(events), events, _END))


class World:
    """All servers of *instance*; *headers*: they say what is left of their rate limits."""

    def __init__(self, instance: Instance, *, headers: bool = False) -> None:
        self.instance = instance
        self.headers = headers
        self.late_s: list[float] = []
        self.members = [Member(spec, spreads, self) for spec, spreads in zip(instance.servers, instance.spreads, strict=True)]
        self.ports: list[int] = []
        self._listening: list[asyncio.Server] = []

    async def listen(self) -> None:
        self.loop = asyncio.get_running_loop()
        for member in self.members:
            made = await self.loop.create_server(lambda member=member: Connection(member), LOOPBACK, 0)  # type: ignore[misc]
            self._listening.append(made)
            self.ports.append(made.sockets[0].getsockname()[1])

    def begin(self, zero_s: float) -> None:
        """Let the instance's time begin at *zero_s* of the monotonic clock."""
        self.zero_s = zero_s
        for member in self.members:
            member.arm(self.now())

    def now(self) -> float:
        return time.monotonic() - self.zero_s

    def close(self) -> None:
        for made in self._listening:
            made.close()
        for member in self.members:
            if member.timer is not None:
                member.timer.cancel()

    def seen(self) -> Seen:
        return Seen(servers=[ServerSeen(arrivals=member.arrivals, peak=member.peak) for member in self.members], late_s=self.late_s)


async def serve(instance: Instance, headers: bool) -> None:
    world = World(instance, headers=headers)
    await world.listen()
    print(msgspec.json.encode(world.ports).decode(), flush=True)
    lines = asyncio.StreamReader()
    await world.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    if line := await lines.readline():
        world.begin(float(line.removeprefix(b"go ")))
        await lines.readline()
    print(msgspec.json.encode(world.seen()).decode(), flush=True)
    world.close()


def main(arguments: list[str]) -> None:
    options = argparse.ArgumentParser(description="The servers of an instance on real ports.")
    options.add_argument("instance", type=Path)
    options.add_argument("--headers", action="store_true")
    chosen = options.parse_args(arguments)
    instance = msgspec.msgpack.decode(chosen.instance.read_bytes(), type=Instance)
    # Ctrl-C reaches the whole group; who started this one tells what to do.
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(instance, chosen.headers))


if __name__ == "__main__":
    main(sys.argv[1:])
