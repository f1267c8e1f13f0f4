"""docs/configuration.md says what the code does: keys, defaults, LiteLLM's keys in effect, variables, error codes."""

import re

import pytest
from msgspec import Struct
from msgspec.structs import fields
from orjson import dumps

from fastgate import errors
from fastgate.config import litellm
from fastgate.config.schema import Hedging, Limits, Queue, Reliability, Routing, Settings, Tls, UpstreamSettings
from tests.source import PACKAGE, ROOT

PAGE = (ROOT / "docs" / "configuration.md").read_text()
# Defaults that stand in the reader of the file, not in the schema.
ELSEWHERE = {"litellm_headers": "true"}


def rows_below(heading: str) -> dict[str, str]:
    """Return first and second column of the table below a heading."""
    section = re.split(rf"^#+ {re.escape(heading)}\n", PAGE, flags=re.MULTILINE)[1].partition("\n#")[0]
    return dict(re.findall(r"^\| ([^|]+?) \| *([^|]*?) *\|", section, re.MULTILINE)[1:])


@pytest.mark.parametrize(
    ("section", "struct"),
    [
        ("fastgate_settings", Settings),
        ("fastgate_settings.hedging", Hedging),
        ("fastgate_settings.limits", Limits),
        ("fastgate_settings.queue", Queue),
        ("fastgate_settings.upstream", UpstreamSettings),
        ("fastgate_settings.upstream.tls", Tls),
    ],
)
def test_every_key_of_ours_is_listed_with_its_default(section: str, struct: type[Struct]) -> None:
    defaults = {field.name: field.default for struct in (Routing, Reliability, struct) for field in fields(struct)}
    expected = {}
    for key in litellm.SECTIONS[section]:
        is_section = f"{section}.{key}" in litellm.SECTIONS
        expected[f"`{key}`"] = "" if is_section else f"`{ELSEWHERE.get(key) or dumps(defaults[key]).decode()}`"
    assert rows_below(section) == expected


def test_every_key_of_litellm_that_is_in_effect_is_listed() -> None:
    listed = rows_below("LiteLLM's keys in effect")
    names = {"": "top", "model_list[]": "`model_list[]`"}
    for path, keys in litellm.SECTIONS.items():
        in_effect = {key for key, known in keys.items() if known.state == litellm.IN_EFFECT}
        if not in_effect or path.startswith("fastgate_settings") or path == "model_list[].model_info":
            continue
        row = listed[names.get(path, f"`{path.rpartition('.')[2]}`")]
        assert in_effect <= set(re.findall(r"`([^`]+)`", row)), path


def test_every_variable_that_the_code_names_is_listed() -> None:
    text = "".join(path.read_text() for path in (PACKAGE / "cli.py", *(PACKAGE / "config").glob("*.py")))
    named = set(re.findall(r'"((?:FASTGATE|LITELLM|SSL|AWS|VERTEXAI|VERTEX|GOOGLE|REQUESTS|HTTPS?|NO)_[A-Z_]+|PORT|NUM_WORKERS)"', text))
    assert "FASTGATE_CONFIG" in named
    assert named <= set(re.findall(r"`([A-Z_]+)`", PAGE))


def test_every_error_code_stands_with_its_status() -> None:
    for status, codes in rows_below("Errors of our own").items():
        for code in re.findall(r"`(\w+)`", codes):
            assert errors.BY_CODE[code].status == int(status)
