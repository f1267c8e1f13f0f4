"""What is fuzzed, each with its property: a case is one input, and how it is cut follows from a seed."""

import random
import re
from collections.abc import Callable
from typing import Protocol

import h11

from fastgate.config.schema import Limits
from tests.fuzz.mutator import cuts
from tests.oracle.http1 import Answer, read_answer, read_request
from tests.oracle.line import Line, chat
from tests.oracle.requests import sent_on
from tests.oracle.server import Server

_LIMITS = Limits(request_line_bytes=2048, head_bytes=8192, head_fields=40, body_bytes=64 * 1024, chunk_bytes=64 * 1024)
_ASK = b'{"model":"group-a"%s}'
_ASKS = (_ASK % b"", _ASK % b',"stream":true', _ASK % b',"stream":true,"stream_options":{"include_usage":true}')
_MODELS = (
    ("group-a", "openai", "up-model"),
    ("claude", "anthropic", "claude-up"),
    ("gem", "gemini", "gemini-up"),
    ("lama", "ollama", "lama-up"),
)
_ERRORS = frozenset({400, 404, 405, 408, 413, 414, 415, 417, 431, 501, 502, 503, 504, 505})


class Target(Protocol):
    """Runs cases; `run` raises whatever is wrong with one."""

    name: str

    def run(self, data: bytes, seed: int) -> None: ...

    def close(self) -> None: ...


class ServerRole:
    """A client's bytes: what is taken is what h11 takes, and the same however it is cut."""

    name = "server"

    def __init__(self) -> None:
        self._server = Server((b"host", b"x-a", b"content-length", b"transfer-encoding"), _LIMITS)

    def run(self, data: bytes, seed: int) -> None:
        rng = random.Random(seed)
        whole = self._server.play([data])
        pieces = cuts(rng, data)
        parts = self._server.play(pieces)
        self._server.check()
        assert [whole.messages, whole.kept, whole.refused, whole.closed] == [parts.messages, parts.kept, parts.refused, parts.closed], (
            pieces
        )
        rest = data
        for message in whole.messages if b"chunked" not in data.lower() or b"\r\n0" not in data else ():
            found = read_request(rest)
            assert found is not None, f"h11 refuses {rest!r}"
            theirs, rest = found
            assert (message.method, message.target, message.body) == (theirs.method, theirs.target, theirs.body)

    def close(self) -> None:
        self._server.close()


class _OnLine:
    """A gateway with a model of each dialect."""

    def __init__(self) -> None:
        self._line = Line(*_MODELS, limits=_LIMITS)

    def close(self) -> None:
        self._line.close()


class ClientRole(_OnLine):
    """A provider's bytes: the caller gets HTTP/1.1 that is whole, an error, or a cut it can see; the same however they are cut."""

    name = "client"

    def run(self, data: bytes, seed: int) -> None:
        rng = random.Random(seed)
        ask = rng.choice(_ASKS)
        whole = self._relayed(ask, [data])
        pieces = cuts(rng, data)
        parts = self._relayed(ask, pieces)
        assert whole == parts, pieces

    def _relayed(self, ask: bytes, pieces: list[bytes]) -> tuple[object, ...]:
        line = self._line
        line.send(line.caller(), chat(ask))
        assert line.asked() is not None
        line.answer(pieces, close=True)
        heard, closed = line.hear()
        logged = line.log()
        line.reset()
        answer = read_answer(heard, b"POST")
        assert len(logged) == 1, logged
        failure = logged[0].get("error")
        assert answer is not None, f"{heard!r} {logged}"
        if failure is None:
            assert answer.complete, heard
            assert not closed
            assert answer.rest == b"", heard
            own = self._theirs(b"".join(pieces))
            assert own is not None, "h11 refuses it"
            assert own.complete
            assert own.status == answer.status
            return answer.status, answer.body, logged[0].get("input_tokens"), logged[0].get("output_tokens")
        assert not answer.complete or answer.status in _ERRORS, heard
        # Before a cut, more or less of the answer had gone out already.
        return (failure,) if answer.complete else (failure, answer.status)

    @staticmethod
    def _theirs(data: bytes) -> Answer | None:
        # Trailers have no meaning here, and h11 refuses some for theirs.
        data = re.sub(rb"(\r\n0[^\r]*\r\n)((?!\r\n)[^\r]*\r\n)*", rb"\1", data) if b"chunked" in data.lower() else data
        try:
            return read_answer(data, b"POST", ended=True)
        except h11.RemoteProtocolError:
            return None


