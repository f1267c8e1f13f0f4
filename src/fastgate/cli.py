"""The command line: `fastgate serve`, `check`, `demo`, `mock`, `bench`, and LiteLLM's own invocations without a subcommand.

Only click is imported here; each command imports what it runs, so that --version and --help answer at once.
"""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from fastgate import __version__
from fastgate.bench import bench
from fastgate.litellm_flags import NO_EFFECT, add_litellm_flags

if TYPE_CHECKING:
    from fastgate.config.load import Loaded

# Exit codes; a shell script may rely on them.
OK = 0
FINDINGS = 1
USAGE = 2
CONFIG_INVALID = 3
CANNOT_BIND = 4
INTERRUPTED = 130

ROOT_OPTIONS = ("--help", "-h", "--version", "-v", "-V")
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 120, "token_normalize_func": lambda word: word.replace("_", "-")}

EXAMPLES = """\b
Examples:
  fastgate demo                                     try it: a gateway before a built-in mock provider
  fastgate serve --config config.yaml               serve what the file says, on port 4000
  fastgate check config.yaml                        what the file means, and every mistake in it
  fastgate mock --port 8000                         only the mock provider
LiteLLM's invocations work as they are:
  fastgate --config litellm_config.yaml --port 4000 --num_workers 4
  fastgate --model gpt-4o                           every request goes to this model
"""

SERVE_EXAMPLES = """\b
Examples:
  fastgate serve --config config.yaml
  fastgate serve --config config.yaml --host 127.0.0.1 --port 0 --workers 2
  fastgate serve --model openai/llama3 --api_base http://localhost:11434/v1
\b
Signals: SIGTERM and Ctrl-C let open requests finish; a second one stops now.
Exit codes: 0 ended cleanly, 1 requests were cut, 2 usage, 3 configuration invalid, 4 cannot bind, 130 Ctrl-C.
Flags of LiteLLM that mean nothing here are accepted, and named once at start.
"""

MOCK_EXAMPLES = """\b
Examples:
  fastgate mock                                                         answers at once and well
  fastgate mock --behaviour "ttft=300ms, delay=20ms, tokens=50-200"     as slowly as a model
  curl -s localhost:8000/v1/chat/completions -H "x-mock: status=429, retry_after=2" -d '{"model":"m","messages":[]}'
  "model": "any-name?status=503&error_rate=0.1"                         in a request, for callers that set no fields
\b
Settings, as name=value: of --behaviour for all answers, of a model's name or the field x-mock for one; the latter win.
"""

Option = Callable[[Any], Any]


class PortOption(click.Option):
    """Reads its environment variables as a port, unless Kubernetes has put a service's address there."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        value = super().resolve_envvar_value(ctx)
        # For a Service named "fastgate" every pod gets FASTGATE_PORT=tcp://10.0.0.7:4000
        # (kubernetes.io/docs/concepts/containers/container-environment, 2026-11-01).
        return None if value is not None and value.startswith("tcp://") else value


class Root(click.Group):
    """The group; arguments that begin with an option are LiteLLM's way to say `serve`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if (args and args[0].startswith("-") and args[0] not in ROOT_OPTIONS) or (not args and self._configured(ctx)):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0].endswith((".yaml", ".yml")):
            raise click.UsageError(f'"{args[0]}" is not a command; to serve that file: fastgate serve --config {args[0]}', ctx)
        return super().resolve_command(ctx, args)

    def _configured(self, ctx: click.Context) -> bool:
        # Containers give everything by the environment: CONFIG_FILE_PATH=/app/config.yaml and no argument.
        return any(option.name == "config" and option.resolve_envvar_value(ctx) for option in serve.params)


