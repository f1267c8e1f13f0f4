"""The environment: what a file may refer to, and what it says about proxies and certificates.

The only module that reads `os.environ`; everything else gets a mapping.
"""

import os
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from fastgate.config.findings import Findings, Place
from fastgate.config.schema import Tls

REFERENCE = "os.environ/"

Environment = Mapping[str, str]


def environment_at_start() -> Environment:
    """Return the process's own environment."""
    return os.environ


def first_set(env: Environment, names: Iterable[str]) -> str:
    """Return the value of the first name that is set and not blank, or an empty string."""
    for name in names:
        value = env.get(name, "").strip()
        if value:
            return value
    return ""


def proxies(env: Environment, findings: Findings) -> tuple[str, str, tuple[str, ...]]:
    """Return the proxies for https and http upstreams (empty: direct), and the hosts that need none.

    The lower-case name wins, as in curl.
    """
    https_proxy = _proxy(env, ("https_proxy", "HTTPS_PROXY"), findings)
    http_proxy = _proxy(env, ("http_proxy", "HTTP_PROXY"), findings)
    hosts = (host.strip().lower() for host in first_set(env, ("no_proxy", "NO_PROXY")).split(","))
    return https_proxy, http_proxy, tuple(host for host in hosts if host)


def _proxy(env: Environment, names: tuple[str, ...], findings: Findings) -> str:
    value = first_set(env, names)
    if not value:
        return ""
    name = next(name for name in names if env.get(name, "").strip())
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        # Its value may hold a password.
        findings.error(Place("environment"), name, "a value that is no such URL", "http://host:port")
    return url.rstrip("/")


def tls(env: Environment, ssl_verify: object, ssl_certificate: str) -> Tls:
    """Return how upstreams are verified; what the file says comes before the environment."""
    if ssl_verify is None:
        ssl_verify = env.get("SSL_VERIFY", "").strip()
    verify = str(ssl_verify).lower() != "false"
    ca_file = ssl_verify if isinstance(ssl_verify, str) and ssl_verify.lower() not in ("", "true", "false") else ""
    return Tls(
        verify=verify,
        ca_file=ca_file or first_set(env, ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")),
        client_cert_file=ssl_certificate or env.get("SSL_CERTIFICATE", "").strip(),
    )
