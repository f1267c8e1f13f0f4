"""Run the load generator once against a target, with the CPU clocks read around exactly its requests."""

from collections.abc import Callable

import msgspec

from benchmarks.bodies import KEY, MODEL, build_body
from benchmarks.build import BUILD, build_load
from benchmarks.cpu import Spent, TreeClock
from benchmarks.process import Process
from benchmarks.results import Load
from benchmarks.said import Said, Seen
from benchmarks.scenarios import Scenario
from benchmarks.targets import Running
from benchmarks.upstream import Upstream

MAX_SECONDS = 90
# Half a millisecond is less than a fiftieth of such a stream, and enough for the load generator to be no bottleneck.
READ_FAST_STREAMS_EVERY_US = 500


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the load generator, and what everybody spent on it."""

    load: Load
    spent: Spent | None
    upstream_cpu_s: float
    load_cpu_s: float
    upstream_connections: int


def body_of(scenario: Scenario, running: Running) -> bytes:
    """Return the body that the target's callers send."""
    stream = bool(scenario.events)
    dialect = running.target.dialect(scenario)
    return build_body(scenario.body_bytes, stream, dialect, scenario.body, usage=scenario.translated, alike=scenario.alike)


def expectation(scenario: Scenario, running: Running, upstream: Upstream) -> Seen:
    """Return the length and the number of events that each answer must have where nothing is translated."""
    answers = upstream.answers
    expected = answers.stream_bytes if scenario.events else answers.answer_bytes
    if running.target.replaces_model:
        # Each event but [DONE] names the model once.
        expected += (len(MODEL) - len(answers.model)) * ((answers.events - 1) if scenario.events else 1)
    return Seen(Said(), expected, answers.events if scenario.events else 0, scenario.events)


def build_command(
    scenario: Scenario, running: Running, expected: Seen, *, connections: int, requests: int, seed: int
) -> list[str]:
    """Return the load generator's command line."""
    dialect = running.target.dialect(scenario)
    kind = f"{scenario.body}{'' if scenario.alike else '-unlike'}-{scenario.body_bytes}{'-stream' if scenario.events else ''}"
    body = BUILD / f"body-{dialect}-{kind}.json"
    body.write_bytes(body_of(scenario, running))
    exact = running.target.exact
    command = [str(build_load()), "--wait", "--port", str(running.port), "--key", KEY, "--body", str(body)]
    command += ["--connections", str(connections), "--requests", str(requests), "--expect-bytes", str(expected.body_bytes if exact else 0)]
    command += ["--max-seconds", str(MAX_SECONDS), "--dialect", dialect]
    if scenario.events:
        command += ["--events", str(expected.events if exact else 0), "--deltas", str(expected.deltas)]
    if scenario.events and not scenario.delay_us:
        command += ["--read-every-us", str(READ_FAST_STREAMS_EVERY_US)]
    if not scenario.alike:
        command += ["--vary"]
    if scenario.rate:
        command += ["--rate", str(scenario.rate), "--seed", str(seed)] + (["--poisson"] if scenario.poisson else [])
    return command


def run_load(
    command: list[str], running: Running, upstream: Upstream, *, core: int, requests: int, watch: Callable[[], None] | None = None
) -> Measured:
    """Run the load once; *watch* is called again and again while it runs.

    Raise RuntimeError if an answer was wrong, or if the upstream did not see each request exactly once.
    """
    with Process(command, core, BUILD / "load.log", talks=True) as load:
        if (said := load.hear()) != b"ready\n":
            raise RuntimeError(f"the load generator said {said!r} instead of ready")
        counted = upstream.counted()
        clocks = [TreeClock(pid) for pid in (upstream.process.pid, load.pid)]
        clock = TreeClock(running.process.pid) if running.process is not None else None
        load.say("go")
        while watch is not None and not load.has_said_something(0.05):
            watch()
        line = load.hear()
        spent = clock.spent() if clock is not None else None
        upstream_cpu_s, load_cpu_s = (clock.spent().cpu_s for clock in clocks)
    after = upstream.counted()
    if after.requests - counted.requests != requests or after.bad != counted.bad:
        seen = after.requests - counted.requests
        raise RuntimeError(f"{running.target.name}: the upstream saw {seen} requests ({after.bad - counted.bad} bad) for {requests}")
    return Measured(
        load=msgspec.json.decode(line, type=Load),
        spent=spent,
        upstream_cpu_s=upstream_cpu_s,
        load_cpu_s=load_cpu_s,
        upstream_connections=after.connections - counted.connections,
    )
