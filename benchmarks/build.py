"""Compile the load generator and the mock upstream, and make the certificates of the TLS scenarios; all in benchmarks/.build."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.missing import Missing

NATIVE = Path(__file__).parent / "native"
BUILD = Path(__file__).parent / ".build"
FLAGS = ("-O2", "-Wall", "-Wextra", "-Werror")


def build_load() -> Path:
    """Return the load generator's path."""
    return _compile("load", "load.c", (), ("-lm",))


def build_upstream(tls: bool) -> Path:
    """Return the mock upstream's path; raise Missing when it must speak TLS and OpenSSL's headers are not here."""
    if not tls:
        return _compile("upstream", "upstream.c", (), ())
    try:
        return _compile("upstream-tls", "upstream.c", ("-DWITH_TLS",), ("-lssl", "-lcrypto"))
    except subprocess.CalledProcessError as error:
        if "openssl/" in error.stderr or "-lssl" in error.stderr:
            raise Missing("OpenSSL's headers", "libssl-dev") from error
        raise


def _compile(name: str, source: str, defines: tuple[str, ...], libraries: tuple[str, ...]) -> Path:
    BUILD.mkdir(exist_ok=True)
    program, code = BUILD / name, NATIVE / source
    changed = max(part.stat().st_mtime for part in (code, *NATIVE.glob("*.h")))
    if program.exists() and program.stat().st_mtime > changed:
        return program
    compiler = shutil.which("cc")
    if compiler is None:
        raise Missing("a C compiler (cc)", "gcc")
    # Compiled beside its final name, so that a cut build is never taken for a whole one.
    unfinished = program.with_suffix(".new")
    done = subprocess.run(
        [compiler, *FLAGS, *defines, "-o", str(unfinished), str(code), *libraries], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)
    unfinished.rename(program)
    return program


class Certificates:
    """Paths of a CA and of a certificate for localhost and 127.0.0.1 that it signed; made new on each run."""

    def __init__(self) -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            raise Missing("the openssl command", "openssl")
        folder = BUILD / "tls"
        folder.mkdir(parents=True, exist_ok=True)
        self.ca, self.ca_key = folder / "ca.pem", folder / "ca.key"
        self.cert, self.key = folder / "cert.pem", folder / "cert.key"
        new = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
        self._run(
            [*new, "-subj", "/CN=fastgate benchmark CA", "-keyout", str(self.ca_key), "-out", str(self.ca)],
            ["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        )
        self._run(
            [*new, "-subj", "/CN=localhost", "-keyout", str(self.key), "-out", str(self.cert)],
            ["-CA", str(self.ca), "-CAkey", str(self.ca_key)],
            ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"],
            ["-addext", "keyUsage=critical,digitalSignature", "-addext", "extendedKeyUsage=serverAuth"],
        )

    @staticmethod
    def _run(*parts: list[str]) -> None:
        subprocess.run([word for part in parts for word in part], check=True, capture_output=True)
