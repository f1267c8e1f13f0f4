"""Access tokens for Google Cloud: a service account, a user's own login, or the metadata server of the machine."""

import base64
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import orjson

from fastgate.errors import CredentialsUnavailable
from fastgate.upstream.fetch import Network, read_token
from fastgate.upstream.optional import optional
from fastgate.upstream.refreshing import Fetched, Refreshing
from fastgate.upstream.rs256 import BadKey, PrivateKey

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_URI = "https://oauth2.googleapis.com/token"
METADATA_HOST = "metadata.google.internal"
_METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
_METADATA_FIELDS = {"Metadata-Flavor": "Google"}
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_JWT_LIFETIME_S = 3600
_LIBRARY_MODULES = (
    "google.auth.aws",
    "google.auth.exceptions",
    "google.auth.external_account_authorized_user",
    "google.auth.identity_pool",
    "google.auth.impersonated_credentials",
    "google.auth.pluggable",
)
# Types of credentials that google-auth reads.
_LIBRARY_KINDS = frozenset({"external_account", "external_account_authorized_user", "impersonated_service_account"})


class GoogleTokens(Refreshing[str]):
    """The tokens of one Google identity.

    *credentials* is a path or the JSON itself (LiteLLM's vertex_credentials); else it is looked for as Google's own libraries do:
    GOOGLE_APPLICATION_CREDENTIALS, the file of `gcloud auth application-default login`, the metadata server.
    Kinds of files beside service_account and authorized_user (workload identity federation, impersonation) need google-auth.
    """

    def __init__(
        self,
        credentials: str,
        environment: Mapping[str, str],
        *,
        network: Network | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(self._get, clock=clock)
        self._credentials = credentials
        self._environment = environment
        self._network = network or Network()
        # The metadata server is never behind a proxy.
        self._direct = Network(timeout_s=3.0)
        # Of the service account's file, once it was read; "" if it names none.
        self.project_id = ""

    def _get(self) -> Fetched[str]:
        found = self._find()
        if found is None:
            return self._by_metadata_server()
        where, told = found
        project = told.get("project_id") or told.get("quota_project_id")
        self.project_id = project if isinstance(project, str) else ""
        kind = told.get("type")
        if kind == "service_account":
            return self._by_service_account(told, where)
        if kind == "authorized_user":
            return self._by_user(told, where)
        return self._by_library(told, where)

    def _find(self) -> tuple[str, dict[str, Any]] | None:
        """Return the credentials' JSON and where it was found; None if there is none."""
        if self._credentials.lstrip().startswith("{"):
            return "vertex_credentials", _read(self._credentials.encode(), "vertex_credentials")
        given = self._credentials or self._environment.get("GOOGLE_APPLICATION_CREDENTIALS", "")
        path = Path(given) if given else _login_file(self._environment)
        if path is None or (not given and not path.is_file()):
            return None
        try:
            return str(path), _read(path.read_bytes(), str(path))
        except OSError as error:
            raise CredentialsUnavailable(f"Google credentials: {path}: {error.strerror}") from error

    def _by_service_account(self, told: dict[str, Any], where: str) -> Fetched[str]:
        """Exchange a JWT for a token (developers.google.com/identity/protocols/oauth2/service-account, 2026-11-20)."""
        email, pem, key_id = (_member(told, name, where) for name in ("client_email", "private_key", "private_key_id"))
        url = str(told.get("token_uri") or TOKEN_URI)
        now = int(self._clock())
        claims = {"iss": email, "scope": SCOPE, "aud": url, "iat": now, "exp": now + _JWT_LIFETIME_S}
        signed = _segment({"alg": "RS256", "typ": "JWT", "kid": key_id}) + b"." + _segment(claims)
        try:
            signature = PrivateKey(pem).sign(signed)
        except BadKey as error:
            raise CredentialsUnavailable(f"Google credentials: {where}: private_key: {error}") from error
        assertion = (signed + b"." + _base64url(signature)).decode()
        form = urlencode({"grant_type": _JWT_GRANT, "assertion": assertion}).encode()
        return read_token(self._network.fetch_object(url, form, _FORM), self._clock(), url)

    def _by_user(self, told: dict[str, Any], where: str) -> Fetched[str]:
        form = {name: _member(told, name, where) for name in ("client_id", "client_secret", "refresh_token")}
        url = str(told.get("token_uri") or TOKEN_URI)
        body = urlencode({"grant_type": "refresh_token", **form}).encode()
        return read_token(self._network.fetch_object(url, body, _FORM), self._clock(), url)

    def _by_metadata_server(self) -> Fetched[str]:
        host = self._environment.get("GCE_METADATA_HOST") or self._environment.get("GCE_METADATA_ROOT") or METADATA_HOST
        url = f"http://{host}{_METADATA_PATH}"
        try:
            return read_token(self._direct.fetch_object(url, None, _METADATA_FIELDS), self._clock(), url)
        except CredentialsUnavailable as error:
            raise CredentialsUnavailable(
                f"no Google token: there are no vertex_credentials and no GOOGLE_APPLICATION_CREDENTIALS, and {error.message}"
            ) from error

    def _by_library(self, told: dict[str, Any], where: str) -> Fetched[str]:
        kind = told.get("type")
        if not isinstance(kind, str) or kind not in _LIBRARY_KINDS:
            raise CredentialsUnavailable(f"Google credentials: {where}: type {kind!r} is not known")
        google = optional(*_LIBRARY_MODULES)
        if google is None:
            raise CredentialsUnavailable(f"Google credentials: {where}: type {kind!r} needs the package google-auth; install it")
        try:
            credentials = _load(google.auth, told)
            credentials.refresh(_Transport(self._network))
        except (google.auth.exceptions.GoogleAuthError, ValueError, AttributeError, KeyError, TypeError) as error:
            # The last three: what it does not check in a file that lacks a member.
            raise CredentialsUnavailable(f"Google credentials: {where}: {str(error)[:300]}") from error
        expiry = credentials.expiry
        # A naive datetime in UTC.
        expires_at = expiry.replace(tzinfo=UTC).timestamp() if expiry is not None else self._clock() + _JWT_LIFETIME_S
        return Fetched(str(credentials.token), expires_at)


def _load(library: Any, told: dict[str, Any]) -> Any:
    """Return google-auth's credentials of one of _LIBRARY_KINDS."""
    if told["type"] == "impersonated_service_account":
        return library.impersonated_credentials.Credentials.from_impersonated_service_account_info(told, scopes=[SCOPE])
    if told["type"] == "external_account_authorized_user":
        return library.external_account_authorized_user.Credentials.from_info(told, scopes=[SCOPE])
    source = told.get("credential_source")
    source = source if isinstance(source, dict) else {}
    if str(source.get("environment_id", "")).startswith("aws"):
        return library.aws.Credentials.from_info(told, scopes=[SCOPE])
    if "executable" in source:
        return library.pluggable.Credentials.from_info(told, scopes=[SCOPE])
    return library.identity_pool.Credentials.from_info(told, scopes=[SCOPE])


class _Transport:
    """google.auth.transport.Request: its own kinds need requests or urllib3, which google-auth does not bring."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def __call__(self, url: str, method: str = "GET", body: bytes | str | None = None, headers: Any = None, **_: Any) -> Any:
        sent = body.encode() if isinstance(body, str) else body
        status, answer, fields = self._network.fetch(url, sent, headers or {}, method)
        return SimpleNamespace(status=status, data=answer, headers={name.lower(): value for name, value in fields.items()})


def _login_file(environment: Mapping[str, str]) -> Path | None:
    """Return where gcloud keeps the login of this user; None if there is no home."""
    name = "application_default_credentials.json"
    if environment.get("CLOUDSDK_CONFIG"):
        return Path(environment["CLOUDSDK_CONFIG"]) / name
    if environment.get("APPDATA"):
        return Path(environment["APPDATA"]) / "gcloud" / name
    return Path(environment["HOME"]) / ".config" / "gcloud" / name if environment.get("HOME") else None


def _read(text: bytes, where: str) -> dict[str, Any]:
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise CredentialsUnavailable(f"Google credentials: {where} is not JSON") from error
    if not isinstance(told, dict):
        raise CredentialsUnavailable(f"Google credentials: {where} is not a JSON object")
    return told


def _member(told: dict[str, Any], name: str, where: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise CredentialsUnavailable(f"Google credentials: {where} has no {name}")
    return value


def _segment(value: dict[str, Any]) -> bytes:
    return _base64url(orjson.dumps(value))


def _base64url(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")
