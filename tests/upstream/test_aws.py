"""Requests signed with SigV4, and where AWS's keys come from."""

import os
import subprocess
import sys
from calendar import timegm
from datetime import UTC, datetime
from pathlib import Path
from time import strptime
from typing import Any

import botocore.auth
import botocore.session
import orjson
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as TheirCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgate.errors import CredentialsUnavailable
from fastgate.upstream.aws import AwsCredentials, Credentials, region_of, sign, signing_key
from tests.upstream.token_server import answer, serving

NOW = 1_790_000_000.0
KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SESSION = Credentials("ASIAEXAMPLE", "secret", "tok/en+==")
HOST = "bedrock-runtime.us-east-1.amazonaws.com"
JSON = [("Content-Type", "application/json")]


def theirs(
    method: str, host: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes, keys: Credentials, region: str, service: str
) -> dict[str, str]:
    """Return the fields that botocore adds at NOW."""
    request = AWSRequest(method=method, url=f"https://{host}{path}" + (f"?{query}" if query else ""), headers=dict(headers), data=body)
    signer = botocore.auth.SigV4Auth(TheirCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token), service, region)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda *_: datetime.fromtimestamp(NOW, UTC).replace(tzinfo=None))
        signer.add_auth(request)
    return {name: value for name, value in request.headers.items() if name not in dict(headers)}


@pytest.mark.parametrize("keys", [KEYS, SESSION], ids=["keys", "session"])
@pytest.mark.parametrize("body", [b"", b'{"messages":[]}', "ü".encode() * 1000])
@pytest.mark.parametrize("headers", [[], JSON, [*JSON, ("X-Custom", "  a   b "), ("accept", "*/*")]])
@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("POST", "/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse", ""),
        ("POST", "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x/converse-stream", ""),
        ("GET", "/", ""),
        ("POST", "/a/./b//../c/", ""),
        ("GET", "/a~b_c-d.e", "b=2&a=1&a=0&c"),
        ("POST", "/model/ä b/converse", "x=%2F"),
    ],
)
def test_signatures_are_those_of_botocore(
    method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes, keys: Credentials
) -> None:
    ours = sign(method, HOST, path, query, headers, body, keys, "us-east-1", "bedrock", NOW)
    assert dict(ours) == theirs(method, HOST, path, query, headers, body, keys, "us-east-1", "bedrock")


@given(st.binary(max_size=64), st.text("abcAZ09-_.~%:/ äß=+&", max_size=20), st.text("abcAZ09-_.~%2F", max_size=12))
@settings(max_examples=100)
def test_signatures_are_those_of_botocore_for_any_body_secret_and_path(body: bytes, secret: str, path: str) -> None:
    keys = Credentials("AKID", secret)
    path = f"/model/{path}/converse"
    ours = sign("POST", HOST, path, "", JSON, body, keys, "eu-west-1", "bedrock", NOW)
    assert dict(ours) == theirs("POST", HOST, path, "", JSON, body, keys, "eu-west-1", "bedrock")


