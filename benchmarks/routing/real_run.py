"""One strategy in one place, for real: servers, a gateway of two workers and a load, each a process of its own."""

from __future__ import annotations

import functools
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import orjson
from msgspec import Struct

from benchmarks.bodies import KEY, MODEL
from benchmarks.cpu import TreeClock
from benchmarks.machine import proxy_and_load_cores
from benchmarks.process import LOOPBACK, Process, free_port
from benchmarks.routing.real_figures import WORKERS, Fate, Strategy, quantile
from benchmarks.routing.real_load import Answer
from benchmarks.routing.real_server import FAILED, LIMITED, Seen
from benchmarks.routing.real_world import Place, one_limited, price_of
from benchmarks.targets import REPOSITORY

RETRIES = 2
# Between the last thing that is started and the first request.
SETTLE_S = 0.3
# What has no answer so long after the last request came, as a share of the time in which they came, and seconds, never gets one.
DRAIN, DRAIN_S = 1.0, 5.0
ANSWER_TIMEOUT_S = 20.0
OK = 200


class Busy(Struct, frozen=True, kw_only=True):
    """Shares of a core that the processes took, and how late they were: a run in which that is much says nothing."""

    gateway: float
    servers: float
    load: float
    # 99 % of first bytes and ends were sent, 99 % of requests were sent, at most so long after they were due.
    servers_late_p99_s: float
    load_late_p99_s: float


class Ran(Struct, frozen=True, kw_only=True):
    """What came of one run."""

    fates: list[Fate]
    # Answers of status 200 that were not whole, or not what the server said.
    wrong: int
    seen: Seen
    busy: Busy


def environment() -> dict[str, str]:
    # Other people's proxy settings have no say in a measurement over loopback.
    return {"NO_PROXY": "*", "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'src'}"}


def configuration(place: Place, strategy: Strategy, ports: Sequence[int]) -> bytes:
    """Return the gateway's configuration; JSON is YAML."""
    models = []
    for number, (spec, port) in enumerate(zip(place.instance.servers, ports, strict=True)):
        price = price_of(spec, place.factor) / 1e9
        params: dict[str, object] = {"model": "openai/mock", "api_base": f"http://{LOOPBACK}:{port}/v1", "api_key": "sk-upstream"}
        params |= {"input_cost_per_token": price, "output_cost_per_token": price}
        if strategy.known and spec.slots:
            params["max_parallel_requests"] = spec.slots
        if strategy.known and spec.rpm:
            params["rpm"] = round(spec.rpm)
        models.append({"model_name": MODEL, "litellm_params": params, "model_info": {"id": str(number)}})
    settings = {"routing_strategy": strategy.routing, "num_retries": RETRIES}
    return orjson.dumps({"model_list": models, "router_settings": settings, "general_settings": {"master_key": KEY}})


def check(strategy: Strategy) -> dict[str, list[str]]:
    """Return what the gateway says of the configuration: its `errors`, and the `later` keys, which have no effect yet."""
    place = one_limited(1.0)
    with tempfile.TemporaryDirectory(prefix="fastgate-routing-") as folder:
        file = Path(folder) / "config.yaml"
        file.write_bytes(configuration(place, strategy, [1] * len(place.instance.servers)))
        command = [sys.executable, "-m", "fastgate", "check", str(file), "--json"]
        done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, **environment()}, timeout=ANSWER_TIMEOUT_S)
    said = orjson.loads(done.stdout)
    if not said["valid"]:
        return {"errors": [error.partition(": ")[2].partition(", expected")[0] for error in said["errors"]], "later": []}
    return {"errors": [], "later": [row["key"].rpartition(".")[2] for row in said["keys"] if row["state"] != "honoured"]}


@functools.cache
def why_not(strategy: Strategy) -> str:
    """Return why the gateway cannot run *strategy*; empty: it can."""
    found = check(strategy)
    if found["errors"]:
        return "refused: " + "; ".join(found["errors"])
    needed = {"routing_strategy", *(["max_parallel_requests"] if strategy.known else [])}
    missing = sorted(needed.intersection(found["later"]))
    return f"not in effect: {', '.join(missing)}" if missing else ""


