"""Write benchmarks/README.md and its plots from a committed result: `python -m benchmarks.report [NAME]`; nothing is measured."""

import sys
from pathlib import Path

from benchmarks.plot import write_plots
from benchmarks.results import RESULTS, Run, ScenarioResult, read_run
from benchmarks.table import JUDGED, header_of, metric_name, rows_of, show_metric, shown_verdict, unmeasured_text, verdict_text
from benchmarks.verdict import Verdict, figure_of, judge

README = Path(__file__).parent / "README.md"

_HOW = """\
## How it is measured

- Every number stands beside nginx's from the same run. Rounds are interleaved (direct, nginx, fastgate, ..., and again); a round is a
  fixed number of requests; one round of each warms up and is not counted. Tables show medians with the lowest and highest round; a ratio
  is the ratio of the medians, with the lowest and highest ratio of a single round in parentheses.
- One worker of each proxy is pinned to one core; load generator and upstream share the other.
- CPU is what the scheduler charged to all processes of the proxy (supervisor, workers, nginx' master) between the first request and the
  last answer, read from their CPU clocks. `busy` is that over wall time, `load busy` the same for load generator and upstream together,
  and `waited` the time the proxy was runnable while something else had its core: a run with more than a few percent there was disturbed.
- The load generator (`native/load.c`) and the upstream (`native/upstream.c`) are C programs that share no code with fastgate. Every
  answer is checked: status, exact length, number of events, the closing `[DONE]`; and the upstream must have seen each request exactly
  once. One wrong answer ends the run.
- `direct` is the load generator on the upstream itself. Added latency is a target's percentile less direct's in the same round.
- The open loop sends at times fixed in advance (Poisson arrivals, the same for all targets), and counts latency from the time a request
  was due, so that a stall is not hidden by the requests it kept from being sent (coordinated omission).
- Paced streams carry the time each event was sent; the load generator compares it with the time it was read. Streams as fast as possible
  are written event by event, and the slower a proxy, the more events it finds at once: there CPU per event is that of moving bytes, and
  the paced streams show what a single event costs.
- nginx: `proxy_pass` to a keep-alive upstream, `proxy_buffering off`, `access_log off`, `sendfile` and `tcp_nopush` on (see `nginx.py`).
  Its bodies above 16 KiB go through a file on tmpfs, as nginx does by default; `--against nginx-unbuffered,...` shows it with
  `proxy_request_buffering off`. fastgate checks the key, reads the model, replaces it in request and answer, picks up usage and writes
  its access log.
- Translated scenarios: fastgate and LiteLLM are called in one dialect and ask an upstream of another; nginx and the direct way are called
  in the upstream's dialect and relay the very bytes that the translators get. `fastgate-same` is fastgate with a caller of the upstream's
  dialect. Before the rounds each target is asked once, and its answer read: thoughts, text, calls and reason have to be what the upstream
  said (`said.py`); its length and its events are then expected of every further answer (of LiteLLM's only the events with content and
  the end). CPU per event is divided by the upstream's events, for all targets alike.
- Requests of one round are the same but for what the scenario says. fastgate keeps what it made of a kind of request, so in the translated
  scenarios it meets one that it knows; those of `translate-unlike-...` have a stop sequence that differs in each: none of a known kind.
- LiteLLM (`--against litellm`) is installed into `benchmarks/.build/litellm-venv` when it is first asked for; one worker, a hundredth of
  the requests.
- The proxies a Python developer would write (`naive/`) get fewer requests, and a tenth (aiohttp) or a hundredth (FastAPI) of the paced
  streams.

## Run it

Needs a C compiler, two cores, nginx (`apt-get install nginx-light`) and, for the TLS scenarios, OpenSSL's headers (`libssl-dev`).

```
pip install '.[bench]'
python -m benchmarks.run --quick            # one to two minutes, nginx and fastgate
python -m benchmarks.run                    # everything, written to benchmarks/results/full.json
python -m benchmarks.run --scenario small-64 --rounds 3 --against nginx,fastgate,haproxy
sudo python -m benchmarks.run --priority    # the same at nice -20, where other work shares the cores
python -m benchmarks.run --scenario translate-small-openai-anthropic --against nginx,fastgate,litellm
python -m benchmarks.run --scenario small-64 --out full --replace   # this one anew, in the result that is there
python -m benchmarks.report                 # this page, from benchmarks/results/full.json
```

Realistic users of any gateway, here of `fastgate demo` (exits with 1 if a request failed):

```
BENCH_KEY=sk-demo locust -f benchmarks/locustfile.py --headless --users 20 --spawn-rate 10 --run-time 30s --host http://127.0.0.1:4000
```
"""


