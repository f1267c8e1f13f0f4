"""Long texts are carried from one body into another as they stand; what is short, or is looked into, is decoded."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgate.providers.provider import Quirks
from fastgate.translate import CALLERS, UPSTREAMS
from fastgate.translate.losses import Losses
from fastgate.translate.target import Target
from fastgate.translate.texts import CARRYING, HOLD_FROM_BYTES, Mislaid, hold, put_back

SEED = "0123456789abcdef01234567"
LONG = 'A "long" text\nof several lines; \\ and / and é and 漢字.\n' * 400
PAIRS = [(caller, upstream) for caller in sorted(CARRYING) for upstream in sorted(CARRYING) if caller != upstream]


def held(body: Any) -> tuple[bytes, list[memoryview]]:
    found = hold(orjson.dumps(body), SEED)
    assert found is not None
    return found


def message(content: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(
    "body",
    [
        message(LONG),
        message([{"type": "text", "text": LONG}, {"type": "text", "text": "short"}]),
        message([{"type": "tool_result", "tool_use_id": "t", "content": LONG}]),
        message([{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": LONG}]}]),
        {"model": "m", "system": LONG, "messages": []},
        {"model": "m", "system": [{"type": "text", "text": LONG}], "messages": []},
    ],
)
def test_a_long_text_of_a_message_is_held(body: Any) -> None:
    skeleton, texts = held(body)
    assert len(texts) == 1
    assert len(skeleton) < 500
    assert orjson.loads(put_back(skeleton, SEED, texts)) == body


@pytest.mark.parametrize(
    "body",
    [
        message([{"type": "tool_use", "id": "t", "name": "f", "input": {"content": LONG, "text": [LONG]}}]),
        message([{"type": "image_url", "image_url": {"url": LONG}}]),
        message([{"type": "document", "source": {"type": "text", "data": LONG, "content": LONG}}]),
        {"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": LONG, "content": LONG}}]}]},
        {"model": "m", "messages": [], "tools": [{"description": LONG, "content": LONG}], "content": LONG, "text": LONG},
        message("short"),
        message(" \n\t" * 5000),
    ],
)
def test_what_is_no_text_of_a_message_or_is_blank_or_short_is_left_in_its_place(body: Any) -> None:
    assert hold(orjson.dumps(body), SEED) is None


@pytest.mark.parametrize("space", [" ", "\n", "\\", "\\n", '"', "\u00a0", "\u3000", "é", "\n\n \t", "\\\\n", "\\\n", '\\"'])
def test_space_at_the_ends_of_a_text_stays_where_it_can_be_seen(space: str) -> None:
    text = space + LONG.strip() + space
    skeleton, texts = held(message(text))
    seen = orjson.loads(skeleton)["messages"][0]["content"]
    assert seen[: len(seen) - len(seen.lstrip())] == text[: len(text) - len(text.lstrip())]
    assert seen[len(seen.rstrip()) :] == text[len(text.rstrip()) :]
    assert orjson.loads(put_back(skeleton, SEED, texts)) == message(text)


def test_a_text_with_escapes_of_four_digits_is_decoded() -> None:
    # Among them may be half a pair, which no provider can be sent.
    body = b'{"messages":[{"role":"user","content":"%s"}]}'
    assert hold(body % (b"a" * HOLD_FROM_BYTES + b"\\ud800" + b"a"), SEED) is None
    assert hold(body % (b"a" * HOLD_FROM_BYTES + b"\\n" + b"a"), SEED) is not None


def test_texts_are_put_back_in_any_order() -> None:
    other = LONG.replace("long", "other")
    skeleton, texts = held({"messages": [{"role": "user", "content": LONG}, {"role": "user", "content": other}]})
    turned = orjson.loads(skeleton)["messages"][::-1]
    contents = [each["content"] for each in orjson.loads(put_back(orjson.dumps(turned), SEED, texts))]
    assert contents == [other, LONG]


def test_a_text_that_is_missing_or_stands_twice_is_told() -> None:
    skeleton, texts = held(message(LONG))
    for changed in (b"{}", skeleton + skeleton, skeleton.replace(b"000000", b"000001"), skeleton.replace(b"000000", b"00000x")):
        with pytest.raises(Mislaid):
            put_back(changed, SEED, texts)


@pytest.mark.parametrize(("caller", "upstream"), PAIRS)
@given(texts=st.lists(st.text(min_size=1, max_size=40), min_size=2, max_size=6), times=st.integers(1, 400))
@settings(max_examples=100, deadline=None)
def test_a_request_with_held_texts_becomes_what_it_becomes_without(caller: str, upstream: str, texts: list[str], times: int) -> None:
    roles = ("user", "assistant")
    turns = [{"role": roles[number % 2], "content": text * times} for number, text in enumerate(texts)]
    body: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [*turns, {"role": "user", "content": LONG}]}
    whole = orjson.dumps(body)
    found = hold(whole, SEED)
    assert found is not None
    assert orjson.loads(put_back(built(caller, upstream, found[0]), SEED, found[1])) == orjson.loads(built(caller, upstream, whole))


def built(caller: str, upstream: str, body: bytes) -> bytes:
    name = {"openai_chat": "chat", "anthropic_messages": "messages"}[caller]
    request = CALLERS[caller].parse_request(orjson.loads(body), name)
    target = Target(model="m", dialect=upstream, quirks=Quirks())
    made, _ = UPSTREAMS[upstream].build_request(request, target, Losses(upstream))
    return orjson.dumps(made)


@given(st.binary(max_size=200), st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_no_json_do_no_harm(noise: bytes, at: int) -> None:
    body = orjson.dumps(message(LONG))
    hold(body[:at] + noise + body[at:], SEED)
    hold(noise * 500, SEED)
    hold(b"]" * 40 + b'{"messages":[' + body, SEED)
    hold(b'{"messages":[' * 40 + body, SEED)
