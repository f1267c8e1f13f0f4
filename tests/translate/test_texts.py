"""Texts are carried from one body into another as they stand; what is blank, or is looked into, is decoded."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgate._core import HeldTexts, hold_answer, hold_texts
from fastgate.providers.provider import Quirks
from fastgate.translate import CALLERS, UPSTREAMS
from fastgate.translate.losses import Losses
from fastgate.translate.target import Target
from fastgate.translate.texts import CARRYING, Mislaid, find_places

MARK = b"0123456789abcdef01234567"
MOMENT = b"9000000017"
TEXT = 'A "quoted" text\nof several lines; \\ and / and é and 漢字.\n' * 4
PAIRS = [(caller, upstream) for caller in sorted(CARRYING) for upstream in sorted(CARRYING) if caller != upstream]


def held(body: Any) -> HeldTexts:
    found = hold_texts(orjson.dumps(body), MARK)
    assert found is not None
    return found


def put_back(texts: HeldTexts, body: bytes | None = None) -> Any:
    places = find_places(texts.skeleton if body is None else body, MARK, len(texts), texts.names)
    return orjson.loads(texts.fill(places.pieces, places.gaps, []))


def message(content: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize("text", [TEXT, "a", "short", "Привет, мир!", "漢字", "🙂", 'ends in a quote"', "ends in a backslash\\"])
@pytest.mark.parametrize(
    "make",
    [
        message,
        lambda text: message([{"type": "text", "text": text}]),
        lambda text: message([{"type": "tool_result", "tool_use_id": "t", "content": text}]),
        lambda text: message([{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": text}]}]),
        lambda text: {"model": "m", "system": text, "messages": []},
        lambda text: {"model": "m", "system": [{"type": "text", "text": text}], "messages": []},
    ],
)
def test_a_text_of_a_message_is_held(make: Any, text: str) -> None:
    body = make(text)
    texts = held(body)
    assert len(texts) == 1
    # Of a text there is left what stands at its ends, and a mark.
    assert len(texts.skeleton) <= len(orjson.dumps(make("x" * (len(MARK) + 6)))) + 2
    assert put_back(texts) == body


@pytest.mark.parametrize(
    "body",
    [
        message([{"type": "tool_use", "id": "t", "name": "f", "input": {"content": TEXT, "text": [TEXT]}}]),
        message([{"type": "image_url", "image_url": {"url": TEXT}}]),
        message([{"type": "document", "source": {"type": "text", "data": TEXT, "content": TEXT}}]),
        {"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": TEXT, "content": TEXT}}]}]},
        {"model": "m", "messages": [], "tools": [{"description": TEXT, "content": TEXT}], "content": TEXT, "text": TEXT, "choices": [TEXT]},
        message(""),
        message(" \n\t" * 50),
        message("\u00a0\u2003\u3000\u1680\u202f\u205f\x85"),
    ],
)
def test_what_is_no_text_of_a_message_or_is_blank_is_left_in_its_place(body: Any) -> None:
    assert hold_texts(orjson.dumps(body), MARK) is None


@pytest.mark.parametrize("space", [*" \n\\é\"\u00a0\u3000\u2028\u1680", "\\n", "\n\n \t", "\\\\n", "\\\n", '\\"'])
def test_space_at_the_ends_of_a_text_stays_where_it_can_be_seen(space: str) -> None:
    text = space + TEXT.strip() + space
    texts = held(message(text))
    seen = orjson.loads(texts.skeleton)["messages"][0]["content"]
    assert seen[: len(seen) - len(seen.lstrip())] == text[: len(text) - len(text.lstrip())]
    assert seen[len(seen.rstrip()) :] == text[len(text.rstrip()) :]
    assert put_back(texts) == message(text)


@given(st.text(max_size=12), st.text(max_size=12))
@settings(max_examples=300, deadline=None)
def test_what_is_left_of_a_text_is_as_blank_as_the_text(before: str, behind: str) -> None:
    text = before + behind
    found = hold_texts(orjson.dumps(message(text)), MARK)
    if found is None:
        return
    seen = orjson.loads(found.skeleton)["messages"][0]["content"]
    assert seen[: len(seen) - len(seen.lstrip())] == text[: len(text) - len(text.lstrip())]
    assert seen[len(seen.rstrip()) :] == text[len(text.rstrip()) :]
    assert put_back(found) == message(text)


def test_a_text_with_escapes_of_four_digits_is_decoded() -> None:
    # Among them may be half a pair, which no provider can be sent.
    body = b'{"messages":[{"role":"user","content":"%s"}]}'
    assert hold_texts(body % b"a\\ud800a", MARK) is None
    assert hold_texts(body % b"a\\na", MARK) is not None


def test_what_names_users_and_sessions_is_held_and_may_be_left_out() -> None:
    body = {"user": "u", "prompt_cache_key": "k", "metadata": {"a": "m", "b": {"c": "d"}}, "messages": [{"role": "user", "content": "hi"}]}
    texts = held(body)
    assert (len(texts), texts.names) == (4, [0, 1, 2])
    assert put_back(texts) == body
    assert put_back(texts, b'"%b000003"' % MARK) == "hi"
    with pytest.raises(Mislaid):
        find_places(b'"%b000001"' % MARK, MARK, 4, texts.names)


def test_texts_are_put_back_in_any_order() -> None:
    body = {"messages": [{"role": "user", "content": "one"}, {"role": "user", "content": "other"}]}
    texts = held(body)
    turned = orjson.loads(texts.skeleton)["messages"][::-1]
    assert [each["content"] for each in put_back(texts, orjson.dumps(turned))] == ["other", "one"]


def test_a_text_that_is_missing_or_stands_twice_is_told() -> None:
    skeleton = held(message(TEXT)).skeleton
    for changed in (b"{}", skeleton + skeleton, skeleton.replace(b"000000", b"000001"), skeleton.replace(b"000000", b"00000x")):
        with pytest.raises(Mislaid):
            find_places(changed, MARK, 1)


def test_pieces_that_do_not_fit_are_refused() -> None:
    texts = held(message(TEXT))
    for pieces, gaps in (((b"",), (0,)), ((b"", b""), (1,)), ((b"", b""), (-1,)), ((), ())):
        with pytest.raises(ValueError, match=r"gap|text"):
            texts.fill(pieces, gaps, [])


@pytest.mark.parametrize(("caller", "upstream"), PAIRS)
@given(texts=st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=6), times=st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_a_request_with_held_texts_becomes_what_it_becomes_without(caller: str, upstream: str, texts: list[str], times: int) -> None:
    roles = ("user", "assistant")
    turns = [{"role": roles[number % 2], "content": text * times} for number, text in enumerate(texts)]
    body: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [*turns, {"role": "user", "content": TEXT}]}
    whole = orjson.dumps(body)
    found = hold_texts(whole, MARK)
    assert found is not None
    assert put_back(found, built(caller, upstream, found.skeleton)) == orjson.loads(built(caller, upstream, whole))


def built(caller: str, upstream: str, body: bytes) -> bytes:
    name = {"openai_chat": "chat", "anthropic_messages": "messages"}[caller]
    request = CALLERS[caller].parse_request(orjson.loads(body), name)
    target = Target(model="m", dialect=upstream, quirks=Quirks())
    made, _ = UPSTREAMS[upstream].build_request(request, target, Losses(upstream))
    return orjson.dumps(made)


def test_an_answer_is_taken_apart_into_its_form_and_its_own() -> None:
    body = (
        b'{"id":"chatcmpl-12ab","object":"chat.completion","created":1767225600,"choices":[{"index":0,"message":{"role":"assistant",'
        b'"content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":211,"completion_tokens":42,"details":{"cached":3,"cost":2.5e-05}}}'
    )
    found = hold_answer(body, MARK, MOMENT)
    assert found is not None
    assert (len(found), found.name, found.created) == (1, b"12ab", b"1767225600")
    assert orjson.loads(found.usage) == orjson.loads(body)["usage"]
    assert orjson.loads(found.skeleton) == {
        "id": f"chatcmpl-{MARK.decode()}999999",
        "object": "chat.completion",
        "created": int(MOMENT),
        "choices": [{"index": 0, "message": {"role": "assistant", "content": f"{MARK.decode()}000000"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "details": {"cached": 0, "cost": 0}},
    }


@given(st.binary(max_size=200), st.integers(0, 160))
@settings(max_examples=300, deadline=None)
def test_bytes_that_are_no_json_do_no_harm(noise: bytes, at: int) -> None:
    answer = b'{"id":"msg_1","created":12,"content":[{"type":"text","text":"a"}],"usage":{"input_tokens":11,"output":[{"a":-12,"b":1e5}]}}'
    for body in (orjson.dumps(message(TEXT)), answer):
        for hold in (lambda text: hold_texts(text, MARK), lambda text: hold_answer(text, MARK, MOMENT)):
            hold(body[:at] + noise + body[at:])
            hold(body[:at])
            hold(noise * 50)
            hold(b"]" * 40 + b'{"messages":[' + body)
            hold(b'{"messages":[' * 40 + body)
            hold(b'{"usage":{' * 40 + body)