def test_the_first_example_of_aws_own_test_suite() -> None:
    now = timegm(strptime("20150830T123600Z", "%Y%m%dT%H%M%SZ"))
    fields = dict(sign("GET", "example.amazonaws.com", "/", "", [], b"", KEYS, "us-east-1", "service", now))
    assert fields == {
        "X-Amz-Date": "20150830T123600Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date,"
        " Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    }


def test_a_key_at_hand_gives_the_same_signature() -> None:
    key = signing_key(KEYS, NOW, "us-east-1", "bedrock")
    arguments: Any = ("POST", HOST, "/model/a/converse", "", JSON, b"{}", KEYS, "us-east-1", "bedrock", NOW)
    assert sign(*arguments, key=key) == sign(*arguments)


def test_the_same_request_of_botocores_own_client_has_the_same_signature() -> None:
    told = {"output": {"message": {"role": "assistant", "content": []}}, "stopReason": "end_turn"}
    with serving(answer(told)) as server:
        client = botocore.session.get_session().create_client(
            "bedrock-runtime",
            region_name="us-east-1",
            endpoint_url=server.url,
            aws_access_key_id=SESSION.access_key_id,
            aws_secret_access_key=SESSION.secret_access_key,
            aws_session_token=SESSION.session_token,
            config=Config(proxies={}),
        )
        client.converse(modelId="anthropic.claude-3-5-sonnet-20240620-v1:0", messages=[{"role": "user", "content": [{"text": "hi"}]}])
        client.close()
        (asked,) = server.asked
    assert asked.path == "/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse"
    signed = asked.fields["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    headers = [(name, asked.fields[name]) for name in signed if name not in {"host", "x-amz-date", "x-amz-security-token"}]
    now = timegm(strptime(asked.fields["x-amz-date"], "%Y%m%dT%H%M%SZ"))
    ours = dict(sign("POST", server.host, asked.path, "", headers, asked.body, SESSION, "us-east-1", "bedrock", now))
    assert ours["Authorization"] == asked.fields["authorization"]


def test_no_secret_is_shown() -> None:
    assert "secret" not in f"{SESSION!r} {SESSION}"
    assert "tok" not in repr(SESSION)


# --- where keys come from


@pytest.fixture(autouse=True)
def no_keys_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def write(tmp_path: Path, *, credentials: str = "", config: str = "") -> dict[str, str]:
    """Return an environment whose home has these files."""
    (tmp_path / ".aws").mkdir(exist_ok=True)
    (tmp_path / ".aws" / "credentials").write_text(credentials)
    (tmp_path / ".aws" / "config").write_text(config)
    return {"HOME": str(tmp_path)}


async def got(params: dict[str, str], environment: dict[str, str]) -> Credentials | None:
    source = AwsCredentials(params, environment)
    await source.refresh()
    return source.current()


EXPLICIT = {"aws_access_key_id": "A", "aws_secret_access_key": "S", "aws_session_token": "T"}
OF_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "EA", "AWS_SECRET_ACCESS_KEY": "ES", "AWS_SESSION_TOKEN": "ET"}
IN_FILE = "[default]\naws_access_key_id = FA\naws_secret_access_key = FS\n[work]\naws_access_key_id=WA\naws_secret_access_key=WS\n"


def test_explicit_keys_are_there_at_once_and_never_due() -> None:
    source = AwsCredentials(EXPLICIT, OF_ENVIRONMENT)
    assert (source.current(), source.due()) == (Credentials("A", "S", "T"), False)


def test_keys_of_the_environment_come_next() -> None:
    source = AwsCredentials({"aws_region_name": "us-east-1"}, OF_ENVIRONMENT)
    assert (source.current(), source.due()) == (Credentials("EA", "ES", "ET"), False)
    assert AwsCredentials({}, {"AWS_ACCESS_KEY_ID": "EA"}).current() is None


@pytest.mark.asyncio
async def test_keys_of_the_shared_file_come_next(tmp_path: Path) -> None:
    environment = write(tmp_path, credentials=IN_FILE)
    assert await got({}, environment) == Credentials("FA", "FS")
    assert await got({}, {**environment, "AWS_PROFILE": "work"}) == Credentials("WA", "WS")
    assert await got({"aws_profile_name": "work"}, {**environment, **OF_ENVIRONMENT}) == Credentials("WA", "WS")


@pytest.mark.asyncio
async def test_files_may_stand_elsewhere_and_keys_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("[profile work]\naws_access_key_id=CA\naws_secret_access_key=CS\n")
    (tmp_path / "k").write_text(IN_FILE)
    environment = {"HOME": str(tmp_path), "AWS_CONFIG_FILE": str(tmp_path / "c"), "AWS_PROFILE": "work"}
    assert await got({}, environment) == Credentials("CA", "CS")
    assert await got({}, {**environment, "AWS_SHARED_CREDENTIALS_FILE": "~/k"}) == Credentials("WA", "WS")


@pytest.mark.asyncio
async def test_files_are_read_again_after_a_while(tmp_path: Path) -> None:
    environment = write(tmp_path, credentials=IN_FILE)
    now = [NOW]
    source = AwsCredentials({}, environment, clock=lambda: now[0])
    await source.refresh()
    assert not source.due()
    write(tmp_path, credentials=IN_FILE.replace("FA", "F2"))
    now[0] += 601
    assert source.due()
    await source.refresh()
    assert source.current() == Credentials("F2", "FS")


@pytest.mark.asyncio
async def test_a_file_that_cannot_be_read_is_a_clear_error(tmp_path: Path) -> None:
    environment = write(tmp_path, credentials="aws_access_key_id = FA\n")
    with pytest.raises(CredentialsUnavailable, match="credentials cannot be read: MissingSectionHeaderError") as caught:
        await got({}, environment)
    assert "FA" not in str(caught.value)
    assert region_of({}, environment) == ""


def test_the_region_is_the_deployments_the_environments_or_the_profiles(tmp_path: Path) -> None:
    environment = write(tmp_path, config="[default]\nregion = eu-north-1\n[profile work]\nregion = ap-south-1\n")
    assert region_of({"aws_region_name": "us-east-1"}, {"AWS_REGION": "us-west-2"}) == "us-east-1"
    assert region_of({}, {"AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-1"}) == "us-west-2"
    assert region_of({}, {"AWS_DEFAULT_REGION": "us-west-1"}) == "us-west-1"
    assert region_of({}, environment) == "eu-north-1"
    assert region_of({"aws_profile_name": "work"}, environment) == "ap-south-1"
    assert region_of({}, {}) == ""


# --- what botocore does


@pytest.mark.asyncio
async def test_a_profile_that_says_how_to_get_keys_is_botocores_business(tmp_path: Path) -> None:
    told = {"Version": 1, "AccessKeyId": "PA", "SecretAccessKey": "PS", "SessionToken": "PT", "Expiration": "2099-01-01T00:00:00Z"}
    (tmp_path / "keys.json").write_bytes(orjson.dumps(told))
    environment = write(tmp_path, config=f"[profile made]\ncredential_process = cat {tmp_path}/keys.json\n")
    now = [NOW]
    source = AwsCredentials({"aws_profile_name": "made"}, environment, clock=lambda: now[0])
    await source.refresh()
    assert source.current() == Credentials("PA", "PS", "PT")
    now[0] += 301
    assert source.due()
    assert source.current() == Credentials("PA", "PS", "PT")


@pytest.mark.asyncio
async def test_a_containers_keys_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"AccessKeyId": "CA", "SecretAccessKey": "CS", "Token": "CT", "Expiration": "2099-01-01T00:00:00Z"}
    with serving(answer(told)) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url + "/keys")
        assert await got({}, {}) == Credentials("CA", "CS", "CT")


