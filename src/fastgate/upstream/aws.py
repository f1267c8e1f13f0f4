"""AWS: requests signed with SigV4, and where the keys come from."""

import configparser
import hashlib
import hmac
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from fastgate.errors import CredentialsUnavailable
from fastgate.upstream.optional import optional
from fastgate.upstream.refreshing import Fetched, Refreshing

_ALGORITHM = "AWS4-HMAC-SHA256"
# A path that holds nothing to encode but the % of what is encoded.
_ENCODED = re.compile(r"[A-Za-z0-9_.~/%-]+")
# Files are read again this often: other programs write short-lived keys into them.
_FILE_LIFETIME_S = 900.0
# botocore hands out keys that are good for ten minutes and more, and does not say how long.
_LIBRARY_LIFETIME_S = 600.0
# LiteLLM's name of the session of an assumed role.
_SESSION_NAME = "fastgate"


class Credentials(Struct, frozen=True):
    """Keys of AWS."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Credentials({self.access_key_id!r})"


def sign(
    method: str,
    host: str,
    path: str,
    query: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    credentials: Credentials,
    region: str,
    service: str,
    now: float,
    key: bytes | None = None,
) -> list[tuple[str, str]]:
    """Return the fields that sign a request: X-Amz-Date, X-Amz-Security-Token if there is one, Authorization.

    *path* and *query* are percent-encoded as they are sent; *headers* are signed beside Host; *now* is in seconds of the epoch.
    *key* is `signing_key` of that day, if it is at hand: it is half of the work.
    Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, 2026-11-20.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    date = stamp[:8]
    fields = [("X-Amz-Date", stamp)]
    if credentials.session_token:
        fields.append(("X-Amz-Security-Token", credentials.session_token))
    signed = [(name.lower(), " ".join(value.split())) for name, value in (*headers, *fields, ("host", host))]
    signed.sort()
    names, lines = _canonical_headers(signed)
    if "//" in path or "/." in path:
        path = _without_dots(path)
    # The path is encoded once more than it is sent, for every service but S3.
    twice = path.replace("%", "%25") if _ENCODED.fullmatch(path) else quote(path or "/", safe="/~")
    request = f"{method}\n{twice}\n{_canonical_query(query)}\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{date}/{region}/{service}/aws4_request"
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    seal = hmac.digest(key or signing_key(credentials, now, region, service), text.encode(), "sha256").hex()
    authorization = f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={names}, Signature={seal}"
    return [*fields, ("Authorization", authorization)]


