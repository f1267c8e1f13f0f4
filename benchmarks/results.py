"""What a run leaves behind: everything the report needs, as one JSON file."""

from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.cpu import Spent
from benchmarks.scenarios import Scenario

RESULTS = Path(__file__).parent / "results"


class Percentiles(Struct, frozen=True, kw_only=True):
    """Of one histogram; microseconds."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class Load(Struct, frozen=True, kw_only=True):
    """What the load generator saw; it ends with an error rather than report a wrong answer."""

    requests: int
    wall_s: float
    body_bytes: int
    events: int
    # Connections the server closed after an answer.
    reconnects: int
    # Requests of the open loop that were sent more than 1 ms after they were due.
    late_starts: int
    load_cpu_s: float
    latency_us: Percentiles
    first_event_us: Percentiles
    event_delay_us: Percentiles


class Round(Struct, frozen=True, kw_only=True):
    """One measured round of one target."""

    target: str
    number: int
    load: Load
    # Of the target's process tree; None for the direct way.
    spent: Spent | None
    upstream_cpu_s: float
    load_cpu_s: float
    # Connections that were opened to the upstream within the round.
    upstream_connections: int
    # That the upstream sent, by which CPU is divided; 0: they are as many as the load generator saw.
    events: int = 0


class Footprint(Struct, frozen=True, kw_only=True):
    """Memory of one freshly started target, in bytes of resident set."""

    target: str
    number: int
    # The largest worker after its first answer, and its proportional share.
    worker_bytes: int
    worker_proportional_bytes: int
    tree_bytes: int
    # The tree's largest with all streams open.
    tree_streaming_bytes: int
    streams: int


class Start(Struct, frozen=True, kw_only=True):
    """One start of one target: seconds from exec."""

    target: str
    number: int
    listening_s: float
    # GET /health/liveliness answered with 200; 0: the target has no such page.
    healthy_s: float
    first_answer_s: float


class ScenarioResult(Struct, frozen=True, kw_only=True):
    scenario: Scenario
    commands: dict[str, str]
    rounds: list[Round] = []
    footprints: list[Footprint] = []
    starts: list[Start] = []
    # Why it was not run, if so.
    skipped: str = ""


class Run(Struct, frozen=True, kw_only=True):
    """One call of `python -m benchmarks.run`."""

    command: str
    finished_at: str
    seconds: float
    # Percentage of the table's request counts.
    percent: int
    machine: dict[str, str]
    versions: dict[str, str]
    scenarios: list[ScenarioResult]


def write_run(run: Run, name: str) -> Path:
    """Write the run to results/NAME.json and return the path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")
    return path


def read_run(name: str) -> Run:
    return msgspec.json.decode((RESULTS / f"{name}.json").read_bytes(), type=Run)


def replaced(earlier: Run, later: Run) -> Run:
    """Return *earlier* with the scenarios of *later* in the place of its own; raise ValueError if they cannot stand in one table."""
    for what, one, other in (("machine", earlier.machine, later.machine), ("versions", earlier.versions, later.versions)):
        # Of the machine, what was going on when the run began; of the versions, those of targets that only one run has.
        differing = sorted(name for name in one.keys() & other.keys() if one[name] != other[name] and name != "load before")
        if differing:
            raise ValueError(f"the result that is there has another {what}: {', '.join(differing)}; measure all scenarios anew")
    again = {result.scenario.name: result for result in later.scenarios}
    scenarios = [again.pop(result.scenario.name, result) for result in earlier.scenarios]
    return msgspec.structs.replace(
        earlier,
        command=f"{earlier.command}; {later.command}",
        finished_at=later.finished_at,
        seconds=earlier.seconds + later.seconds,
        versions={**earlier.versions, **later.versions},
        scenarios=[*scenarios, *again.values()],
    )
