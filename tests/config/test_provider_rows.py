"""The rows of `providers/`, as the configuration uses them."""

import string

import pytest

from fastgate.config.api_base import parse_api_base
from fastgate.providers import PROVIDERS, Provider, by_name

DIALECTS = {"openai_chat", "anthropic_messages", "gemini", "ollama", "bedrock", "cohere"}


def test_two_rows_of_one_name_are_a_mistake() -> None:
    row = Provider(name="x", dialect="openai_chat")
    with pytest.raises(ValueError, match='two provider rows are named "x"'):
        by_name([row, row])


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_row_is_complete(name: str) -> None:
    row = PROVIDERS[name]
    assert row.name == name
    assert row.dialect in DIALECTS
    assert row.docs.startswith("https://")
    assert row.base_url or row.base_env
    assert row.key_env or not row.needs_key
    fields = {field for _, field, _, _ in string.Formatter().parse(row.target) if field}
    assert "base" in fields
    assert "operation" in fields
    assert fields <= {"base", "operation", "model", "api_version"}


@pytest.mark.parametrize("name", [name for name, row in PROVIDERS.items() if row.base_url and "{" not in row.base_url])
def test_a_rows_base_is_what_a_user_could_have_written(name: str) -> None:
    row = PROVIDERS[name]
    assert parse_api_base(row.base_url, row.dialect) == row.base_url


@pytest.mark.parametrize("name", [name for name, row in PROVIDERS.items() if row.dialect == "openai_chat" and row.base_url])
def test_a_hosted_row_is_asked_over_tls(name: str) -> None:
    row = PROVIDERS[name]
    assert row.base_url.startswith("https://") or not row.needs_key