STS = """<{0}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{0}Result><Credentials><AccessKeyId>RA</AccessKeyId>
<SecretAccessKey>RS</SecretAccessKey><SessionToken>RT</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
<AssumedRoleUser><Arn>a</Arn><AssumedRoleId>i</AssumedRoleId></AssumedRoleUser></{0}Result></{0}Response>"""
ROLE = {"aws_role_name": "arn:aws:iam::123456789012:role/gateway", "aws_region_name": "us-east-1"}


@pytest.mark.asyncio
async def test_a_role_is_assumed_with_the_deployments_own_keys() -> None:
    with serving((200, STS.format("AssumeRole").encode(), {"Content-Type": "text/xml"})) as server:
        params = {**ROLE, **EXPLICIT, "aws_sts_endpoint": server.url, "aws_external_id": "x1"}
        source = AwsCredentials(params, {})
        assert source.current() is None
        await source.refresh()
        assert (source.current(), source.due()) == (Credentials("RA", "RS", "RT"), False)
        (asked,) = server.asked
    assert asked.form["Action"] == "AssumeRole"
    assert (asked.form["RoleArn"], asked.form["RoleSessionName"], asked.form["ExternalId"]) == (ROLE["aws_role_name"], "fastgate", "x1")
    assert "Credential=A/" in asked.fields["authorization"]


@pytest.mark.parametrize("in_file", [True, False])
@pytest.mark.asyncio
async def test_a_role_is_assumed_with_a_web_identity(tmp_path: Path, in_file: bool) -> None:
    (tmp_path / "token").write_text("web-token\n")
    given_token = str(tmp_path / "token") if in_file else "web-token"
    with serving((200, STS.format("AssumeRoleWithWebIdentity").encode(), {"Content-Type": "text/xml"})) as server:
        params = {**ROLE, "aws_sts_endpoint": server.url, "aws_web_identity_token": given_token, "aws_session_name": "s1"}
        assert await got(params, {}) == Credentials("RA", "RS", "RT")
        (asked,) = server.asked
    assert (asked.form["WebIdentityToken"], asked.form["RoleSessionName"]) == ("web-token", "s1")
    assert "authorization" not in asked.fields


@pytest.mark.asyncio
async def test_a_role_that_cannot_be_assumed_is_a_clear_error() -> None:
    told = b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"
    with (
        serving((403, told, {"Content-Type": "text/xml"})) as server,
        pytest.raises(CredentialsUnavailable, match=r"role/gateway cannot be assumed: .*not you"),
    ):
        await got({**ROLE, **EXPLICIT, "aws_sts_endpoint": server.url}, {})


@pytest.mark.asyncio
async def test_without_any_keys_the_error_names_every_place() -> None:
    with pytest.raises(CredentialsUnavailable, match="no AWS credentials: neither aws_access_key_id nor AWS_ACCESS_KEY_ID"):
        await got({}, {})


@pytest.mark.asyncio
async def test_a_profile_that_is_not_there_is_a_clear_error() -> None:
    with pytest.raises(CredentialsUnavailable, match="nobody"):
        await got({"aws_profile_name": "nobody"}, {})


def test_without_botocore_the_error_says_what_to_do() -> None:
    script = (
        "import sys, asyncio; sys.modules['botocore'] = None\n"
        "from fastgate.upstream.aws import AwsCredentials\n"
        "try:\n    asyncio.run(AwsCredentials({}, {}).refresh())\nexcept Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("CredentialsUnavailable no AWS credentials: set aws_access_key_id")
    assert "botocore" in done.stdout
