"""Embeddings of models that are not Gemini's, on Vertex AI: instances and predictions.

docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api, read 2026-11-24.
"""

from typing import Any

from fastgate.translate.embeddings import EmbeddingAnswer
from fastgate.translate.gemini.errors import unreadable
from fastgate.translate.target import Target

Wire = dict[str, Any]

PATH = ":predict"
# In Quirks.knows of providers that serve such models.
KNOWN = "predict"

# Members of a text's own -> their names here; all others are of the whole request.
_OF_INSTANCE = {"taskType": "task_type", "title": "title"}


def predicts(target: Target) -> bool:
    """Return whether a deployment is asked in this form: Gemini's own models are asked as everywhere (google-genai 3.4, models.py)."""
    return KNOWN in target.quirks.knows and "gemini" not in target.model


def build_instances(texts: list[str], common: Wire) -> Wire:
    """Return the body for *texts*; *common* are members of embedContent's config."""
    own = {name: common[member] for member, name in _OF_INSTANCE.items() if member in common}
    body: Wire = {"instances": [{"content": text, **own} for text in texts]}
    parameters = {member: value for member, value in common.items() if member not in _OF_INSTANCE}
    if parameters:
        body["parameters"] = parameters
    return body


def parse_predictions(predictions: Any, body: bytes) -> EmbeddingAnswer:
    """Return the vectors, with the tokens of all texts. Raise Fault for what cannot be read."""
    vectors: list[list[float] | str] = []
    tokens = 0
    for prediction in predictions if isinstance(predictions, list) else [None]:
        embedding = prediction.get("embeddings") if isinstance(prediction, dict) else None
        values = embedding.get("values") if isinstance(embedding, dict) else None
        if embedding is None or not isinstance(values, list) or not all(type(number) in (float, int) for number in values):
            raise unreadable(body, "a prediction has no list of numbers")
        vectors.append(values)
        statistics = embedding.get("statistics")
        count = statistics.get("token_count") if isinstance(statistics, dict) else None
        # A number of any kind is a double there: 3.0.
        if isinstance(count, float | int) and 0 < count < 2**53:
            tokens += int(count)
    return EmbeddingAnswer(vectors=vectors, input_tokens=tokens)
