"""embedContent and batchEmbedContents: ai.google.dev/api/embeddings, read 2026-11-24; other models of Vertex AI: `predict`."""

from array import array
from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Mapping
from sys import byteorder
from types import MappingProxyType
from typing import Any

import orjson

from fastgate.translate.embeddings import EmbeddingAnswer, EmbeddingRequest
from fastgate.translate.gemini.errors import unreadable
from fastgate.translate.gemini.members import Wrong, expect_integer, expect_list, expect_object, expect_text, optional_text
from fastgate.translate.gemini.parse_answer import load
from fastgate.translate.gemini.predict import KNOWN, PATH, build_instances, parse_predictions, predicts
from fastgate.translate.gemini.words import DIALECT, either
from fastgate.translate.losses import InvalidRequest, Losses, NotCarried
from fastgate.translate.quirks import fit_members
from fastgate.translate.target import Naming, Target

Wire = dict[str, Any]

_BATCH = ":batchEmbedContents"

# taskType -> what it is for, in Cohere's words. Tasks without one are kept as Google's word.
_PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        "RETRIEVAL_QUERY": "search_query",
        "RETRIEVAL_DOCUMENT": "search_document",
        "CLASSIFICATION": "classification",
        "CLUSTERING": "clustering",
    }
)
_TASKS: Mapping[str, str] = MappingProxyType({purpose: task for task, purpose in _PURPOSES.items()})
_READ = frozenset(
    {
        "content",
        "model",
        "taskType",
        "task_type",
        "outputDimensionality",
        "output_dimensionality",
        "embedContentConfig",
        "embed_content_config",
    }
)


def parse_embedding_request(body: Wire, operation: str = "") -> EmbeddingRequest:
    """Return what embedContent, or with `requests` batchEmbedContents, asks for. Raise InvalidRequest for what they do not allow."""
    try:
        requests = body.get("requests")
        if requests is None and operation != "batch_embed_contents":
            text, request = _parse_one(body, "")
            request.inputs = [text]
            request.single = True
            return request
        return _parse_batch(expect_list(requests, "requests"))
    except Wrong as complaint:
        raise InvalidRequest(complaint.path, f"`{complaint.path}` {complaint.says}") from None


def _parse_batch(requests: list[Any]) -> EmbeddingRequest:
    if not requests:
        raise Wrong("requests", "must not be empty")
    parsed = [_parse_one(expect_object(entry, f"requests[{at}]"), f"requests[{at}].") for at, entry in enumerate(requests)]
    whole = parsed[0][1]
    for at, (_, request) in enumerate(parsed):
        if request != whole:
            raise Wrong(f"requests[{at}]", "must have the taskType, the title and the outputDimensionality of the first request")
    whole.inputs = [text for text, _ in parsed]
    return whole


def _parse_one(body: Wire, path: str) -> tuple[str, EmbeddingRequest]:
    said = either(body, "embedContentConfig", "embed_content_config")
    config = body if said is None else body | expect_object(said, f"{path}embedContentConfig")
    request = EmbeddingRequest(inputs=[], dialect=DIALECT)
    dimensions = either(config, "outputDimensionality", "output_dimensionality")
    if dimensions is not None:
        request.dimensions = expect_integer(dimensions, f"{path}outputDimensionality")
    task = optional_text(either(config, "taskType", "task_type"), f"{path}taskType")
    request.purpose = _PURPOSES.get(task, "")
    request.extra = {name: value for name, value in config.items() if name not in _READ and value is not None}
    if task and not request.purpose and task != "TASK_TYPE_UNSPECIFIED":
        request.extra["taskType"] = task
    return _parse_text(body.get("content"), f"{path}content"), request


