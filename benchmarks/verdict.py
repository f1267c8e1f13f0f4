"""Judge a run: medians and spreads of every metric, and which bounds hold."""

from statistics import median

from msgspec import Struct

from benchmarks.results import Round, ScenarioResult
from benchmarks.scenarios import Bound, Metric

BASE = "nginx"


class Figure(Struct, frozen=True):
    """Median and spread of one metric of one target over the rounds."""

    median: float
    low: float
    high: float


class Verdict(Struct, frozen=True, kw_only=True):
    """One bound against one target. The value is what the bound limits: a ratio, a difference, or the metric itself."""

    bound: Bound
    target: str
    value: float
    # Smallest and largest of the rounds' own.
    low: float
    high: float
    held: bool


def metrics_of(result: ScenarioResult) -> list[Metric]:
    """Return the metrics that say something about this scenario."""
    scenario = result.scenario
    if scenario.kind == "memory":
        return ["worker_bytes", "stream_bytes"]
    if scenario.kind == "start":
        return ["first_answer_s"]
    if scenario.events:
        return ["cpu_us_per_event", "added_event_p50_us", "added_event_p99_us"] if scenario.delay_us else ["cpu_us_per_event"]
    return ["cpu_us_per_request", "added_p50_us", "added_p99_us"] if scenario.rate else ["cpu_us_per_request"]


def values_of(result: ScenarioResult, target: str, metric: Metric) -> dict[int, float]:
    """Return the metric of *target* by number of round."""
    if metric == "worker_bytes":
        return {each.number: each.worker_bytes for each in result.footprints if each.target == target}
    if metric == "stream_bytes":
        return {
            each.number: (each.tree_streaming_bytes - each.tree_bytes) / each.streams for each in result.footprints if each.target == target
        }
    if metric == "first_answer_s":
        return {each.number: each.first_answer_s for each in result.starts if each.target == target}
    direct = {each.number: each for each in result.rounds if each.target == "direct"}
    found = {each.number: _value_of(each, direct.get(each.number), metric) for each in result.rounds if each.target == target}
    return {number: value for number, value in found.items() if value is not None}


def figure_of(result: ScenarioResult, target: str, metric: Metric) -> Figure | None:
    values = values_of(result, target, metric).values()
    return Figure(median(values), min(values), max(values)) if values else None


def judge(result: ScenarioResult, target: str) -> list[Verdict]:
    """Return a verdict for each bound for which there are values; bounds against others than nginx are fastgate's alone."""
    bounds = [bound for bound in result.scenario.bounds if bound.against == BASE or target == "fastgate"]
    found = (_judge_bound(result, target, bound) for bound in bounds)
    return [verdict for verdict in found if verdict is not None]


def _judge_bound(result: ScenarioResult, target: str, bound: Bound) -> Verdict | None:
    ours = values_of(result, target, bound.metric)
    if not ours:
        return None
    theirs = values_of(result, bound.against, bound.metric)
    if not theirs and not bound.absolute:
        return None
    mine = median(ours.values())
    both = [(ours[number], theirs[number]) for number in ours if theirs.get(number, 0) > 0]
    if bound.absolute:
        value, found = mine, list(ours.values())
    elif bound.difference:
        value, found = mine - median(theirs.values()), [one - other for one, other in both]
    elif bound.at_least:
        value, found = median(theirs.values()) / max(1e-9, mine), [other / max(1e-9, one) for one, other in both]
    else:
        # The ratio of the medians; below zero nothing was added at all, within the noise.
        value, found = max(0.0, mine) / max(1e-9, median(theirs.values())), [one / other for one, other in both]
    # Bounds have two decimals, and so has what is held against them.
    held = round(value, 2) >= bound.at_least if bound.at_least else round(value, 2) <= bound.at_most
    found = found or [value]
    return Verdict(bound=bound, target=target, value=value, low=min(found), high=max(found), held=held)


def _value_of(one: Round, direct: Round | None, metric: Metric) -> float | None:
    if metric == "cpu_us_per_request":
        return one.spent.cpu_s * 1e6 / one.load.requests if one.spent else None
    if metric == "cpu_us_per_event":
        return one.spent.cpu_s * 1e6 / (one.events or one.load.events) if one.spent else None
    if direct is None or one.spent is None:
        return None
    if metric == "added_p50_us":
        return one.load.latency_us.p50 - direct.load.latency_us.p50
    if metric == "added_p99_us":
        return one.load.latency_us.p99 - direct.load.latency_us.p99
    if metric == "added_event_p50_us":
        return one.load.event_delay_us.p50 - direct.load.event_delay_us.p50
    return one.load.event_delay_us.p99 - direct.load.event_delay_us.p99
