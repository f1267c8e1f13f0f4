"""Draw the ratios to nginx with their bounds, once for light and once for dark pages."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.results import Run
from benchmarks.table import JUDGED, metric_name
from benchmarks.verdict import BASE, Verdict, judge

# Ink, muted ink, bar, bar that is over its bound.
_THEMES = {"light": ("#1f2328", "#8c959f", "#2f81f7", "#d1495b"), "dark": ("#e6edf3", "#7d8590", "#4493f8", "#e5707e")}
# A bar beyond this would make all others unreadable; it is cut, and its number stands beside it.
_LONGEST = 2.0


def write_plots(run: Run, folder: Path) -> None:
    """Write ratios-light.svg and ratios-dark.svg to *folder*: no fonts of this machine, no date, so that equal results give equal files."""
    found = [(result.scenario.title, verdict) for result in run.scenarios for target in JUDGED[:1] for verdict in judge(result, target)]
    ratios = [(title, verdict) for title, verdict in found if verdict.bound.against == BASE and not verdict.bound.absolute]
    with mpl.rc_context({"svg.hashsalt": "fastgate", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}):
        for theme, colours in _THEMES.items():
            _draw(ratios, colours).savefig(folder / f"ratios-{theme}.svg", transparent=True, metadata={"Date": None})


def _draw(ratios: list[tuple[str, Verdict]], colours: tuple[str, str, str, str]) -> Figure:
    ink, muted, good, bad = colours
    figure = Figure(figsize=(9, 0.9 + 0.34 * len(ratios)), layout="constrained")
    axes = figure.add_subplot()
    for row, (_, verdict) in enumerate(ratios):
        value = min(verdict.value, _LONGEST)
        axes.barh(row, value, height=0.62, color=good if verdict.held else bad, zorder=2)
        low, high = min(verdict.low, _LONGEST), min(verdict.high, _LONGEST)
        axes.plot([low, high], [row, row], color=ink, linewidth=1, zorder=3)
        limit = min(verdict.bound.at_most, _LONGEST)
        axes.plot([limit] * 2, [row - 0.42, row + 0.42], color=ink, linewidth=2, zorder=4)
        axes.text(max(value, high, limit) + 0.02, row, f"{verdict.value:.2f}", color=ink, va="center")
    axes.set_yticks(range(len(ratios)), [f"{title}: {metric_name(verdict.bound.metric)}" for title, verdict in ratios])
    axes.invert_yaxis()
    axes.axvline(1.0, color=muted, linewidth=1, linestyle="--", zorder=1)
    axes.set_xlim(0, _LONGEST + 0.15)
    axes.set_xlabel("times nginx\nbold mark: bound; thin line: lowest to highest round", color=ink)
    axes.tick_params(colors=ink, length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(muted)
    return figure
