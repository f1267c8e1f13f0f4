"""How a provider's row changes a body, whoever made it."""

from copy import deepcopy
from typing import Any

import orjson
import pytest

from fastgate.providers.provider import Quirks
from fastgate.translate import openai_chat
from fastgate.translate.losses import NotCarried
from tests.translate.openai_chat.wire import built, chat, losses, parsed, target

MARK = {"type": "ephemeral"}
HI = [{"role": "user", "content": "hi"}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

CASES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[str]]] = [
    ({"rename": {"max_completion_tokens": "max_tokens"}}, {"max_completion_tokens": 5}, {"max_tokens": 5}, []),
    ({"rename": {"max_completion_tokens": "max_tokens"}}, {"max_completion_tokens": 5, "max_tokens": 4}, {"max_tokens": 5}, []),
    ({"rename": {"max_completion_tokens": "max_tokens"}}, {"max_tokens": 4, "max_completion_tokens": 5}, {"max_tokens": 5}, []),
    ({"rename": {"seed": "random_seed"}}, {"seed": 1}, {"random_seed": 1}, []),
    ({"values": {"tool_choice": {"required": "any"}}}, {"tool_choice": "required"}, {"tool_choice": "any"}, []),
    ({"drop": frozenset({"store"})}, {"store": True}, {}, ["drop:store"]),
    ({"drop": frozenset({"store"})}, {"store": False}, {}, []),
    ({"drop": frozenset({"store"})}, {"store": None}, {}, []),
    ({"refuse": frozenset({"n"})}, {"n": 1}, {}, []),
    ({"efforts": {"max": "high"}}, {"reasoning_effort": "max"}, {"reasoning_effort": "high"}, ["clamp:reasoning_effort=high"]),
    ({"reasoning": "object"}, {"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}, []),
    ({"reasoning": "object"}, {"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}, []),
    ({"reasoning": "type", "efforts": {"low": "low"}}, {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}, []),
    ({"stream_usage": False}, {"stream_options": {"include_usage": True}}, {}, ["drop:stream_options"]),
    (
        {},
        {"tools": [{"type": "function", "function": {"name": "f"}, "cache_control": MARK}]},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        ["drop:cache_control"],
    ),
    ({"cache_marks": True}, {"tools": [{"cache_control": MARK}]}, {"tools": [{"cache_control": MARK}]}, []),
]


@pytest.mark.parametrize(("quirks", "members", "expected", "warnings"), CASES)
def test_a_row_changes_members(quirks: dict[str, Any], members: dict[str, Any], expected: dict[str, Any], warnings: list[str]) -> None:
    lost = losses()
    body = openai_chat.apply_quirks(chat(**members), target(**quirks), lost)
    assert (body, lost.warnings) == (chat(**expected), warnings)


MESSAGES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"roles": {"developer": "system"}}, {"role": "developer", "content": "a"}, {"role": "system", "content": "a"}),
    (
        {},
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": MARK}]},
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
    ),
    (
        {},
        {"role": "tool", "tool_call_id": "c", "content": "a", "cache_control": MARK},
        {"role": "tool", "tool_call_id": "c", "content": "a"},
    ),
    ({"message_names": False}, {"role": "user", "content": "a", "name": "bob"}, {"role": "user", "content": "a"}),
    (
        {"cache_marks": True},
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": MARK}]},
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": MARK}]},
    ),
]


@pytest.mark.parametrize(("quirks", "message", "expected"), MESSAGES)
def test_a_row_changes_messages(quirks: dict[str, Any], message: dict[str, Any], expected: dict[str, Any]) -> None:
    assert openai_chat.apply_quirks(chat(message), target(**quirks), losses()) == chat(expected)


def test_ids_of_calls_are_made_to_match_on_call_and_result() -> None:
    talk = [{"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "call_1", "content": "a"}]
    nine: dict[str, Any] = {"tool_ids": "^[a-zA-Z0-9]{9}$"}
    adapted = openai_chat.apply_quirks(chat(*talk), target(**nine), losses())["messages"]
    own = adapted[0]["tool_calls"][0]["id"]
    assert len(own) == 9
    assert own.isalnum()
    assert adapted[1]["tool_call_id"] == own
    assert built(parsed(*talk), nine)["messages"][1]["tool_call_id"] == own
    kept = [{"role": "assistant", "tool_calls": [{**CALL, "id": "abcDEF123"}]}]
    assert openai_chat.apply_quirks(chat(*kept), target(**nine), losses()) == chat(*kept)


def test_what_a_row_refuses_is_refused_by_name_unless_drop_params_or_allowed() -> None:
    row = target(refuse=frozenset({"logit_bias"}))
    body = chat(logit_bias={"1": 2})
    with pytest.raises(NotCarried) as caught:
        openai_chat.apply_quirks(body, row, losses())
    assert caught.value.param == "logit_bias"
    lost = losses(drop_params=True)
    assert openai_chat.apply_quirks(body, row, lost) == chat()
    assert lost.warnings == ["drop:logit_bias"]
    assert openai_chat.apply_quirks(body, row, losses(allowed=("logit_bias",))) == body


def test_a_missing_json_schema_is_json_object_and_an_instruction() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    row = target(response_formats=frozenset({"json_object"}))
    adapted = openai_chat.apply_quirks(chat(response_format=form), row, losses())
    assert adapted["response_format"] == {"type": "json_object"}
    assert [message["role"] for message in adapted["messages"]] == ["system", "user"]
    assert adapted["messages"][0]["content"].endswith('{"type":"object"}')


def test_the_callers_body_stays_as_it_is() -> None:
    body = chat(
        {"role": "developer", "content": [{"type": "text", "text": "a", "cache_control": MARK}]},
        {"role": "assistant", "tool_calls": [CALL]},
        max_completion_tokens=5,
        tools=[{"type": "function", "function": {"name": "f", "cache_control": MARK}}],
        response_format={"type": "json_object"},
    )
    before = deepcopy(body)
    quirks: dict[str, Any] = {
        "roles": {"developer": "system"},
        "rename": {"max_completion_tokens": "max_tokens"},
        "tool_ids": "^x$",
        "response_formats": frozenset(),
    }
    openai_chat.apply_quirks(body, target(**quirks), losses())
    assert body == before


@pytest.mark.parametrize(("quirks", "members"), [(quirks, members) for quirks, members, expected, _ in CASES if members != expected])
def test_the_byte_strings_tell_that_a_body_would_change(quirks: dict[str, Any], members: dict[str, Any]) -> None:
    raw = orjson.dumps(chat(**members))
    assert any(word in raw for word in openai_chat.needs_quirks(Quirks(**quirks)))


@pytest.mark.parametrize(("quirks", "message"), [(quirks, message) for quirks, message, expected in MESSAGES if message != expected])
def test_the_byte_strings_tell_that_a_message_would_change(quirks: dict[str, Any], message: dict[str, Any]) -> None:
    assert any(word in orjson.dumps(chat(message)) for word in openai_chat.needs_quirks(Quirks(**quirks)))


def test_a_row_without_quirks_looks_for_cache_marks_alone() -> None:
    assert openai_chat.needs_quirks(Quirks()) == (b'"cache_control"',)
    assert openai_chat.needs_quirks(Quirks(cache_marks=True)) == ()


def test_a_request_is_built_with_the_same_tables() -> None:
    quirks: dict[str, Any] = {
        "rename": {"max_completion_tokens": "max_tokens", "seed": "random_seed"},
        "roles": {"developer": "system"},
        "drop": frozenset({"user"}),
        "efforts": {"max": "high"},
    }
    request = chat(
        {"role": "developer", "content": "a"}, *HI, max_completion_tokens=5, seed=1, user="u", reasoning_effort="max", model="up-1"
    )
    lost, other = losses(), losses()
    assert built(openai_chat.parse_request(request, "chat"), quirks, lost) == openai_chat.apply_quirks(request, target(**quirks), other)
    assert sorted(lost.warnings) == sorted(other.warnings) == ["clamp:reasoning_effort=high", "drop:user"]
