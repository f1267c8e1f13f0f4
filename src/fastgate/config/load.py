"""config.yaml, or a model's name on the command line -> settings, with all mistakes reported together."""

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from fastgate.config.document import Node
from fastgate.config.environment import Environment, environment_at_start
from fastgate.config.findings import Findings, Place
from fastgate.config.include import read_files
from fastgate.config.naming import Providers
from fastgate.config.report import Report, Usage
from fastgate.config.resolve import resolve
from fastgate.config.schema import Settings
from fastgate.errors import ConfigError


class Loaded(Struct, frozen=True, kw_only=True):
    """A configuration that can be used."""

    settings: Settings
    report: Report
    # `litellm_settings.json_logs`.
    json_logs: bool = False


def load(path: str | Path, *, providers: Providers, env: Environment | None = None) -> Loaded:
    """Return what the file at *path* and its includes say; *env* is the process's environment if not given.

    Raise ConfigError with every mistake at once, and the notes. What is accepted without effect is a note in the report.
    """
    findings = Findings()
    root = read_files(Path(path), findings)
    return _loaded(root, providers, env, findings)


def from_model(
    model: str,
    *,
    providers: Providers,
    alias: str = "",
    api_base: str = "",
    api_key: str = "",
    api_version: str = "",
    organization: str = "",
    timeout_s: float | None = None,
    env: Environment | None = None,
) -> Settings:
    """Return settings without a file: every request goes to *model*, whatever it names (`--model` of the command line).

    Raise ConfigError.
    """
    given = {"model": model, "api_base": api_base, "api_key": api_key, "api_version": api_version, "organization": organization}
    params: dict[str, object] = {key: value for key, value in given.items() if value or key == "model"}
    if timeout_s is not None:
        params["timeout"] = timeout_s
    root = _node({"model_list": [{"model_name": alias or model, "litellm_params": params}]}, Place("--model"))
    settings = _loaded(root, providers, env, Findings()).settings
    return replace(settings, only_model=alias or model)


def _loaded(root: Node | None, providers: Providers, env: Environment | None, findings: Findings) -> Loaded:
    settings, json_logs = Settings(), False
    usage = Usage()
    if root is not None:
        settings, json_logs = resolve(root, providers, environment_at_start() if env is None else env, findings, usage)
    report = usage.report(findings)
    errors = findings.lines("error")
    if errors:
        raise ConfigError(errors, report.notes)
    return Loaded(settings=settings, report=report, json_logs=json_logs)


def _node(value: object, place: Place) -> Node:
    if isinstance(value, dict):
        node = Node({key: _node(inner, place) for key, inner in value.items()}, place)
        node.key_places = dict.fromkeys(value, place)
        return node
    if isinstance(value, list):
        return Node([_node(inner, place) for inner in value], place)
    return Node(value, place, str(value))