def no_effect(strategies: Sequence[Strategy]) -> list[str]:
    """Return the keys of the configurations of what was run that have no effect."""
    return sorted({key for strategy in strategies if not why_not(strategy) for key in check(strategy)["later"]})


def ready(port: int) -> None:
    """Return once the gateway says that it serves."""
    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    while time.monotonic() < deadline:
        asking = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_TIMEOUT_S)
        try:
            asking.request("GET", "/health/readiness")
            if asking.getresponse().status == OK:
                return
        finally:
            asking.close()
    raise RuntimeError(f"the gateway on port {port} is not ready within {ANSWER_TIMEOUT_S:g} s")


def hear(process: Process, timeout_s: float) -> bytes:
    if not process.has_said_something(timeout_s):
        raise RuntimeError(f"{' '.join(process.command)}\nsaid nothing within {timeout_s:.0f} s:\n{process.tail_of_log()}")
    return process.hear()


def run(place: Place, strategy: Strategy, *, headers: bool = False) -> Ran:
    """Run the requests of *place* through a fresh gateway; *headers*: servers say what is left of their rate limits."""
    proxy_core, load_core = proxy_and_load_cores()
    until_s = place.span_s * (1 + DRAIN) + DRAIN_S
    python = [sys.executable, "-m"]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastgate-routing-")))
        instance, config = folder / "instance", folder / "config.yaml"
        instance.write_bytes(msgspec.msgpack.encode(place.instance))
        command = [*python, "benchmarks.routing.real_server", str(instance), *(["--headers"] if headers else [])]
        servers = stack.enter_context(Process(command, load_core, folder / "servers.log", environment(), talks=True))
        config.write_bytes(configuration(place, strategy, msgspec.json.decode(hear(servers, ANSWER_TIMEOUT_S), type=list[int])))
        port = free_port()
        command = [*python, "fastgate", "serve", "--config", str(config), "--host", LOOPBACK, "--port", str(port)]
        command += ["--workers", str(WORKERS)]
        gateway = stack.enter_context(Process(command, proxy_core, folder / "gateway.log", environment()))
        gateway.wait_until_listening(port)
        ready(port)
        command = [*python, "benchmarks.routing.real_load", str(instance), str(port), "--until", str(until_s)]
        load = stack.enter_context(Process(command, load_core, folder / "load.log", environment(), talks=True))
        hear(load, ANSWER_TIMEOUT_S)
        begun_s = time.monotonic()
        for process in (servers, load):
            process.say(f"go {begun_s + SETTLE_S}")
        clocks = [TreeClock(process.pid) for process in (gateway, servers, load)]
        answers = msgspec.json.decode(hear(load, until_s + ANSWER_TIMEOUT_S), type=list[Answer])
        took_s = time.monotonic() - begun_s
        shares = [clock.spent().cpu_s / took_s for clock in clocks]
        servers.say("done")
        seen = msgspec.json.decode(hear(servers, ANSWER_TIMEOUT_S), type=Seen)
        # What a callback raises only its log says.
        if said := servers.tail_of_log() + load.tail_of_log():
            raise RuntimeError(f"the servers or the load failed:\n{said}")
    return Ran(
        fates=[fate_of(answer) for answer in answers],
        wrong=sum(answer.status == OK and not answer.right for answer in answers),
        seen=seen,
        busy=Busy(
            gateway=shares[0],
            servers=shares[1],
            load=shares[2],
            servers_late_p99_s=quantile(sorted(seen.late_s), 0.99),
            load_late_p99_s=quantile(sorted(answer.late_s for answer in answers), 0.99),
        ),
    )


def fate_of(answer: Answer) -> Fate:
    good = answer.status == OK and answer.right
    return Fate(answered=good, latency_s=answer.latency_s, first_s=answer.first_s, server=int(answer.deployment or -1) if good else -1)


def refusals(seen: Seen) -> tuple[int, int]:
    """Return how many requests the servers failed, and how many their rate limits refused."""
    whats = [what for server in seen.servers for _, what in server.arrivals]
    return whats.count(FAILED), whats.count(LIMITED)
