"""The mock upstream as a running program, and what it counted."""

import http.client
import ssl
from pathlib import Path

import orjson
from msgspec import Struct

from benchmarks.build import BUILD, Certificates, build_upstream
from benchmarks.process import LOOPBACK, Process
from benchmarks.scenarios import Scenario


class Answers(Struct, frozen=True):
    """What the upstream said about itself at start: exact lengths of what it will answer."""

    port: int
    model: str
    answer_bytes: int
    # Events of one stream, finish and [DONE] included.
    events: int
    # One event with its chunk framing.
    event_bytes: int
    stream_bytes: int


class Counted(Struct, frozen=True):
    """What has reached the upstream since its start."""

    requests: int
    streams: int
    events: int
    connections: int
    bad: int


class Upstream:
    """A running mock upstream for one scenario."""

    def __init__(self, scenario: Scenario, core: int) -> None:
        command = [str(build_upstream(scenario.tls)), "--answer-bytes", str(scenario.answer_bytes)]
        command += ["--events", str(scenario.events or 1), "--delay-us", str(scenario.delay_us)]
        command += ["--dialect", scenario.upstream, "--content", scenario.content]
        self.ca: Path | None = None
        if scenario.tls:
            certificates = Certificates()
            self.ca = certificates.ca
            command += ["--cert", str(certificates.cert), "--key", str(certificates.key)]
        self.process = Process(command, core, BUILD / "upstream.log", talks=True)
        self.answers = Answers(**orjson.loads(self.process.hear()))
        self.port = self.answers.port
        self.scheme = "https" if scenario.tls else "http"
        # One connection for all the counting, so that it adds none of its own to what is counted.
        self._counting: http.client.HTTPConnection = (
            http.client.HTTPSConnection(LOOPBACK, self.port, context=ssl.create_default_context(cafile=str(self.ca)))
            if scenario.tls
            else http.client.HTTPConnection(LOOPBACK, self.port)
        )

    def counted(self) -> Counted:
        self._counting.request("GET", "/stats")
        return Counted(**orjson.loads(self._counting.getresponse().read()))

    def stop(self) -> None:
        self._counting.close()
        self.process.stop()
