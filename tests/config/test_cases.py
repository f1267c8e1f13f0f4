"""The files that users have, unchanged, and what each must mean."""

from pathlib import Path

import pytest

from fastgate.config.load import Loaded, load
from fastgate.providers import PROVIDERS

CASES = Path(__file__).parent / "cases"

OPENAI = "https://api.openai.com/v1"
ANTHROPIC = "https://api.anthropic.com"
OLLAMA = "http://localhost:11434"
AZURE = "https://your-resource.openai.azure.com"
OPENROUTER = "https://openrouter.ai/api/v1"

_OPENAI_THREE = [
    ("gpt-3.5-turbo", "openai", "gpt-3.5-turbo", OPENAI),
    ("gpt-4", "openai", "gpt-4", OPENAI),
    ("gpt-4-turbo", "openai", "gpt-4-turbo-preview", OPENAI),
]
_ANTHROPIC = [
    ("claude-3-haiku", "anthropic", "claude-3-haiku-20240307", ANTHROPIC),
    ("claude-3-sonnet", "anthropic", "claude-3-sonnet-20240229", ANTHROPIC),
    ("claude-3-opus", "anthropic", "claude-3-opus-20240229", ANTHROPIC),
]
_OLLAMA = [
    ("llama2", "ollama", "llama2", OLLAMA),
    ("mistral", "ollama", "mistral", OLLAMA),
    ("qwen", "ollama", "qwen:0.5b", OLLAMA),
]
_OPENROUTER = [
    ("openrouter-gpt-4", "openrouter", "openai/gpt-4", OPENROUTER),
    ("openrouter-claude", "openrouter", "anthropic/claude-3-opus", OPENROUTER),
]
_TWO_GPT_4 = [("gpt-4", "openai", "gpt-4", OPENAI)] * 2
_RATE = ["router_settings.rate_limit.rpm", "router_settings.rate_limit.tpm"]
_CACHE = [f"general_settings.cache.{key}" for key in ("type", "host", "port", "ttl")]

# File -> its deployments, and its keys that are accepted without effect.
MEANINGS: dict[str, tuple[list[tuple[str, str, str, str]], list[str]]] = {
    "01_basic.yaml": (_OPENAI_THREE[:2], ["general_settings.database_url"]),
    "02_openai.yaml": (_OPENAI_THREE, []),
    "03_anthropic.yaml": (_ANTHROPIC, []),
    "04_ollama.yaml": (_OLLAMA, []),
    "06_azure.yaml": (
        [("gpt-35-turbo", "azure", "gpt-35-turbo", AZURE), ("gpt-4", "azure", "gpt-4", AZURE)],
        [],
    ),
    "07_openrouter.yaml": (_OPENROUTER, []),
    "08_fallback_retry.yaml": ([], []),
    "09_rate_limit.yaml": ([], _RATE),
    "10_load_balancing.yaml": (_TWO_GPT_4, []),
    "12_prometheus_port.yaml": ([], ["general_settings.prometheus_port"]),
    "13_rate_limit_rpm_only.yaml": ([], _RATE[:1]),
    "14_toplevel_fallbacks.yaml": ([], []),
    "15_cache.yaml": ([], _CACHE),
    "99_all_merged.yaml": (
        [
            _OPENAI_THREE[0],
            *_TWO_GPT_4,
            _OPENAI_THREE[2],
            *_ANTHROPIC,
            *_OLLAMA,
            ("gpt-35-turbo", "azure", "gpt-35-turbo", AZURE),
            *_OPENROUTER,
        ],
        [
            *_RATE,
            "general_settings.database_url",
            "general_settings.prometheus_port",
            *_CACHE,
        ],
    ),
}


def load_case(name: str) -> Loaded:
    return load(CASES / name, providers=PROVIDERS, env={})


def test_every_case_has_a_meaning() -> None:
    assert sorted(MEANINGS) == sorted(path.name for path in CASES.iterdir())


@pytest.mark.parametrize("name", MEANINGS)
def test_a_case_has_the_deployments_that_its_author_meant(name: str) -> None:
    found = [(one.model_name, one.provider, one.model, one.api_base) for one in load_case(name).settings.deployments]
    assert found == MEANINGS[name][0]


@pytest.mark.parametrize("name", MEANINGS)
def test_a_case_says_which_keys_have_no_effect_yet_and_no_key_is_unknown(name: str) -> None:
    report = load_case(name).report
    assert list(report.paths("not yet in effect")) == MEANINGS[name][1]
    assert report.paths("unknown") == ()
    for path in MEANINGS[name][1]:
        assert any(f": $.{path}: accepted, but not yet in effect" in note for note in report.notes)


@pytest.mark.parametrize("name", MEANINGS)
def test_no_secret_of_a_case_is_shown_anywhere(name: str) -> None:
    loaded = load_case(name)
    text = f"{loaded!r}"
    for secret in ("sk-", "your-azure-key", "sqlite"):
        assert secret not in text


def test_keys_and_versions_of_the_cases_arrive() -> None:
    by_name = {one.model_name: one for one in load_case("99_all_merged.yaml").settings.deployments}
    azure_key = by_name["gpt-35-turbo"].api_key
    assert azure_key is not None
    assert azure_key.reveal() == "your-azure-key"
    assert by_name["gpt-35-turbo"].api_version == "2023-05-15"
    assert by_name["llama2"].api_key is None


def test_a_case_with_a_master_key_asks_for_it() -> None:
    master_key = load_case("01_basic.yaml").settings.master_key
    assert master_key is not None
    assert master_key.reveal() == "sk-1234"


def test_two_keys_of_one_model_are_two_deployments_with_two_ids() -> None:
    first, second = load_case("10_load_balancing.yaml").settings.deployments
    assert first.model_name == second.model_name
    assert first.deployment_id != second.deployment_id
    assert first.api_key != second.api_key


def test_a_file_of_litellm_gets_its_defaults() -> None:
    settings = load_case("02_openai.yaml").settings
    assert settings.litellm_headers
    assert settings.master_key is None
    assert not settings.allow_unauthenticated
    assert settings.only_model == ""
    assert {(one.timeout_s, one.stream_timeout_s) for one in settings.deployments} == {(600.0, 600.0)}
