"""Run one scenario: all targets side by side, round after round, one after the other."""

import http.client
import shlex
import sys
import time
from contextlib import ExitStack

from benchmarks.bodies import KEY, build_body
from benchmarks.cpu import leaves_of, proportional_bytes, resident_bytes, tree_of
from benchmarks.generator import body_of, build_command, expectation, run_load
from benchmarks.process import LOOPBACK
from benchmarks.results import Footprint, Round, ScenarioResult, Start
from benchmarks.said import Seen, ask, check_same
from benchmarks.scenarios import Scenario
from benchmarks.targets import REPOSITORY, Running, Target
from benchmarks.upstream import Upstream

ROUNDS_OF_MEMORY = 3


def run_scenario(scenario: Scenario, targets: list[Target], rounds: int, percent: int, cores: tuple[int, int]) -> ScenarioResult:
    """Return the rounds of *scenario*, with *percent* of its requests; the cores are the proxies' and the load's."""
    upstream = Upstream(scenario, cores[1])
    with ExitStack() as at_end:
        at_end.callback(upstream.stop)
        result = ScenarioResult(scenario=scenario, commands={})
        if scenario.kind == "load":
            _run_rounds(result, targets, upstream, rounds=rounds, percent=percent, cores=cores, at_end=at_end)
        for number in range(rounds if scenario.kind == "start" else min(rounds, ROUNDS_OF_MEMORY)):
            for target in targets:
                if target.prepare is None or number >= target.max_rounds:
                    continue
                if scenario.kind == "memory":
                    result.footprints.append(_measure_footprint(scenario, target, upstream, number, cores))
                elif scenario.kind == "start":
                    result.starts.append(_measure_start(scenario, target, upstream, number, cores[0]))
        return result


def counts_of(scenario: Scenario, target: Target, percent: int) -> tuple[int, int]:
    """Return connections and requests of one round."""
    if scenario.events and scenario.rate:
        # Every stream is open at once: their number is the load, and is cut only for targets that could not carry it.
        streams = max(1, round(scenario.requests * target.share))
        return streams, streams
    # At a fixed rate fewer requests are less time, not less load: enough must be left for a 99th percentile.
    share = max(target.share, 0.2) if scenario.rate else target.share
    return scenario.connections, max(round(scenario.requests * percent / 100 * share), scenario.connections)


def _run_rounds(
    result: ScenarioResult,
    targets: list[Target],
    upstream: Upstream,
    *,
    rounds: int,
    percent: int,
    cores: tuple[int, int],
    at_end: ExitStack,
) -> None:
    scenario = result.scenario
    started: list[Running] = []
    for target in targets:
        if scenario.tls and target.prepare is None:
            # The load generator speaks no TLS.
            continue
        running = target.start(scenario, upstream, cores[0])
        at_end.callback(running.stop)
        started.append(running)
        if running.process is not None:
            result.commands[target.name] = _recorded(running.process.command)
    expected = _expectations(scenario, started, upstream)
    # Number -1 warms up: pools, caches, allocators and branch predictors; it is not counted.
    for number in range(-1, rounds):
        for running in started:
            if number >= running.target.max_rounds:
                continue
            connections, requests = counts_of(scenario, running.target, percent)
            if number < 0 and not (scenario.events and scenario.rate):
                requests = max(connections, requests // 5)
            command = build_command(
                scenario, running, expected[running.target.name], connections=connections, requests=requests, seed=number + 2
            )
            measured = run_load(command, running, upstream, core=cores[1], requests=requests)
            if number < 0:
                result.commands[f"load for {running.target.name}"] = _recorded(command)
                continue
            result.rounds.append(
                Round(
                    target=running.target.name,
                    number=number,
                    load=measured.load,
                    spent=measured.spent,
                    upstream_cpu_s=measured.upstream_cpu_s,
                    load_cpu_s=measured.load_cpu_s,
                    upstream_connections=measured.upstream_connections,
                    events=requests * expected["direct"].events if scenario.translated else 0,
                )
            )


def _expectations(scenario: Scenario, started: list[Running], upstream: Upstream) -> dict[str, Seen]:
    """Return what the answers of each target must be like: known; where something is translated, as one that was read and is right."""
    if not scenario.translated:
        return {running.target.name: expectation(scenario, running, upstream) for running in started}
    found: dict[str, Seen] = {}
    # The direct way comes first.
    for running in started:
        target = running.target
        seen = ask(running.port, target.dialect(scenario), body_of(scenario, running), bool(scenario.events), target.name)
        found[target.name] = seen
        check_same(target.name, seen.said, found["direct"].said)
    return found


def _recorded(command: list[str]) -> str:
    """Return the command as a reader would type it in the repository's folder."""
    return shlex.join(command).replace(sys.executable, "python").replace(f"{REPOSITORY}/", "")


def _measure_footprint(scenario: Scenario, target: Target, upstream: Upstream, number: int, cores: tuple[int, int]) -> Footprint:
    """Start *target* afresh, so that no heap grown before hides what the streams take."""
    running = target.start(scenario, upstream, cores[0])
    assert running.process is not None
    pid = running.process.pid
    try:
        _ask(running.port, scenario)
        workers = leaves_of(pid)
        idle = resident_bytes(tree_of(pid))
        worker = max(workers, key=lambda worker: resident_bytes([worker]))
        worker_bytes, proportional = resident_bytes([worker]), proportional_bytes(worker)
        streams, _ = counts_of(scenario, target, 100)
        largest = idle

        def watch() -> None:
            nonlocal largest
            largest = max(largest, resident_bytes(tree_of(pid)))

        command = build_command(
            scenario, running, expectation(scenario, running, upstream), connections=streams, requests=streams, seed=1
        )
        run_load(command, running, upstream, core=cores[1], requests=streams, watch=watch)
    finally:
        running.stop()
    return Footprint(
        target=target.name,
        number=number,
        worker_bytes=worker_bytes,
        worker_proportional_bytes=proportional,
        tree_bytes=idle,
        tree_streaming_bytes=largest,
        streams=streams,
    )


def _measure_start(scenario: Scenario, target: Target, upstream: Upstream, number: int, core: int) -> Start:
    running = target.start(scenario, upstream, core)
    assert running.process is not None
    since = running.process.started_at_s
    try:
        listening_s = time.monotonic() - since
        healthy_s = 0.0
        if target.replaces_model:
            connection = http.client.HTTPConnection(LOOPBACK, running.port, timeout=20)
            connection.request("GET", "/health/liveliness")
            status = connection.getresponse().status
            connection.close()
            if status != 200:
                raise RuntimeError(f"{target.name}: /health/liveliness answered {status}")
            healthy_s = time.monotonic() - since
        _ask(running.port, scenario)
        return Start(
            target=target.name,
            number=number,
            listening_s=listening_s,
            healthy_s=healthy_s,
            first_answer_s=time.monotonic() - since,
        )
    finally:
        running.stop()


def _ask(port: int, scenario: Scenario) -> None:
    """Send one chat request that is not streamed and read its answer."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=20)
    head = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", build_body(scenario.body_bytes, False), head)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"port {port} answered {answer.status}: {body[:500]!r}")
