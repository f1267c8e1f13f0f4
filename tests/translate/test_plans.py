"""Requests and answers that differ in their texts, ids and counts alone are said as one before them was: the same as by the general way."""

import tracemalloc
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fastgate.translate import CALLERS, UPSTREAMS
from fastgate.translate.conversation import ChatRequest, Text, Turn
from fastgate.translate.losses import Losses
from fastgate.translate.plan import PLANS_LIMIT, Key, Plans, make_plan
from fastgate.translate.translation import Translation
from tests.support.translated import exchange, speech, translated, translator

TEXTS = st.text(min_size=1, max_size=30)
COUNTS = st.integers(0, 10**9)
IDS = st.text("abcdefABCDEF0123456789", min_size=1, max_size=30)

# A caller's dialect -> its deployment.
SPEECHES = {"openai_chat": speech("anthropic_messages"), "anthropic_messages": speech("openai_chat")}


def by_itself(caller: str, body: Any) -> Translation:
    """Return the translation of a request that is the first of its kind."""
    return translated(translator(), caller, SPEECHES[caller], body)


def chat_answer(text: str, name: str, counts: tuple[int, int, int], created: int) -> bytes:
    usage = {"prompt_tokens": counts[0], "completion_tokens": counts[1], "prompt_tokens_details": {"cached_tokens": counts[2]}}
    choice = {"index": 0, "message": {"role": "assistant", "content": text, "refusal": None}, "logprobs": None, "finish_reason": "stop"}
    answer = {"id": f"chatcmpl-{name}", "object": "chat.completion", "created": created, "model": "up", "choices": [choice], "usage": usage}
    return orjson.dumps({**answer, "service_tier": "default"})


def message_answer(text: str, name: str, counts: tuple[int, int, int], created: int) -> bytes:
    usage = {"input_tokens": counts[0], "output_tokens": counts[1], "cache_read_input_tokens": counts[2], "service_tier": "standard"}
    content = [{"type": "text", "text": text}, {"type": "text", "text": f"{created}"}]
    answer = {"id": f"msg_{name}", "type": "message", "role": "assistant", "model": "up", "content": content, "stop_reason": "end_turn"}
    return orjson.dumps({**answer, "stop_sequence": None, "usage": usage})


