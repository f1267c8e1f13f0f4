"""Small blocking HTTP requests to token endpoints: for threads, never on the loop."""

import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.parse import urlsplit

import orjson

from fastgate.errors import CredentialsUnavailable
from fastgate.upstream.refreshing import Fetched

MAX_ANSWER_BYTES = 1024 * 1024
# Of a token whose answer does not say it (RFC 6749 5.1 leaves expires_in out at will).
_LIFETIME_S = 3600.0
_EXCERPT_BYTES = 300


class Network:
    """How token endpoints are reached. *proxies*: scheme -> URL; none of the environment's is used unless it is given here."""

    def __init__(self, *, proxies: Mapping[str, str] | None = None, tls: ssl.SSLContext | None = None, timeout_s: float = 10.0) -> None:
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler(dict(proxies or {})), _NoRedirects()]
        if tls is not None:
            handlers.append(urllib.request.HTTPSHandler(context=tls))
        self._opener = urllib.request.build_opener(*handlers)
        self._timeout_s = timeout_s

    def fetch(self, url: str, body: bytes | None, headers: Mapping[str, str], method: str = "") -> tuple[int, bytes, Mapping[str, str]]:
        """Return status, body and fields of the answer, whatever its status. Raise CredentialsUnavailable if there is none."""
        if urlsplit(url).scheme not in {"http", "https"}:
            raise CredentialsUnavailable(f"{_shown(url)} is not an http:// or https:// URL")
        request = urllib.request.Request(url, data=body, headers=dict(headers), method=method or ("GET" if body is None else "POST"))
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                return answer.status, answer.read(MAX_ANSWER_BYTES), dict(answer.headers.items())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(MAX_ANSWER_BYTES), dict(error.headers.items())
        except urllib.error.URLError as error:
            raise CredentialsUnavailable(f"{_shown(url)} cannot be reached: {error.reason}") from error
        except (OSError, HTTPException) as error:
            raise CredentialsUnavailable(f"{_shown(url)} cannot be reached: {error!r}") from error

    def fetch_object(self, url: str, body: bytes | None, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the JSON object of a 2xx answer. Raise CredentialsUnavailable with what the server said otherwise."""
        status, answer, _ = self.fetch(url, body, headers)
        try:
            told = orjson.loads(answer)
        except orjson.JSONDecodeError:
            told = None
        if not 200 <= status < 300:
            raise CredentialsUnavailable(f"{_shown(url)} answered {status}: {_reason(told, answer)}")
        if not isinstance(told, dict):
            # Not shown: it may hold a token in another form.
            raise CredentialsUnavailable(f"{_shown(url)} answered {status} with something else than a JSON object")
        return told


def read_token(told: Mapping[str, Any], now: float, url: str) -> Fetched[str]:
    """Return the token of an OAuth 2.0 answer (RFC 6749 5.1). Raise CredentialsUnavailable if it has none."""
    token, lifetime = told.get("access_token"), told.get("expires_in")
    if not isinstance(token, str) or not token:
        raise CredentialsUnavailable(f"{url} answered without an access_token")
    try:
        seconds = float(lifetime) if isinstance(lifetime, str | int | float) else _LIFETIME_S
    except ValueError:
        seconds = _LIFETIME_S
    return Fetched(token, now + seconds)


def _reason(told: Any, answer: bytes) -> str:
    """Return what an OAuth 2.0 error (RFC 6749 5.2) says; an excerpt of any other answer that is no success."""
    if isinstance(told, dict):
        words = [str(told[name]) for name in ("error", "error_description") if isinstance(told.get(name), str)]
        return ": ".join(words)[:_EXCERPT_BYTES] or "it names no error"
    return answer[:_EXCERPT_BYTES].decode("utf-8", "replace").strip() or "with an empty body"


def _shown(url: str) -> str:
    """Return a URL as messages show it: without a query and without a user."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A token endpoint that sends elsewhere is no token endpoint: a secret goes nowhere but to the URL it is for."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        return None
