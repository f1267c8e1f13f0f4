"""embedContent and batchEmbedContents, both ways."""

from base64 import b64encode
from struct import pack
from typing import Any

import orjson
import pytest
from google.genai import types

from fastgate.providers.provider import Quirks
from fastgate.translate import gemini
from fastgate.translate.answer import Fault
from fastgate.translate.embeddings import EmbeddingAnswer, EmbeddingRequest
from fastgate.translate.losses import InvalidRequest, Losses, NotCarried
from fastgate.translate.target import Naming, Target

TARGET = Target(model="gemini-embedding-001", dialect="gemini")
NAMING = Naming(model="alias", seed="5eed", now=1)


def content(*texts: str) -> dict[str, Any]:
    return {"parts": [{"text": text} for text in texts]}


def asked(*inputs: str, **more: Any) -> EmbeddingRequest:
    return EmbeddingRequest(inputs=list(inputs), dialect="gemini", **more)


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        ({"content": content("a")}, asked("a", single=True)),
        ({"content": content("a", "b"), "model": "models/x"}, asked("a\nb", single=True)),
        (
            {"content": content("a"), "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 768},
            asked("a", single=True, purpose="search_query", dimensions=768),
        ),
        (
            {"content": content("a"), "task_type": "SEMANTIC_SIMILARITY", "title": "t"},
            asked("a", single=True, extra={"taskType": "SEMANTIC_SIMILARITY", "title": "t"}),
        ),
        (
            {"content": content("a"), "embedContentConfig": {"taskType": "CLUSTERING", "outputDimensionality": 2}},
            asked("a", single=True, purpose="clustering", dimensions=2),
        ),
        ({"requests": [{"content": content("a")}, {"content": content("b")}]}, asked("a", "b")),
        (
            {"requests": [{"content": content(text), "output_dimensionality": 4} for text in ("a", "b")]},
            asked("a", "b", dimensions=4),
        ),
    ],
)
def test_a_request_for_embeddings_has_its_meaning(body: dict[str, Any], meaning: EmbeddingRequest) -> None:
    assert gemini.parse_embedding_request(body, "embed_content") == meaning


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "content"),
        ({"content": {"parts": []}}, "content.parts"),
        ({"content": {"parts": [{"inlineData": {}}]}}, "content.parts[0]"),
        ({"content": content("a"), "outputDimensionality": "many"}, "outputDimensionality"),
        ({"requests": []}, "requests"),
        ({"requests": [5]}, "requests[0]"),
        ({"requests": [{"content": content("a")}, {"content": {"parts": [{"text": 5}]}}]}, "requests[1].content.parts[0].text"),
        ({"requests": [{"content": content("a")}, {"content": content("a"), "outputDimensionality": 5}]}, "requests[1]"),
    ],
)
def test_a_wrong_member_of_a_request_for_embeddings_is_named(body: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        gemini.parse_embedding_request(body)
    assert caught.value.param == path


def test_a_batch_without_requests_is_wrong() -> None:
    with pytest.raises(InvalidRequest, match="requests"):
        gemini.parse_embedding_request({"content": content("a")}, "batch_embed_contents")


def test_embeddings_are_asked_for_in_a_batch() -> None:
    request = EmbeddingRequest(inputs=["a", "b"], dimensions=768, purpose="search_document", user="u", dialect="openai_chat")
    losses = Losses("gemini")
    body = gemini.build_embedding_request(request, TARGET, losses)
    common = {"model": "models/gemini-embedding-001", "taskType": "RETRIEVAL_DOCUMENT", "outputDimensionality": 768}
    assert body == {"requests": [{"content": content(text), **common} for text in ("a", "b")]}
    assert losses.warnings == ["drop:user"]
    assert gemini.PATHS["embeddings"] == ":batchEmbedContents"


def test_a_gemini_callers_task_reaches_gemini() -> None:
    request = gemini.parse_embedding_request({"content": content("a"), "taskType": "FACT_VERIFICATION", "title": "t"})
    (built,) = gemini.build_embedding_request(request, TARGET, Losses("gemini"))["requests"]
    assert (built["taskType"], built["title"]) == ("FACT_VERIFICATION", "t")


def test_tokens_and_unknown_members_are_refused() -> None:
    for request in (EmbeddingRequest(inputs=[[1, 2]]), EmbeddingRequest(inputs=["a"], extra={"truncate": "END"}, dialect="cohere")):
        with pytest.raises(NotCarried):
            gemini.build_embedding_request(request, TARGET, Losses("gemini"))


VERTEX = Quirks(knows=frozenset({"predict"}))


def test_models_that_are_not_geminis_are_asked_to_predict_on_vertex() -> None:
    request = EmbeddingRequest(inputs=["a", "b"], dimensions=256, purpose="search_query", dialect="openai_chat")
    target = Target(model="text-embedding-005", dialect="gemini", quirks=VERTEX)
    assert gemini.build_embedding_request(request, target, Losses("gemini")) == {
        "instances": [{"content": text, "task_type": "RETRIEVAL_QUERY"} for text in ("a", "b")],
        "parameters": {"outputDimensionality": 256},
    }
    assert gemini.embeddings_path(target) == ":predict"
    plain = gemini.build_embedding_request(EmbeddingRequest(inputs=["a"]), target, Losses("gemini"))
    assert plain == {"instances": [{"content": "a"}]}


def test_a_gemini_callers_settings_reach_predict() -> None:
    said = {"content": content("a"), "taskType": "FACT_VERIFICATION", "title": "t", "autoTruncate": False}
    target = Target(model="text-embedding-005", dialect="gemini", quirks=VERTEX)
    assert gemini.build_embedding_request(gemini.parse_embedding_request(said), target, Losses("gemini")) == {
        "instances": [{"content": "a", "task_type": "FACT_VERIFICATION", "title": "t"}],
        "parameters": {"autoTruncate": False},
    }


def test_geminis_models_have_their_settings_in_an_object_on_vertex() -> None:
    request = EmbeddingRequest(inputs=["a"], dimensions=256, dialect="openai_chat")
    target = Target(model="gemini-embedding-001", dialect="gemini", quirks=VERTEX)
    assert gemini.build_embedding_request(request, target, Losses("gemini")) == {
        "requests": [{"content": content("a"), "embedContentConfig": {"outputDimensionality": 256}}]
    }
    assert gemini.embeddings_path(target) == gemini.embeddings_path(TARGET) == gemini.PATHS["embeddings"]


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"embeddings": [{"values": [0.5, 1]}, {"values": [2.0]}]}, EmbeddingAnswer(vectors=[[0.5, 1], [2.0]])),
        ({"embedding": {"values": [0.5]}, "usageMetadata": {"promptTokenCount": 3}}, EmbeddingAnswer(vectors=[[0.5]], input_tokens=3)),
        (
            {
                "predictions": [
                    {"embeddings": {"values": [0.5, 1], "statistics": {"token_count": 3.0, "truncated": False}}},
                    {"embeddings": {"values": [2.0], "statistics": {"token_count": 4}}},
                    {"embeddings": {"values": [1]}},
                ],
                "metadata": {"billableCharacterCount": 5},
            },
            EmbeddingAnswer(vectors=[[0.5, 1], [2.0], [1]], input_tokens=7),
        ),
    ],
)
def test_vectors_are_read(body: dict[str, Any], answer: EmbeddingAnswer) -> None:
    assert gemini.parse_embedding_answer(orjson.dumps(body)) == answer


