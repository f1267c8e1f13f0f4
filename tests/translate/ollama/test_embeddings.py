"""/api/embed and /api/embeddings."""

from base64 import b64encode
from pathlib import Path
from struct import pack
from typing import Any

import orjson
import pytest
from ollama import EmbeddingsResponse, EmbedResponse
from ollama._types import EmbedRequest as OfficialRequest

from fastgate.translate.answer import Fault
from fastgate.translate.embeddings import EmbeddingAnswer, EmbeddingRequest
from fastgate.translate.losses import InvalidRequest, Losses, NotCarried
from fastgate.translate.ollama import (
    build_embedding_answer,
    build_embedding_request,
    parse_embedding_answer,
    parse_embedding_request,
)
from fastgate.translate.target import Naming, Target

CASES = Path(__file__).parents[2] / "cases" / "translate" / "ollama"
TARGET = Target(model="all-minilm", dialect="ollama")
NAMING = Naming(model="alias", seed="s", now=0, elapsed_ns=9)

REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"input": "a"}, {"inputs": ["a"], "single": True}),
    ({"input": ["a", "b"]}, {"inputs": ["a", "b"]}),
    ({"input": ["a"], "dimensions": 256}, {"inputs": ["a"], "dimensions": 256}),
    ({"input": [], "dimensions": 0}, {"inputs": []}),
    ({"prompt": "a"}, {"inputs": ["a"], "single": True}),
    (
        {"input": "a", "truncate": False, "keep_alive": "1m", "options": {"num_ctx": 9, "odd": 1, "seed": None}},
        {"inputs": ["a"], "single": True, "extra": {"truncate": False, "keep_alive": "1m", "num_ctx": 9, "options": {"odd": 1}}},
    ),
]


@pytest.mark.parametrize(("body", "members"), REQUESTS)
def test_a_body_is_a_request(body: dict[str, Any], members: dict[str, Any]) -> None:
    request = parse_embedding_request({"model": "m", **body})
    for name, value in {"dimensions": None, "single": False, "extra": {}, "dialect": "ollama", **members}.items():
        assert getattr(request, name) == value, name


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["a", 5]}, "input[1]"),
        ({"input": "a", "dimensions": "x"}, "dimensions"),
        ({"prompt": 5}, "prompt"),
        ({"input": "a", "options": [1]}, "options"),
    ],
)
def test_wrong_input_is_named_by_its_path(body: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_embedding_request(body)
    assert caught.value.param == path


def ask(drop: bool = False, **members: Any) -> tuple[dict[str, Any], list[str]]:
    losses = Losses("ollama", drop_params=drop)
    body = build_embedding_request(EmbeddingRequest(**{"inputs": ["a"], **members}), TARGET, losses)
    OfficialRequest.model_validate(body)
    return body, losses.warnings


def test_a_request_is_a_body() -> None:
    assert ask()[0] == {"model": "all-minilm", "input": ["a"]}
    assert ask(single=True, dimensions=8)[0] == {"model": "all-minilm", "input": "a", "dimensions": 8}
    assert ask(purpose="search_query", user="u")[1] == ["drop:input_type", "drop:user"]
    body, warnings = ask(extra={"truncate": False, "num_ctx": 9, "options": {"odd": 1}, "nothing": None})
    assert body == {"model": "all-minilm", "input": ["a"], "truncate": False, "options": {"num_ctx": 9, "odd": 1}}
    assert warnings == []


def test_tokens_are_refused_whatever_the_configuration_says() -> None:
    with pytest.raises(NotCarried) as caught:
        ask(inputs=[[1, 2]], drop=True)
    assert caught.value.param == "input"


def test_unknown_members_are_refused_but_those_of_the_dialect_itself() -> None:
    with pytest.raises(NotCarried):
        ask(extra={"odd": 1}, dialect="openai_chat")
    assert ask(extra={"odd": 1}, drop=True)[1] == ["drop:odd"]
    assert ask(extra={"odd": 1}, dialect="ollama")[0]["odd"] == 1


def test_a_recorded_answer_is_vectors_and_tokens() -> None:
    answer = parse_embedding_answer((CASES / "embed.json").read_bytes())
    assert answer == EmbeddingAnswer(vectors=[[0.010071029, -0.0017594862], [-0.0098027075, 0.06042]], input_tokens=8)
    assert parse_embedding_answer(b'{"embedding":[1,2.5]}') == EmbeddingAnswer(vectors=[[1, 2.5]])


UNREADABLE = [b"", b"{}", b"[]", b'{"embeddings":5}', b'{"embeddings":[5]}', b'{"embeddings":[["a"]]}', b'{"error":"x"}']


@pytest.mark.parametrize("body", UNREADABLE)
def test_what_cannot_be_read_is_the_provider_s_fault(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        parse_embedding_answer(body)
    assert caught.value.status == 502


def test_an_answer_is_a_body_of_numbers_in_either_form() -> None:
    packed = b64encode(pack("<2f", 0.5, -2)).decode()
    answer = EmbeddingAnswer(vectors=[packed, [1.0, 2.0]], input_tokens=3)
    body = build_embedding_answer(answer, parse_embedding_request({"input": ["a", "b"]}), NAMING)
    EmbedResponse.model_validate_json(body)
    assert orjson.loads(body) == {
        "model": "alias",
        "embeddings": [[0.5, -2.0], [1.0, 2.0]],
        "total_duration": 9,
        "load_duration": 0,
        "prompt_eval_count": 3,
    }
    body = build_embedding_answer(answer, parse_embedding_request({"prompt": "a"}), NAMING)
    EmbeddingsResponse.model_validate_json(body)
    assert orjson.loads(body) == {"embedding": [0.5, -2.0]}


@pytest.mark.parametrize("vector", ["AAA=", "ü"])
def test_a_vector_that_is_no_row_of_floats_is_the_provider_s_fault(vector: str) -> None:
    with pytest.raises(Fault):
        build_embedding_answer(EmbeddingAnswer(vectors=[vector]), EmbeddingRequest(inputs=["a"]), NAMING)
