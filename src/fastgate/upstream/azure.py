"""Access tokens for Azure OpenAI: Entra ID."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fastgate.errors import CredentialsUnavailable
from fastgate.upstream.fetch import Network, read_token
from fastgate.upstream.optional import optional
from fastgate.upstream.refreshing import Fetched, Refreshing

SCOPE = "https://cognitiveservices.azure.com/.default"
AUTHORITY = "https://login.microsoftonline.com"


class EntraTokens(Refreshing[str]):
    """The tokens of one Entra identity.

    *params* are those of litellm_params, with the environment's under the same names: azure_ad_token; or tenant_id, client_id
    and client_secret; with none of them it is azure-identity's DefaultAzureCredential, which looks around by itself.
    """

    def __init__(
        self,
        params: Mapping[str, str],
        *,
        network: Network | None = None,
        authority: str = AUTHORITY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(self._get, clock=clock)
        self._network = network or Network()
        self._authority = authority.rstrip("/")
        self._scope = params.get("azure_scope") or SCOPE
        self._tenant = params.get("tenant_id", "")
        self._client = params.get("client_id", "")
        self._secret = params.get("client_secret", "")
        self._default: Any = None
        given = params.get("azure_ad_token", "")
        if given:
            # Whoever gives a token renews it.
            self._held = Fetched(given, math.inf)

    def _get(self) -> Fetched[str]:
        if self._tenant and self._client and self._secret:
            return self._by_client_credentials()
        return self._by_default()

    def _by_client_credentials(self) -> Fetched[str]:
        """OAuth 2.0 client credentials (learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, 2026-11-20)."""
        form = {"grant_type": "client_credentials", "client_id": self._client, "client_secret": self._secret, "scope": self._scope}
        url = f"{self._authority}/{quote(self._tenant, safe='')}/oauth2/v2.0/token"
        told = self._network.fetch_object(url, urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"})
        return read_token(told, self._clock(), url)

    def _by_default(self) -> Fetched[str]:
        azure = optional("azure.identity", "azure.core.exceptions")
        if azure is None:
            raise CredentialsUnavailable(
                "no Entra token: set azure_ad_token, or tenant_id, client_id and client_secret, or install azure-identity"
            )
        if self._default is None:
            self._default = azure.identity.DefaultAzureCredential(authority=self._authority)
        try:
            token = self._default.get_token(self._scope)
        except azure.core.exceptions.ClientAuthenticationError as error:
            reason = " ".join(str(error.message).split())[:600]
            raise CredentialsUnavailable(f"no Entra token from azure-identity: {reason}") from error
        return Fetched(token.token, float(token.expires_on))
