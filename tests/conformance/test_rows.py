"""What every row of `providers/` must hold, whichever it is: a new row is tested by being there."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec.structs import fields
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from fastgate.config.load import load
from fastgate.config.schema import Deployment
from fastgate.providers import PROVIDERS, Provider
from fastgate.providers.document import MEMBERS, page
from fastgate.providers.provider import Quirks
from fastgate.translate.answer import Usage
from fastgate.translate.conversation import Effort, Role
from fastgate.upstream.target import Origin, fixed_fields, request_target
from tests.source import ROOT

# Dialect -> the operation that a chat asks for, and how the URL then ends for the model `m`.
CHAT = {
    "openai_chat": ("/chat/completions", "/chat/completions"),
    "anthropic_messages": ("/v1/messages", "/v1/messages"),
    "gemini": (":generateContent", "/models/m:generateContent"),
    "ollama": ("/api/chat", "/api/chat"),
    "bedrock": ("/converse", "/model/m/converse"),
    "cohere": ("/v2/chat", "/v2/chat"),
}
# What a row without a base of its own is asked at.
API_BASE = "https://upstream.example/v1"
# Parts of base URLs that belong to an account, as users give them.
ACCOUNT = {
    "aws_region_name": "eu-west-1",
    "vertex_project": "p",
    "vertex_location": "eu-west1",
    "account_id": "a",
    "cloudflare_account_id": "c",
}

PARAMETERS = frozenset(typing.get_type_hints(CompletionCreateParamsBase)) | {"stream"}
FINISH = {"stop", "length", "tool_calls", "content_filter", "error"}
NAME = re.compile(r"[a-z0-9][a-z0-9._-]*\Z")
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+\Z")
DOCS = re.compile(r"https://[^\s,|()<>]+(, 20\d\d-[01]\d-[0-3]\d)?\Z")
PART = re.compile(r"\{(\w+)\}")


@pytest.fixture(params=PROVIDERS.values(), ids=PROVIDERS.keys())
def row(request: pytest.FixtureRequest) -> Provider:
    given: Provider = request.param
    return given


def deployment_of(row: Provider, folder: Path) -> Deployment:
    """Load a LiteLLM file with this row's one deployment."""
    lines = [f"model: {row.name}/m", "api_key: fake-key", *(f"{key}: {value}" for key, value in ACCOUNT.items())]
    if not row.base_url:
        lines.append(f"api_base: {API_BASE}")
    file = folder / "c.yaml"
    file.write_text(f"model_list:\n  - model_name: any\n    litellm_params: {{{', '.join(lines)}}}\n")
    (deployment,) = load(file, providers=PROVIDERS, env={}).settings.deployments
    return deployment


def site(url: str) -> str:
    """Return the last two labels of a URL's host: who runs it."""
    return ".".join((urlsplit(url.partition(",")[0]).hostname or "").split(".")[-2:])


def parameters_named(quirks: Quirks) -> Iterator[str]:
    yield from quirks.rename
    yield from quirks.values
    yield from quirks.drop
    yield from quirks.refuse


def test_there_are_a_hundred_providers() -> None:
    assert len(PROVIDERS) >= 100


def test_a_name_can_stand_before_a_slash(row: Provider) -> None:
    assert NAME.match(row.name)


def test_a_base_url_is_https_or_on_this_machine(row: Provider) -> None:
    for base_url in filter(None, (row.base_url, *row.base_urls.values())):
        parts = urlsplit(PART.sub("x", base_url))
        assert parts.hostname
        assert (parts.query, parts.fragment, parts.username) == ("", "", None)
        assert not base_url.endswith("/")
        local = parts.hostname in ("localhost", "127.0.0.1")
        assert parts.scheme == ("http" if local else "https")
        assert not (local and row.needs_key)
        assert set(PART.findall(base_url)) <= ACCOUNT.keys()


def test_a_dialect_is_one_that_deployments_are_asked_in(row: Provider) -> None:
    assert row.dialect in CHAT


def test_a_documentation_link_is_a_page_and_the_day_it_was_read(row: Provider) -> None:
    assert DOCS.match(row.docs)


def test_variables_are_named_once_and_look_like_variables(row: Provider) -> None:
    names = (*row.key_env, *row.base_env, *row.version_env)
    assert len(set(names)) == len(names)
    assert all(VARIABLE.match(name) for name in names)


def test_a_variable_is_shared_only_by_rows_of_one_house(row: Provider) -> None:
    for other in PROVIDERS.values():
        if {*other.key_env, *other.base_env} & {*row.key_env, *row.base_env}:
            assert site(other.docs) == site(row.docs), other.name


def test_quirks_name_parameters_that_there_are(row: Provider) -> None:
    quirks = row.quirks
    assert set(parameters_named(quirks)) <= PARAMETERS
    # One parameter is treated one way.
    assert not quirks.drop & quirks.refuse
    assert not (quirks.rename.keys() | quirks.values.keys()) & (quirks.drop | quirks.refuse)
    assert not quirks.knows & PARAMETERS
    assert all(word and key != word for key, word in quirks.rename.items())


def test_quirks_name_words_of_the_representation(row: Provider) -> None:
    quirks = row.quirks
    efforts = {*typing.get_args(Effort)}
    assert quirks.roles.keys() <= {*typing.get_args(Role)}
    assert {*quirks.roles.values()} <= {*typing.get_args(Role)}
    assert quirks.efforts.keys() <= efforts
    assert quirks.usage.keys() <= {field.name for field in fields(Usage)}
    assert {*quirks.finish.values()} <= FINISH
    assert not quirks.finish.keys() & (FINISH - {"error"})
    assert quirks.response_formats <= {"json_schema", "json_object"}
    assert quirks.thinking
    re.compile(quirks.tool_ids)


def test_a_row_without_a_page_that_was_read_claims_little(row: Provider) -> None:
    """Rows that rest on LiteLLM alone translate no words and refuse nothing."""
    if row.docs.partition(", ")[2]:
        return
    quirks = row.quirks
    assert not any((quirks.refuse, quirks.values, quirks.usage, quirks.efforts, quirks.finish, quirks.tool_ids))


def test_a_litellm_file_with_a_key_is_enough(row: Provider, tmp_path: Path) -> None:
    deployment = deployment_of(row, tmp_path)
    assert (deployment.provider, deployment.model, deployment.model_name) == (row.name, "m", "any")
    operation, end = CHAT[row.dialect]
    origin = Origin(deployment.api_base, deployment.deployment_id)
    url = origin.name + request_target(deployment, row, origin, deployment.model, operation, None).decode()
    base = PART.sub(lambda match: ACCOUNT[match[1]], row.base_url) or API_BASE
    assert url.startswith(f"{base}/")
    path, _, query = url.removeprefix(base).partition("?")
    assert path.endswith(end)
    assert not PART.search(url)
    assert query == (f"api-version={deployment.api_version}" if "{api_version}" in row.target else "")


def test_the_key_is_sent_where_the_row_says(row: Provider, tmp_path: Path) -> None:
    deployment = deployment_of(row, tmp_path)
    sent = fixed_fields(deployment, row, Origin(deployment.api_base, "d")).decode()
    assert sent.count("fake-key") == 1
    assert ("Authorization: Bearer fake-key\r\n" if row.auth == "bearer" else f"{row.auth}: fake-key\r\n") in sent


def test_the_page_of_providers_is_up_to_date() -> None:
    assert (ROOT / "docs" / "providers.md").read_text() == page(), "python -m fastgate.providers.document > docs/providers.md"


def test_the_page_says_every_quirk() -> None:
    assert {field.name for field in fields(Quirks)} == MEMBERS.keys()
