"""Row, dialect and deployment become one object: per request nothing is looked up by a provider's name."""

import asyncio
import base64
import ssl
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Protocol
from urllib.parse import quote, unquote, urlsplit

import orjson
from msgspec.structs import replace

from fastgate._core import Deployment as Bound
from fastgate._core import Operation, Poller, Pool
from fastgate.config.schema import Deployment, Settings
from fastgate.errors import ConfigError
from fastgate.providers import PROVIDERS
from fastgate.providers.provider import Provider
from fastgate.upstream.authorize import Authorization, authorization
from fastgate.upstream.dns import Resolver
from fastgate.upstream.fetch import Network
from fastgate.upstream.target import Origin, fixed_fields, request_target
from fastgate.upstream.tls import tls_context

# Sent when the caller's SDK sends none (docs.anthropic.com/en/api/versioning, 2026-11-20).
_DEFAULT_VERSION = {"anthropic_messages": b"anthropic-version: 2023-06-01\r\n"}
# Azure's API knows `stream_options` from this date on.
_STREAM_USAGE_SINCE = "2024-08-01"


# Makes the head of a request up to Content-Length: of what follows the base URL, the body, and fields of this request alone.
BuildHead = Callable[[str, bytes, tuple[tuple[str, str], ...]], bytes]


class Spoken(Protocol):
    """What translation knows of a deployment."""

    @property
    def kinds(self) -> tuple[str, ...]: ...
    @property
    def speech(self) -> object: ...
    @property
    def changed_for(self) -> tuple[bytes, ...]: ...


class Binder:
    """Makes deployments ready to be asked, and owns the connections to their origins.

    *speak* tells how a deployment is asked in other words: it gets the deployment, its provider, the model and what makes heads.
    """

    def __init__(
        self,
        settings: Settings,
        poller: Poller,
        loop: asyncio.AbstractEventLoop,
        speak: Callable[[Deployment, Provider, str, BuildHead], Spoken],
    ) -> None:
        self._settings = settings
        self._speak = speak
        self._poller = poller
        self._resolver = Resolver(loop, settings.upstream.dns_ttl_s)
        self._tls: ssl.SSLContext | None = None
        self.pools: dict[str, Pool] = {}
        self.origins: dict[str, str] = {}
        # Numbered in the order of model_list, which is the same in every worker.
        self._accounts: dict[tuple[str, str], int] = {}
        self._identities: dict[object, Authorization | None] = {}
        for deployment in settings.deployments:
            self._account(deployment)

    def bind(self, deployment: Deployment, model: str, number: int, quota: int) -> Bound:
        """Return *deployment*, ready to be asked for *model*, with its numbers in a Fleet and in a Mirror.

        Raise ConfigError if its URL or fields cannot be sent.
        """
        provider = PROVIDERS[deployment.provider]
        native = {provider.dialect, "openai_responses"} if provider.responses else {provider.dialect}
        if deployment.dialect:
            provider = replace(provider, dialect=deployment.dialect)
            native = {deployment.dialect}
        origin = Origin(deployment.api_base, deployment.deployment_id)
        fixed = fixed_fields(deployment, provider, origin)
        authorized = self._authorization(deployment, provider)
        self.origins[deployment.deployment_id] = origin.name
        answer_fields = f"x-fastgate-deployment: {_field_text(deployment.deployment_id)}\r\n"
        if self._settings.litellm_headers:
            answer_fields += f"x-litellm-model-id: {_field_text(deployment.deployment_id)}\r\n"
            answer_fields += f"x-litellm-model-group: {_field_text(deployment.model_name)}\r\n"
        heads: BuildHead = partial(_build_head, deployment, provider, origin, model, fixed, authorized)
        if authorized is None:
            heads = _FixedHeads(heads).build
        spoken = self._speak(deployment, provider, model, heads)
        return Bound(
            deployment_id=orjson.dumps(deployment.deployment_id)[1:-1],
            answer_fields=answer_fields.encode(),
            model=orjson.dumps(model)[1:-1],
            pool=self._pool(origin),
            native=native,
            kinds=spoken.kinds,
            speech=spoken.speech,
            changed_for=spoken.changed_for,
            dialect=provider.dialect,
            build_target=partial(_build_target, deployment, provider, origin, model, fixed, authorized),
            credentials=None if authorized is None else authorized.source,
            version_field=_DEFAULT_VERSION.get(provider.dialect, b""),
            secret=deployment.api_key.reveal().encode() if deployment.api_key else b"",
            timeout_s=deployment.timeout_s,
            stream_timeout_s=deployment.stream_timeout_s,
            gap_timeout_s=self._settings.upstream.between_chunks_timeout_s,
            stream_usage=not deployment.api_version or deployment.api_version >= _STREAM_USAGE_SINCE,
            account=self._account(deployment),
            number=number,
            quota=quota,
            retries=deployment.retries,
            order=deployment.order,
            first_token_timeout_s=deployment.first_token_timeout_s,
        )

    def _authorization(self, deployment: Deployment, provider: Provider) -> Authorization | None:
        """Return how a deployment without a key authorizes itself; deployments of one identity share its secret."""
        if deployment.api_key is not None or not provider.tokens:
            return None
        key = (provider.tokens, frozenset((name, secret.reveal()) for name, secret in deployment.cloud.items()))
        if key not in self._identities:
            environment = {name: secret.reveal() for name, secret in self._settings.cloud_environment.items()}
            upstream = self._settings.upstream
            proxies = {scheme: url for scheme, url in (("https", upstream.https_proxy), ("http", upstream.http_proxy)) if url}
            network = Network(proxies=proxies, tls=self._tls_context())
            self._identities[key] = authorization(deployment, provider, environment, network)
        return self._identities[key]

    def _account(self, deployment: Deployment) -> int:
        key = deployment.api_key.reveal() if deployment.api_key else ""
        return self._accounts.setdefault((deployment.api_base, key), len(self._accounts))

    def _pool(self, origin: Origin) -> Pool:
        pool = self.pools.get(origin.name)
        if pool is None:
            proxy, tunnel = self._proxy(origin)
            resolve = self._resolver.for_host(*proxy) if proxy else self._resolver.for_host(origin.host, origin.port)
            context = self._tls_context() if origin.tls else None
            pool = Pool(self._poller, origin.host, origin.port, self._settings.upstream, context, resolve, tunnel, origin.name)
            self.pools[origin.name] = pool
        return pool

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context(self._settings.upstream.tls)
        return self._tls

    def _proxy(self, origin: Origin) -> tuple[tuple[str, int] | None, bytes | None]:
        """Return the proxy's host and port and the CONNECT request for it, if the origin is reached through one."""
        upstream = self._settings.upstream
        url = upstream.https_proxy if origin.tls else upstream.http_proxy
        if not url or any(_bypasses(origin.host, entry) for entry in upstream.no_proxy):
            return None, None
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ConfigError([f"the proxy for {origin.name} must be an http:// URL with a host"])
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        lines = [f"CONNECT {host}:{origin.port} HTTP/1.1", f"Host: {host}:{origin.port}"]
        if parts.username:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            lines.append(f"Proxy-Authorization: Basic {base64.b64encode(user.encode()).decode()}")
        return (parts.hostname, parts.port or 80), "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def _bypasses(host: str, entry: str) -> bool:
    """Return whether an entry of NO_PROXY covers *host*, as curl reads it."""
    bare = entry.lstrip("*").lstrip(".")
    return entry == "*" or host == bare or host.endswith(f".{bare}")


