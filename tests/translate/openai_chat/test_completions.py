"""/v1/completions, where the model is served by a chat upstream."""

from typing import Any

import orjson
import pytest
from openai.types.completion import Completion

from fastgate.translate import openai_chat
from fastgate.translate.answer import ChatAnswer, Choice, Usage
from fastgate.translate.conversation import ChatRequest, Text, Thinking, Turn
from fastgate.translate.events import Event, Failed, Finish, Start, TextDelta, ThinkingDelta, UsageSeen
from fastgate.translate.losses import InvalidRequest, NotCarried
from tests.translate.openai_chat.wire import DONE, NAMING, built, losses, told, written

LOGPROBS = {
    "content": [
        {"token": "He", "logprob": -0.1, "bytes": None, "top_logprobs": [{"token": "He", "logprob": -0.1}, {"token": "A", "logprob": -2}]},
        {"token": "y", "logprob": -0.2, "bytes": None, "top_logprobs": []},
    ]
}
OLD_LOGPROBS = {
    "tokens": ["He", "y"],
    "token_logprobs": [-0.1, -0.2],
    "top_logprobs": [{"He": -0.1, "A": -2}, {}],
    "text_offset": [0, 2],
}


def asked(prompt: Any = "Say", **members: Any) -> ChatRequest:
    return openai_chat.parse_request({"model": "gpt-x", "prompt": prompt, **members}, "text_completion")


@pytest.mark.parametrize("prompt", ["Say", ["Say"]])
def test_a_prompt_is_one_turn_of_the_user(prompt: Any) -> None:
    request = asked(prompt, max_tokens=5, stop="\n", n=2)
    assert request.turns == [Turn(role="user", parts=[Text(text="Say")])]
    assert built(request) == {
        "model": "up-1",
        "messages": [{"role": "user", "content": "Say"}],
        "max_completion_tokens": 5,
        "n": 2,
        "stop": ["\n"],
    }


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2], [[1], [2]]])
def test_several_prompts_and_tokens_are_refused_by_name(prompt: Any) -> None:
    with pytest.raises(NotCarried) as caught:
        asked(prompt)
    assert caught.value.param == "prompt"


@pytest.mark.parametrize("prompt", [None, 5, {}, [], ["a", 5], [None]])
def test_a_prompt_of_another_kind_is_wrong(prompt: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(prompt)
    assert caught.value.param.startswith("prompt")


@pytest.mark.parametrize(("name", "value"), [("suffix", "end"), ("echo", True), ("best_of", 3)])
def test_what_no_chat_can_do_is_refused_or_dropped(name: str, value: Any) -> None:
    with pytest.raises(NotCarried) as caught:
        built(asked(**{name: value}))
    assert caught.value.param == name
    lost = losses(drop_params=True)
    assert name not in built(asked(**{name: value}), lost=lost)
    assert lost.warnings == [f"drop:{name}"]


@pytest.mark.parametrize("members", [{"suffix": ""}, {"echo": False}, {"best_of": 1}, {"best_of": 2, "n": 2}, {"suffix": None}])
def test_what_asks_for_nothing_is_left_out(members: dict[str, Any]) -> None:
    lost = losses()
    assert built(asked(**members), lost=lost).keys() <= {"model", "messages", "n"}
    assert lost.warnings == []


def test_the_number_of_log_probabilities_is_asked_for() -> None:
    assert built(asked(logprobs=3))["top_logprobs"] == 3
    body = built(asked(logprobs=0))
    assert (body["logprobs"], "top_logprobs" in body) == (True, False)


def test_an_answer_is_a_text_completion() -> None:
    parts = [Thinking(text="hm", dialect="openai_chat"), Text(text="Hey")]
    answer = ChatAnswer(choices=[Choice(parts=parts, logprobs=LOGPROBS, finish="length")], usage=Usage(input_tokens=1, output_tokens=2))
    value = written(answer, asked())
    assert (value["id"], value["object"], value["usage"]["total_tokens"]) == ("cmpl-s33d", "text_completion", 3)
    assert value["choices"] == [{"text": "Hey", "index": 0, "logprobs": OLD_LOGPROBS, "finish_reason": "length"}]


def test_a_stream_is_of_text_completions() -> None:
    events: list[Event] = [
        Start(id="c-1", created=5),
        ThinkingDelta(text="hm"),
        TextDelta(text="Oh "),
        TextDelta(text="Hey", logprobs=LOGPROBS),
        Finish(reason="tool_calls"),
        UsageSeen(usage=Usage(input_tokens=1, output_tokens=2)),
    ]
    stream = told(*events, request=asked(stream=True, stream_options={"include_usage": True}))
    assert stream.endswith(DONE)
    chunks = [orjson.loads(block[6:]) for block in stream.split(b"\n\n")[:-2]]
    for chunk in chunks[:-1]:
        # The official type demands a reason in every chunk; OpenAI sends null.
        [choice] = chunk["choices"]
        Completion.model_validate({**chunk, "choices": [{**choice, "finish_reason": choice["finish_reason"] or "stop"}]})
    assert [(chunk["id"], chunk["object"], chunk["created"]) for chunk in chunks] == [("c-1", "text_completion", 5)] * 4
    assert [chunk["choices"] for chunk in chunks] == [
        [{"index": 0, "text": "Oh ", "logprobs": None, "finish_reason": None}],
        [{"index": 0, "text": "Hey", "logprobs": {**OLD_LOGPROBS, "text_offset": [3, 5]}, "finish_reason": None}],
        [{"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"}],
        [],
    ]
    assert chunks[-1]["usage"]["total_tokens"] == 3


def test_absorbed_text_counts_for_offsets() -> None:
    builder = openai_chat.stream_builder(asked(stream=True), NAMING)
    builder.absorb(TextDelta(text="Oh "))
    assert b'"text_offset":[3,5]' in builder.add(TextDelta(text="Hey", logprobs=LOGPROBS))


def test_a_broken_stream_ends_with_an_error_alone() -> None:
    builder = openai_chat.stream_builder(asked(stream=True), NAMING)
    builder.add(TextDelta(text="a"))
    assert b'"code":"cut"' in builder.fail(Failed(status=502, kind="upstream", code="cut", message="gone"))
    assert builder.end() == b""
