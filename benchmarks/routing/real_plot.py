"""Draw the real runs, once for light and once for dark pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.routing.real_report import ran
from benchmarks.routing.real_results import Cell, RealRuns, ratio, strategies_of

# Ink, muted ink, and colours of bars or lines.
_THEMES = {
    "light": ("#1f2328", "#8c959f", ("#2f81f7", "#7d5bbe", "#d1495b", "#2e8b57", "#c77d0a", "#0f8a8a", "#8c959f")),
    "dark": ("#e6edf3", "#7d8590", ("#4493f8", "#a58ae0", "#e5707e", "#56b37f", "#e0a03c", "#3cb8b8", "#7d8590")),
}


def write_plots(result: RealRuns, folder: Path) -> None:
    """Write routing-real-*.svg and routing-drop-*.svg to *folder*: equal results give equal files."""
    with mpl.rc_context({"svg.hashsalt": "fastgate", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}):
        for theme, (ink, muted, colours) in _THEMES.items():
            for name, draw in (("routing-real", _draw_totals), ("routing-drop", _draw_drops)):
                figure = draw(result, ink, muted, colours)
                figure.savefig(folder / f"{name}-{theme}.svg", transparent=True, metadata={"Date": None})


def _plain(axes: Axes, ink: str, muted: str) -> None:
    axes.tick_params(colors=ink, length=0, which="both")
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(muted)


def _draw_totals(result: RealRuns, ink: str, muted: str, colours: tuple[str, ...]) -> Figure:
    names = [name for name in strategies_of(result) if ran(result, name)]
    groups: list[tuple[str, dict[str, Callable[[list[Cell]], float]], bool]] = [
        ("latency, times the clairvoyant's", {each: _ratio(each) for each in ("p50", "p95", "p99")}, True),
        ("time to first token, times the clairvoyant's", {each: _ratio(f"first_{each}") for each in ("p50", "p95", "p99")}, True),
        ("goodput, % of requests", {"": lambda cells: 100 * _mean(cells, "goodput")}, False),
        ("failed, % of requests", {"": lambda cells: 100 * sum(_of(cells, "failed")) / sum(cell.requests for cell in cells)}, False),
        ("spend, times the clairvoyant's", {"": _ratio("spend_nanodollars")}, False),
    ]
    figure = Figure(figsize=(9, 0.9 + sum(0.5 + len(names) * (0.13 + 0.14 * len(bars)) for _, bars, _ in groups)), layout="constrained")
    heights = [0.5 + len(names) * (0.13 + 0.14 * len(bars)) for _, bars, _ in groups]
    for axes, (title, bars, logarithmic) in zip(figure.subplots(len(groups), 1, height_ratios=heights), groups, strict=True):
        high = 0.8 / len(bars)
        for row, name in enumerate(names):
            for at, (label, value_of) in enumerate(bars.items()):
                value = value_of(ran(result, name))
                where = row + (at - (len(bars) - 1) / 2) * high
                axes.barh(where, value, height=high * 0.9, color=colours[at], zorder=2)
                text = f" {value:.2f} {label}" if logarithmic or title.startswith("spend") else f" {value:.1f}"
                axes.text(value, where, text, color=ink, va="center", fontsize=7)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_title(title, color=ink, loc="left", fontsize=9)
        if logarithmic:
            axes.set_xscale("log")
            axes.set_xlim(left=0.8)
            for formatted in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
                formatted(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "1235" else "")
            axes.axvline(1.0, color=muted, linewidth=1, linestyle="--", zorder=1)
        axes.margins(x=0.15)
        _plain(axes, ink, muted)
    return figure


def _ratio(figure: str) -> Callable[[list[Cell]], float]:
    return lambda cells: ratio(cells, figure)


def _of(cells: list[Cell], figure: str) -> list[float]:
    return [getattr(cell.real, figure) for cell in cells]


def _mean(cells: list[Cell], figure: str) -> float:
    return sum(_of(cells, figure)) / len(cells)


def _draw_drops(result: RealRuns, ink: str, muted: str, colours: tuple[str, ...]) -> Figure:
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot()
    drops = [row for row in result.drops if not row.why_not]
    for row, colour in zip(drops, colours, strict=False):
        # Five seconds to a point: of one second's requests each is some percent.
        means = [sum(row.shares[max(0, at - 4) : at + 1]) / len(row.shares[max(0, at - 4) : at + 1]) for at in range(len(row.shares))]
        axes.plot(range(1, len(means) + 1), [100 * share for share in means], color=colour, linewidth=1.4, label=row.strategy, zorder=2)
    for row in drops[:1]:
        axes.axvspan(row.drop_s, row.back_s, color=muted, alpha=0.15, zorder=0, linewidth=0)
        axes.text(row.drop_s, 0.2, " at a tenth of its speed", color=ink, va="bottom", fontsize=8)
        figure.legend(frameon=False, labelcolor=ink, fontsize=8, loc="outside lower center", ncols=2)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds", color=ink)
    axes.set_title("share of the requests of one of four equal servers, % of the last 5 s", color=ink, loc="left", fontsize=9)
    _plain(axes, ink, muted)
    return figure
