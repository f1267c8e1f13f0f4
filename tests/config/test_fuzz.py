"""Whatever a file holds: settings with every entry in them, or a ConfigError; never anything else."""

from collections.abc import Sequence
from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgate.config.document import parse_document
from fastgate.config.findings import Findings
from fastgate.config.litellm import SECTIONS
from fastgate.config.load import Loaded, load
from fastgate.errors import ConfigError
from fastgate.providers import PROVIDERS

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["gpt-4", "openai/*", "*", "os.environ/X", "os.environ/", "http://h/v1", "sk-1", "1e999", "azure/x", "${A}", "a/b"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=6
)


def section(path: str) -> st.SearchStrategy[dict[str, object]]:
    """Return maps with the known keys of a section, each mostly with something that it may hold."""
    prefix = f"{path}." if path else ""
    known: dict[str, st.SearchStrategy[object]] = {}
    for key in SECTIONS[path]:
        below = f"{prefix}{key}"
        if below in SECTIONS:
            known[key] = section(below) | VALUES
        elif f"{below}[]" in SECTIONS:
            known[key] = st.lists(section(f"{below}[]"), max_size=3) | VALUES
        else:
            known[key] = VALUES
    chosen: st.SearchStrategy[Sequence[str]] = st.lists(st.sampled_from(sorted(known)), max_size=5)
    return chosen.flatmap(lambda keys: st.fixed_dictionaries({key: known[key] for key in keys}))


# What is right, with a little that may not be.
GOOD = st.fixed_dictionaries(
    {"model": st.sampled_from(["gpt-4", "claude-3", "ollama/x:1b", "openrouter/a/b", "hosted_vllm/x"]), "api_base": st.just("http://h/v1")},
    optional={
        "api_key": st.text(alphabet="abc-1", min_size=1, max_size=3),
        "rpm": st.integers(min_value=0, max_value=2**60) | st.just("5"),
        "weight": st.floats(min_value=0, max_value=1e6),
        "timeout": st.floats(min_value=0.1, max_value=1e6),
        "organization": st.text(max_size=3),
        "extra_headers": st.dictionaries(st.text(alphabet="abX-", min_size=1, max_size=3), st.text(max_size=3), max_size=2),
        "extra_body": VALUES,
    },
)
ENTRY = st.fixed_dictionaries(
    {"model_name": st.sampled_from(["a", "b", "*", None, 4]), "litellm_params": GOOD | section("model_list[].litellm_params")},
    optional={"model_info": section("model_list[].model_info") | VALUES},
)
FILES = (
    section("")
    | st.fixed_dictionaries(
        {
            "model_list": st.lists(ENTRY, max_size=3)
            | st.lists(st.fixed_dictionaries({"model_name": st.text("ab*", min_size=1), "litellm_params": GOOD}))
        }
    )
    | VALUES
)


def outcome(file: Path) -> tuple[Loaded | None, list[str]]:
    try:
        return load(file, providers=PROVIDERS, env={"OPENAI_API_KEY": "sk-env", "X": "gpt-4"}), []
    except ConfigError as error:
        return None, error.findings


@given(content=FILES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_file_gives_all_its_deployments_or_says_why_not(tmp_path: Path, content: object) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(yaml.safe_dump(content, encoding="utf-8", allow_unicode=True))
    loaded, findings = outcome(file)
    assert "sk-env" not in repr(loaded) + "".join(findings)
    assert all(f"{tmp_path}/" in line for line in findings)
    if loaded is None:
        assert findings
        return
    listed = content.get("model_list") if isinstance(content, dict) else None
    assert len(loaded.settings.deployments) == len(listed or ())
    assert len({one.deployment_id for one in loaded.settings.deployments}) == len(listed or ())


@given(text=st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"?#,%@` \n\t<0~.\x00é\ud800"), max_size=60))
def test_any_text_is_a_value_or_a_finding(text: str) -> None:
    findings = Findings()
    node = parse_document(text, "c.yaml", findings)
    assert node is not None or findings.lines("error")
