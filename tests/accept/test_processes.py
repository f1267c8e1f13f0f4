"""The whole program as an operator meets it: workers that are killed, signals, ports that are taken."""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import orjson
import pytest

from tests.support.answers import DONE, LAST_CHUNK, STREAM_HEAD, chunk, completion, delta, plain
from tests.support.gateway import MASTER_KEY, SCALE, Gateway, configuration, openai_model
from tests.support.upstream import Upstream, hold, send
from tests.support.wire import Client, IncompleteResponseError, chat, request

PATIENCE_S = 10 * SCALE
ASK = request(body=chat())


class Operated(Gateway):
    """A gateway that a test may end by itself, in whatever way."""

    def end(self) -> int:
        """Wait for the end and return the exit code."""
        code = self.process.wait(PATIENCE_S)
        self._reader.join()
        self._directory.cleanup()
        self.close_log()
        return code

    def close_log(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()

    def send(self, signum: signal.Signals) -> None:
        self.process.send_signal(signum)

    def workers(self) -> list[int]:
        return self.pids()[1:]

    def worker_of(self, client: Client) -> int:
        """Return the pid of the worker that has accepted the client's connection."""
        ours = client.socket.getsockname()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == self.port and int(fields[2].rpartition(":")[2], 16) == ours:
                name = f"socket:[{fields[9]}]"
                return next(pid for pid in self.workers() if name in descriptors(pid))
        raise AssertionError(f"no accepted connection of port {ours}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.returncode is None:
            super().__exit__(kind, error, trace)
            self.close_log()


def descriptors(pid: int) -> set[str]:
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            found.add(str(entry.readlink()))
    return found


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as made:
        yield made.serve(send(plain(completion())))


def gateway(upstream: Upstream, *, workers: int = 1, **fastgate_settings: object) -> Operated:
    return Operated(configuration(openai_model("group-a", upstream.port), **fastgate_settings), workers=workers)


def start_stream(started: Operated, upstream: Upstream) -> tuple[Client, threading.Event, Iterator[bytes]]:
    """Return a client that has read a stream's first event, what lets the upstream go on, and the events to come."""
    go_on = threading.Event()
    upstream.serve(send(STREAM_HEAD + chunk(delta("first"))), hold(go_on), send(chunk(delta("last")) + chunk(DONE) + LAST_CHUNK))
    client = started.client()
    client.send(request(body=chat(stream=True)))
    head = client.read_head()
    assert head.status == 200
    events = client.events(head)
    assert b"first" in next(events)
    return client, go_on, events


# Workers.


def test_a_killed_worker_takes_only_its_own_connections_with_it(upstream: Upstream) -> None:
    with gateway(upstream, workers=2) as started, contextlib.ExitStack() as opened:
        clients = [opened.enter_context(started.client()) for _ in range(24)]
        assert [client.exchange(ASK).status for client in clients] == [200] * 24
        owners = {client: started.worker_of(client) for client in clients}
        victim = owners[clients[0]]
        os.kill(victim, signal.SIGKILL)
        started.wait_for_line(re.compile(rf"worker \d \(pid {victim}\) was killed by SIGKILL; the next one starts now"))
        for client in clients:
            if owners[client] == victim:
                assert client.at_end()
            else:
                assert client.exchange(ASK).status == 200
        for _ in range(24):
            assert opened.enter_context(started.client()).exchange(ASK).status == 200
        assert len(started.workers()) == 2
        assert victim not in started.workers()


def test_all_workers_together_serve_new_connections(upstream: Upstream) -> None:
    with gateway(upstream, workers=2) as started, contextlib.ExitStack() as opened:
        owners = set()
        # 64 connections all at one of two sockets happen once in 2**63 runs.
        for _ in range(64):
            client = opened.enter_context(started.client())
            assert client.exchange(ASK).status == 200
            owners.add(started.worker_of(client))
        assert owners == set(started.workers())


def test_workers_drain_when_their_supervisor_was_killed(upstream: Upstream) -> None:
    with gateway(upstream) as started:
        client, go_on, events = start_stream(started, upstream)
        (worker,) = started.workers()
        end = os.pidfd_open(worker)
        started.send(signal.SIGKILL)
        go_on.set()
        assert DONE in list(events)
        client.close()
        assert select.select([end], [], [], PATIENCE_S)[0], "the worker outlives its supervisor"
        os.close(end)
        assert started.end() == -signal.SIGKILL
        assert "live objects: connections=0 exchanges=0 upstreams=0" in started.log


# The end.


def test_sigterm_lets_a_running_stream_finish(upstream: Upstream) -> None:
    with gateway(upstream) as started:
        client, go_on, events = start_stream(started, upstream)
        started.send(signal.SIGTERM)
        started.wait_for_line(re.compile("SIGTERM: no new requests"))
        wait_until_refused(started.port)
        go_on.set()
        rest = list(events)
        assert b"last" in rest[0]
        assert rest[-1] == DONE
        client.close()
        assert started.end() == 0
        assert "live objects: connections=0 exchanges=0 upstreams=0" in started.log


def wait_until_refused(port: int) -> None:
    for _ in range(100_000):
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE_S).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue
    raise AssertionError("the gateway still takes connections")


def test_sigterm_closes_idle_connections_at_once(upstream: Upstream) -> None:
    with gateway(upstream) as started, started.client() as client:
        assert client.exchange(ASK).status == 200
        started.send(signal.SIGTERM)
        assert client.at_end()
        assert started.end() == 0


def test_a_second_signal_cuts_a_running_stream(upstream: Upstream) -> None:
    with gateway(upstream) as started:
        client, go_on, events = start_stream(started, upstream)
        started.send(signal.SIGTERM)
        started.wait_for_line(re.compile("SIGTERM: no new requests"))
        started.send(signal.SIGTERM)
        assert started.end() == 1
        with pytest.raises(IncompleteResponseError):
            list(events)
        go_on.set()
        client.close()
        assert "1 open connection cut" in started.log


def test_a_stream_longer_than_the_drain_timeout_is_cut_behind_an_error_event(upstream: Upstream) -> None:
    with gateway(upstream, drain_timeout_s=0.1) as started:
        client, go_on, events = start_stream(started, upstream)
        started.send(signal.SIGTERM)
        assert started.end() == 1
        rest: list[bytes] = []
        with pytest.raises(IncompleteResponseError):
            rest.extend(events)
        (last,) = rest
        error = orjson.loads(last.removeprefix(b"data: "))["error"]
        assert error["code"] == "overloaded"
        assert "shutting down" in error["message"]
        go_on.set()
        client.close()
        assert "live objects: connections=0 exchanges=0 upstreams=0" in started.log


def test_a_request_that_waits_longer_than_the_drain_timeout_is_answered_with_an_error(upstream: Upstream) -> None:
    go_on = threading.Event()
    asked = threading.Event()
    upstream.serve(lambda _: asked.set(), hold(go_on))
    with gateway(upstream, drain_timeout_s=0.1) as started, started.client() as client:
        client.send(ASK)
        assert asked.wait(PATIENCE_S)
        started.send(signal.SIGTERM)
        answer = client.read_response()
        assert answer.status == 503
        assert answer.error()["code"] == "overloaded"
        assert answer.head.says_close
        assert started.end() == 1
        go_on.set()
        assert "live objects: connections=0 exchanges=0 upstreams=0" in started.log


def test_ctrl_c_drains_and_exits_with_130(upstream: Upstream) -> None:
    with gateway(upstream, workers=2) as started, started.client() as client:
        assert client.exchange(ASK).status == 200
        started.send(signal.SIGINT)
        assert started.end() == 130
        assert started.log.count("live objects: connections=0 exchanges=0 upstreams=0") == 2


def test_ctrl_c_of_the_whole_process_group_counts_once(upstream: Upstream) -> None:
    with gateway(upstream) as started:
        client, go_on, events = start_stream(started, upstream)
        for pid in started.pids():
            os.kill(pid, signal.SIGINT)
        started.wait_for_line(re.compile("SIGINT: no new requests"))
        go_on.set()
        assert DONE in list(events)
        client.close()
        assert started.end() == 130


# The start.


def fastgate(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fastgate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, timeout=PATIENCE_S, check=False)


def test_a_taken_port_is_one_line_and_exit_code_4(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(orjson.dumps(configuration(openai_model("group-a", 1))))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = fastgate("serve", "--config", str(file), "--host", "127.0.0.1", "--port", str(port))
    assert done.returncode == 4
    assert done.stdout + done.stderr == (
        f"fastgate: cannot listen on 127.0.0.1:{port}: another program has that port; "
        "stop it, or choose another with --port (0 takes a free one)\n"
    )


def test_two_gateways_do_not_share_a_port(upstream: Upstream, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(orjson.dumps(configuration(openai_model("group-a", 1))))
    with gateway(upstream) as started:
        assert fastgate("serve", "--config", str(file), "--host", "127.0.0.1", "--port", str(started.port)).returncode == 4


def test_the_banner_says_what_is_served_and_a_request_to_paste(upstream: Upstream) -> None:
    with gateway(upstream, workers=2) as started:
        started.wait_for_line(re.compile("^  try: "))
        assert re.search(rf"fastgate \d+\.\d+\.\d+ listening on http://127\.0\.0\.1:{started.port}\n", started.log)
        assert "1 model, 1 deployment, 2 workers" in started.log
        line = next(line for line in started.log.splitlines() if line.startswith("  try: "))
        assert MASTER_KEY not in started.log
        pasted = subprocess.run(
            ["/bin/sh", "-c", line.removeprefix("  try: ") + " -sS"],
            env={"FASTGATE_KEY": MASTER_KEY, "PATH": os.environ["PATH"]},
            capture_output=True,
            timeout=PATIENCE_S,
            check=True,
        )
        assert orjson.loads(pasted.stdout)["choices"]