Said = tuple[str, str, tuple[int, int, int], int]
ANSWERS: dict[str, Callable[..., bytes]] = {"openai_chat": message_answer, "anthropic_messages": chat_answer}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("caller", sorted(SPEECHES))
@given(talks=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=3, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_request_becomes_what_it_becomes_by_itself(caller: str, stream: bool, talks: list[tuple[str, str, str]]) -> None:
    shared = translator()
    for first, second, third in talks:
        turns = [{"role": "user", "content": first}, {"role": "assistant", "content": [{"type": "text", "text": second}]}]
        names = {"user": first, "prompt_cache_key": third} if caller == "openai_chat" else {"metadata": {"user_id": second}}
        body = {"model": "asked", "max_tokens": 9, "stream": stream, "messages": [*turns, {"role": "user", "content": third}], **names}
        one, other = translated(shared, caller, SPEECHES[caller], body), by_itself(caller, body)
        for member in ("body", "head", "fields", "stream", "framing", "content_type"):
            assert getattr(one, member) == getattr(other, member)


@pytest.mark.parametrize("caller", sorted(SPEECHES))
@given(answers=st.lists(st.tuples(TEXTS, IDS, st.tuples(COUNTS, COUNTS, COUNTS), st.integers(1, 10**10)), min_size=3, max_size=5))
@settings(max_examples=100, deadline=None)
def test_an_answer_is_said_as_it_is_by_itself(caller: str, answers: list[Said]) -> None:
    shared = translator()
    body = {"model": "asked", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    for _ in range(2):
        translated(shared, caller, SPEECHES[caller], body)
    for said in answers:
        one, other = translated(shared, caller, SPEECHES[caller], body), by_itself(caller, body)
        answer = ANSWERS[caller](*said)
        assert one.on_answer(answer) == other.on_answer(answer)
        assert one.counted() == other.counted()


_TEXT = b'{"id":"msg_1","type":"message","content":[{"type":"text","text":"%b"}],"stop_reason":"end_turn","usage":%b}'
OF_CLAUDE = [
    b'{"id":"msg_1","type":"message","content":[],"stop_reason":"end_turn","usage":{}}',
    b'{"id":"msg_1","type":"message","content":[{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}],"stop_reason":"tool_use"}',
    b'{"id":"msg_1","type":"message","content":[{"type":"tool_use","name":"f","input":{"a":1}}],"stop_reason":"tool_use"}',
    b'{"id":"msg_1","type":"message","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"a"}]}',
    b'{"id":"","type":"message","content":[{"type":"text","text":" a "}],"usage":{"input_tokens":1.5,"output_tokens":-3}}',
    b'{"type":"error","error":{"type":"overloaded_error","message":"no"}}',
    b'{"id":"msg_1","content":"a"}',
    b"[]",
    b"no JSON",
    b"",
    # Half a surrogate pair, and what is no JSON in a text, an id or a count.
    _TEXT % (b"\\ud83d", b"{}"),
    _TEXT % (b"a\x01b", b"{}"),
    _TEXT % (b"a\xffb", b"{}"),
    _TEXT % (b"a\\xb", b"{}"),
    (_TEXT % (b"a", b"{}")).replace(b"msg_1", b"msg_\\ud83d"),
    (_TEXT % (b"a", b"{}")).replace(b"msg_1", b"msg_1\x01"),
    (_TEXT % (b"a", b"{}")).replace(b"msg_1", b"msg_1\xff"),
    _TEXT % (b"a", b'{"input_tokens":01}'),
    _TEXT % (b"a", b'{"input_tokens":1.2.3}'),
    _TEXT % (b"a", b'{"input_tokens":1e999}'),
    _TEXT % (b"a", b'{"input_tokens":5},"us\\u0061ge":{"input_tokens":7,"output_tokens":1}'),
    _TEXT % (b"a", b'{"input_tokens":5},"\\u0069d":"msg_2"'),
    (_TEXT % (b"a", b'{"input_tokens":5}')).replace(b'"usage"', b'"us\\u0061ge"'),
]
OF_OPENAI = [
    b'{"id":"c","choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}}],"usage":{}}',
    b'{"id":"c","choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"created":9000000031}',
    b'{"id":"c","choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"created":0123}',
    b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"created":99999999999999999999999}',
]


@pytest.mark.parametrize(
    ("caller", "answer"), [*(("openai_chat", answer) for answer in OF_CLAUDE), *(("anthropic_messages", answer) for answer in OF_OPENAI)]
)
def test_an_answer_of_any_form_is_said_the_same_each_time(caller: str, answer: bytes) -> None:
    shared = translator()
    body = {"model": "asked", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    expected = by_itself(caller, body).on_answer(answer)
    assert [translated(shared, caller, SPEECHES[caller], body).on_answer(answer) for _ in range(5)] == [expected] * 5


@pytest.mark.parametrize("caller", sorted(SPEECHES))
@given(
    at=st.floats(0, 1, exclude_max=True),
    piece=st.one_of(st.binary(max_size=2), st.sampled_from([b'"', b"\\", b"{", b"}", b",", b"0", b"."])),
)
@settings(max_examples=400, deadline=None)
def test_an_answer_that_was_damaged_anywhere_is_said_the_same_each_time(caller: str, at: float, piece: bytes) -> None:
    whole = ANSWERS[caller]("a text", "1a2b", (7, 5, 2), 1_767_225_600)
    place = int(at * len(whole))
    answer = whole[:place] + piece + whole[place + 1 :]
    shared = translator()
    body = {"model": "asked", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    expected = by_itself(caller, body).on_answer(answer)
    assert [translated(shared, caller, SPEECHES[caller], body).on_answer(answer) for _ in range(4)] == [expected] * 4


def test_forms_of_answers_take_bounded_memory() -> None:
    shared = translator()
    body = {"model": "asked", "messages": [{"role": "user", "content": "hi"}]}
    tracemalloc.start()
    try:
        for number in range(400):
            thought = b'{"type":"thinking","thinking":"%06d%b","signature":"s"}' % (number, b"x" * 50_000)
            answer = b'{"id":"msg_1","type":"message","content":[%b,{"type":"text","text":"a"}],"stop_reason":"end_turn"}' % thought
            for _ in range(2):
                translated(shared, "openai_chat", SPEECHES["openai_chat"], body).on_answer(answer)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1024 * 1024


def test_a_refusal_tells_of_the_texts_as_they_are() -> None:
    shared = translator()
    body = {"model": "asked", "n": 2, "messages": [{"role": "user", "content": "hi"}]}
    told = [shared.translate(exchange("openai_chat", SPEECHES["openai_chat"], body)) for _ in range(3)]
    assert told[0] == told[1] == told[2]
    assert isinstance(told[0], tuple)
    assert told[0][2] == "n"


def test_what_a_plan_was_made_of_stays_as_it_was() -> None:
    shared = translator()
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    body = {"model": "asked", "tools": tools, "stop": ["x"], "messages": [{"role": "user", "content": "hi"}]}
    bodies = [translated(shared, "openai_chat", SPEECHES["openai_chat"], body).body for _ in range(4)]
    assert bodies == [bodies[0]] * 4
    # Another parameter is another request.
    assert translated(shared, "openai_chat", SPEECHES["openai_chat"], {**body, "stop": ["y"]}).body == bodies[0].replace(b'["x"]', b'["y"]')


def test_plans_are_kept_within_their_bounds() -> None:
    plans = Plans()
    request = ChatRequest(turns=[Turn(role="user", parts=[Text(text="hi")])])
    plan = make_plan(CALLERS["openai_chat"], request, SPEECHES["openai_chat"], Losses("anthropic_messages"))
    keys: list[Key] = [(1, "chat", b"", b"%d" % number) for number in range(PLANS_LIMIT + 10)]
    for key in keys:
        plans.keep(key, plan)
        assert plans.find(key) is None
        plans.keep(key, plan)
        assert plans.find(key) is plan
    assert [plans.find(key) for key in keys[:10]] == [None] * 10
    large: Key = (1, "chat", b"", b" " * 1024 * 1024)
    for _ in range(2):
        plans.keep(large, plan)
    assert plans.find(large) is None


def test_the_third_answer_of_a_form_is_said_without_being_read() -> None:
    counts: Counter[str] = Counter()
    package = UPSTREAMS["anthropic_messages"]

    def parse_answer(*parts: Any) -> Any:
        counts["read"] += 1
        return package.parse_answer(*parts)

    shared = translator()
    asked = exchange("openai_chat", SPEECHES["openai_chat"], {"model": "asked", "messages": [{"role": "user", "content": "hi"}]})
    spied = SimpleNamespace(**{**vars(package), "parse_answer": parse_answer})
    asked.deployment.speech = replace(SPEECHES["openai_chat"], dialect=spied)
    for number in range(8):
        made = shared.translate(asked)
        assert isinstance(made, Translation)
        made.on_answer(message_answer(f"text {number}", f"id{number}", (number, number, 0), 1))
    # The plan is kept with the second request; its second answer is read with marks, to learn the form.
    assert counts["read"] == 3