def _parse_text(content: Any, path: str) -> str:
    texts = []
    for at, part in enumerate(expect_list(expect_object(content, path).get("parts"), f"{path}.parts")):
        inner = f"{path}.parts[{at}]"
        if "text" not in expect_object(part, inner):
            raise Wrong(inner, "must be a text: nothing else can be embedded here")
        texts.append(expect_text(part["text"], f"{inner}.text"))
    if not texts:
        raise Wrong(f"{path}.parts", "must not be empty")
    return "\n".join(texts)


def build_embedding_answer(answer: EmbeddingAnswer, request: EmbeddingRequest, naming: Naming) -> bytes:
    """Return the answer: one embedding for embedContent, a list for batchEmbedContents."""
    vectors: list[Wire] = [{"values": _floats(vector) if isinstance(vector, str) else vector} for vector in answer.vectors]
    body: Wire = {"embedding": vectors[0] if vectors else {"values": []}} if request.single else {"embeddings": vectors}
    if answer.input_tokens:
        body["usageMetadata"] = {"promptTokenCount": answer.input_tokens, "totalTokenCount": answer.input_tokens}
    return orjson.dumps(body)


def _floats(vector: str) -> list[float]:
    """Return the numbers in base64 of little-endian float32."""
    floats = array("f")
    try:
        floats.frombytes(b64decode(vector, validate=True))
    except (BadBase64, ValueError):
        raise unreadable(vector.encode(), "a vector is no base64 of float32") from None
    if byteorder == "big":
        floats.byteswap()
    return floats.tolist()


def embeddings_path(target: Target) -> str:
    """Return what follows the base URL."""
    return PATH if predicts(target) else _BATCH


def build_embedding_request(request: EmbeddingRequest, target: Target, losses: Losses) -> Wire:
    """Return the body of batchEmbedContents, or of predict. Raise NotCarried for tokens instead of texts."""
    common: Wire = {}
    task = _TASKS.get(request.purpose)
    if task is not None:
        common["taskType"] = task
    elif request.purpose:
        losses.drop("input_type")
    if request.dimensions is not None:
        common["outputDimensionality"] = request.dimensions
    if request.user:
        losses.drop("user")
    for name, value in request.extra.items():
        if request.dialect == DIALECT or losses.keeps(name):
            common[name] = value
        else:
            losses.drop(name) if name in ("title", "metadata") else losses.refuse(name)
    fit_members((common,), target.quirks, losses)
    texts: list[str] = []
    for text in request.inputs:
        if not isinstance(text, str):
            raise NotCarried("input", "`input` cannot be carried: Gemini embeds texts, not tokens; send the text")
        texts.append(text)
    if predicts(target):
        return build_instances(texts, common)
    if KNOWN in target.quirks.knows:
        # Vertex AI has the settings in an object of their own, and the model in the path alone (google-genai 3.4, models.py).
        own: Wire = {"embedContentConfig": common} if common else {}
    else:
        own = {"model": target.model if target.model.startswith("models/") else f"models/{target.model}", **common}
    return {"requests": [{"content": {"parts": [{"text": text}]}, **own} for text in texts]}


def parse_embedding_answer(body: bytes) -> EmbeddingAnswer:
    """Return the vectors that batchEmbedContents, embedContent or predict answers. Raise Fault for what cannot be read."""
    value = load(body)
    if "predictions" in value:
        return parse_predictions(value["predictions"], body)
    one = value.get("embedding")
    entries = value.get("embeddings") if one is None else [one]
    if type(entries) is not list:
        raise unreadable(body, "it holds no embeddings")
    vectors: list[list[float] | str] = []
    for entry in entries:
        values = entry.get("values") if type(entry) is dict else None
        if type(values) is not list or not all(type(number) in (float, int) for number in values):
            raise unreadable(body, "an embedding is no list of numbers")
        vectors.append(values)
    usage = value.get("usageMetadata")
    tokens = usage.get("promptTokenCount") if type(usage) is dict else 0
    return EmbeddingAnswer(vectors=vectors, input_tokens=tokens if type(tokens) is int and tokens > 0 else 0)