class Mock(click.Command):
    """Tells the settings of its answers below its options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from fastgate.mock.behaviour import PARAMETERS

        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_dl([(name, f"{known.meaning} ({known.expected})") for name, known in PARAMETERS.items()])


@click.group(cls=Root, context_settings=CONTEXT, epilog=EXAMPLES, subcommand_metavar="COMMAND")
@click.version_option(__version__, "--version", "-v", "-V", message="fastgate %(version)s")
def root() -> None:
    """A self-hosted gateway in front of every LLM provider."""


def address_options(port: int) -> Option:
    """Add --host and --port."""

    def add(function: Any) -> Any:
        function = click.option(
            "-p", "--port", cls=PortOption, envvar=["FASTGATE_PORT", "PORT"], type=click.IntRange(0, 65535), default=port,
            show_default=True, show_envvar=True, help="0 takes a free one.",
        )(function)  # fmt: skip
        return click.option("--host", envvar="FASTGATE_HOST", default="", help="Address to listen on.", show_envvar=True)(function)

    return add


def workers_option(function: Any) -> Any:
    return click.option(
        "--workers", "--num-workers", envvar=["FASTGATE_WORKERS", "NUM_WORKERS"], type=click.IntRange(1, 1024), default=None,
        show_envvar=True, help="Processes; as many as CPUs if not given.",
    )(function)  # fmt: skip


log_format_option = click.option(
    "--log-format", envvar="FASTGATE_LOG_FORMAT", type=click.Choice(["auto", "json", "human"]), default="auto",
    show_default=True, show_envvar=True, help="Of the log on stderr; auto is human on a terminal.",
)  # fmt: skip


@root.command(short_help="Serve the models of a configuration file.", epilog=SERVE_EXAMPLES, context_settings=CONTEXT)
@click.option("-c", "--config", envvar=["FASTGATE_CONFIG", "CONFIG_FILE_PATH"], help="config.yaml, LiteLLM's format.", show_envvar=True)
@address_options(4000)
@workers_option
@click.option("-m", "--model", envvar="FASTGATE_MODEL", help="Send every request to this model, whatever it names.", show_envvar=True)
@click.option("--alias", envvar="FASTGATE_ALIAS", help="With --model: the name that callers see.", show_envvar=True)
@click.option("--api-base", envvar="FASTGATE_API_BASE", help="With --model: where it is served.", show_envvar=True)
@click.option("--api-version", envvar="FASTGATE_API_VERSION", help="With --model: Azure's api-version.", show_envvar=True)
@click.option("--request-timeout", envvar="FASTGATE_REQUEST_TIMEOUT", type=click.FloatRange(min=0, min_open=True), show_envvar=True,
              help="With --model: seconds for a whole request.")  # fmt: skip
@click.option("--keepalive-timeout", envvar="FASTGATE_KEEPALIVE_TIMEOUT", type=click.FloatRange(min=0, min_open=True), show_envvar=True,
              help="Seconds an idle caller's connection is kept.")  # fmt: skip
@log_format_option
@click.option("--debug", "--detailed-debug", envvar="FASTGATE_DEBUG", is_flag=True, show_envvar=True,
              help="Print every note on the configuration in full.")  # fmt: skip
@click.option("--validate-config", "--skip-server-startup", is_flag=True, help="Check the configuration and end.")
@click.option("--counters", envvar="FASTGATE_COUNTERS", is_flag=True, hidden=True)
@click.pass_context
def serve(ctx: click.Context, /, **options: Any) -> int:
    """Serve the models of a configuration file.

    Without --host: 0.0.0.0 if a master key is configured, else 127.0.0.1.
    """
    if unused := ctx.meta.get(NO_EFFECT):
        click.echo(f"fastgate: accepted without effect (flags of LiteLLM): {', '.join(dict.fromkeys(unused))}", err=True)
    loaded = load(ctx, options)
    if options["validate_config"]:
        click.echo(f"{options['config'] or options['model']}: valid")
        return OK

    from msgspec.structs import replace

    from fastgate.accept.start import Start
    from fastgate.accept.start import serve as start_serving

    settings = loaded.settings
    if options["keepalive_timeout"]:
        settings = replace(settings, limits=replace(settings.limits, keepalive_timeout_s=options["keepalive_timeout"]))
    start = Start(
        host=options["host"],
        port=options["port"],
        workers=options["workers"] or 0,
        log_format="json" if loaded.json_logs and options["log_format"] == "auto" else options["log_format"],
        counters=options["counters"],
    )
    report = loaded.report
    return start_serving(settings, start, list(report.notes) if options["debug"] else report.summary(options["config"]))


def load(ctx: click.Context, options: dict[str, Any]) -> "Loaded":
    """Return what the options name, or end with a usage error; raise ConfigError for what cannot be used."""
    from fastgate.config.load import Loaded, from_model
    from fastgate.config.report import Report
    from fastgate.providers import PROVIDERS

    if options["config"]:
        for name in ("alias", "api_base", "api_version", "request_timeout"):
            if options[name]:
                raise click.UsageError(f"--{name.replace('_', '-')} belongs to --model; with --config it stands in the file", ctx)
        loaded = load_file(options["config"])
        return answer_with_one(ctx, loaded, options["model"]) if options["model"] else loaded
    if options["model"]:
        settings = from_model(
            options["model"],
            providers=PROVIDERS,
            alias=options["alias"] or "",
            api_base=options["api_base"] or "",
            api_version=options["api_version"] or "",
            timeout_s=options["request_timeout"],
        )
        return Loaded(settings=settings, report=Report())
    raise click.UsageError("nothing to serve: give --config FILE or --model NAME, or try `fastgate demo`", ctx)


def load_file(path: str) -> "Loaded":
    """Return what the file says; raise ConfigError."""
    from fastgate.config.load import load as load_config
    from fastgate.providers import PROVIDERS

    return load_config(path, providers=PROVIDERS)


def answer_with_one(ctx: click.Context, loaded: "Loaded", model: str) -> "Loaded":
    """Return *loaded* with every request sent to *model*, which its file must have."""
    from msgspec.structs import replace

    names = sorted({deployment.model_name for deployment in loaded.settings.deployments})
    if model not in names:
        raise click.UsageError(f'--model: "{model}" is not in the file\'s model_list ({", ".join(names)})', ctx)
    return replace(loaded, settings=replace(loaded.settings, only_model=model))


def without_userinfo(url: str) -> str:
    """Return *url* without the name and password that may stand before its host."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


