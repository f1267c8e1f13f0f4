"""`include:` of other files."""

from pathlib import Path

import pytest

from fastgate.config.load import load
from fastgate.errors import ConfigError
from fastgate.providers import PROVIDERS
from tests.config.conftest import model


def write(directory: Path, **texts: str) -> Path:
    for name, text in texts.items():
        file = directory / f"{name.replace('__', '/')}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return directory / "main.yaml"


def names(path: Path) -> list[str]:
    return [one.model_name for one in load(path, providers=PROVIDERS, env={}).settings.deployments]


def findings(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, providers=PROVIDERS, env={})
    return [line.replace(f"{path.parent}/", "") for line in caught.value.findings]


def test_lists_are_appended_and_sections_merged(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main=model("model: gpt-4, api_key: k", "a", "include: [sub/models.yaml]\nlitellm_settings: {json_logs: true}\n"),
        sub__models=model("model: gpt-4, api_key: k", "b", "include: more.yaml\nlitellm_settings: {request_timeout: 5}\n"),
        sub__more=model("model: gpt-4, api_key: k", "c"),
    )
    loaded = load(path, providers=PROVIDERS, env={})
    assert [one.model_name for one in loaded.settings.deployments] == ["a", "b", "c"]
    assert loaded.json_logs
    assert loaded.settings.deployments[0].timeout_s == 5.0


def test_a_mistake_is_said_at_its_place_in_the_included_file(tmp_path: Path) -> None:
    path = write(tmp_path, main="include: [models.yaml]", models=model("model: opnai/x, api_key: k"))
    assert findings(path)[0].startswith("models.yaml:3:29: $.model_list[0].litellm_params.model: ")


def test_a_missing_include_is_said_where_it_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, main="include:\n  - model.yaml\n", models="")
    (line,) = findings(path)
    assert line.startswith('main.yaml:2:5: $.include[0]: found "')
    assert 'No such file or directory, expected a readable YAML file; did you mean "models.yaml"?' in line


def test_a_file_that_includes_itself_is_a_mistake(tmp_path: Path) -> None:
    path = write(tmp_path, main="include: [other.yaml]", other="include: [main.yaml]")
    assert findings(path)[0].startswith("other.yaml:1:11: $.include[0]: ")


def test_the_included_file_has_the_last_word_and_it_is_said(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main=model("model: gpt-4, api_key: k", "a", "include: [x.yaml]\nlitellm_settings: {request_timeout: 5}\n"),
        x="litellm_settings: {request_timeout: 7}",
    )
    loaded = load(path, providers=PROVIDERS, env={})
    assert loaded.settings.deployments[0].timeout_s == 7.0
    assert any("x.yaml:1:37: $.litellm_settings.request_timeout: replaces" in note for note in loaded.report.notes)


@pytest.mark.parametrize("value", ["5", "[[a]]", "{a: b}", "['']"])
def test_an_include_that_is_no_name_is_a_mistake(tmp_path: Path, value: str) -> None:
    assert findings(write(tmp_path, main=f"include: {value}"))[0].startswith("main.yaml:1:1")


def test_a_file_without_end_is_bounded(tmp_path: Path) -> None:
    (line,) = findings(write(tmp_path, main="include: /dev/zero"))
    assert line == "/dev/zero:1:1: $: found more than 16,777,216 bytes, expected fewer"


def test_many_files_that_include_many_are_bounded(tmp_path: Path) -> None:
    texts = {f"f{level}": f"include: [{', '.join([f'f{level + 1}.yaml'] * 10)}]" for level in range(6)}
    path = write(tmp_path, main="include: [f0.yaml]", **texts, f6="")
    assert any("expected at most 256 files" in line for line in findings(path))
