"""What `fastgate check` says about each key: honoured, not yet in effect, unknown."""

import pytest

from fastgate.config.litellm import FREE, SECTIONS, STRATEGIES
from fastgate.config.report import Report
from tests.config.conftest import Mistakes, Read


def states(report: Report) -> dict[str, str]:
    return {row.path: row.state for row in report.rows}


def test_every_key_of_a_file_has_one_row_with_its_state(read: Read) -> None:
    text = """\
model_list:
  - model_name: a
    litellm_params: {model: gpt-4, api_key: k, rpm: 5, temperature: 0.2, tempratur: 1}
    model_info: {id: x, mode: chat}
  - model_name: b
    litellm_params: {model: gpt-4o, api_key: k, rpm: 6}
litellm_settings: {drop_params: true, request_timeout: 60, json_logs: true, callbacks: [prometheus]}
router_settings: {routing_strategy: simple-shuffle, num_retries: 2}
general_settings: {master_key: sk-1, database_url: "postgres://u:pw@h/db"}
environment_variables: {A: b}
fastgate_settings: {limits: {body_bytes: 1000}, litellm_headers: false}
"""
    loaded = read(text)
    assert states(loaded.report) == {
        "model_list": "honoured",
        "model_list[].model_name": "honoured",
        "model_list[].litellm_params.model": "honoured",
        "model_list[].litellm_params.api_key": "honoured",
        "model_list[].litellm_params.rpm": "honoured",
        "model_list[].litellm_params.temperature": "honoured",
        "model_list[].litellm_params.tempratur": "unknown",
        "model_list[].model_info.id": "honoured",
        "model_list[].model_info.mode": "honoured",
        "litellm_settings.drop_params": "honoured",
        "litellm_settings.request_timeout": "honoured",
        "litellm_settings.json_logs": "honoured",
        "litellm_settings.callbacks": "not yet in effect",
        "router_settings.routing_strategy": "honoured",
        "router_settings.num_retries": "honoured",
        "general_settings.master_key": "honoured",
        "general_settings.database_url": "not yet in effect",
        "environment_variables.A": "honoured",
        "fastgate_settings.limits.body_bytes": "honoured",
        "fastgate_settings.litellm_headers": "honoured",
    }
    rows = {row.path: row for row in loaded.report.rows}
    assert rows["model_list[].litellm_params.rpm"].count == 2
    assert rows["model_list[].litellm_params.rpm"].remark.startswith("as the provider's limit, which is never exceeded")
    assert rows["model_list[].litellm_params.tempratur"].nearest == "model_list[].litellm_params.temperature"
    assert "pw" not in repr(loaded)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("modle_list: []", 'c.yaml:1:1: $.modle_list: unknown key, has no effect; did you mean "model_list"?'),
        ("litellm_settings:\n  database_url: x", 'did you mean "general_settings.database_url"?'),
        ("router_settings:\n  fallback: []", 'did you mean "router_settings.fallbacks"?'),
        ("general_settings:\n  masterkey: x", 'did you mean "general_settings.master_key"?'),
        ("zzzz: 1", "c.yaml:1:1: $.zzzz: unknown key, has no effect"),
    ],
)
def test_an_unknown_key_is_one_note_with_the_nearest_known_one(read: Read, text: str, note: str) -> None:
    (line,) = read(text).report.notes
    assert line.endswith(note)


def test_an_unknown_key_in_a_thousand_entries_is_one_note(read: Read) -> None:
    entry = "  - model_name: m{}\n    litellm_params: {{model: gpt-4, api_key: k, cost: 1}}\n"
    notes = read("model_list:\n" + "".join(entry.format(number) for number in range(1_000))).report.notes
    assert [note for note in notes if "unknown key" in note and "(1000 times)" in note] == list(notes)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_is_in_effect(read: Read, strategy: str) -> None:
    loaded = read(f"router_settings: {{routing_strategy: {strategy}}}")
    assert not loaded.report.notes
    assert loaded.settings.routing.strategy == strategy


def test_routing_by_budgets_is_accepted_and_said_to_have_no_effect(read: Read) -> None:
    (note,) = read("router_settings: {routing_strategy: provider-budget-routing}").report.notes
    assert note.endswith("routing_strategy: accepted, but not yet in effect: expected-latency is used")


@pytest.mark.parametrize(
    "text",
    ["nope: 1", "limits: {body_byte: 1}", "upstream: {connect_timeout: 1}", "upstream: {tls: {verfy: true}}"],
)
def test_an_unknown_key_of_our_own_is_a_mistake(mistakes: Mistakes, text: str) -> None:
    (line,) = mistakes(f"fastgate_settings: {{{text}}}")
    assert "found an unknown key, expected one of " in line


@pytest.mark.parametrize(
    "text",
    [
        "limits: {body_bytes: 0}",
        "limits: {head_timeout_s: 0}",
        "upstream: {connections: -1}",
        "upstream: {https_proxy: []}",
        "cors_origins: 5",
        "cors_origins: [[]]",
    ],
)
def test_a_setting_of_our_own_out_of_range_is_a_mistake(mistakes: Mistakes, text: str) -> None:
    assert len(mistakes(f"fastgate_settings: {{{text}}}")) == 1


def test_settings_of_our_own_arrive(read: Read) -> None:
    text = """\
general_settings: {max_request_size_mb: 2}
fastgate_settings:
  allow_unauthenticated: true
  litellm_headers: false
  cors_origins: ["https://a.example", "*"]
  drain_timeout_s: 0
  limits: {head_fields: 50, client_connections: 10}
  upstream: {connect_timeout_s: 1, warm_connections: 0, no_proxy: [localhost], tls: {verify: false}}
"""
    settings = read(text, {"NO_PROXY": "elsewhere"}).settings
    assert settings.allow_unauthenticated
    assert not settings.litellm_headers
    assert settings.cors_origins == ("https://a.example", "*")
    assert settings.drain_timeout_s == 0.0
    assert (settings.limits.head_fields, settings.limits.client_connections) == (50, 10)
    assert (settings.limits.body_bytes, settings.limits.chunk_bytes) == (2 * 1024 * 1024, 2 * 1024 * 1024)
    assert (settings.upstream.connect_timeout_s, settings.upstream.no_proxy, settings.upstream.tls.verify) == (1.0, ("localhost",), False)


def test_every_section_of_the_table_is_a_key_of_the_one_above() -> None:
    for path in (*SECTIONS, *FREE):
        above, _, name = path.rpartition(".")
        if path:
            assert name.removesuffix("[]") in SECTIONS[above], path
