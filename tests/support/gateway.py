"""A gateway under test: a real process, started from a configuration and stopped as an operator would."""

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from tests.support.wire import Client

# Loaded machines may be slower; a bound in seconds is multiplied with this.
SCALE = float(os.environ.get("FASTGATE_TEST_SCALE", "1"))
MASTER_KEY = "sk-master"
OPENAI_KEY = "sk-upstream-canary"
ANTHROPIC_KEY = "sk-ant-upstream-canary"

_READY = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")
_COUNTERS = re.compile(r"live objects: (.*)")
_PING = b"GET /health/liveliness HTTP/1.1\r\nHost: fence\r\n\r\n"
# What the machine's own environment might set and a configuration would then mean.
_NOT_INHERITED = re.compile(r".*_(API_KEY|API_BASE|PROXY)|FASTGATE_.*|LITELLM_.*|OPENAI_.*|ANTHROPIC_.*", re.IGNORECASE)


def openai_model(name: str, port: int, model: str = "up-model", **params: object) -> dict[str, object]:
    """Return a `model_list` entry for the OpenAI dialect at 127.0.0.1:*port*, without retries."""
    base = {"model": f"openai/{model}", "api_base": f"http://127.0.0.1:{port}/v1", "api_key": OPENAI_KEY, "max_retries": 0}
    return {"model_name": name, "litellm_params": base | params}


def anthropic_model(name: str, port: int, model: str = "claude-up", **params: object) -> dict[str, object]:
    """Return a `model_list` entry for the Anthropic dialect at 127.0.0.1:*port*, without retries."""
    base = {"model": f"anthropic/{model}", "api_base": f"http://127.0.0.1:{port}", "api_key": ANTHROPIC_KEY, "max_retries": 0}
    return {"model_name": name, "litellm_params": base | params}


def configuration(*models: Mapping[str, object], **fastgate_settings: object) -> dict[str, object]:
    """Return a configuration with the master key and *models*; keywords are `fastgate_settings`."""
    made: dict[str, object] = {
        "model_list": list(models),
        "router_settings": {"num_retries": 0},
        "general_settings": {"master_key": MASTER_KEY},
    }
    return made | ({"fastgate_settings": fastgate_settings} if fastgate_settings else {})


class Gateway:
    """A running gateway; leaving the context stops it and proves that it left nothing alive."""

    def __init__(self, config: Mapping[str, object], *, workers: int = 1, environment: Mapping[str, str] | None = None) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="fastgate-test-")
        self._workers = workers
        self._lines: list[str] = []
        self._grew = threading.Condition()
        self._ended = False
        self._fence_lock = threading.Lock()
        self._fence: Client | None = None
        self._halted = 0
        file = Path(self._directory.name) / "config.yaml"
        file.write_text(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
        command = [sys.executable, "-m", "fastgate", "serve", "--config", str(file)]
        command += ["--host", "127.0.0.1", "--port", "0", "--workers", str(workers)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=_environment(environment)
        )
        self._reader = threading.Thread(target=self._read_lines, daemon=True)
        self._reader.start()
        try:
            self.port = int(self.wait_for_line(_READY).group(1))
        except AssertionError:
            self.kill()
            raise
        self.base_url = f"http://127.0.0.1:{self.port}"

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for raw in lines:
                with self._grew:
                    self._lines.append(raw.decode(errors="replace").rstrip("\n"))
                    self._grew.notify_all()
        with self._grew:
            self._ended = True
            self._grew.notify_all()

    @property
    def log(self) -> str:
        with self._grew:
            return "\n".join(self._lines)

    def wait_for_line(self, pattern: re.Pattern[str], timeout_s: float = 20.0) -> re.Match[str]:
        """Return the first match of *pattern* in the log, past or to come."""
        seen = 0
        end = time.monotonic() + timeout_s * SCALE
        with self._grew:
            while True:
                for line in self._lines[seen:]:
                    if found := pattern.search(line):
                        return found
                seen = len(self._lines)
                left = end - time.monotonic()
                if self._ended or left <= 0 or not self._grew.wait(left):
                    break
        raise AssertionError(f"no line matches {pattern.pattern!r} in the gateway's log:\n{self.log}")

    def client(self) -> Client:
        """Return a fresh connection that speaks HTTP."""
        return Client(self.connect())

    def connect(self, *, receive_buffer_bytes: int = 0, timeout_s: float = 10.0) -> socket.socket:
        """Return a fresh connection to the gateway."""
        made = socket.socket()
        if receive_buffer_bytes:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        made.settimeout(timeout_s * SCALE)
        made.connect(("127.0.0.1", self.port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def fence(self) -> None:
        """Return when the worker has read everything that had reached its sockets before the call.

        One worker is one loop: once it has answered a later request, it has seen what came earlier.
        """
        with self._fence_lock:
            if self._fence is None:
                self._fence = Client(self.connect())
            answer = self._fence.exchange(_PING)
            if answer.head.says_close:
                self._fence.close()
                self._fence = None

    def pids(self) -> list[int]:
        """Return the supervisor and all of its descendants."""
        parents: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except OSError:
                    continue
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def rss_bytes(self) -> int:
        """Return the resident memory of all processes together."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids())
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_s(self) -> float:
        """Return the seconds of CPU that all processes together have taken."""
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def halt(self) -> None:
        """Stop the first worker where it stands: what comes until `go_on` it finds in one turn."""
        self._halted = self.pids()[1]
        os.kill(self._halted, signal.SIGSTOP)
        for _ in range(100_000):
            if Path(f"/proc/{self._halted}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                return
        raise AssertionError("the worker does not stop")

    def go_on(self) -> None:
        os.kill(self._halted, signal.SIGCONT)

    def stop(self, expected: int = 0) -> None:
        """Send SIGTERM; the exit must be in time, with the *expected* code (1: connections were cut), and leave no live object."""
        if self._fence is not None:
            self._fence.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(10 * SCALE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the gateway did not exit after SIGTERM:\n{self.log}") from None
        self._reader.join()
        self._directory.cleanup()
        assert code == expected, f"exit code {code}:\n{self.log}"
        assert "Traceback" not in self.log, self.log
        for key in (MASTER_KEY, OPENAI_KEY, ANTHROPIC_KEY):
            assert key not in self.log, f"{key} in the log:\n{self.log}"
        counters = [found.group(1) for found in map(_COUNTERS.search, self.log.splitlines()) if found]
        assert counters == ["connections=0 exchanges=0 upstreams=0"] * self._workers, self.log

    def kill(self) -> None:
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        self._directory.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _environment(added: Mapping[str, str] | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not _NOT_INHERITED.fullmatch(name)}
    found = importlib.util.find_spec("fastgate")
    if found is not None and found.origin is not None:
        kept["PYTHONPATH"] = str(Path(found.origin).parent.parent)
    return kept | {"PYTHONUNBUFFERED": "1", "FASTGATE_COUNTERS": "1"} | dict(added or {})
