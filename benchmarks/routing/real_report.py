"""The section of the page about real runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.routing.real_figures import WORKERS, Figures
from benchmarks.routing.real_results import FIRSTS, JUDGED_KINDS, LATENCIES, Cell, RealRuns, ratio, strategies_of

# Most that the mean and the p95 of ours may be of the clairvoyant's; the share of a degraded server, seconds until it is back at 15 %.
MOST_MEAN, MOST_P95 = 1.12, 1.25
MOST_DROPPED, MOST_RECOVERY_S = 0.10, 60
# 429s per request, and the share of the limit that must be used for them to count.
MOST_LIMITED, LEAST_USED = 0.01, 0.9
OURS = "expected-latency"

HEAD = """
# Through a real gateway

    python -m benchmarks.routing --real              # every strategy, about {minutes:.0f} min on two cores; --quick: less than two
    fastgate bench routing --real                    # the same, from a checkout

Each run is a fresh gateway of {workers} workers between a process that sends the requests of an instance at their times, whatever became
of those before, and a process with the instance's servers on ports of their own. The servers speak OpenAI's dialect, an event for each
token; how fast, is the physics of the simulation, moved on in real time, in a world whose seconds are 10 to 600 times shorter so that a run
takes about 20 s. The servers stand at 50, 80 and 95 % of what they can take (of `degrade`: while one of them has dropped; `cold` at its own
loads, as nothing is unloaded at those). {runs} run at a time, each process taking a few percent of a core.

Ratios are to the clairvoyant in the very same trace, which knows lengths and servers and pays for no gateway; the first tenth of each trace
is not counted. Time to first token is that of streams. Spend: what is faster costs more a token. A request without an answer counts
30 of the kind's seconds more.

The simulator is checked twice. `real / replayed`: its servers get the same trace, each request where it went for real; what differs are
sockets, timers and the gateway. `real / simulated`: the same strategy decides there too, with its own luck.
"""


def verdict(held: bool) -> str:
    return "held" if held else "**not held**"


def seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:g} s"


def bar(figures: Figures, names: Sequence[str]) -> str:
    """Return figures in milliseconds, with slashes between them."""
    return " / ".join(f"{1000 * getattr(figures, name):.0f}" for name in names)


def bar_of_ratios(cells: Sequence[Cell], names: Sequence[str]) -> str:
    return " / ".join(f"{ratio(cells, name):.2f}" for name in names)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|", *("| " + " | ".join(row) + " |" for row in rows), ""]


def section(result: RealRuns) -> str:
    """Return the section in Markdown."""
    parts = [HEAD.format(minutes=result.seconds / 60, workers=WORKERS, runs=result.together), PICTURE.format(name="routing-real", alt=ALT)]
    if result.no_effect:
        parts.append(f"Accepted by this gateway and without effect: {', '.join(f'`{key}`' for key in result.no_effect)}.\n")
    if result.left_out:
        parts.append(f"{result.left_out} runs have no result: {len(result.broken)} broke, for the others the time was up.\n")
    parts += totals(result)
    if bounds := bounds_of(result):
        parts += ["## Bounds of real runs\n", *table(("what", "reached", "bound", ""), bounds)]
    parts += special(result) + cells_of(result)
    parts.append(f"`{result.command}`, seed {result.seed}; {', '.join(result.machine.values())}\n")
    return "\n".join(parts)


ALT = "Latency, time to first token, goodput, failures and spend of each strategy"
PICTURE = """<picture>
  <source media="(prefers-color-scheme: dark)" srcset="../results/{name}-dark.svg">
  <img src="../results/{name}-light.svg" alt="{alt}">
