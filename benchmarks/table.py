"""Rows of numbers about a scenario, for the terminal and for the report."""

from statistics import median

from benchmarks.results import Round, ScenarioResult
from benchmarks.scenarios import Metric
from benchmarks.verdict import BASE, Verdict, figure_of, judge, metrics_of

# The bounds are fastgate's; other proxies as good as nginx are held against them too, to try the harness.
JUDGED = ("fastgate", "haproxy", "nginx-unbuffered")

# How a metric is shown: its name, what it is divided by, digits.
_SHOWN: dict[Metric, tuple[str, float, int]] = {
    "cpu_us_per_request": ("CPU us/request", 1, 2),
    "cpu_us_per_event": ("CPU us/event", 1, 3),
    "added_p50_us": ("added p50 us", 1, 1),
    "added_p99_us": ("added p99 us", 1, 1),
    "added_event_p50_us": ("added event p50 us", 1, 1),
    "added_event_p99_us": ("added event p99 us", 1, 1),
    "worker_bytes": ("worker MiB", 1024 * 1024, 1),
    "stream_bytes": ("KiB/stream", 1024, 1),
    "first_answer_s": ("first answer s", 1, 3),
}


def targets_in(result: ScenarioResult) -> list[str]:
    """Return the targets that were measured, in the order they ran."""
    return list(dict.fromkeys(each.target for group in (result.rounds, result.footprints, result.starts) for each in group))


def metric_name(metric: Metric) -> str:
    return _SHOWN[metric][0]


def show_metric(metric: Metric, value: float) -> str:
    _, divisor, digits = _SHOWN[metric]
    return f"{value / divisor:,.{digits}f}"


def header_of(result: ScenarioResult) -> list[str]:
    names = [metric_name(metric) for metric in metrics_of(result)]
    return ["", "x nginx", *names, *_cost_names(result)]


def rows_of(result: ScenarioResult) -> list[list[str]]:
    """Return one row per target; each metric is a median with the lowest and highest round."""
    return [[target, _times_nginx(result, target), *_figures(result, target), *_costs(result, target)] for target in targets_in(result)]


def verdict_text(verdict: Verdict) -> str:
    bound = verdict.bound
    value, spread, limit = shown_verdict(verdict)
    if bound.absolute:
        said = f"{value}, at most {limit}"
    elif bound.at_least:
        said = f"{bound.against} has {value} {spread}, at least {limit}"
    else:
        said = f"{value} {bound.against} {spread}, at most {limit}"
    return f"{metric_name(bound.metric)}: {said}: {'held' if verdict.held else 'NOT HELD'}"


def shown_verdict(verdict: Verdict) -> tuple[str, str, str]:
    """Return the value, its spread over the rounds in parentheses, and the limit."""
    bound = verdict.bound
    if bound.absolute:
        return show_metric(bound.metric, verdict.value), "", show_metric(bound.metric, bound.at_most)
    if bound.difference:
        numbers = (verdict.value, verdict.low, verdict.high, bound.at_most)
        value, low, high, limit = (show_metric(bound.metric, number) for number in numbers)
        return f"+{value} over", f"({low}-{high})", f"+{limit}"
    if bound.at_least:
        return f"{verdict.value:.0f}x", f"({verdict.low:.0f}-{verdict.high:.0f})", f"{bound.at_least:.0f}x"
    return f"{verdict.value:.2f}x", f"({verdict.low:.2f}-{verdict.high:.2f})", f"{bound.at_most:.2f}x"


def unmeasured_text(result: ScenarioResult) -> str:
    """Return which targets were not run that a bound is against; "" if all were."""
    measured = targets_in(result)
    missing = dict.fromkeys(bound.against for bound in result.scenario.bounds if not bound.absolute and bound.against not in measured)
    return f"not measured in this run: {', '.join(missing)} (add to --against)" if missing else ""


def print_scenario(result: ScenarioResult) -> None:
    print(f"\n{result.scenario.name}: {result.scenario.title}")
    if result.skipped:
        print(f"  skipped: {result.skipped}")
        return
    rows = [header_of(result), *rows_of(result)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  " + row[0].ljust(widths[0]) + "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)))
    for target in JUDGED:
        for verdict in judge(result, target):
            print(f"  {target}: {verdict_text(verdict)}")
    if missing := unmeasured_text(result):
        print(f"  {missing}")


def _cost_names(result: ScenarioResult) -> list[str]:
    if not result.rounds:
        return []
    return ["events/s" if result.scenario.events else "requests/s", "p50 us", "p99 us", "busy", "load busy", "waited"]


def _times_nginx(result: ScenarioResult, target: str) -> str:
    first = metrics_of(result)[0]
    ours, theirs = figure_of(result, target, first), figure_of(result, BASE, first)
    return f"{ours.median / theirs.median:.2f}" if ours and theirs else "-"


def _figures(result: ScenarioResult, target: str) -> list[str]:
    cells: list[str] = []
    for metric in metrics_of(result):
        figure = figure_of(result, target, metric)
        if figure is None:
            cells.append("-")
        else:
            cells.append(f"{show_metric(metric, figure.median)} ({show_metric(metric, figure.low)}-{show_metric(metric, figure.high)})")
    return cells


def _costs(result: ScenarioResult, target: str) -> list[str]:
    rounds = [each for each in result.rounds if each.target == target]
    if not rounds:
        return []
    # Of a paced stream the delay of its events counts, not how long it takes.
    times = [each.load.event_delay_us if result.scenario.delay_us else each.load.latency_us for each in rounds]
    return [
        f"{median((each.load.events or each.load.requests) / each.load.wall_s for each in rounds):,.0f}",
        f"{median(each.p50 for each in times):,.0f}",
        f"{median(each.p99 for each in times):,.0f}",
        _percent([_busy(each) for each in rounds]),
        _percent([(each.load_cpu_s + each.upstream_cpu_s) / each.load.wall_s for each in rounds]),
        _percent([each.spent.waited_s / each.load.wall_s if each.spent else None for each in rounds]),
    ]


def _busy(one: Round) -> float | None:
    return one.spent.cpu_s / one.load.wall_s if one.spent else None


def _percent(shares: list[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return f"{median(known) * 100:.0f} %" if known else "-"