BROKEN = [
    b"",
    b"{}",
    b'{"embeddings": [5]}',
    b'{"embeddings": [{"values": ["a"]}]}',
    b'{"error": {"code": 400}}',
    b'{"predictions": null}',
    b'{"predictions": [5]}',
    b'{"predictions": [{"embeddings": [0.5]}]}',
    b'{"predictions": [{"embeddings": {"values": ["a"]}}]}',
]


@pytest.mark.parametrize("body", BROKEN)
def test_vectors_that_cannot_be_read_are_a_fault(body: bytes) -> None:
    with pytest.raises(Fault):
        gemini.parse_embedding_answer(body)


@pytest.mark.parametrize("vector", [[0.5, 1.0], b64encode(pack("<2f", 0.5, 1.0)).decode()])
def test_vectors_are_written_as_numbers(vector: Any) -> None:
    answer = EmbeddingAnswer(vectors=[vector], input_tokens=3)
    one = orjson.loads(gemini.build_embedding_answer(answer, asked("a", single=True), NAMING))
    many = orjson.loads(gemini.build_embedding_answer(answer, asked("a"), NAMING))
    usage = {"promptTokenCount": 3, "totalTokenCount": 3}
    assert one == {"embedding": {"values": [0.5, 1.0]}, "usageMetadata": usage}
    assert many == {"embeddings": [{"values": [0.5, 1.0]}], "usageMetadata": usage}
    types.EmbedContentResponse.model_validate({"embeddings": many["embeddings"]})


def test_a_vector_that_is_no_base64_is_a_fault() -> None:
    with pytest.raises(Fault, match="float32"):
        gemini.build_embedding_answer(EmbeddingAnswer(vectors=["?"]), asked("a"), NAMING)
