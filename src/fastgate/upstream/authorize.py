"""How a request shows who we are where no key does: tokens of Google and Entra, signatures of AWS."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fastgate.config.schema import Deployment
from fastgate.providers.provider import Provider
from fastgate.upstream.aws import AwsCredentials, region_of, sign, signing_key
from fastgate.upstream.azure import EntraTokens
from fastgate.upstream.fetch import Network
from fastgate.upstream.google import GoogleTokens
from fastgate.upstream.refreshing import Refreshing

Field = tuple[str, str]

# What azure_* of litellm_params are called in the environment.
_AZURE_VARIABLES = {
    "azure_ad_token": "AZURE_AD_TOKEN",
    "tenant_id": "AZURE_TENANT_ID",
    "client_id": "AZURE_CLIENT_ID",
    "client_secret": "AZURE_CLIENT_SECRET",
    "azure_scope": "AZURE_SCOPE",
}
_BEDROCK = "bedrock"


class Authorization(Protocol):
    """Shows a provider who we are."""

    @property
    def source(self) -> Refreshing[Any]:
        """Where the secret comes from."""

    def fields(self, method: str, host: str, target: str, body: bytes) -> list[Field]:
        """Return the fields for a request; `source.current()` must not be None."""


class TokenAuthorization:
    """A bearer token that expires."""

    def __init__(self, source: Refreshing[str]) -> None:
        self.source = source

    def fields(self, method: str, host: str, target: str, body: bytes) -> list[Field]:
        return [("Authorization", f"Bearer {self.source.current()}")]


class SignedAuthorization:
    """Signatures of AWS, version 4; *clock* tells seconds of the epoch."""

    def __init__(self, source: AwsCredentials, region: str, clock: Callable[[], float] = time.time) -> None:
        self.source = source
        self._region = region
        self._clock = clock
        # Of one day and one set of keys.
        self._key: tuple[int, object, bytes] = (-1, None, b"")

    def fields(self, method: str, host: str, target: str, body: bytes) -> list[Field]:
        credentials = self.source.current()
        assert credentials is not None
        now = self._clock()
        day = int(now // 86400)
        if self._key[:2] != (day, credentials):
            self._key = (day, credentials, signing_key(credentials, now, self._region, _BEDROCK))
        path, _, query = target.partition("?")
        headers = [("Content-Type", "application/json")]
        return sign(method, host, path, query, headers, body, credentials, self._region, _BEDROCK, now, self._key[2])


def authorization(deployment: Deployment, provider: Provider, environment: Mapping[str, str], network: Network) -> Authorization | None:
    """Return how a deployment without a key authorizes itself; None if it does not."""
    params = {name: secret.reveal() for name, secret in deployment.cloud.items()}
    if provider.tokens == "aws":
        return SignedAuthorization(AwsCredentials(params, environment), region_of(params, environment) or "us-west-2")
    if provider.tokens == "google":
        return TokenAuthorization(GoogleTokens(params.get("vertex_credentials", ""), environment, network=network))
    if provider.tokens == "entra":
        told = {name: params.get(name) or environment.get(variable, "") for name, variable in _AZURE_VARIABLES.items()}
        # With neither a key nor an identity the server is one that asks for none.
        if told["azure_ad_token"] or told["tenant_id"]:
            return TokenAuthorization(EntraTokens(told, network=network))
    return None
