"""What cannot be used, and how it is said: every mistake at once, with its place and what was expected."""

from pathlib import Path

import pytest

from fastgate.config.load import load
from fastgate.errors import ConfigError
from fastgate.providers import PROVIDERS
from tests.config.conftest import Mistakes, Read, model


def test_several_mistakes_are_reported_together_in_the_files_order(mistakes: Mistakes) -> None:
    text = """\
model_list:
  - model_name: a
    litellm_params:
      model: opnai/gpt-4
      api_key: sk-1
  - model_name: b
    litellm_params:
      api_key: sk-2
      timeout: soon
  - litellm_params:
      model: gpt-4
      api_key: sk-3
router_settings:
  routing_strategy: fastest
fastgate_settings:
  cors_origin: ["*"]
"""
    lines = mistakes(text)
    assert [line.split(": ")[0] for line in lines] == [
        "c.yaml:4:14",
        "c.yaml:8:7",
        "c.yaml:9:16",
        "c.yaml:10:5",
        "c.yaml:14:21",
        "c.yaml:16:3",
    ]
    assert lines[0] == (
        'c.yaml:4:14: $.model_list[0].litellm_params.model: found "opnai/gpt-4", expected provider/model with a known provider, '
        'or custom_llm_provider beside it; did you mean "openai/gpt-4"?'
    )
    assert lines[1] == "c.yaml:8:7: $.model_list[1].litellm_params.model: found nothing, expected provider/model"
    assert lines[2] == 'c.yaml:9:16: $.model_list[1].litellm_params.timeout: found "soon", expected a number of seconds above 0'
    assert lines[3] == "c.yaml:10:5: $.model_list[2].model_name: found nothing, expected the name that callers ask for"
    assert 'found "fastest", expected one of expected-latency, simple-shuffle' in lines[4]
    assert lines[5].endswith('did you mean "fastgate_settings.cors_origins"?')


@pytest.mark.parametrize(
    ("params", "path", "found", "expected"),
    [
        ("model: gpt-4, api_key: k, timeout: 0", "timeout", "0", "a number of seconds above 0"),
        ("model: gpt-4, api_key: k, timeout: -1", "timeout", "-1", "a number of seconds above 0"),
        ("model: gpt-4, api_key: k, timeout: .nan", "timeout", "nan", "a number of seconds above 0"),
        ("model: gpt-4, api_key: k, timeout: true", "timeout", "true", "a number of seconds above 0"),
        ("model: gpt-4, api_key: k, rpm: many", "rpm", '"many"', "a whole number of at least 0"),
        ("model: gpt-4, api_key: k, rpm: 1.5", "rpm", "1.5", "a whole number of at least 0"),
        ("model: gpt-4, api_key: k, tpm: -1", "tpm", "-1", "a whole number of at least 0"),
        ("model: gpt-4, api_key: k, weight: []", "weight", "a list", "a number of at least 0"),
        ("model: gpt-4, api_key: k, max_retries: x", "max_retries", '"x"', "a whole number of at least 0"),
        ("model: [gpt-4], api_key: k", "model", "a list", "text"),
        ("model: gpt-4, api_key: {a: b}", "api_key", "a map", "text"),
        ("model: gpt-4, api_key: k, extra_headers: [a]", "extra_headers", "a list", "a map"),
    ],
)
def test_a_value_of_the_wrong_type_or_range_is_a_mistake(mistakes: Mistakes, params: str, path: str, found: str, expected: str) -> None:
    line = next(line for line in mistakes(model(params)) if f".{path}: " in line)
    assert line.startswith("c.yaml:3:")
    assert line.endswith(f"$.model_list[0].litellm_params.{path}: found {found}, expected {expected}")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("localhost:11434", '"localhost:11434"'),
        ("ftp://host/v1", '"ftp://host/v1"'),
        ("http://", '"http://"'),
        ("http://host:99999/v1", '"http://host:99999/v1"'),
        ("https://host/v1?api-version=1", '"https://host/v1?api-version=1"'),
        ("https://ho st/v1", '"https://ho st/v1"'),
        ("https://host/../v1", '"https://host/../v1"'),
        ("https://user:pw@host/v1", '"***"'),
        ('"https://host/v1\\r\\nX: y"', '"https://host/v1??X: y"'),
    ],
)
def test_an_api_base_that_is_no_place_is_a_mistake(mistakes: Mistakes, url: str, shown: str) -> None:
    text = f"model_list:\n  - model_name: m\n    litellm_params:\n      model: gpt-4\n      api_key: k\n      api_base: {url}\n"
    (line,) = mistakes(text)
    assert line.startswith(f"c.yaml:6:17: $.model_list[0].litellm_params.api_base: found {shown}, expected http:// or https://")


