"""`fastgate bench`: the benchmarks of a checkout, which are not installed."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

# The benchmark explains and refuses its options itself.
THEIRS = {"ignore_unknown_options": True}


@click.group(short_help="Run a benchmark of a checkout.")
def bench() -> None:
    """Run a benchmark; they lie in a checkout of fastgate, beside src/."""


@bench.command(short_help="Compare routing strategies, for real and simulated.", add_help_option=False, context_settings=THEIRS)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def routing(arguments: Sequence[str]) -> None:
    """Become `python -m benchmarks.routing` with these arguments."""
    become("benchmarks.routing", arguments)


def become(module: str, arguments: Sequence[str]) -> None:
    """Replace this process by *module*, found in the checkout that this is or in the current folder; raise UsageError without one."""
    for folder in (Path(__file__).resolve().parents[2], Path.cwd()):
        if folder.joinpath(*module.split("."), "__main__.py").is_file():
            os.chdir(folder)
            os.execv(sys.executable, [sys.executable, "-m", module, *arguments])
    raise click.UsageError("benchmarks are not installed with fastgate; change into a checkout of it, with `pip install -e '.[bench]'`")