def signing_key(credentials: Credentials, now: float, region: str, service: str) -> bytes:
    """Return what signs the requests of one day, which begins at midnight UTC."""
    key = f"AWS4{credentials.secret_access_key}".encode()
    for step in (time.strftime("%Y%m%d", time.gmtime(now)), region, service, "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key


def _canonical_headers(signed: list[tuple[str, str]]) -> tuple[str, str]:
    """Return the names and the lines of sorted fields; those of one name are one line."""
    merged: dict[str, str] = {}
    for name, value in signed:
        merged[name] = f"{merged[name]},{value}" if name in merged else value
    return ";".join(merged), "".join(f"{name}:{value}\n" for name, value in merged.items())


def _without_dots(path: str) -> str:
    """Return a path without empty and relative segments (RFC 3986 5.2.4), as it is signed."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    return f"/{'/'.join(kept)}{'/' if kept and path.endswith('/') else ''}"


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = sorted(part.partition("=")[::2] for part in query.split("&") if part)
    return "&".join(f"{name}={value}" for name, value in pairs)


def region_of(params: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """Return the region of a deployment: its own, the environment's, that of the profile in the files; "" if none says it."""
    named = params.get("aws_region_name") or next(
        (environment[name] for name in ("AWS_REGION", "AWS_REGION_NAME", "AWS_DEFAULT_REGION") if environment.get(name)), ""
    )
    if named:
        return named
    try:
        return _profile(params, environment).get("region", "")
    except CredentialsUnavailable:
        return ""


class AwsCredentials(Refreshing[Credentials]):
    """The keys of one deployment.

    *params* are those of litellm_params: aws_access_key_id, aws_secret_access_key, aws_session_token, aws_profile_name,
    aws_role_name, aws_session_name, aws_external_id, aws_web_identity_token, aws_sts_endpoint, aws_region_name. After them come AWS_*
    of *environment* and the shared files. Everything else (SSO, roles, web identity, containers, IMDS) is botocore's business, which
    reads the environment of the process by itself.
    """

    def __init__(self, params: Mapping[str, str], environment: Mapping[str, str], *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(self._get, clock=clock)
        self._params = params
        self._environment = environment
        self._session: Any = None
        self._failures_of_library: tuple[type[Exception], ...] = ()
        fixed = _explicit(params)
        if fixed is None and not params.get("aws_profile_name"):
            fixed = _of_environment(environment)
        if fixed is not None and not params.get("aws_role_name"):
            self._held = Fetched(fixed, math.inf)

    def _get(self) -> Fetched[Credentials]:
        if self._params.get("aws_role_name"):
            return self._by_role()
        found = _static(_profile(self._params, self._environment))
        if found is not None:
            return Fetched(found, self._clock() + _FILE_LIFETIME_S)
        return self._by_library()

    def _by_library(self) -> Fetched[Credentials]:
        session = self._library()
        try:
            found = session.get_credentials()
            frozen = None if found is None else found.get_frozen_credentials()
        except self._failures_of_library as error:
            raise CredentialsUnavailable(f"no AWS credentials: {error}") from error
        if frozen is None or not frozen.access_key or not frozen.secret_key:
            raise CredentialsUnavailable(
                "no AWS credentials: neither aws_access_key_id nor AWS_ACCESS_KEY_ID nor a profile, a role or IMDS gives any"
            )
        return Fetched(Credentials(frozen.access_key, frozen.secret_key, frozen.token or ""), self._clock() + _LIBRARY_LIFETIME_S)

    def _by_role(self) -> Fetched[Credentials]:
        """Assume the role that the deployment names, with its own keys or those that botocore finds."""
        params = self._params
        session = self._library()
        wanted: dict[str, str] = {
            "RoleArn": params["aws_role_name"],
            "RoleSessionName": params.get("aws_session_name") or _SESSION_NAME,
        }
        try:
            client = session.create_client(
                "sts",
                region_name=region_of(params, self._environment) or None,
                endpoint_url=params.get("aws_sts_endpoint") or None,
                aws_access_key_id=params.get("aws_access_key_id") or None,
                aws_secret_access_key=params.get("aws_secret_access_key") or None,
                aws_session_token=params.get("aws_session_token") or None,
            )
            if params.get("aws_web_identity_token"):
                told = client.assume_role_with_web_identity(**wanted, WebIdentityToken=_token(params["aws_web_identity_token"]))
            else:
                if params.get("aws_external_id"):
                    wanted["ExternalId"] = params["aws_external_id"]
                told = client.assume_role(**wanted)
        except self._failures_of_library as error:
            raise CredentialsUnavailable(f"the AWS role {wanted['RoleArn']} cannot be assumed: {error}") from error
        keys = told["Credentials"]
        found = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        return Fetched(found, keys["Expiration"].timestamp())

    def _library(self) -> Any:
        botocore = optional("botocore.session", "botocore.exceptions")
        if botocore is None:
            raise CredentialsUnavailable(
                "no AWS credentials: set aws_access_key_id and aws_secret_access_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,"
                " or install botocore, which knows SSO, roles, web identity and IMDS"
            )
        self._failures_of_library = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
        if self._session is None:
            self._session = botocore.session.Session(profile=self._params.get("aws_profile_name") or None)
        return self._session


def _explicit(params: Mapping[str, str]) -> Credentials | None:
    key_id, secret = params.get("aws_access_key_id"), params.get("aws_secret_access_key")
    return Credentials(key_id, secret, params.get("aws_session_token") or "") if key_id and secret else None


def _of_environment(environment: Mapping[str, str]) -> Credentials | None:
    key_id, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    return Credentials(key_id, secret, environment.get("AWS_SESSION_TOKEN") or "") if key_id and secret else None


def _static(profile: Mapping[str, str]) -> Credentials | None:
    """Return the keys that a profile holds itself; None if it says how to get them."""
    return None if profile.get("role_arn") else _explicit(profile)


def _profile(params: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the shared files say of the profile in use; those of the credentials file count more."""
    name = params.get("aws_profile_name") or environment.get("AWS_PROFILE") or "default"
    home = environment.get("HOME") or environment.get("USERPROFILE") or ""
    found: dict[str, str] = {}
    for variable, default, section in (
        ("AWS_CONFIG_FILE", "config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name),
    ):
        given = environment.get(variable, "")
        if given.startswith("~/") and home:
            given = home + given[1:]
        if given or home:
            found.update(_section(Path(given or f"{home}/.aws/{default}"), section))
    return found


def _section(path: Path, section: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(default_section="", strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise CredentialsUnavailable(f"AWS credentials: {path} cannot be read: {type(error).__name__}") from error
    return dict(parser.items(section)) if parser.has_section(section) else {}


def _token(given: str) -> str:
    """Return a web identity's token: itself, or what the file of that name holds."""
    path = Path(given) if len(given) < 1024 else None
    try:
        return path.read_text(encoding="utf-8").strip() if path is not None and path.is_file() else given
    except OSError as error:
        raise CredentialsUnavailable(f"aws_web_identity_token: {given} cannot be read: {error.strerror}") from error
