"""`provider/responses/model`, or `mode: responses`: chats of every dialect are asked through OpenAI's Responses."""

from collections.abc import Iterator

import orjson
import pytest

from tests.support.answers import plain
from tests.support.gateway import Gateway, configuration, openai_model
from tests.support.upstream import Upstream, send
from tests.support.wire import Response, chat, message, request

ANSWER = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "up-model",
    "output": [
        {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "thought"}], "encrypted_content": "gAAAA1"},
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "hello", "annotations": []}],
        },
    ],
    "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    marked = openai_model("marked", upstream.port) | {"model_info": {"mode": "responses"}}
    with Gateway(configuration(openai_model("named", upstream.port, model="responses/up-model"), marked)) as running:
        yield running


def ask(gateway: Gateway, target: str, body: bytes) -> Response:
    with gateway.client() as client:
        return client.exchange(request(target, body))


@pytest.mark.parametrize("name", ["named", "marked"])
def test_a_chat_becomes_a_response_and_its_answer_a_completion(name: str, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(orjson.dumps(ANSWER))))
    answer = ask(gateway, "/v1/chat/completions", chat(name))
    asked = upstream.request()
    assert asked.target == b"/v1/responses"
    assert orjson.loads(asked.body)["model"] == "up-model"
    assert answer.json()["choices"][0]["message"]["content"] == "hello"
    assert answer.json()["model"] == name


def test_a_thought_that_came_encrypted_goes_back_as_it_came_through_an_anthropic_caller(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(orjson.dumps(ANSWER))))
    first = ask(gateway, "/v1/messages", message("named")).json()
    assert [block["type"] for block in first["content"]] == ["thinking", "text"]
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": "go on"},
    ]
    upstream.serve(send(plain(orjson.dumps(ANSWER))))
    body = {"model": "named", "max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": turns}
    assert ask(gateway, "/v1/messages", orjson.dumps(body)).status == 200
    items = orjson.loads(upstream.request().body)["input"]
    assert [item for item in items if item.get("type") == "reasoning"] == [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "thought"}], "encrypted_content": "gAAAA1"}
    ]


def test_a_caller_of_responses_is_relayed_as_it_is(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(orjson.dumps(ANSWER))))
    body = b'{"model":"named","input":"hi","previous_response_id":"resp_0"}'
    assert ask(gateway, "/v1/responses", body).status == 200
    assert upstream.request().body == body.replace(b"named", b"up-model")
