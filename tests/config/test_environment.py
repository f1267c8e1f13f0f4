"""What comes from the environment: references, the providers' usual variables, proxies, certificates."""

from pathlib import Path

import pytest

from fastgate.config.load import from_model
from fastgate.errors import ConfigError
from fastgate.providers import PROVIDERS
from tests.config.conftest import Mistakes, Read, model


@pytest.mark.parametrize(
    ("written", "env", "base"),
    [
        ("gpt-4", {"OPENAI_API_KEY": "sk-1"}, "https://api.openai.com/v1"),
        ("gpt-4", {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://h/v1"}, "http://h/v1"),
        ("claude-3", {"ANTHROPIC_API_KEY": "sk-1"}, "https://api.anthropic.com"),
        ("azure/x", {"AZURE_API_KEY": "sk-1", "AZURE_API_BASE": "https://r.openai.azure.com"}, "https://r.openai.azure.com"),
        ("openrouter/x", {"OPENROUTER_API_KEY": "sk-1"}, "https://openrouter.ai/api/v1"),
        ("ollama/x", {"OLLAMA_API_BASE": "http://gpu:11434", "OLLAMA_API_KEY": "sk-1"}, "http://gpu:11434"),
    ],
)
def test_an_entry_without_key_or_base_takes_the_providers_usual_variables(read: Read, written: str, env: dict[str, str], base: str) -> None:
    (one,) = read(model(f"model: {written}"), env).settings.deployments
    assert one.api_base == base
    assert one.api_key is not None
    assert one.api_key.reveal() == "sk-1"


def test_what_the_entry_says_comes_before_the_environment(read: Read) -> None:
    env = {"OPENAI_API_KEY": "sk-env", "OPENAI_API_BASE": "http://env/v1"}
    (one,) = read(model("model: gpt-4, api_key: sk-file, api_base: http://file/v1"), env).settings.deployments
    assert one.api_base == "http://file/v1"
    assert one.api_key is not None
    assert one.api_key.reveal() == "sk-file"


def test_any_value_may_be_a_reference(read: Read) -> None:
    text = model(
        "model: os.environ/M, api_key: os.environ/K, rpm: os.environ/R, timeout: os.environ/T, extra_headers: {X-A: os.environ/H}",
        more="general_settings: {master_key: os.environ/MK}\nlitellm_settings: {json_logs: os.environ/J}\n",
    )
    env = {"M": "gpt-4", "K": "sk-1\n", "R": "7", "T": "2.5", "H": "h", "MK": "sk-m", "J": "True"}
    loaded = read(text, env)
    (one,) = loaded.settings.deployments
    assert (one.model, one.rpm, one.timeout_s, one.extra_headers[0][1].reveal()) == ("gpt-4", 7, 2.5, "h")
    assert one.api_key is not None
    assert one.api_key.reveal() == "sk-1"
    assert loaded.settings.master_key is not None
    assert loaded.json_logs


def test_a_reference_to_nothing_is_a_mistake_that_names_the_variable(mistakes: Mistakes) -> None:
    lines = mistakes(model("model: gpt-4, api_key: os.environ/MY_KEY, api_base: os.environ/MY_BASE, extra_headers: {X-A: os.environ/MY_H}"))
    assert any(
        "api_key: found os.environ/MY_KEY, which is not set, expected a key of openai, here or in OPENAI_API_KEY" in line for line in lines
    )
    assert any("api_base: found os.environ/MY_BASE, which is not set" in line for line in lines)
    assert any("extra_headers.X-A: found os.environ/MY_H, which is not set" in line for line in lines)


def test_a_blank_variable_counts_as_not_set(mistakes: Mistakes) -> None:
    (line,) = mistakes(model("model: gpt-4, api_key: k, api_base: os.environ/MY_BASE"), {"MY_BASE": " "})
    assert "api_base: found os.environ/MY_BASE, which is not set" in line


def test_a_key_that_is_not_set_is_no_mistake_if_something_else_supplies_it(read: Read) -> None:
    (one,) = read(model("model: gpt-4, api_key: os.environ/MY_KEY"), {"OPENAI_API_KEY": "sk-1"}).settings.deployments
    assert one.api_key is not None
    assert one.api_key.reveal() == "sk-1"
    loaded = read(model("model: ollama/x, api_key: os.environ/MY_KEY"))
    assert any("os.environ/MY_KEY, which is not set: the server is asked without a key" in note for note in loaded.report.notes)


def test_a_value_without_effect_may_refer_to_nothing(read: Read) -> None:
    loaded = read("general_settings: {database_url: os.environ/DATABASE_URL}")
    assert any("os.environ/DATABASE_URL is not set" in note for note in loaded.report.notes)


def test_a_wrong_value_from_the_environment_is_not_shown(mistakes: Mistakes) -> None:
    (line,) = mistakes(model("model: gpt-4, api_key: k, rpm: os.environ/RPM"), {"RPM": "hunter2"})
    assert 'rpm: found "os.environ/RPM", expected a whole number' in line
    assert "hunter2" not in line


def test_the_files_own_variables_are_there_for_its_references(read: Read) -> None:
    text = model(
        "model: gpt-4",
        more="environment_variables: {BASE_KEY: sk-0, OPENAI_API_KEY: os.environ/BASE_KEY, OPENAI_API_BASE: http://h/v1, N: 5}\n",
    )
    loaded = read(text, {"OPENAI_API_KEY": "sk-process"})
    (one,) = loaded.settings.deployments
    assert one.api_base == "http://h/v1"
    assert one.api_key is not None
    assert one.api_key.reveal() == "sk-0"
    assert "sk-0" not in repr(loaded)


def test_a_shells_variable_is_taken_as_written_and_said(read: Read) -> None:
    loaded = read(model('model: gpt-4, api_key: "${OPENAI_API_KEY}"'))
    assert any('did you mean "os.environ/OPENAI_API_KEY"?' in note for note in loaded.report.notes)


@pytest.mark.parametrize("name", ["LITELLM_MASTER_KEY", "FASTGATE_MASTER_KEY"])
def test_the_master_key_may_come_from_the_environment(read: Read, name: str) -> None:
    key = read("", {name: "sk-m"}).settings.master_key
    assert key is not None
    assert key.reveal() == "sk-m"


@pytest.mark.parametrize("value", ["os.environ/NOT_SET", '""', "os.environ/EMPTY"])
def test_a_master_key_that_turns_out_to_be_none_does_not_open_the_gateway(mistakes: Mistakes, value: str) -> None:
    (line,) = mistakes(f"general_settings:\n  master_key: {value}\n", {"EMPTY": ""})
    assert line.startswith("c.yaml:2:15: $.general_settings.master_key: found ")


def test_proxies_are_read_in_both_cases_and_the_lower_one_wins(read: Read) -> None:
    upstream = read(
        "", {"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2/", "HTTP_PROXY": "c:3", "NO_PROXY": "localhost, .Corp"}
    ).settings.upstream
    assert (upstream.https_proxy, upstream.http_proxy, upstream.no_proxy) == ("http://b:2", "http://c:3", ("localhost", ".corp"))


def test_a_proxy_that_cannot_be_used_is_a_mistake_and_its_password_not_shown(mistakes: Mistakes) -> None:
    (line,) = mistakes("", {"HTTPS_PROXY": "socks5://u:hunter2@h:1"})
    assert line == "environment: HTTPS_PROXY: found a value that is no such URL, expected http://host:port"


def test_certificates_come_from_the_file_or_the_environment(read: Read, mistakes: Mistakes, tmp_path: Path) -> None:
    for name in ("ca.pem", "client.pem"):
        (tmp_path / name).write_text("x")
    ca, client = tmp_path / "ca.pem", tmp_path / "client.pem"
    tls = read("", {"SSL_CERT_FILE": str(ca)}).settings.upstream.tls
    assert (tls.verify, tls.ca_file, tls.client_cert_file) == (True, str(ca), "")
    assert not read("litellm_settings: {ssl_verify: false}").settings.upstream.tls.verify
    tls = read(f"litellm_settings: {{ssl_verify: {ca}, ssl_certificate: {client}}}").settings.upstream.tls
    assert (tls.verify, tls.ca_file, tls.client_cert_file) == (True, str(ca), str(client))
    (line,) = mistakes("litellm_settings: {ssl_verify: /nowhere/ca.pem}")
    assert line == 'c.yaml:1:32: $.litellm_settings.ssl_verify: found "/nowhere/ca.pem", expected a file that exists'


def test_a_model_on_the_command_line_serves_every_request() -> None:
    settings = from_model("gpt-3.5-turbo", providers=PROVIDERS, env={"OPENAI_API_KEY": "sk-1"})
    assert settings.only_model == "gpt-3.5-turbo"
    assert settings.litellm_headers
    assert [(one.model_name, one.provider) for one in settings.deployments] == [("gpt-3.5-turbo", "openai")]


def test_a_model_on_the_command_line_may_have_an_alias_and_a_place() -> None:
    settings = from_model("ollama/llama2", alias="l", api_base="http://h:1", timeout_s=9, providers=PROVIDERS, env={})
    assert settings.only_model == "l"
    assert [(one.model_name, one.model, one.api_base, one.timeout_s) for one in settings.deployments] == [
        ("l", "llama2", "http://h:1", 9.0)
    ]


def test_a_model_on_the_command_line_that_cannot_be_served_is_said_without_a_file() -> None:
    with pytest.raises(ConfigError) as caught:
        from_model("gpt-3.5-turbo", providers=PROVIDERS, env={})
    assert caught.value.findings == [
        "--model: $.model_list[0].litellm_params.api_key: found nothing, expected a key of openai, here or in OPENAI_API_KEY"
    ]
