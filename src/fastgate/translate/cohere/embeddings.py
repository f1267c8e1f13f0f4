"""Embeddings of Cohere's v2 API."""

from typing import Any

import orjson

from fastgate.translate.answer import Fault
from fastgate.translate.cohere.parse_answer import count
from fastgate.translate.embeddings import EmbeddingAnswer, EmbeddingRequest
from fastgate.translate.losses import Losses, NotCarried
from fastgate.translate.quirks import fit_members
from fastgate.translate.target import Target

# LiteLLM's default as well; Cohere wants the word from every caller.
_PURPOSE = "search_document"
_OWN_MEMBERS = frozenset({"max_tokens", "priority", "truncate"})
# "Maximum number of texts per call is 96" (docs.cohere.com/reference/embed, 2026-11-20; the SDK's embed_batch_size).
_MAX_TEXTS = 96


def build_embedding_request(request: EmbeddingRequest, target: Target, losses: Losses) -> dict[str, Any]:
    """Return the body. Raise NotCarried for lists of tokens, which Cohere does not know, and for more texts than it takes at once."""
    if any(not isinstance(text, str) for text in request.inputs):
        raise NotCarried("input", "`input` cannot be carried: Cohere embeds texts and takes no token numbers; send text")
    if len(request.inputs) > _MAX_TEXTS:
        found = f"`input` has {len(request.inputs)} texts, and Cohere embeds at most {_MAX_TEXTS} in one request"
        raise NotCarried("input", f"{found}: send them in several")
    extra = dict(request.extra)
    purpose = extra.pop("input_type", None) or request.purpose
    if not purpose:
        purpose = _PURPOSE
        losses.emulate("input_type")
    body: dict[str, Any] = {
        "model": target.model,
        "input_type": purpose,
        "texts": request.inputs,
        # What it says of the width of base64's floats is nothing: numbers are asked for.
        "embedding_types": ["float"],
    }
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    if request.user:
        losses.drop("user")
    for name, value in extra.items():
        if name in _OWN_MEMBERS or losses.keeps(name):
            body[name] = value
        else:
            losses.drop(name)
    fit_members((body,), target.quirks, losses)
    return body


def parse_embedding_answer(body: bytes) -> EmbeddingAnswer:
    """Return the vectors. Raise Fault for an answer that has none."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Fault(502, "upstream", "", "the provider's answer is not JSON") from error
    embeddings = told.get("embeddings") if isinstance(told, dict) else None
    if isinstance(embeddings, dict):
        embeddings = embeddings.get("float") or embeddings.get("base64")
    if not isinstance(embeddings, list) or not all(isinstance(vector, list | str) for vector in embeddings):
        raise Fault(502, "upstream", "", "the provider's answer has no embeddings")
    return EmbeddingAnswer(vectors=embeddings, input_tokens=_input_tokens(told.get("meta")))


def _input_tokens(meta: Any) -> int:
    for name in ("tokens", "billed_units"):
        told = meta.get(name) if isinstance(meta, dict) else None
        if isinstance(told, dict) and (tokens := count(told, "input_tokens")):
            return tokens
    return 0
