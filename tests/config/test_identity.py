"""Ids of deployments: stable, different, and silent about keys."""

import re
from hashlib import sha256

from tests.config.conftest import Read, model


def ids(read: Read, text: str, env: dict[str, str] | None = None) -> list[str]:
    return [one.deployment_id for one in read(text, env).settings.deployments]


def test_an_id_is_the_same_on_every_start_and_wherever_the_entry_stands(read: Read) -> None:
    text = model("model: gpt-4, api_key: sk-1, rpm: 5")
    (first,) = ids(read, text)
    moved = model("rpm: 5, api_key: sk-1, model: gpt-4", more="  - model_name: z\n    litellm_params: {model: gpt-4o, api_key: k}\n")
    assert ids(read, text) == [first]
    assert ids(read, moved)[0] == first
    assert re.fullmatch("[0-9a-f]{64}", first)


def test_an_id_is_a_constant_of_the_entry(read: Read) -> None:
    # A change of this value renames every deployment in its users' metrics and ledgers.
    assert ids(read, model("model: gpt-4, api_key: sk-1")) == ["27fd0a97a7006a38e40c49823278288744c3a214b8378f4a5b4bfc05448fe0fe"]


def test_whatever_differs_in_two_entries_makes_two_ids(read: Read) -> None:
    entries = [
        "model: gpt-4, api_key: sk-1",
        "model: gpt-4, api_key: sk-2",
        "model: gpt-4o, api_key: sk-1",
        "model: gpt-4, api_key: sk-1, api_base: http://h/v1",
        "model: gpt-4, api_key: sk-1, rpm: 1",
        "model: gpt-4, api_key: sk-1, extra_headers: {X-Team: a}",
        "model: gpt-4, api_key: sk-1, extra_headers: {X-Team: b}",
    ]
    text = "model_list:\n" + "".join(f"  - model_name: m\n    litellm_params: {{{entry}}}\n" for entry in entries)
    assert len(set(ids(read, text))) == len(entries)


def test_a_key_from_the_environment_counts_by_its_value(read: Read) -> None:
    text = model("model: gpt-4, api_key: os.environ/K")
    assert ids(read, text, {"K": "sk-1"}) != ids(read, text, {"K": "sk-2"})


def test_equal_entries_get_different_ids(read: Read) -> None:
    entry = "  - model_name: m\n    litellm_params: {model: gpt-4, api_key: sk-1}\n"
    first, second, third = ids(read, "model_list:\n" + entry * 3)
    assert (second, third) == (f"{first}-2", f"{first}-3")


def test_an_id_that_is_given_twice_gets_a_number_and_a_note(read: Read) -> None:
    entry = "  - model_name: m\n    litellm_params: {model: gpt-4, api_key: sk-1}\n    model_info: {id: x}\n"
    loaded = read("model_list:\n" + entry * 2)
    assert [one.deployment_id for one in loaded.settings.deployments] == ["x", "x-2"]
    assert any('c.yaml:7:22: $.model_list[1].model_info.id: "x" a second time' in note for note in loaded.report.notes)


def test_an_id_cannot_confirm_a_guessed_key(read: Read) -> None:
    """Of all the guesses at a short key, many must give the same id."""
    entry = "  - model_name: m\n    litellm_params: {{model: gpt-4, api_key: sk-{}}}\n"
    found = ids(read, "model_list:\n" + "".join(entry.format(number) for number in range(2_000)))
    assert len({name.partition("-")[0] for name in found}) < len(found)
    assert len(set(found)) == len(found)


def test_an_id_holds_no_digest_of_the_key_itself(read: Read) -> None:
    (found,) = ids(read, model("model: gpt-4, api_key: sk-1"))
    assert found != sha256(b"sk-1").hexdigest()
    assert "sk-1" not in found