def build_readme(run: Run) -> str:
    """Return the page."""
    judged = [name for name in JUDGED if any(each.target == name for result in run.scenarios for each in result.rounds)]
    parts = ["# Benchmarks\n", "Generated by `python -m benchmarks.report` from the results beside it; do not edit.\n"]
    for target in judged[:1]:
        parts += [_summary(run, target), _PICTURE]
    parts += ["## Scenarios\n", *(_section(result) for result in run.scenarios), _HOW, _facts(run)]
    return "\n".join(parts)


_PICTURE = """\
<picture>
  <source media="(prefers-color-scheme: dark)" srcset="results/ratios-dark.svg">
  <img src="results/ratios-light.svg" alt="Ratio to nginx of each bounded number, with its bound">
</picture>
"""


def _summary(run: Run, target: str) -> str:
    rows = [["scenario", "number", "beside", "its", target, "ratio (rounds)", "bound", ""]]
    for result in run.scenarios:
        rows += [_summary_row(result, verdict) for verdict in judge(result, target)]
    return f"## {target} against nginx\n\n{_markdown(rows)}"


def _summary_row(result: ScenarioResult, verdict: Verdict) -> list[str]:
    bound = verdict.bound
    metric = bound.metric
    shown = []
    for target in (bound.against, verdict.target):
        figure = figure_of(result, target, metric)
        shown.append("-" if figure is None else show_metric(metric, figure.median))
    value, spread, limit = shown_verdict(verdict)
    limit = f"at least {limit}" if bound.at_least else limit
    ratio = "-" if bound.absolute else f"{value.removesuffix(' over')} {spread}"
    return [result.scenario.title, metric_name(metric), bound.against, *shown, ratio, limit, "held" if verdict.held else "**not held**"]


def _section(result: ScenarioResult) -> str:
    title = f"### `{result.scenario.name}`: {result.scenario.title}\n"
    if result.skipped:
        return f"{title}\nNot run: {result.skipped}\n"
    notes = [f"- {target}: {verdict_text(verdict)}\n" for target in JUDGED for verdict in judge(result, target)]
    if missing := unmeasured_text(result):
        notes.append(f"- {missing}\n")
    commands = "".join(f"# {name}\n{command}\n" for name, command in result.commands.items())
    shown = f"\n<details><summary>commands</summary>\n\n```\n{commands}```\n</details>\n" if commands else ""
    return f"{title}\n{_markdown([header_of(result), *rows_of(result)])}\n{''.join(notes)}{shown}"


def _facts(run: Run) -> str:
    rows = [["", ""], *([name, value] for name, value in {**run.machine, **run.versions}.items())]
    rows += [["command", f"`{run.command}`"], ["finished", run.finished_at], ["took", f"{run.seconds:.0f} s"]]
    if run.percent != 100:
        rows.append(["requests", f"{run.percent} % of the full counts"])
    return f"## Machine and versions\n\n{_markdown(rows)}"


def _markdown(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    lines.insert(1, "|---" + "|---:" * (len(rows[0]) - 1) + "|")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    name = arguments[0] if arguments else "full"
    if not (RESULTS / f"{name}.json").exists():
        print(f"benchmarks: there is no {RESULTS / name}.json; measure first: python -m benchmarks.run", file=sys.stderr)
        return 2
    run = read_run(name)
    write_plots(run, RESULTS)
    README.write_text(build_readme(run))
    print(f"wrote {README}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
