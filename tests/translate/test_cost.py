"""What an answer cost, as the provider says it in `usage`: told to callers of both of OpenAI's dialects, whichever the provider speaks."""

from typing import Any

import orjson
import pytest

from fastgate.translate import CALLERS, UPSTREAMS
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.target import Asked, Naming, Target

OPENAIS = ("openai_chat", "openai_responses")
NAMING = Naming(model="alias", seed="5eed", now=1)
# OpenRouter's is a number of dollars (openrouter.ai/docs/use-cases/usage-accounting), Perplexity's an object of them
# (docs.perplexity.ai/api-reference/chat-completions-post), both read 2026-11-24.
COSTS: list[Any] = [0.00014, 0, {"input_tokens_cost": 0.001, "total_cost": 0.006}]


def answer_of(dialect: str, cost: Any) -> bytes:
    if dialect == "openai_chat":
        choice = {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}
        return orjson.dumps({"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "cost": cost}})
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": []}]}
    return orjson.dumps({"status": "completed", "output": [item], "usage": {"input_tokens": 3, "output_tokens": 2, "cost": cost}})


def stream_of(dialect: str, cost: Any) -> list[bytes]:
    if dialect == "openai_chat":
        chunk = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
        return [orjson.dumps(chunk), orjson.dumps({"choices": [], "usage": {"prompt_tokens": 3, "cost": cost}}), b"[DONE]"]
    return [orjson.dumps({"type": "response.completed", "response": orjson.loads(answer_of(dialect, cost))})]


@pytest.mark.parametrize("cost", COSTS, ids=["dollars", "free", "object"])
@pytest.mark.parametrize("caller", OPENAIS)
@pytest.mark.parametrize("upstream", OPENAIS)
def test_the_cost_that_a_provider_tells_reaches_the_caller(upstream: str, caller: str, cost: Any) -> None:
    target, request = Target(model="m", dialect=upstream), ChatRequest(turns=[], stream=True)
    answer = UPSTREAMS[upstream].parse_answer(answer_of(upstream, cost), target, Asked())
    assert orjson.loads(CALLERS[caller].build_answer(answer, request, NAMING))["usage"]["cost"] == cost
    parser = UPSTREAMS[upstream].stream_parser(target, Asked())
    builder = CALLERS[caller].stream_builder(request, NAMING)
    events = [event for data in stream_of(upstream, cost) for event in parser.feed(data)]
    sent = b"".join(builder.add(event) for event in events) + builder.end()
    assert b'"cost":' + orjson.dumps(cost) in sent


@pytest.mark.parametrize("caller", OPENAIS)
@pytest.mark.parametrize("upstream", OPENAIS)
def test_what_is_no_cost_is_not_told(upstream: str, caller: str) -> None:
    for cost in (None, "dear", True, [1]):
        answer = UPSTREAMS[upstream].parse_answer(answer_of(upstream, cost), Target(model="m", dialect=upstream), Asked())
        assert "cost" not in orjson.loads(CALLERS[caller].build_answer(answer, ChatRequest(turns=[]), NAMING))["usage"]
