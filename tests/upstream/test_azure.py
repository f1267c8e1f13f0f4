"""Entra tokens for Azure OpenAI, from a token endpoint on this machine."""

import subprocess
import sys
from urllib.parse import unquote

import pytest

from fastgate.errors import CredentialsUnavailable
from fastgate.upstream.azure import EntraTokens
from fastgate.upstream.fetch import Network
from tests.upstream.token_server import answer, serving, token

PARAMS = {"tenant_id": "11111111-2222", "client_id": "app", "client_secret": "s3cret/+&"}
MANAGED = (
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "AZURE_CLIENT_ID",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_SECRET",
)


@pytest.fixture(autouse=True)
def no_identity_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MANAGED:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.asyncio
async def test_client_credentials_are_exchanged_for_a_token() -> None:
    with serving(token("entra", 3599)) as server:
        tokens = EntraTokens(PARAMS, authority=server.url + "/", clock=lambda: 1000.0)
        await tokens.refresh()
        assert tokens.current() == "entra"
        assert not tokens.due()
        (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/11111111-2222/oauth2/v2.0/token")
    assert asked.fields["content-type"] == "application/x-www-form-urlencoded"
    assert asked.form == {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_secret": "s3cret/+&",
        "scope": "https://cognitiveservices.azure.com/.default",
    }


@pytest.mark.asyncio
async def test_the_scope_of_the_configuration_is_asked_for() -> None:
    with serving(token("entra")) as server:
        await EntraTokens({**PARAMS, "azure_scope": "https://ai.azure.com/.default"}, authority=server.url).refresh()
        assert server.asked[0].form["scope"] == "https://ai.azure.com/.default"


@pytest.mark.asyncio
async def test_a_given_token_is_sent_and_never_renewed() -> None:
    tokens = EntraTokens({"azure_ad_token": "given", **PARAMS}, authority="http://127.0.0.1:1")
    assert (tokens.current(), tokens.due()) == ("given", False)


@pytest.mark.asyncio
async def test_an_error_says_what_entra_said_and_no_secret() -> None:
    told = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
    with serving(answer(told, 401)) as server:
        with pytest.raises(CredentialsUnavailable) as caught:
            await EntraTokens(PARAMS, authority=server.url).refresh()
        assert len(server.asked) == 1
    assert str(caught.value).endswith("/oauth2/v2.0/token answered 401: invalid_client: AADSTS7000215: Invalid client secret provided.")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ((500, b"<html>oops</html>", {}), "answered 500: <html>oops</html>"),
        ((200, b"", {}), "answered 200 with something else than a JSON object"),
        ((200, b"access_token=abc", {}), "answered 200 with something else than a JSON object$"),
        ((503, b"", {}), "answered 503: with an empty body"),
        ((400, b"{}", {}), "answered 400: it names no error"),
        ((200, b"[]", {}), "answered 200"),
        (answer({"token_type": "Bearer"}), "without an access_token"),
        ((302, b"", {"Location": "http://127.0.0.1:1/"}), "answered 302"),
    ],
)
@pytest.mark.asyncio
async def test_what_is_no_token_is_a_clear_error(reply: tuple[int, bytes, dict[str, str]], words: str) -> None:
    with serving(reply) as server:
        with pytest.raises(CredentialsUnavailable, match=words):
            await EntraTokens(PARAMS, authority=server.url).refresh()
        assert len(server.asked) == 1


@pytest.mark.asyncio
async def test_an_endpoint_that_is_not_there_is_a_clear_error() -> None:
    with serving(token("entra")) as server:
        url = server.url
    with pytest.raises(CredentialsUnavailable, match="cannot be reached"):
        await EntraTokens(PARAMS, authority=url).refresh()


@pytest.mark.parametrize("expires_in", ["3600", 3600, None, "soon"])
@pytest.mark.asyncio
async def test_a_lifetime_may_be_a_number_a_text_or_missing(expires_in: object) -> None:
    with serving(token("entra", expires_in)) as server:
        tokens = EntraTokens(PARAMS, authority=server.url)
        await tokens.refresh()
        assert (tokens.current(), tokens.due()) == ("entra", False)


@pytest.mark.asyncio
async def test_a_token_endpoint_is_reached_through_the_proxy_that_is_given() -> None:
    with serving(token("proxied")) as proxy:
        network = Network(proxies={"http": proxy.url})
        tokens = EntraTokens(PARAMS, authority="http://login.invalid", network=network)
        await tokens.refresh()
        assert tokens.current() == "proxied"
        assert proxy.asked[0].path.startswith("http://login.invalid/")


@pytest.mark.asyncio
async def test_a_proxy_of_the_environment_is_not_used_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serving(token("direct")) as server:
        tokens = EntraTokens(PARAMS, authority=server.url)
        await tokens.refresh()
        assert tokens.current() == "direct"


@pytest.mark.asyncio
async def test_an_authority_that_is_no_web_address_is_refused() -> None:
    with pytest.raises(CredentialsUnavailable, match="not an http"):
        await EntraTokens(PARAMS, authority="file:///etc").refresh()


@pytest.mark.asyncio
async def test_without_any_of_them_the_identity_of_the_machine_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answer({"access_token": "managed", "expires_on": "4102444800", "resource": "x", "token_type": "Bearer"})) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", server.url + "/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "proof")
        tokens = EntraTokens({})
        await tokens.refresh()
        assert (tokens.current(), tokens.due()) == ("managed", False)
        assert server.asked[0].fields["x-identity-header"] == "proof"
        assert "resource=https://cognitiveservices.azure.com" in unquote(server.asked[0].path)


def test_without_azure_identity_the_error_says_what_to_do() -> None:
    script = (
        "import sys, asyncio; sys.modules['azure.identity'] = None\n"
        "from fastgate.upstream.azure import EntraTokens\n"
        "try:\n    asyncio.run(EntraTokens({}).refresh())\nexcept Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("CredentialsUnavailable no Entra token: set azure_ad_token")
    assert "azure-identity" in done.stdout
