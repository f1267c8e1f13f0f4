"""The head of an upstream request, up to what comes from the caller: made from configuration, never from a request's fields."""

import base64
from urllib.parse import quote, unquote, urlsplit

from fastgate import __version__
from fastgate.config.schema import Deployment
from fastgate.errors import ConfigError
from fastgate.providers.provider import Provider

# The caller's own business with the gateway, not the provider's.
_DROPPED_PARAMETERS = frozenset({"key", "api-version", "model"})


class Origin:
    """Where a deployment's provider is: from its base URL."""

    def __init__(self, base: str, deployment_id: str) -> None:
        try:
            parts = urlsplit(base)
            port = parts.port
        except ValueError as error:
            raise ConfigError([f"deployment {deployment_id}: api_base {base!r}: {error}"]) from error
        if parts.scheme not in {"http", "https"} or not parts.hostname or "\n" in base or "\r" in base or " " in base:
            raise ConfigError([f"deployment {deployment_id}: api_base {base!r} is not an http:// or https:// URL with a host"])
        self.tls = parts.scheme == "https"
        self.host = parts.hostname
        self.port = port or (443 if self.tls else 80)
        self.path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
        self.query = parts.query
        self.userinfo = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.authority = shown if self.port == (443 if self.tls else 80) else f"{shown}:{self.port}"

    @property
    def name(self) -> str:
        """As errors and logs show it."""
        return f"{'https' if self.tls else 'http'}://{self.authority}"


def auth_fields(deployment: Deployment, provider: Provider, origin: Origin) -> list[tuple[str, str]]:
    """Return the fields that show our key to the provider."""
    if deployment.api_key is None:
        if origin.userinfo:
            return [("Authorization", "Basic " + base64.b64encode(origin.userinfo.encode()).decode())]
        return []
    key = deployment.api_key.reveal()
    if provider.auth == "bearer":
        return [("Authorization", f"Bearer {key}")]
    return [] if provider.auth == "none" else [(provider.auth, key)]


def fixed_fields(deployment: Deployment, provider: Provider, origin: Origin) -> bytes:
    """Return the fields that every request of a deployment has. A deployment's own win over the provider's."""
    fields = [("User-Agent", f"fastgate/{__version__}"), ("Accept-Encoding", "identity"), *provider.headers]
    fields += auth_fields(deployment, provider, origin)
    if deployment.organization:
        fields.append(("OpenAI-Organization", deployment.organization))
    own = [(name, secret.reveal()) for name, secret in deployment.extra_headers]
    taken = {name.lower() for name, _ in own}
    fields = [("Host", origin.authority), *(field for field in fields if field[0].lower() not in taken), *own]
    for name, value in fields:
        if not name.isascii() or not value.isprintable() or any(c in name for c in " :\r\n\t"):
            raise ConfigError([f"deployment {deployment.deployment_id}: the field {name!r} or its value cannot be sent in HTTP"])
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode()


def request_target(deployment: Deployment, provider: Provider, origin: Origin, model: str, operation: str, query: bytes | None) -> bytes:
    """Return path and query: the provider's, then what is left of the caller's query."""
    target = provider.target.format(
        base=origin.path, operation=operation, model=quote(model, safe=""), api_version=quote(deployment.api_version, safe="")
    )
    kept = [part for part in (query or b"").decode("ascii").split("&") if part and part.partition("=")[0] not in _DROPPED_PARAMETERS]
    if origin.query:
        kept.insert(0, origin.query)
    path, mark, own = target.partition("?")
    if own.rstrip("=") == "api-version":  # none configured
        mark = own = ""
    parameters = "&".join([*([own] if mark else []), *kept])
    return f"{path}?{parameters}".encode() if parameters else path.encode()
