"""What hedges do to the tail: streams of which one in ten stalls, through a gateway with two scripted providers.

    python -m benchmarks.hedging

Each row has a gateway of its own: first nothing stalls, and the row's own unstalled p99 is measured, then one request in ten does. All rows
run at the same time, open loop, and take half a minute together. Hedges are counted against all requests, those of the first part included.
"""

import asyncio
import contextlib
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from msgspec import Struct

from benchmarks.process import LOOPBACK

STALL_S = 5.0
RATE_PER_S = 50
LEARNING = 500
MEASURED = 1000
# First content of what does not stall: p99 is three times the median, as hosted APIs have it.
MEDIAN_S = 0.3
SPREAD = 0.5
TOKENS = 5
TOKEN_S = 0.01
STARTING_S = 10.0

_LISTENING = re.compile(rb"listening on http://[^:]+:(\d+)")
_NUMBER = re.compile(rb"number (\d+)\"")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_DELTA = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
_DONE = b"data: [DONE]\n\n"


class Row(Struct, frozen=True):
    """One way to run: *independent* stalls meet hedges as well as first attempts."""

    name: str
    budget: float
    independent: bool = False
    after: float = 0.95


ROWS = (
    Row("no hedges", 0),
    Row("budget 16 %", 0.16),
    Row("budget 20 %, after p90", 0.2, after=0.9),
    Row("budget 2 % (default)", 0.02),
    Row("budget 16 %, hedges stall alike", 0.16, independent=True),
)


class Provider:
    """Answers streams; while *stalls*, one request in ten waits: every tenth number at its first try, or any by chance."""

    def __init__(self, row: Row, seed: int) -> None:
        self._row = row
        self._chance = random.Random(seed)
        self._seen: set[bytes] = set()
        self.stalls = False
        self.requests = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])  # type: ignore[index]
                body = await reader.readexactly(length)
                await self._answer(body, reader, writer)
        writer.close()

    async def _answer(self, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests += 1
        wait_s = STALL_S if self._is_stalled(body) else self._chance.lognormvariate(0, SPREAD) * MEDIAN_S
        # Nothing comes while an answer is awaited, but the end when it is not any more.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(1), wait_s)
            return
        writer.write(_HEAD)
        for _ in range(TOKENS):
            writer.write(b"%x\r\n%s\r\n" % (len(_DELTA), _DELTA))
            await writer.drain()
            await asyncio.sleep(TOKEN_S)
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(_DONE), _DONE))
        await writer.drain()

    def _is_stalled(self, body: bytes) -> bool:
        if not self.stalls:
            return False
        if self._row.independent:
            return self._chance.random() < 0.1
        number = _NUMBER.search(body)[1]  # type: ignore[index]
        if int(number) % 10 or number in self._seen:
            return False
        self._seen.add(number)
        return True


async def ask(port: int, number: int) -> float:
    """Return the seconds to the first content."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"number %d"}]}' % number
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: b\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    await reader.readuntil(b'"content":"a"')
    took = time.monotonic() - began
    await reader.read(-1)
    writer.close()
    return took


async def load(port: int, count: int, start: int) -> list[float]:
    """Return the times of *count* requests at RATE_PER_S, whatever the answers do."""
    began = time.monotonic()
    running = []
    for at in range(count):
        await asyncio.sleep(max(0.0, began + at / RATE_PER_S - time.monotonic()))
        running.append(asyncio.ensure_future(ask(port, start + at)))
    return sorted(await asyncio.gather(*running))


def quantile(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))]


def configuration(row: Row, ports: list[int]) -> dict[str, object]:
    entries = [
        {"model_name": "m", "litellm_params": {"model": "openai/m", "api_base": f"http://{LOOPBACK}:{port}/v1", "api_key": "k"}}
        for port in ports
    ]
    own = {"hedging": {"models": ["*"] if row.budget else [], "budget": row.budget, "after_quantile": row.after}}
    return {"model_list": entries, "fastgate_settings": own}


def start(file: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Return a running gateway and its port."""
    command = [sys.executable, "-m", "fastgate", "serve", "--config", str(file), "--host", LOOPBACK, "--port", "0", "--workers", "1"]
    log = file.with_suffix(".log")
    with log.open("wb") as to:
        process = subprocess.Popen(command, stdout=to, stderr=to, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    end = time.monotonic() + STARTING_S
    while time.monotonic() < end and process.poll() is None:
        if found := _LISTENING.search(log.read_bytes()):
            return process, int(found[1])
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise RuntimeError(log.read_text())


async def run(row: Row) -> str:
    """Return the row of the table."""
    provider = Provider(row, seed=11)
    servers = [await asyncio.start_server(provider.serve, LOOPBACK, 0) for _ in range(2)]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "config.yaml"
        file.write_text(yaml.safe_dump(configuration(row, [server.sockets[0].getsockname()[1] for server in servers])))
        process, port = await asyncio.to_thread(start, file)
        try:
            return await measure(row, provider, port)
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)
            for server in servers:
                server.close()


async def measure(row: Row, provider: Provider, port: int) -> str:
    usual = await load(port, LEARNING, 1)
    provider.stalls = True
    times = await load(port, MEASURED, 10_000)
    extra = provider.requests / (LEARNING + MEASURED) - 1
    p50, p95, p99 = (quantile(times, share) for share in (0.5, 0.95, 0.99))
    ratio = p99 / quantile(usual, 0.99)
    return f"| {row.name} | {p50:.2f} | {p95:.2f} | {p99:.2f} | {ratio:.2f}x | {100 * extra:.1f} % |"


async def main() -> None:
    print(f"One request in ten stalls {STALL_S:g} s; first content of the others around {MEDIAN_S:g} s; {RATE_PER_S} requests a second.\n")
    print("| hedges | p50 s | p95 s | p99 s | p99 beside the unstalled | extra requests |")
    print("|---|---:|---:|---:|---:|---:|")
    for line in await asyncio.gather(*map(run, ROWS)):
        print(line)


if __name__ == "__main__":
    asyncio.run(main())
