"""HTTPS_PROXY, HTTP_PROXY and NO_PROXY: by which way a provider is reached."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.answers import completion, plain
from tests.support.gateway import SCALE, Gateway, configuration, openai_model
from tests.support.secured import Authority, TlsUpstream
from tests.support.upstream import Upstream, send
from tests.support.wire import Response, chat, request

PLAIN = request(body=chat())


class Proxy:
    """A forward proxy: tunnels for CONNECT, and passes on requests whose target is a whole URL."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heads: list[bytes] = []
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                self._open.append(accepted)
                self._start(self._serve, accepted)

    def _start(self, run: object, *arguments: socket.socket) -> None:
        assert callable(run)
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, caller: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = caller.recv(1 << 16)
            if not piece:
                return
            head += piece
        self.heads.append(head)
        method, target = head.split(b" ")[:2]
        if method != b"CONNECT":
            _, _, rest = target.partition(b"://")
            authority, slash, path = rest.partition(b"/")
            server = self._connect(authority)
            server.sendall(head.replace(target, slash + path, 1))
        elif self._answer.startswith(b"HTTP/1.1 2"):
            server = self._connect(target)
            caller.sendall(self._answer)
        else:
            caller.sendall(self._answer)
            caller.close()
            return
        self._start(pump, server, caller)
        pump(caller, server)

    def _connect(self, authority: bytes) -> socket.socket:
        host, _, port = authority.decode().rpartition(":")
        server = socket.create_connection((host.strip("[]"), int(port)), 5 * SCALE)
        self._open.append(server)
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for opened in self._open:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for opened in self._open:
            opened.close()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on bytes until one side ends, and then the end."""
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secured(authority: Authority) -> Iterator[TlsUpstream]:
    with TlsUpstream(authority.server("localhost", "::1")) as running:
        running.serve(send(plain(completion())))
        yield running


@pytest.fixture(scope="module")
def bare() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running.serve(send(plain(completion())))


def reaching(url: str, authority: Authority | None = None, **environment: str) -> Gateway:
    tls = {"ca_file": str(authority.file)} if authority else {}
    return Gateway(configuration(openai_model("group-a", 0, api_base=url), upstream={"tls": tls}), environment=environment)


def ask(gateway: Gateway) -> Response:
    with gateway.client() as client:
        return client.exchange(PLAIN)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_https_providers_are_reached_by_a_tunnel(variable: str, secured: TlsUpstream, authority: Authority) -> None:
    url = f"https://localhost:{secured.port}/v1"
    with Proxy() as proxy, reaching(url, authority, **{variable: f"http://127.0.0.1:{proxy.port}"}) as gateway:
        with gateway.client() as client:
            for _ in range(5):
                assert client.exchange(PLAIN).body == completion(model="group-a")
        assert [head.partition(b"\r\n")[0] for head in proxy.heads] == [b"CONNECT localhost:%d HTTP/1.1" % secured.port]
        assert b"sk-" not in proxy.heads[0]


def test_the_proxy_is_told_its_password_and_nobody_else(secured: TlsUpstream, authority: Authority) -> None:
    url = f"https://localhost:{secured.port}/v1"
    with Proxy() as proxy, reaching(url, authority, HTTPS_PROXY=f"http://user:p%40ss@127.0.0.1:{proxy.port}") as gateway:
        assert ask(gateway).status == 200
        assert b"\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n" in proxy.heads[0]
        assert b"proxy-authorization" not in secured.requests[-1].head.lower()


def test_http_providers_are_reached_by_http_proxy(bare: Upstream) -> None:
    with Proxy() as proxy, reaching(f"http://localhost:{bare.port}/v1", HTTP_PROXY=f"http://127.0.0.1:{proxy.port}") as gateway:
        assert ask(gateway).status == 200
        assert len(proxy.heads) == 1


def test_https_proxy_is_not_for_http_providers(bare: Upstream) -> None:
    with Proxy() as proxy, reaching(f"http://localhost:{bare.port}/v1", HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}") as gateway:
        assert ask(gateway).status == 200
        assert proxy.heads == []


@pytest.mark.parametrize("entry", ["localhost", "other.test, localhost", "*", ".localhost"])
def test_no_proxy_names_hosts_that_are_reached_directly(entry: str, secured: TlsUpstream, authority: Authority) -> None:
    url = f"https://localhost:{secured.port}/v1"
    with Proxy() as proxy, reaching(url, authority, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}", NO_PROXY=entry) as gateway:
        assert ask(gateway).status == 200
        assert proxy.heads == []


@pytest.mark.parametrize("entry", ["host", "calhost", "local", "127.0.0.1"])
def test_no_proxy_covers_whole_names_only(entry: str, secured: TlsUpstream, authority: Authority) -> None:
    url = f"https://localhost:{secured.port}/v1"
    with Proxy() as proxy, reaching(url, authority, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}", NO_PROXY=entry) as gateway:
        assert ask(gateway).status == 200
        assert len(proxy.heads) == 1


def test_an_ipv6_provider_is_named_in_brackets(authority: Authority) -> None:
    url = "https://[::1]:9/v1"
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    with Proxy(refusal) as proxy, reaching(url, authority, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}") as gateway:
        assert ask(gateway).status == 503
        assert proxy.heads[0].startswith(b"CONNECT [::1]:9 HTTP/1.1\r\nHost: [::1]:9\r\n")


@pytest.mark.parametrize(
    ("answer", "status", "word"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", 503, "407"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno\n", 503, "502"),
        (b"garbage\r\n\r\n", 502, "HTTP/1.1"),
        (b"", 503, "closed"),
    ],
)
def test_a_proxy_that_refuses_is_named(answer: bytes, status: int, word: str, secured: TlsUpstream, authority: Authority) -> None:
    url = f"https://localhost:{secured.port}/v1"
    with Proxy(answer) as proxy, reaching(url, authority, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}") as gateway:
        answered = ask(gateway)
        assert answered.status == status
        said = str(answered.error()["message"])
        assert "proxy" in said
        assert word in said


def test_a_proxy_that_is_not_there_is_503(authority: Authority, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port: int = gone.getsockname()[1]
    with reaching("https://localhost:9/v1", authority, HTTPS_PROXY=f"http://127.0.0.1:{port}") as gateway:
        assert ask(gateway).status == 503