</picture>
"""


def ran(result: RealRuns, strategy: str) -> list[Cell]:
    return [cell for cell in result.cells if cell.strategy == strategy and cell.real is not None]


def why_not(result: RealRuns, strategy: str) -> str:
    return next((row.why_not for row in result.cells if row.strategy == strategy and row.why_not), "")


def totals(result: RealRuns) -> list[str]:
    rows = []
    for strategy in strategies_of(result):
        cells = ran(result, strategy)
        if not cells:
            rows.append([strategy, *[""] * 12, why_not(result, strategy)])
            continue
        judged = [cell for cell in cells if cell.kind in JUDGED_KINDS]
        reals = [cell.real for cell in cells if cell.real is not None]
        busy = [cell.busy for cell in cells if cell.busy is not None]
        rows.append(
            [
                strategy,
                *(f"{ratio(cells, name):.2f}" for name in LATENCIES),
                bar_of_ratios(judged, ("mean", "p95")),
                bar_of_ratios(cells, FIRSTS),
                f"{sum(real.goodput for real in reals) / len(reals):.3f}",
                f"{sum(real.failed for real in reals)}",
                f"{ratio(cells, 'spend_nanodollars'):.2f}",
                " / ".join(f"{ratio(cells, name, to='replayed'):.2f}" for name in ("mean", "p95")),
                " / ".join(f"{ratio(cells, name, to='simulated'):.2f}" for name in ("mean", "p95")),
                " / ".join(f"{100 * max(getattr(each, name) for each in busy):.0f} %" for name in ("gateway", "servers", "load")),
                " / ".join(f"{1000 * max(getattr(each, name) for each in busy):.0f}" for name in ("servers_late_p99_s", "load_late_p99_s")),
            ]
        )
    head = ("strategy", "mean", "p50", "p95", "p99", "mean / p95 of the judged kinds", "first token p50 / p95 / p99", "goodput", "failed",
            "spend", "real / replayed: mean / p95", "real / simulated: mean / p95",
            "most of a core: gateway / servers / load",
            "ms late at most, p99: servers / load")  # fmt: skip
    return table(head, rows)


def bounds_of(result: RealRuns) -> list[list[str]]:
    """Return a row for each bound of ours that was measured."""
    rows: list[list[str]] = []

    def bound(what: str, reached: str, at_most: str, held: bool) -> None:
        rows.append([what, reached, at_most, verdict(held)])

    for strategy in strategies_of(result):
        cells = [cell for cell in ran(result, strategy) if cell.kind in JUDGED_KINDS]
        if not strategy.startswith(OURS):
            continue
        if cells:
            kinds = ", ".join(dict.fromkeys(cell.kind for cell in cells))
            mean, p95 = ratio(cells, "mean"), ratio(cells, "p95")
            bound(f"{strategy}: mean, {kinds}", f"{mean:.2f}x", f"at most {MOST_MEAN:g}x", mean <= MOST_MEAN)
            bound(f"{strategy}: p95", f"{p95:.2f}x", f"at most {MOST_P95:g}x", p95 <= MOST_P95)
        for drop in result.drops:
            if drop.strategy == strategy and not drop.why_not:
                share, back_s = drop.share_dropped, drop.recovered_s
                what = f"{strategy}: share of a degraded server from 5 s on"
                bound(what, f"{100 * share:.1f} %", f"at most {100 * MOST_DROPPED:g} %", share <= MOST_DROPPED)
                held = back_s is not None and back_s <= MOST_RECOVERY_S
                bound(f"{strategy}: back at 15 % after", seconds(back_s), f"at most {MOST_RECOVERY_S} s", held)
        for failing in result.failing:
            if failing.strategy == strategy and not failing.why_not:
                bound(f"{strategy}: errors while 1 of 3 fails", f"{failing.errors} of {failing.requests}", "0", not failing.errors)
        for limited in result.limited:
            if limited.strategy == strategy and not limited.why_not and limited.told != "429s only":
                held = limited.limited <= MOST_LIMITED and limited.used >= LEAST_USED
                reached = f"{100 * limited.limited:.1f} % at {100 * limited.used:.0f} % of its limit"
                limit = f"at most {100 * MOST_LIMITED:g} % at {100 * LEAST_USED:g} % or more"
                bound(f"{strategy}: requests that cause a 429, limit from {limited.told}", reached, limit, held)
    return rows


def special(result: RealRuns, *, pictures: bool = True) -> list[str]:
    """Return the tables about one server that drops, one that fails, and one that is limited."""
    parts = ["## One server drops to a tenth, fails, or is limited\n"]
    drops = [row for row in result.drops if not row.why_not]
    if drops:
        first = drops[0]
        text = f"One of four equal servers falls to a tenth from {first.drop_s:g} s to {first.back_s:g} s; real seconds.\n"
        picture = [PICTURE.format(name="routing-drop", alt="Share of the requests of a server that drops to a tenth")]
        parts += [*(picture if pictures else []), text]
        rows = [[row.strategy, f"{100 * row.share_dropped:.1f} %", seconds(row.recovered_s), str(row.failed)] for row in drops]
        parts += table(("strategy", "its share from 5 s on", "back at 15 % after", "failed"), rows)
    failing = [[row.strategy, str(row.requests), str(row.errors), f"{row.attempts:.3f}"] for row in result.failing if not row.why_not]
    if failing:
        parts += ["One of three servers fails everything.\n"]
        parts += table(("strategy", "requests", "errors that callers saw", "failed attempts per request"), failing)
    limited = [
        [row.strategy, row.told, str(row.requests), f"{100 * row.limited:.1f} %", f"{100 * row.used:.0f} %", str(row.errors)]
        for row in result.limited
        if not row.why_not
    ]
    if limited:
        parts += ["An API of 600 requests a minute beside two slower servers, and 1.4 times as many requests.\n"]
        parts += table(("strategy", "its limit is known from", "requests", "429s per request", "of its limit used", "errors"), limited)
    return parts


def cells_of(result: RealRuns) -> list[str]:
    """Return ratios of each place, and its figures."""
    shown = [name for name in strategies_of(result) if ran(result, name)]
    places = list(dict.fromkeys((cell.kind, cell.share) for cell in result.cells))
    cells = {(cell.kind, cell.share, cell.strategy): cell for cell in result.cells if cell.real is not None}
    rows = []
    for kind, share in places:
        found = [cells.get((kind, share, name)) for name in shown]
        texts = ("" if cell is None else bar_of_ratios([cell], ("mean", "p95", "p99")) for cell in found)
        rows.append([kind, f"{100 * share:.0f} %", *texts])
    parts = ["## Places\n", "Mean / p95 / p99 to the clairvoyant's.\n", *table(("kind", "load", *shown), rows)]
    head = ("kind", "load", "strategy", "ms: mean / p50 / p95 / p99", "clairvoyant's", "first token ms: p50 / p95 / p99", "goodput",
            "failed", "429s", "$ of 1000 requests", "mean to replayed / simulated")  # fmt: skip
    parts += ["<details><summary>figures</summary>\n", *table(head, (figures_row(cell) for cell in cells.values())), "</details>\n"]
    return parts


def figures_row(cell: Cell) -> list[str]:
    real, seer = cell.real, cell.clairvoyant
    assert real is not None
    return [
        cell.kind,
        f"{100 * cell.share:.0f} %",
        cell.strategy,
        bar(real, LATENCIES),
        bar(seer, LATENCIES),
        bar(real, FIRSTS),
        f"{real.goodput:.3f}",
        str(real.failed),
        str(cell.limited),
        f"{real.spend_nanodollars / 1e9 / cell.requests * 1000:.2f}",
        f"{ratio([cell], 'mean', to='replayed'):.2f} / {ratio([cell], 'mean', to='simulated'):.2f}",
    ]


def summary(result: RealRuns) -> str:
    """Return what stands on the terminal after a run: totals and bounds, and the real runs' ratio to the simulated ones."""
    lines = [*totals(result), *(" | ".join(row) for row in bounds_of(result)), *special(result, pictures=False)]
    judged = [cell for cell in result.cells if cell.real is not None]
    if judged:
        replayed, simulated = (ratio(judged, "mean", to=to) for to in ("replayed", "simulated"))
        wrong = sum(cell.wrong for cell in judged)
        lines.append(f"mean of all: real / replayed {replayed:.3f}, real / simulated {simulated:.3f}; wrong answers: {wrong}")
    return "\n".join(lines)
