"""Embeddings in OpenAI's form: requests and answers, of callers and of providers."""

from base64 import b64encode
from struct import pack
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse

from fastgate.translate import openai_chat
from fastgate.translate.answer import Fault
from fastgate.translate.embeddings import EmbeddingAnswer, EmbeddingRequest
from fastgate.translate.losses import InvalidRequest, NotCarried
from tests.translate.openai_chat.wire import NAMING, RECORDED, losses, target

ENCODED = b64encode(pack("<2f", 0.5, -2.0)).decode()

REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"input": "a"}, {"inputs": ["a"], "single": True, "encoding_format": "float"}),
    ({"input": ["a", "b"]}, {"inputs": ["a", "b"], "single": False}),
    ({"input": [1, 2]}, {"inputs": [[1, 2]], "single": True}),
    ({"input": [[1, 2], [3]]}, {"inputs": [[1, 2], [3]], "single": False}),
    ({"input": "a", "dimensions": 8, "user": "u"}, {"dimensions": 8, "user": "u"}),
    ({"input": "a", "encoding_format": "base64"}, {"encoding_format": "base64"}),
    ({"input": "a", "input_type": "query", "truncate": "END"}, {"purpose": "search_query", "extra": {"truncate": "END"}}),
    ({"input": "a", "input_type": "odd"}, {"purpose": "", "extra": {"input_type": "odd"}}),
]


@pytest.mark.parametrize(("body", "meaning"), REQUESTS)
def test_a_request_is_read(body: dict[str, Any], meaning: dict[str, Any]) -> None:
    request = openai_chat.parse_embedding_request({"model": "e", **body})
    assert {name: getattr(request, name) for name in meaning} == meaning


@pytest.mark.parametrize(("body", "meaning"), REQUESTS)
def test_a_request_goes_to_a_provider_of_this_dialect_as_it_came(body: dict[str, Any], meaning: dict[str, Any]) -> None:
    request = openai_chat.parse_embedding_request({"model": "e", **body})
    row = target(knows=frozenset({"input_type"}))
    expected = {"model": "up-1", **body}
    if "input_type" in body:
        expected["input_type"] = meaning["purpose"] or body["input_type"]
    assert openai_chat.build_embedding_request(request, row, losses()) == expected


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "input"),
    ({"input": []}, "input"),
    ({"input": ["a", 1]}, "input[1]"),
    ({"input": [[1], []]}, "input[1]"),
    ({"input": [["a"]]}, "input[0]"),
    ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
    ({"input": "a", "encoding_format": ["float"]}, "encoding_format"),
    ({"input": "a", "dimensions": "8"}, "dimensions"),
    ({"input": "a", "input_type": 5}, "input_type"),
]


@pytest.mark.parametrize(("body", "path"), WRONG)
def test_what_the_dialect_does_not_allow_is_named_with_its_path(body: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        openai_chat.parse_embedding_request(body)
    assert caught.value.param == path


def test_a_provider_that_knows_no_purpose_or_format_is_not_told() -> None:
    lost = losses()
    request = EmbeddingRequest(inputs=["a"], single=True, purpose="search_query", encoding_format="base64")
    row = target(drop=frozenset({"encoding_format"}))
    assert openai_chat.build_embedding_request(request, row, lost) == {"model": "up-1", "input": "a"}
    assert lost.warnings == ["drop:input_type", "drop:encoding_format"]


def test_a_member_of_another_dialect_is_refused_by_name() -> None:
    request = EmbeddingRequest(inputs=["a"], extra={"odd_member": 1}, dialect="ollama")
    with pytest.raises(NotCarried) as caught:
        openai_chat.build_embedding_request(request, target(), losses())
    assert caught.value.param == "odd_member"


def test_the_recorded_answer_is_read() -> None:
    value = orjson.loads((RECORDED / "embeddings.json").read_bytes())
    answer = openai_chat.parse_embedding_answer((RECORDED / "embeddings.json").read_bytes())
    assert answer.vectors == [entry["embedding"] for entry in value["data"]]
    assert answer.input_tokens == value["usage"]["prompt_tokens"]


def test_vectors_stand_in_the_order_of_the_inputs() -> None:
    entries = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": ENCODED}]
    answer = openai_chat.parse_embedding_answer(orjson.dumps({"data": entries, "usage": {"total_tokens": 3}}))
    assert answer == EmbeddingAnswer(vectors=[ENCODED, [2.0]], input_tokens=3)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data":[{}]}', b'{"data":[{"embedding":5}]}', b'{"data":["x"]}'])
def test_an_answer_that_cannot_be_read_is_a_502(body: bytes) -> None:
    with pytest.raises(Fault, match="cannot be read") as caught:
        openai_chat.parse_embedding_answer(body)
    assert caught.value.status == 502


def test_an_error_of_status_200_keeps_its_words() -> None:
    with pytest.raises(Fault, match="too long") as caught:
        openai_chat.parse_embedding_answer(b'{"error":{"message":"too long","code":400}}')
    assert caught.value.status == 400


@pytest.mark.parametrize(("asked", "expected"), [("float", [0.5, -2.0]), ("base64", ENCODED)])
@pytest.mark.parametrize("vector", [[0.5, -2.0], ENCODED])
def test_vectors_are_written_in_the_form_that_was_asked_for(asked: str, expected: Any, vector: Any) -> None:
    request = EmbeddingRequest(inputs=["a"], encoding_format=asked)
    body = openai_chat.build_embedding_answer(EmbeddingAnswer(vectors=[vector], input_tokens=2), request, NAMING)
    assert orjson.loads(body) == {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": expected}],
        "model": "gpt-x",
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    }
    if asked == "float":
        CreateEmbeddingResponse.model_validate_json(body)


@pytest.mark.parametrize(
    ("asked", "vector"),
    [("float", "???"), ("float", "QUI="), ("base64", ["x"]), ("base64", [1e300])],
    ids=["no base64", "cut", "text", "large"],
)
def test_vectors_that_are_none_are_a_502(asked: str, vector: Any) -> None:
    with pytest.raises(Fault, match="vector"):
        openai_chat.build_embedding_answer(EmbeddingAnswer(vectors=[vector]), EmbeddingRequest(inputs=["a"], encoding_format=asked), NAMING)


@settings(max_examples=50)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_floats_survive_base64(vector: list[float]) -> None:
    encoded = EmbeddingRequest(inputs=["a"], encoding_format="base64")
    there = orjson.loads(openai_chat.build_embedding_answer(EmbeddingAnswer(vectors=[list(vector)]), encoded, NAMING))
    answer = EmbeddingAnswer(vectors=[there["data"][0]["embedding"]])
    back = orjson.loads(openai_chat.build_embedding_answer(answer, EmbeddingRequest(inputs=["a"]), NAMING))
    assert back["data"][0]["embedding"] == vector
