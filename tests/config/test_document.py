"""YAML: where things stand, and documents that must not be believed."""

import pytest
import yaml

from fastgate.config.document import Node, decode, parse_document
from fastgate.config.findings import Findings
from fastgate.config.identity import plain
from tests.config.conftest import Mistakes, Read, model

LOADERS = [pytest.param(yaml.SafeLoader, id="pure"), pytest.param(getattr(yaml, "CSafeLoader", yaml.SafeLoader), id="libyaml")]


def errors_of(text: str, loader: type) -> list[str]:
    findings = Findings()
    parse_document(text, "c.yaml", findings, loader=loader)
    return findings.lines("error")


def node_of(text: str, loader: type) -> Node:
    findings = Findings()
    node = parse_document(text, "c.yaml", findings, loader=loader)
    assert node is not None
    assert not findings.all
    return node


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a:\n\tb: 1", "c.yaml:2:1: $.a: found a tab, expected spaces"),
        ("a: b: c", "c.yaml:1:5: $: found bad YAML"),
        ("a: 'x", "c.yaml:1:6: $.a: found bad YAML"),
        ("a: {b: 1\n]", "c.yaml:2:1: $.a: found bad YAML"),
        ("a: 1\nb:\n  c: 2\n  c: 3", "c.yaml:4:3: $.b.c: found the key a second time, expected it once; the first is in line 3"),
        ("a: *b", "c.yaml:1:4: $.a: found an alias without an anchor"),
        ("a: &a [*a]", "c.yaml:1:8: $.a[0]: found an alias inside its own anchor"),
        ("a: 1\n---\nb: 2", "c.yaml:2:1: $: found a second document"),
        ("a: !!python/name:os.system x", "c.yaml:1:4: $.a: found the tag"),
        ("a: !ENV x", "c.yaml:1:4: $.a: found the tag !ENV"),
        ("? [a]\n: 1", "c.yaml:1:3: $: found a list or map as a key"),
        ("x: 1\ny:\n  <<: 5", "c.yaml:3:3: $.y.<<: found something else than maps"),
        ("a: 1\nb: \x07", "c.yaml:2:4: $: found the character U+0007"),
        ("a: !!int x", "c.yaml:1:4: $.a: found a value that its tag does not allow"),
    ],
)
def test_bad_yaml_is_said_with_its_place(text: str, start: str, loader: type) -> None:
    assert errors_of(text, loader)[0].startswith(start)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("piece", ["[", "- ", "{a: "])
def test_deep_nesting_is_refused_and_does_not_end_the_process(piece: str, loader: type) -> None:
    assert "more than 64 levels" in errors_of(piece * 20_000, loader)[0]


@pytest.mark.parametrize("loader", LOADERS)
def test_aliases_are_counted_as_if_they_were_copied(loader: type) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]
    assert "aliases counted in full" in errors_of("\n".join(lines), loader)[0]


@pytest.mark.parametrize("loader", LOADERS)
def test_anchors_and_merge_keys_mean_what_yaml_says(loader: type) -> None:
    node = node_of("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [*x, {c: 4}]}\nw: *x", loader)
    assert plain(node) == {"x": {"a": 1, "b": 2}, "y": {"b": 3, "a": 1}, "z": {"a": 1, "b": 2, "c": 4}, "w": {"a": 1, "b": 2}}


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    "text", ["a: yes", "a: 0x1F", "a: 1_000", "a: 1e+3", "a: .inf", "a: ~", "a: '1'", "a: 010", "a: on", "a: |\n  x\n  y\n", "a: 1:30"]
)
def test_scalars_have_the_values_that_the_yaml_package_gives(text: str, loader: type) -> None:
    assert plain(node_of(text, loader)) == yaml.safe_load(text)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null"])
def test_an_empty_file_starts_a_gateway_without_models(read: Read, text: str) -> None:
    assert read(text).settings.deployments == ()


def test_text_that_is_not_utf8_is_said_with_its_place() -> None:
    from_bytes = Findings()
    assert decode("a: é\nb: ".encode() + b"\xff", "c.yaml", from_bytes) is None
    assert from_bytes.lines("error") == ["c.yaml:2:4: $: found the byte 0xff, expected UTF-8 text"]


def test_a_byte_order_mark_is_no_part_of_the_text(read: Read) -> None:
    assert len(read("\ufeff" + model("model: gpt-4, api_key: k")).settings.deployments) == 1


def test_windows_line_ends_do_not_move_places(mistakes: Mistakes) -> None:
    assert mistakes("fastgate_settings:\r\n  nope: 1\r\n")[0].startswith("c.yaml:2:3: ")


def test_one_default_may_be_shared_by_an_anchor(read: Read) -> None:
    text = """\
model_list:
  - model_name: a
    litellm_params: &common {model: gpt-4, api_key: k, timeout: 5}
  - model_name: b
    litellm_params:
      <<: *common
      model: gpt-4o
"""
    assert [(one.model, one.timeout_s) for one in read(text).settings.deployments] == [("gpt-4", 5.0), ("gpt-4o", 5.0)]
