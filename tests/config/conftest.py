"""What the configuration's tests share: a file from text, and its settings or its mistakes."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from fastgate.config.load import Loaded, load
from fastgate.errors import ConfigError
from fastgate.providers import PROVIDERS

Read = Callable[..., Loaded]
Mistakes = Callable[..., list[str]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Load a text as `c.yaml`, with an environment that holds only what the test gives."""

    def read_text(text: str, env: Mapping[str, str] | None = None) -> Loaded:
        file = tmp_path / "c.yaml"
        file.write_text(text, encoding="utf-8")
        return load(file, providers=PROVIDERS, env=env or {})

    return read_text


@pytest.fixture
def mistakes(read: Read, tmp_path: Path) -> Mistakes:
    """Return the findings of a text that must not load, without the directory's name."""

    def find(text: str, env: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(text, env)
        return [line.replace(f"{tmp_path}/", "") for line in caught.value.findings]

    return find


def model(params: str, name: str = "m", more: str = "") -> str:
    """Return a file with one entry; *params* is the inside of a flow map."""
    return f"model_list:\n  - model_name: {name}\n    litellm_params: {{{params}}}\n{more}"
