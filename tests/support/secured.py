"""An upstream behind TLS whose records a step can hold in its hands."""

import contextlib
import os
import socket
import ssl
import threading
from pathlib import Path

import trustme

from tests.support.upstream import Peer, Step, Upstream, fence

READ_BYTES = 1 << 18


class Authority:
    """A certificate authority of the test's own; *directory* takes the files that a configuration names."""

    def __init__(self, directory: Path) -> None:
        self._made = trustme.CA()
        self._directory = directory
        self.file = directory / f"ca-{os.urandom(4).hex()}.pem"
        self._made.cert_pem.write_to_path(str(self.file))

    def server(self, *names: str, asks_for: "Authority | None" = None) -> ssl.SSLContext:
        """Return the context of a server called *names*; it demands client certificates of *asks_for*, if given."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["h2", "http/1.1"])
        self._made.issue_cert(*names).configure_cert(context)
        if asks_for is not None:
            context.load_verify_locations(asks_for.file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_files(self) -> tuple[Path, Path, Path]:
        """Return the files of a client's certificate, of its key, and of both together."""
        issued = self._made.issue_cert("client.test")
        certificate, key, both = (self._directory / f"client-{part}.pem" for part in ("certificate", "key", "both"))
        issued.cert_chain_pems[0].write_to_path(str(certificate))
        issued.private_key_pem.write_to_path(str(key))
        issued.private_key_and_cert_chain_pem.write_to_path(str(both))
        return certificate, key, both


class TlsSocket(socket.socket):
    """A server's end of a connection; what is sealed and what is sent are two things."""

    def __init__(self, accepted: socket.socket, context: ssl.SSLContext) -> None:
        timeout_s = accepted.gettimeout()
        super().__init__(fileno=accepted.detach())
        self.settimeout(timeout_s)
        self._arrived = ssl.MemoryBIO()
        self._leaving = ssl.MemoryBIO()
        self.session = context.wrap_bio(self._arrived, self._leaving, server_side=True)

    def handshake(self, step: Step, peer: Peer) -> None:
        """Complete the handshake; *step* runs when the client's first words are there."""
        waited = False
        while True:
            try:
                self.session.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                if not self._read_sealed():
                    raise ConnectionResetError from None
                if not waited:
                    waited = True
                    step(peer)
                continue
            self.flush()
            return

    def _read_sealed(self) -> bool:
        piece = super().recv(READ_BYTES)
        self._arrived.write(piece)
        return bool(piece)

    def take_sealed(self) -> bytes:
        """Return what the session wants to send."""
        return self._leaving.read()

    def flush(self) -> None:
        self.send_raw(self.take_sealed())

    def send_raw(self, sealed: bytes) -> None:
        super().sendall(sealed)

    def seal(self, data: bytes) -> bytes:
        """Return the records that carry *data*."""
        self.session.write(data)
        return self.take_sealed()

    def seal_goodbye(self) -> bytes:
        """Return the record that says close_notify."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.session.unwrap()
        return self.take_sealed()

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        while True:
            try:
                return self.session.read(bufsize)
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLWantReadError:
                if not self._read_sealed():
                    return b""

    def sendall(self, data: bytes, flags: int = 0, /) -> None:  # type: ignore[override]
        self.send_raw(self.seal(data))


def tls_of(peer: Peer) -> TlsSocket:
    assert isinstance(peer.socket, TlsSocket)
    return peer.socket


def sealed_cut(data: bytes, at: int) -> Step:
    """Send the records of *data* as two pieces that are read apart; *at* counts sealed bytes."""

    def step(peer: Peer) -> None:
        sealed = tls_of(peer).seal(data)
        tls_of(peer).send_raw(sealed[:at])
        fence(peer)
        tls_of(peer).send_raw(sealed[at:])

    return step


def sealed_bytewise(data: bytes) -> Step:
    """Send each sealed byte alone, the next when the gateway has read the one before."""

    def step(peer: Peer) -> None:
        sealed = tls_of(peer).seal(data)
        for at in range(len(sealed)):
            tls_of(peer).send_raw(sealed[at : at + 1])
            fence(peer)

    return step


def goodbye(peer: Peer) -> None:
    """Say close_notify; the TCP connection stays."""
    tls_of(peer).send_raw(tls_of(peer).seal_goodbye())


def with_goodbye(data: bytes) -> Step:
    """Send *data* and close_notify in one piece; the TCP connection stays."""

    def step(peer: Peer) -> None:
        tls_of(peer).send_raw(tls_of(peer).seal(data) + tls_of(peer).seal_goodbye())

    return step


class TlsUpstream(Upstream):
    """An `Upstream` whose connections begin with a handshake."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._context.sni_callback = self._on_name
        self._handshaken = threading.Condition()
        self.names: list[str | None] = []
        self.protocols: list[str | None] = []
        # Handshakes that did not come to their end.
        self.broken_handshakes = 0
        # Runs between the client's first words and the answer to them.
        self.in_handshake: Step = lambda _: None
        super().__init__()

    def _on_name(self, _session: object, name: str | None, _context: ssl.SSLContext) -> None:
        self.names.append(name)

    def wait_for_broken_handshake(self) -> None:
        with self._handshaken:
            assert self._handshaken.wait_for(lambda: self.broken_handshakes > 0, 10)

    def _run(self, peer: Peer) -> None:
        made = TlsSocket(peer.socket, self._context)
        peer.socket = made
        try:
            made.handshake(self.in_handshake, peer)
        except OSError:
            with self._handshaken:
                self.broken_handshakes += 1
                self._handshaken.notify_all()
            peer.close()
            return
        self.protocols.append(made.session.selected_alpn_protocol())
        super()._run(peer)
