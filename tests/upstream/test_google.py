"""Access tokens for Google Cloud, from a token endpoint and a metadata server on this machine."""

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from fastgate.errors import CredentialsUnavailable
from fastgate.upstream.google import GoogleTokens
from fastgate.upstream.rs256 import BadKey, PrivateKey
from tests.upstream.token_server import TokenServer, answer, serving, token

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NOWHERE = {"GCE_METADATA_HOST": "127.0.0.1:1"}


def pem(key: Any = KEY, form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8) -> str:
    return str(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode())


def account(server: TokenServer, **more: Any) -> dict[str, Any]:
    return {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "key-1",
        "private_key": pem(),
        "client_email": "bot@my-project.iam.gserviceaccount.com",
        "token_uri": server.url + "/token",
        **more,
    }


def part(text: str) -> Any:
    return orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


@pytest.mark.asyncio
async def test_a_service_account_exchanges_a_signed_jwt_for_a_token() -> None:
    with serving(token("ya29.a")) as server:
        tokens = GoogleTokens(orjson.dumps(account(server)).decode(), {}, clock=lambda: 1_790_000_000.5)
        await tokens.refresh()
        assert (tokens.current(), tokens.project_id) == ("ya29.a", "my-project")
        (asked,) = server.asked
    assert asked.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    head, claims, signature = asked.form["assertion"].split(".")
    assert part(head) == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    assert part(claims) == {
        "iss": "bot@my-project.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": server.url + "/token",
        "iat": 1_790_000_000,
        "exp": 1_790_003_600,
    }
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    KEY.public_key().verify(raw, f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.asyncio
async def test_a_service_account_may_be_a_path(tmp_path: Path) -> None:
    with serving(token("ya29.a")) as server:
        path = tmp_path / "key.json"
        path.write_bytes(orjson.dumps(account(server)))
        for tokens in (GoogleTokens(str(path), {}), GoogleTokens("", {"GOOGLE_APPLICATION_CREDENTIALS": str(path)})):
            await tokens.refresh()
            assert tokens.current() == "ya29.a"


@pytest.mark.asyncio
async def test_credentials_of_the_deployment_win_over_the_environments() -> None:
    with serving(token("own")) as server:
        tokens = GoogleTokens(orjson.dumps(account(server)).decode(), {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"})
        await tokens.refresh()
        assert tokens.current() == "own"


@pytest.mark.parametrize("folder", ["CLOUDSDK_CONFIG", "HOME"])
@pytest.mark.asyncio
async def test_the_login_of_gcloud_is_found_and_renewed(tmp_path: Path, folder: str) -> None:
    place = tmp_path if folder == "CLOUDSDK_CONFIG" else tmp_path / ".config" / "gcloud"
    place.mkdir(parents=True, exist_ok=True)
    with serving(token("ya29.user")) as server:
        login = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r", "quota_project_id": "p"}
        (place / "application_default_credentials.json").write_bytes(orjson.dumps({**login, "token_uri": server.url}))
        tokens = GoogleTokens("", {folder: str(tmp_path)})
        await tokens.refresh()
        assert (tokens.current(), tokens.project_id) == ("ya29.user", "p")
        assert server.asked[0].form == {"grant_type": "refresh_token", "client_id": "c", "client_secret": "s", "refresh_token": "r"}


@pytest.mark.asyncio
async def test_without_credentials_the_metadata_server_is_asked(tmp_path: Path) -> None:
    with serving(token("ya29.metadata", 600)) as server:
        now = [1000.0]
        tokens = GoogleTokens("", {"GCE_METADATA_HOST": server.host, "HOME": str(tmp_path)}, clock=lambda: now[0])
        await tokens.refresh()
        assert tokens.current() == "ya29.metadata"
        now[0] += 301
        assert tokens.due()
        (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/computeMetadata/v1/instance/service-accounts/default/token")
    assert asked.fields["metadata-flavor"] == "Google"


@pytest.mark.asyncio
async def test_without_anything_the_error_names_every_place() -> None:
    with pytest.raises(CredentialsUnavailable, match=r"vertex_credentials.*GOOGLE_APPLICATION_CREDENTIALS.*cannot be reached"):
        await GoogleTokens("", NOWHERE).refresh()


@pytest.mark.asyncio
async def test_an_error_says_what_google_said_and_no_key() -> None:
    told = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    with (
        serving(answer(told, 400)) as server,
        pytest.raises(CredentialsUnavailable, match="answered 400: invalid_grant: Invalid JWT Signature") as caught,
    ):
        await GoogleTokens(orjson.dumps(account(server)).decode(), {}).refresh()
    assert "PRIVATE KEY" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[1]", "No such file"),
        ("/nowhere/key.json", "/nowhere/key.json: No such file"),
        ('{"type":"service_account"}', "has no client_email"),
        ('{"type":"service_account","client_email":"a","private_key":"x","private_key_id":"k"}', "private_key: it is not a private key"),
        ('{"type":"authorized_user","client_id":"a"}', "has no client_secret"),
        ('{"type":"novel"}', "type 'novel' is not known"),
        ('{"type":"external_account"}', "vertex_credentials"),
        ('{"type":"impersonated_service_account"}', "vertex_credentials"),
    ],
)
@pytest.mark.asyncio
async def test_credentials_that_cannot_be_used_are_a_clear_error(text: str, words: str) -> None:
    with pytest.raises(CredentialsUnavailable, match=words):
        await GoogleTokens(text, {}).refresh()


@pytest.mark.asyncio
async def test_other_kinds_of_credentials_are_google_auths_business(tmp_path: Path) -> None:
    """Workload identity federation: a token of elsewhere is exchanged at the security token service (RFC 8693)."""
    subject = tmp_path / "subject"
    subject.write_text("subject-token")
    told = {"access_token": "federated", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer"}
    with serving(answer({**told, "expires_in": 3600})) as server:
        external = {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": server.url + "/v1/token",
            "credential_source": {"file": str(subject)},
        }
        tokens = GoogleTokens(orjson.dumps(external).decode(), {})
        await tokens.refresh()
        assert (tokens.current(), tokens.due()) == ("federated", False)
        assert server.asked[0].form["subject_token"] == "subject-token"


def test_without_google_auth_the_error_says_what_to_do() -> None:
    script = (
        "import sys, asyncio; sys.modules['google.auth'] = None\n"
        "from fastgate.upstream.google import GoogleTokens\n"
        'try:\n    asyncio.run(GoogleTokens(\'{"type":"external_account"}\', {}).refresh())\n'
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("CredentialsUnavailable Google credentials: vertex_credentials: type 'external_account' needs")


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("bits", [2048, 3072, 1024])
def test_signatures_are_those_of_cryptography(form: serialization.PrivateFormat, bits: int) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    for message in (b"", b"a" * 1000):
        assert PrivateKey(pem(key, form)).sign(message) == key.sign(message, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----",
        pem(ec.generate_private_key(ec.SECP256R1())),
        KEY.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
        ).decode(),
    ],
    ids=["empty", "not base64", "not a key", "nothing", "not RSA", "encrypted"],
)
def test_what_is_no_rsa_key_is_refused(text: str) -> None:
    with pytest.raises(BadKey):
        PrivateKey(text)


def test_a_cut_key_is_refused_wherever_it_is_cut() -> None:
    der = KEY.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for at in range(0, len(der), 7):
        text = base64.b64encode(der[:at]).decode()
        with pytest.raises(BadKey):
            PrivateKey(f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----")
