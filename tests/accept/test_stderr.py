"""Lines that nobody reads: a supervisor whose stderr has no reader, or a full pipe, does its work all the same."""

import fcntl
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson
import pytest

from tests.support.answers import completion, plain
from tests.support.gateway import SCALE, configuration, openai_model
from tests.support.upstream import Upstream, send
from tests.support.wire import Client, chat, request

PATIENCE_S = 10 * SCALE
PIPE_BYTES = 4096


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as made:
        yield made.serve(send(plain(completion())))


class Unheard:
    """A gateway whose stderr is a pipe that is in the test's hands; leaving the context kills what is left of it."""

    def __init__(self, file: Path, log_format: str) -> None:
        self.heard, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        command = [sys.executable, "-m", "fastgate", "serve", "--config", str(file), "--host", "127.0.0.1", "--port", "0"]
        command += ["--workers", "1", "--log-format", log_format]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writing)
        os.close(writing)
        said = b""
        while not (found := re.search(rb"listening on http://127\.0\.0\.1:(\d+)", said)):
            piece = os.read(self.heard, PIPE_BYTES)
            assert piece, said
            said += piece
        self.port = int(found[1])
        # The banner's rest must not come into the pipe later.
        assert self.status() == 200

    def worker(self) -> int:
        """Return the pid of the one worker."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def status(self) -> int:
        with Client(socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)) as client:
            return client.exchange(request(body=chat())).status

    def stop_reading(self) -> None:
        """Close the reader's end: a write fails, or a signal comes."""
        os.close(self.heard)
        self.heard = -1

    def fill(self) -> None:
        """Put into the pipe what it holds: a write does not return."""
        filling = os.open(f"/proc/self/fd/{self.heard}", os.O_WRONLY | os.O_NONBLOCK)
        try:
            while True:
                os.write(filling, b"x")
        except BlockingIOError:
            return
        finally:
            os.close(filling)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Workers drain when their supervisor is gone.
        self.process.kill()
        self.process.wait()
        if self.heard >= 0:
            os.close(self.heard)


def kill(pid: int) -> None:
    """Kill a process and wait for its end."""
    end = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    assert select.select([end], [], [], PATIENCE_S)[0]
    os.close(end)


@pytest.mark.parametrize("log_format", ["human", "json"])
@pytest.mark.parametrize("silence", [Unheard.stop_reading, Unheard.fill], ids=["reader gone", "pipe full"])
def test_a_supervisor_that_nobody_hears_replaces_workers_and_ends_when_it_is_told(
    silence: Callable[[Unheard], None], log_format: str, upstream: Upstream, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(orjson.dumps(configuration(openai_model("group-a", upstream.port))))
    with Unheard(file, log_format) as unheard:
        silence(unheard)
        victim = unheard.worker()
        kill(victim)
        assert unheard.status() == 200
        assert unheard.worker() != victim
        unheard.process.send_signal(signal.SIGTERM)
        assert unheard.process.wait(PATIENCE_S) == 0
