"""Goodput of a gateway that is asked for more than its deployment can do: open loop, at 0.8, 2 (or --times) and 0.8 times the capacity.

    python -m benchmarks.overload [--seconds 10] [--rounds 3] [--slots 8] [--times 2] [--queue max_wait_times=10] [--unbounded] [--direct]

The provider is the built-in mock, whose model answers *slots* requests at a time, each in 75 to 225 ms by its bytes; the gateway knows the
slots (`max_parallel_requests`). An answer is good if it is a 200 within `--patience` of the moment its request was due. --unbounded lets
requests wait for 60 s; --direct does not tell the gateway of the slots, so that the excess waits at the provider.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import yaml
from msgspec import Struct

from benchmarks.cpu import tree_of
from benchmarks.process import LOOPBACK, Process, free_port

FASTGATE = ["python", "-m", "fastgate"]
# ttft + 5 to 35 tokens with 5 ms between: 150 ms in the middle.
BEHAVIOUR = "ttft=50ms, delay=5ms, tokens=5-35, slots={slots}"
SERVICE_S = 0.15
# Each window is looked at for whether the gateway is itself again.
WINDOW_S = 0.5


class Answer(Struct, frozen=True):
    due_s: float
    took_s: float
    status: int
    phase: int


class Phase(Struct, frozen=True, kw_only=True):
    """What became of the requests of one rate."""

    offered: float
    good: float
    p50_s: float
    p99_s: float
    refused: int
    refusal_p50_s: float
    refusal_p99_s: float


class Caller:
    """Sends requests when they are due, whatever became of those before; connections are kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.answers: list[Answer] = []

    async def ask(self, due_s: float, number: int, phase: int) -> None:
        body = b'{"model":"m","messages":[{"role":"user","content":"%d"}]}' % number
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(LOOPBACK, self._port)
        writer.write(head + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        self.answers.append(Answer(due_s, time.monotonic() - due_s, int(answer[9:12]), phase))
        self._idle.append((reader, writer))

    async def run(self, rates: Sequence[float], seconds: float, chance: random.Random) -> list[float]:
        """Ask at each of *rates* in turn; return when each began."""
        began = []
        tasks = []
        due = time.monotonic() + 0.1
        for phase, rate in enumerate(rates):
            began.append(due)
            end = due + seconds
            while due < end:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                tasks.append(asyncio.create_task(self.ask(due, len(tasks), phase)))
                due += chance.expovariate(rate)
            due = end
        await asyncio.gather(*tasks)
        for _, writer in self._idle:
            writer.close()
        return began


def summary(answers: Sequence[Answer], phase: int, seconds: float, patience_s: float) -> Phase:
    mine = [one for one in answers if one.phase == phase]
    admitted = sorted(one.took_s for one in mine if one.status == 200)
    refused = sorted(one.took_s for one in mine if one.status != 200)
    return Phase(
        offered=len(mine) / seconds,
        good=sum(took <= patience_s for took in admitted) / seconds,
        p50_s=_at(admitted, 0.5),
        p99_s=_at(admitted, 0.99),
        refused=len(refused),
        refusal_p50_s=_at(refused, 0.5),
        refusal_p99_s=_at(refused, 0.99),
    )


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def recovery_s(answers: Sequence[Answer], began_s: float, bound_s: float) -> float:
    """Return how long after *began_s* no window has a refusal, or an answer above *bound_s*, any more."""
    latest = 0.0
    for one in answers:
        if one.due_s >= began_s and (one.status != 200 or one.took_s > bound_s):
            latest = max(latest, one.due_s - began_s)
    return (latest // WINDOW_S + 1) * WINDOW_S if latest else 0.0


def cpu_s(pid: int) -> float:
    return sum(int(Path(f"/proc/{one}/schedstat").read_text().split()[0]) for one in tree_of(pid)) / 1e9


def run_once(arguments: argparse.Namespace, seed: int) -> tuple[list[Phase], float, float]:
    """Return the phases, the seconds to recover, and the gateway's CPU seconds."""
    capacity = arguments.slots / SERVICE_S
    rates = [0.8 * capacity, arguments.times * capacity, 0.8 * capacity]
    queue: dict[str, float] = {"max_wait_times": 1e6, "min_wait_s": 60.0} if arguments.unbounded else {}
    for said in arguments.queue:
        name, _, value = said.partition("=")
        queue[name] = float(value)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        mock_port, port = free_port(), free_port()
        parameters = {"model": "openai/m", "api_base": f"http://{LOOPBACK}:{mock_port}/v1", "api_key": "k", "num_retries": 0}
        if not arguments.direct:
            parameters["max_parallel_requests"] = arguments.slots
        config = {"model_list": [{"model_name": "m", "litellm_params": parameters}], "fastgate_settings": {"queue": queue}}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        mock = [*FASTGATE, "mock", "--port", str(mock_port), "--behaviour", BEHAVIOUR.format(slots=arguments.slots)]
        serve = [*FASTGATE, "serve", "--config", str(folder / "config.yaml"), "--host", LOOPBACK, "--port", str(port)]
        serve += ["--workers", str(arguments.workers)]
        with Process(mock, 1, folder / "mock.log") as upstream, Process(serve, 0, folder / "gateway.log") as gateway:
            upstream.wait_until_listening(mock_port)
            gateway.wait_until_listening(port)
            caller = Caller(port)
            before = cpu_s(gateway.pid)
            began = asyncio.run(caller.run(rates, arguments.seconds, random.Random(seed)))
            spent = cpu_s(gateway.pid) - before
    phases = [summary(caller.answers, phase, arguments.seconds, arguments.patience) for phase in range(3)]
    return phases, recovery_s(caller.answers, began[2], max(2 * phases[0].p99_s, 4 * SERVICE_S)), spent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--times", type=float, default=2.0)
    parser.add_argument("--patience", type=float, default=3.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--queue", action="append", default=[])
    parser.add_argument("--unbounded", action="store_true")
    parser.add_argument("--direct", action="store_true")
    arguments = parser.parse_args()
    capacity = arguments.slots / SERVICE_S
    found = [run_once(arguments, seed) for seed in range(arguments.rounds)]
    rounds = f"{arguments.rounds} rounds of 3 x {arguments.seconds:g} s"
    print(f"{arguments.slots} slots, {capacity:.0f} requests/s; {rounds}; median (least-most)")
    for phase, name in enumerate(("0.8x", f"{arguments.times:g}x", "0.8x again")):
        numbers = [f"{key} {spread([getattr(one[0][phase], key) for one in found])}" for key in Phase.__struct_fields__]
        print(f"{name:>11}:", ", ".join(numbers))
    print(f"  recovery: {spread([one[1] for one in found])} s")
    requests = [sum(phase.offered for phase in one[0]) * arguments.seconds for one in found]
    print(f"       CPU: {spread([one[2] / count * 1e6 for one, count in zip(found, requests, strict=True)])} us/request")


def spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.4g} ({min(values):.4g}-{max(values):.4g})"


if __name__ == "__main__":
    main()
