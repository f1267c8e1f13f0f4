"""A provider's model is found as genai-prices finds it, under the names of a configuration."""

import string
import subprocess
import sys
from importlib.metadata import version

import pytest
from genai_prices.data import providers
from genai_prices.types import Provider
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.json import decode

from fastgate.catalogue import find, find_base
from fastgate.providers import PROVIDERS
from tests.catalogue.names import names_of
from tests.source import PACKAGE

FILE = decode((PACKAGE / "catalogue" / "models.json").read_bytes())
BY_ID = {provider.id: provider for provider in providers}


def theirs(provider: Provider, name: str) -> str | None:
    model = provider.find_model(name, all_providers=providers)
    return None if model is None else model.id


def ours(provider: str, name: str) -> str | None:
    model = find(provider, name)
    return None if model is None else model.name


@pytest.mark.parametrize("provider", providers, ids=lambda provider: provider.id)
def test_every_name_of_the_data_is_found(provider: Provider) -> None:
    for model in provider.models:
        for name in names_of(model.match):
            assert ours(provider.id, name) == theirs(provider, name), name
            assert ours(provider.id, name.upper()) == theirs(provider, name.upper()), name


MODEL_NAMES = sorted({name for provider in providers for model in provider.models for name in names_of(model.match)})


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(BY_ID)),
    st.sampled_from(MODEL_NAMES),
    st.sampled_from(["", "-20250102", "-2025-01-02", "@20250102", "-v1:0", ":free", "-tts", "-latest", "-20251399"]),
    st.text(string.ascii_lowercase + string.digits + "-./:@", max_size=4),
)
def test_another_name_is_found_as_genai_prices_finds_it(provider: str, name: str, suffix: str, more: str) -> None:
    expected = theirs(BY_ID[provider], name + more + suffix)
    # What they do not find may be a dated name of ours.
    if expected is not None:
        assert ours(provider, name + more + suffix) == expected


@pytest.mark.parametrize(
    ("provider", "model", "found"),
    [
        ("openai", "gpt-4o", ("openai", "gpt-4o")),
        ("openai", "GPT-4o", ("openai", "gpt-4o")),
        ("anthropic", "claude-3-haiku-20240307", ("anthropic", "claude-3-haiku")),
        ("gemini", "gemini-2.5-pro", ("google", "gemini-2.5-pro")),
        ("vertex_ai", "claude-3-5-sonnet@20240620", ("google", "claude-3-5-sonnet")),
        # Azure has no price of its own for it: OpenAI's.
        ("azure", "gpt-4o", ("openai", "gpt-4o")),
        ("xai", "grok-4.5", ("x-ai", "grok-4.5")),
        ("openrouter", "anthropic/claude-sonnet-4", ("openrouter", "anthropic/claude-sonnet-4")),
        ("bedrock", "converse/amazon.nova-lite-v1:0", ("aws", "amazon.nova-lite-v1:0")),
        ("huggingface", "together/meta-llama/Llama-3.3-70B-Instruct", ("huggingface_together", "meta-llama/Llama-3.3-70B-Instruct")),
        # Dates of snapshots that the data does not have.
        ("openai", "o1-2031-01-31", ("openai", "o1")),
        ("openai", "o1-20310131", ("openai", "o1")),
        ("openai", "nothing-like-it", None),
        ("ollama_chat", "gpt-4o", None),
        ("hosted_vllm", "gpt-4o", None),
        ("no-such-provider", "gpt-4o", None),
        ("openai", "", None),
        ("openai", "gpt-4o" + "x" * 1000, None),
    ],
)
def test_a_configurations_provider_leads_to_the_catalogues(provider: str, model: str, found: tuple[str, str] | None) -> None:
    got = find(provider, model)
    assert (None if got is None else (got.provider, got.name)) == found


@pytest.mark.parametrize(
    ("base_model", "found"), [("azure/gpt-4o", "gpt-4o"), ("gpt-4o", "gpt-4o"), ("anthropic/claude-3-haiku", "claude-3-haiku")]
)
def test_a_base_model_may_name_its_provider(base_model: str, found: str) -> None:
    got = find_base(base_model, "azure")
    assert got is not None
    assert got.name == found


def test_a_row_named_like_a_provider_of_the_catalogue_is_that_provider() -> None:
    assert set(FILE["prefixes"].values()) <= set(FILE["providers"])
    for name in set(PROVIDERS) & set(FILE["providers"]):
        assert FILE["prefixes"].get(name, name) == name


def test_the_file_is_made_of_the_installed_data() -> None:
    assert f"genai-prices {version('genai-prices')} " in FILE["source"], "make catalogue"


def test_what_is_not_in_the_data_is_none_and_never_0() -> None:
    for provider in FILE["providers"].values():
        for model in provider["models"]:
            assert model.get("context_window") != 0
            assert "max_output_tokens" not in model
            assert all(value is True for value in model.get("capabilities", {}).values())


def test_retired_models_stay() -> None:
    for name in ("gpt-3.5-turbo-0301", "gpt-4-32k", "o1-preview"):
        assert find("openai", name) is not None, name
    for name in ("claude-2", "claude-3-opus-20240229", "claude-opus-4-1-20250805"):
        assert find("anthropic", name) is not None, name


def test_the_version_is_told_without_the_catalogue() -> None:
    script = "import sys, fastgate.cli; print(sorted(name for name in sys.modules if 'catalogue' in name))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout == "[]\n"