class Translated(_OnLine):
    """A provider's bytes at a caller of another dialect: the same however they are cut, and an end that looks complete only if it is."""

    name = "translated"
    _stream = (b"", b',"stream":true')

    def run(self, data: bytes, seed: int) -> None:
        rng = random.Random(seed)
        stream = rng.choice(self._stream)
        path, body = rng.choice(
            [
                (b"/v1/chat/completions", b'{"model":"%s","messages":[{"role":"user","content":"hi"}]%s}' % (name, stream))
                for name in (b"claude", b"gem", b"lama")
            ]
            + [(b"/v1/messages", b'{"model":"group-a","max_tokens":9,"messages":[{"role":"user","content":"hi"}]%s}' % stream)]
        )
        # What is made of the request's id is the same in both runs.
        ask = b"POST %s HTTP/1.1\r\nHost: a\r\nX-Request-ID: fuzz\r\nContent-Length: %d\r\n\r\n%s" % (path, len(body), body)
        whole = self._relayed(ask, [data])
        pieces = cuts(rng, data)
        assert whole == self._relayed(ask, pieces), (ask, pieces)

    def _relayed(self, ask: bytes, pieces: list[bytes]) -> tuple[object, ...]:
        line = self._line
        line.send(line.caller(), ask)
        assert line.asked() is not None
        line.answer(pieces, close=True)
        heard, closed = line.hear()
        logged = line.log()
        line.reset()
        answer = read_answer(heard, b"POST")
        assert len(logged) == 1, logged
        failure = logged[0].get("error")
        assert answer is not None, f"{heard!r} {logged}"
        if failure is None:
            assert answer.complete, heard
            assert not closed
            assert answer.status == 200, heard
            return answer.status, re.sub(rb'"created(_at)?":[^,]+', b"", answer.body), logged[0].get("output_tokens")
        # An error has a status, or its stream ends without the terminator.
        assert not answer.body.endswith((b"data: [DONE]\n\n", b'data: {"type":"message_stop"}\n\n')), heard
        return (failure,)


class RequestJson(_OnLine):
    """A caller's body: refused exactly if the slow reading refuses it, else sent on with its edits."""

    name = "request"
    _names = {"group-a": b"up-model"}  # noqa: RUF012 - constant

    def run(self, data: bytes, seed: int) -> None:
        line = self._line
        request = chat(data)
        line.send(line.caller(), request[: seed % len(request)])
        line.send(line.caller(), request[seed % len(request) :])
        sent = line.asked()
        if sent is not None:
            line.answer([b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"])
        heard, _ = line.hear()
        answer = read_answer(heard, b"POST")
        assert answer is not None
        assert answer.complete
        if line.errors or seed % 64 == 0:
            line.reset()
        wanted = sent_on(data, self._names, usage_option=True)
        if isinstance(wanted, int) or b"claude" in data:
            # The oracle knows one model alone.
            assert answer.status == wanted or b"claude" in data, f"{answer.status}, expected {wanted}"
        else:
            assert answer.status == 200, answer
            assert sent is not None
            assert sent.partition(b"\r\n\r\n")[2] == wanted[0]


class Gateway(_OnLine):
    """A caller's bytes at the gateway itself, all paths: every answer is whole and has a known status; the end is clean."""

    name = "gateway"

    def run(self, data: bytes, seed: int) -> None:
        line = self._line
        rng = random.Random(seed)
        for piece in cuts(rng, data):
            if not line.send(line.caller(), piece):
                break
        heard, _ = line.hear()
        line.log()
        line.reset()
        # An answer to HEAD has no body, one to a request line that is wrong behind the method included.
        method = b"HEAD" if re.search(rb"(?:^|\n)HEAD ", data) else b"POST"
        while heard.startswith(b"HTTP/1.1 100"):
            heard = heard.partition(b"\r\n\r\n")[2]
        answer = read_answer(heard, method) if heard else None
        if answer is not None:
            assert answer.complete, heard
            assert answer.status in _ERRORS | {200, 204, 401, 403}, heard


MAKERS: tuple[Callable[[], Target], ...] = (ServerRole, ClientRole, Translated, RequestJson, Gateway)
