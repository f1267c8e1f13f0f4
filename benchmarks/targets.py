"""What is measured: the direct way, nginx, fastgate, haproxy, and the proxies a Python developer would write first."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from benchmarks import litellm, nginx
from benchmarks.bodies import KEY, MODEL
from benchmarks.build import BUILD
from benchmarks.missing import Missing
from benchmarks.process import LOOPBACK, Process, free_port
from benchmarks.scenarios import Dialect, Scenario
from benchmarks.upstream import Upstream

REPOSITORY = Path(__file__).resolve().parent.parent

# Writes the target's files, if any, and returns its command.
Prepare = Callable[[Scenario, Upstream, int], list[str]]


class Target(Struct, frozen=True, kw_only=True):
    """One way from the load generator to the upstream."""

    name: str
    # None: straight to the upstream.
    prepare: Prepare | None
    # Prints the version; its first line is recorded.
    version: tuple[str, ...] = ()
    # The answer's `model` names what the caller asked for, as a gateway's must; else it is the upstream's own.
    replaces_model: bool = False
    # Called in the caller's dialect of the scenario; else in the upstream's.
    translates: bool = False
    # Its answer has the same length each time, and is checked for it.
    exact: bool = True
    env: Mapping[str, str] = {}
    start_timeout_s: float = 20.0
    # Slow ones get this share of the requests, and of the streams that are open at once.
    share: float = 1.0
    max_rounds: int = 1000

    def dialect(self, scenario: Scenario) -> Dialect:
        """Return what its callers speak."""
        return scenario.caller if self.translates else scenario.upstream

    def start(self, scenario: Scenario, upstream: Upstream, core: int) -> "Running":
        """Start it pinned to *core*; it listens when this returns."""
        if self.prepare is None:
            return Running(self, upstream.port, None)
        port = free_port()
        command = self.prepare(scenario, upstream, port)
        # Other people's proxy settings have no say in a measurement over loopback.
        env = {"NO_PROXY": "*", "PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "src"))), **self.env}
        process = Process(command, core, BUILD / f"{self.name}.log", env)
        try:
            process.wait_until_listening(port, self.start_timeout_s)
        except BaseException:
            process.stop()
            raise
        return Running(self, port, process)


class Running:
    """A started target."""

    def __init__(self, target: Target, port: int, process: Process | None) -> None:
        self.target, self.port, self.process = target, port, process

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()


def _program(name: str, package: str) -> str:
    # Debian puts servers into sbin, which is not on every user's PATH.
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Missing(name, package)
    return found


def _prepare_nginx(scenario: Scenario, upstream: Upstream, port: int, unbuffered: bool = False) -> list[str]:
    program = _program("nginx", "nginx-light")
    folder = BUILD / ("nginx-unbuffered" if unbuffered else "nginx")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(nginx.build_config(scenario, upstream, port, folder, unbuffered=unbuffered))
    return [program, "-p", str(folder), "-e", str(folder / "nginx-error.log"), "-c", str(config)]


def _prepare_nginx_unbuffered(scenario: Scenario, upstream: Upstream, port: int) -> list[str]:
    return _prepare_nginx(scenario, upstream, port, unbuffered=True)


def _prepare_haproxy(scenario: Scenario, upstream: Upstream, port: int) -> list[str]:
    program = _program("haproxy", "haproxy")
    tls = f" ssl verify required ca-file {upstream.ca} sni str(localhost) verifyhost localhost" if upstream.ca else ""
    config = BUILD / "haproxy.cfg"
    config.write_text(
        "global\n    nbthread 1\n    maxconn 8192\n"
        "defaults\n    mode http\n    http-reuse always\n    option http-keep-alive\n    option http-no-delay\n"
        "    timeout connect 5s\n    timeout client 3600s\n    timeout server 3600s\n"
        f"listen bench\n    bind {LOOPBACK}:{port}\n    server provider {LOOPBACK}:{upstream.port}{tls} pool-max-conn 4096\n"
    )
    return [program, "-db", "-f", str(config)]


def _prepare_fastgate(scenario: Scenario, upstream: Upstream, port: int) -> list[str]:
    config = BUILD / "fastgate.yaml"
    text = (
        f"model_list:\n  - model_name: {MODEL}\n    litellm_params:\n      model: {PROVIDER_MODELS[scenario.upstream]}\n"
        f"      api_base: {upstream.scheme}://localhost:{upstream.port}{_BASE_PATHS[scenario.upstream]}\n      api_key: sk-upstream\n"
        f"general_settings:\n  master_key: {KEY}\n"
    )
    if upstream.ca is not None:
        text += f"litellm_settings:\n  ssl_verify: {upstream.ca}\n"
    else:
        text = text.replace("localhost", LOOPBACK)
    config.write_text(text)
    return [sys.executable, "-m", "fastgate", "serve", "--config", str(config), "--host", LOOPBACK, "--port", str(port), "--workers", "1"]


def _prepare_litellm(scenario: Scenario, upstream: Upstream, port: int) -> list[str]:
    base = f"{upstream.scheme}://{LOOPBACK}:{upstream.port}{_BASE_PATHS[scenario.upstream]}"
    return litellm.build_command(base, PROVIDER_MODELS[scenario.upstream], port)


def _prepare_naive(module: str) -> Prepare:
    def prepare(scenario: Scenario, upstream: Upstream, port: int) -> list[str]:
        command = [sys.executable, "-m", f"benchmarks.naive.{module}", "--port", str(port)]
        command += ["--upstream", f"{upstream.scheme}://localhost:{upstream.port}"]
        return command + (["--ca", str(upstream.ca)] if upstream.ca else [])

    return prepare


# As both fastgate and LiteLLM name them; the Anthropic model is one that LiteLLM knows.
PROVIDER_MODELS: Mapping[Dialect, str] = {"openai_chat": "openai/mock-model", "anthropic_messages": "anthropic/claude-sonnet-4-5-20250929"}
_BASE_PATHS: Mapping[Dialect, str] = {"openai_chat": "/v1", "anthropic_messages": ""}
_FASTGATE_VERSION = (sys.executable, "-m", "fastgate", "--version")
_PACKAGES = "import importlib.metadata as m, sys; print(', '.join(f'{n} {m.version(n)}' for n in sys.argv[1:]))"

TARGETS = {
    target.name: target
    for target in (
        Target(name="direct", prepare=None),
        Target(name="nginx", prepare=_prepare_nginx, version=("nginx", "-v")),
        Target(name="fastgate", prepare=_prepare_fastgate, version=_FASTGATE_VERSION, replaces_model=True, translates=True),
        # The same in a translated scenario, with a caller who speaks the upstream's dialect.
        Target(name="fastgate-same", prepare=_prepare_fastgate, version=_FASTGATE_VERSION, replaces_model=True),
        Target(name="nginx-unbuffered", prepare=_prepare_nginx_unbuffered, version=("nginx", "-v")),
        Target(name="haproxy", prepare=_prepare_haproxy, version=("haproxy", "-v")),
        Target(
            name="litellm", prepare=_prepare_litellm, version=litellm.VERSION, translates=True, exact=False, env=litellm.ENV,
            start_timeout_s=120, share=0.01, max_rounds=2,
        ),
        Target(
            name="aiohttp", prepare=_prepare_naive("aiohttp_proxy"), share=0.1, max_rounds=3,
            version=(sys.executable, "-c", _PACKAGES, "aiohttp", "uvloop"),
        ),
        Target(
            name="fastapi", prepare=_prepare_naive("fastapi_proxy"), share=0.01, max_rounds=2,
            version=(sys.executable, "-c", _PACKAGES, "fastapi", "httpx", "uvicorn", "uvloop"),
        ),
    )
}  # fmt: skip


def version_of(target: Target) -> str:
    """Return the first line of what the target's version command prints; empty for the direct way."""
    if not target.version:
        return ""
    name, *rest = target.version
    program = _program(name, {"nginx": "nginx-light"}.get(name, name))
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    done = subprocess.run([program, *rest], capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise RuntimeError(f"{target.name} does not start:\n{done.stderr[-2000:]}")
    return (done.stdout + done.stderr).strip().splitlines()[0]
