"""Embeddings of Cohere's v2 API."""

from typing import Any

import orjson
import pytest
from cohere.types import EmbedByTypeResponse

from fastgate.translate import cohere
from fastgate.translate.answer import Fault
from fastgate.translate.embeddings import EmbeddingAnswer, EmbeddingRequest
from fastgate.translate.losses import Losses, NotCarried
from fastgate.translate.target import Target

TARGET = Target(model="embed-v4.0", dialect="cohere")


def built(**members: Any) -> tuple[dict[str, Any], list[str]]:
    losses = Losses("cohere")
    body = cohere.build_embedding_request(EmbeddingRequest(**members), TARGET, losses)
    return body, losses.warnings


def test_texts_are_sent_with_their_purpose_and_numbers_are_asked_for() -> None:
    body, lost = built(inputs=["a", "b"], purpose="search_query", dimensions=256, encoding_format="base64")
    assert body == {
        "model": "embed-v4.0",
        "input_type": "search_query",
        "texts": ["a", "b"],
        "embedding_types": ["float"],
        "output_dimension": 256,
    }
    assert lost == []


def test_a_purpose_that_was_not_said_is_that_of_documents_and_named() -> None:
    body, lost = built(inputs=["a"])
    assert body["input_type"] == "search_document"
    assert lost == ["emulate:input_type"]


def test_coheres_own_words_are_carried_and_others_named() -> None:
    body, lost = built(inputs=["a"], user="u", extra={"input_type": "clustering", "truncate": "END", "other": 1})
    assert (body["input_type"], body["truncate"]) == ("clustering", "END")
    assert lost == ["drop:user", "drop:other"]


def test_token_numbers_are_refused_whatever_may_be_dropped() -> None:
    with pytest.raises(NotCarried) as caught:
        cohere.build_embedding_request(EmbeddingRequest(inputs=[[1, 2]]), TARGET, Losses("cohere", drop_params=True))
    assert caught.value.param == "input"


def test_more_texts_than_cohere_takes_at_once_are_refused_with_the_limit_before_anything_is_sent() -> None:
    assert len(built(inputs=["a"] * 96)[0]["texts"]) == 96
    with pytest.raises(NotCarried, match=r"97 texts.*at most 96") as caught:
        cohere.build_embedding_request(EmbeddingRequest(inputs=["a"] * 97), TARGET, Losses("cohere", drop_params=True))
    assert (caught.value.param, caught.value.status) == ("input", 400)


@pytest.mark.parametrize(
    ("embeddings", "meta", "vectors", "tokens"),
    [
        ({"float": [[0.1, 2]]}, {"billed_units": {"input_tokens": 3.0}}, [[0.1, 2]], 3),
        ({"base64": ["AAAA"]}, {"tokens": {"input_tokens": 5}, "billed_units": {"input_tokens": 3}}, ["AAAA"], 5),
        ({"float": [[0.5]], "int8": [[1]]}, None, [[0.5]], 0),
    ],
)
def test_answers_are_read(embeddings: dict[str, Any], meta: Any, vectors: list[Any], tokens: int) -> None:
    body = orjson.dumps({"id": "x", "response_type": "embeddings_by_type", "embeddings": embeddings, "meta": meta})
    EmbedByTypeResponse.model_validate_json(body)
    assert cohere.parse_embedding_answer(body) == EmbeddingAnswer(vectors=vectors, input_tokens=tokens)


def test_the_first_versions_list_is_read_too() -> None:
    assert cohere.parse_embedding_answer(b'{"embeddings":[[1.0]]}').vectors == [[1.0]]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"embeddings":{}}', b'{"embeddings":{"float":[1]}}', b'{"embeddings":"x"}'])
def test_an_answer_without_vectors_is_a_fault(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        cohere.parse_embedding_answer(body)
    assert caught.value.status == 502