@root.command(short_help="Say what a file means, and every mistake in it.", context_settings=CONTEXT)
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object on stdout.")
def check(file: str, as_json: bool) -> int:
    """Say what a configuration means: its deployments, and which keys do something.

    All mistakes are reported together. Exit codes: 0 valid, 1 valid but with unknown keys, 3 invalid.
    """
    from fastgate.errors import ConfigError

    try:
        loaded = load_file(file)
    except ConfigError as error:
        if as_json:
            print_json({"file": file, "valid": False, "errors": error.findings, "notes": error.notes})
        else:
            for line in (*error.findings, *(f"note: {note}" for note in error.notes)):
                click.echo(line, err=True)
        return CONFIG_INVALID
    deployments = [
        {
            "model_name": made.model_name,
            "provider": made.provider,
            "model": made.model,
            "api_base": without_userinfo(made.api_base),
            "api_key": "set" if made.api_key else "none",
            "timeout_s": made.timeout_s,
        }
        for made in loaded.settings.deployments
    ]
    keys = [
        {"state": row.state, "key": row.path, "count": row.count, "place": str(row.place), "remark": row.remark, "nearest": row.nearest}
        for row in loaded.report.rows
    ]
    if as_json:
        print_json({"file": file, "valid": True, "deployments": deployments, "keys": keys, "notes": loaded.report.notes})
    else:
        for row in keys:
            row["remark"] = f'did you mean "{row["nearest"]}"?' if row["nearest"] else row["remark"]
        print_table("Deployments", deployments, ("model_name", "provider", "model", "api_base", "api_key", "timeout_s"))
        print_table("Keys", sorted(keys, key=lambda row: row["state"] != "unknown"), ("state", "key", "count", "place", "remark"))
        for note in loaded.report.oddities():
            click.echo(f"note: {note}")
    return FINDINGS if loaded.report.paths("unknown") else OK


def print_json(value: object) -> None:
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2))


def print_table(title: str, rows: Sequence[dict[str, Any]], columns: tuple[str, ...]) -> None:
    """Print rows under their columns' names: drawn on a terminal, aligned words elsewhere."""
    cells = [[str(row[column]) for column in columns] for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*columns, title=title, title_justify="left")
        for line in cells:
            table.add_row(*map(Text, line))
        Console().print(table)
        return
    widths = [max(len(line[at]) for line in [list(columns), *cells]) for at in range(len(columns))]
    click.echo(f"{title}:")
    for line in [list(columns), *cells]:
        click.echo("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


@root.command(short_help="Try it: a gateway before a built-in mock provider.", context_settings=CONTEXT)
@address_options(4000)
@workers_option
def demo(host: str, port: int, workers: int | None) -> int:
    """Try it: a gateway with a few models and a key, in front of the built-in mock provider."""
    from fastgate.mock.demo import run

    return run(host or "127.0.0.1", port, workers or 1)


@root.command(short_help="Run the mock provider alone.", cls=Mock, epilog=MOCK_EXAMPLES, context_settings=CONTEXT)
@address_options(8000)
@click.option("--behaviour", envvar="FASTGATE_MOCK_BEHAVIOUR", default="", help="What answers are like; see below.", show_envvar=True)
@click.option("--seed", envvar="FASTGATE_MOCK_SEED", type=int, default=0, show_envvar=True,
              help="The same seed gives the same answers.")  # fmt: skip
def mock(host: str, port: int, behaviour: str, seed: int) -> int:
    """Run the mock provider alone: OpenAI's and Anthropic's dialects, with delays and faults on request."""
    from fastgate.mock.server import run

    return run(host or "127.0.0.1", port, behaviour, seed=seed)


add_litellm_flags(serve)
root.add_command(bench)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(run_command(arguments))


def run_command(arguments: Sequence[str] | None) -> int:
    """Return the exit code; every failure that a person can repair is one message, without a traceback."""
    from fastgate.errors import ConfigError

    try:
        return root.main(arguments, prog_name="fastgate", standalone_mode=False) or OK
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except ConfigError as error:
        for line in error.findings:
            click.echo(line, err=True)
        return CONFIG_INVALID
    except OSError as error:
        if error.errno == errno.EPIPE:  # `fastgate check FILE | head`
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - the interpreter flushes stdout once more at its end
            return FINDINGS
        from fastgate.accept.sockets import CannotBindError

        if not isinstance(error, CannotBindError) and error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
            raise
        click.echo(f"fastgate: {error.strerror}", err=True)
        return CANNOT_BIND