def test_a_header_cannot_smuggle_a_second_one(mistakes: Mistakes) -> None:
    (line,) = mistakes(model('model: gpt-4, api_key: k, extra_headers: {X-A: "1\\r\\nHost: evil"}'))
    assert "extra_headers.X-A: found characters that a header cannot hold" in line
    assert "evil" not in line


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "X A", '"X:"'])
def test_a_header_that_frames_the_message_or_has_no_name_is_a_mistake(mistakes: Mistakes, name: str) -> None:
    assert "extra_headers" in mistakes(model(f"model: gpt-4, api_key: k, extra_headers: {{{name}: a}}"))[0]


@pytest.mark.parametrize("key", ['"sk 1"', '"sk-\\n1"', "ключ"])
def test_a_key_that_no_header_can_hold_is_a_mistake_and_not_shown(mistakes: Mistakes, key: str) -> None:
    (line,) = mistakes(model(f"model: gpt-4, api_key: {key}"))
    assert "litellm_params.api_key: found a key with spaces or other than ASCII characters" in line
    assert "sk" not in line
    assert "ключ" not in line


@pytest.mark.parametrize("text", ["model_list: {a: b}", "model_list: [1]", "[]", "just text", "model_list:\n  - null\n"])
def test_another_shape_than_a_list_of_models_is_a_mistake(mistakes: Mistakes, text: str) -> None:
    assert mistakes(text)


def test_a_missing_file_is_one_line_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "confg.yaml", providers=PROVIDERS, env={})
    (line,) = caught.value.findings
    assert line == (
        f'{tmp_path}/confg.yaml: $: found No such file or directory, expected a readable YAML file; did you mean "{tmp_path}/config.yaml"?'
    )


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path, providers=PROVIDERS, env={})


def test_a_number_or_date_without_quotes_is_the_text_that_was_written(read: Read) -> None:
    text = model("model: azure/gpt-4, api_key: 0123, api_base: https://r.openai.azure.com, api_version: 2023-05-15", name="4")
    (one,) = read(text).settings.deployments
    assert (one.model_name, one.api_version) == ("4", "2023-05-15")
    assert one.api_key is not None
    assert one.api_key.reveal() == "0123"


@pytest.mark.parametrize("secret", ["sk-very-secret-1", "hunter2"])
def test_no_secret_is_shown_in_a_mistake(mistakes: Mistakes, secret: str) -> None:
    text = f"""\
model_list:
  - model_name: m
    litellm_params: {{model: nobody/x, api_key: "{secret} x", headers: [{secret}], extra_headers: {{Authorization: "{secret}\\n"}}}}
general_settings:
  master_key: "{secret} {secret}"
  database_url: [{secret}]
  alerting_threshold: 5
litellm_settings: {{num_retries: 3, cache_params: {secret}}}
environment_variables: {{A: [{secret}]}}
router_settings: {{redis_password: {secret}, rate_limit: {{rpm: 1}}}}
"""
    lines = mistakes(text.replace(f"cache_params: {secret}", "cache_params: 5"))
    assert len(lines) >= 6
    assert secret not in "\n".join(lines)