def _field_text(text: str) -> str:
    """Return *text* as a field value can carry it: others than visible ASCII are percent-encoded."""
    return quote(text, safe=" !\"#$&'()*+,/:;<=>?@[]^`{|}~")


class _FixedHeads:
    """Heads of translated requests that no body changes: each is built once."""

    __slots__ = ("_build", "_built")
    # Paths are the dialect's few, and fields tell its versions and betas.
    LIMIT: ClassVar[int] = 64

    def __init__(self, build: BuildHead) -> None:
        self._build = build
        self._built: dict[tuple[str, tuple[tuple[str, str], ...]], bytes] = {}

    def build(self, path: str, body: bytes, fields: tuple[tuple[str, str], ...]) -> bytes:
        """Return the head, of which *body* says nothing."""
        head = self._built.get((path, fields))
        if head is None:
            head = self._build(path, body, fields)
            if len(self._built) < self.LIMIT:
                self._built[path, fields] = head
        return head


def _build_head(
    deployment: Deployment,
    provider: Provider,
    origin: Origin,
    model: str,
    fixed: bytes,
    authorized: Authorization | None,
    path: str,
    body: bytes,
    fields: tuple[tuple[str, str], ...],
) -> bytes:
    """Return the head of a translated request up to Content-Length."""
    target = request_target(deployment, provider, origin, model, path, None)
    if authorized is not None:
        fields = (*fields, *authorized.fields("POST", origin.authority, target.decode(), body))
    own = "".join(f"{name}: {value}\r\n" for name, value in fields).encode()
    return b"POST " + target + b" HTTP/1.1\r\n" + fixed + own + b"Content-Type: application/json\r\n"


def _build_target(
    deployment: Deployment,
    provider: Provider,
    origin: Origin,
    model: str,
    fixed: bytes,
    authorized: Authorization | None,
    operation: Operation,
    query: bytes | None,
    path_id: bytes | None,
) -> bytes:
    target = operation.target if path_id is None else operation.target.replace("{id}", quote(path_id, safe=""))
    line = operation.method + b" " + request_target(deployment, provider, origin, model, target, query) + b" HTTP/1.1\r\n"
    own = b""
    if authorized is not None:
        # A token: what has to be signed is never passed on as it is.
        own = "".join(f"{name}: {value}\r\n" for name, value in authorized.fields("", "", "", b"")).encode()
    return line + fixed + own + (b"Content-Type: application/json\r\n" if operation.body == 1 else b"")
