"""/api/embed, and the older /api/embeddings: one `prompt`, one `embedding`."""

from binascii import a2b_base64
from struct import iter_unpack
from typing import Any

import orjson

from fastgate.translate.answer import Fault
from fastgate.translate.embeddings import EmbeddingAnswer, EmbeddingRequest
from fastgate.translate.losses import Losses, NotCarried
from fastgate.translate.ollama.build_answer import build_ending
from fastgate.translate.ollama.errors import fault_of, unreadable
from fastgate.translate.ollama.members import count_at, list_at, object_at, text_at, wrong
from fastgate.translate.ollama.parse_answer import parse_line
from fastgate.translate.ollama.words import DIALECT, MEMBERS, OPTIONS
from fastgate.translate.quirks import fit_members
from fastgate.translate.target import Naming, Target


class PromptEmbedding(EmbeddingRequest):
    """A request of /api/embeddings: its answer is one vector under another name."""


def parse_embedding_request(body: dict[str, Any], operation: str = "") -> EmbeddingRequest:
    """Return what the caller asks for; raise InvalidRequest for what the dialect itself does not allow.

    A body with `prompt` and without `input` is of /api/embeddings.
    """
    extra = {name: value for name, value in body.items() if name not in _READ and value is not None}
    unknown = {}
    for name, option in object_at(body.get("options") or {}, "options").items():
        if name not in OPTIONS:
            unknown[name] = option
        elif option is not None:
            extra[name] = option
    if unknown:
        extra["options"] = unknown
    if body.get("input") is None and "prompt" in body:
        return PromptEmbedding(inputs=[text_at(body["prompt"], "prompt")], single=True, extra=extra, dialect=DIALECT)
    dimensions = body.get("dimensions")
    given = body.get("input")
    single = isinstance(given, str)
    return EmbeddingRequest(
        inputs=[given] if isinstance(given, str) else _texts_of(given),
        # Zero is the model's own number, as if it were not said.
        dimensions=(count_at(dimensions, "dimensions") if dimensions is not None else None) or None,
        single=single,
        extra=extra,
        dialect=DIALECT,
    )


_READ = frozenset({"model", "input", "prompt", "dimensions", "options"})


def _texts_of(given: Any) -> list[str]:
    if given is None:
        raise wrong("input", "a string or a list of strings", given)
    for index, text in enumerate(list_at(given, "input")):
        if not isinstance(text, str):
            raise wrong(f"input[{index}]", "a string", text)
    return list(given)


def build_embedding_answer(answer: EmbeddingAnswer, request: EmbeddingRequest, naming: Naming) -> bytes:
    """Return the body of an answer: vectors are lists of numbers, whatever came."""
    vectors = [_floats_of(vector) if isinstance(vector, str) else vector for vector in answer.vectors]
    if isinstance(request, PromptEmbedding):
        return orjson.dumps({"embedding": vectors[0] if vectors else []})
    ending = build_ending(None, {}, naming.elapsed_ns)
    body: dict[str, Any] = {"model": naming.model, "embeddings": vectors}
    body["total_duration"], body["load_duration"] = ending["total_duration"], ending["load_duration"]
    if answer.input_tokens:
        body["prompt_eval_count"] = answer.input_tokens
    return orjson.dumps(body)


def _floats_of(vector: str) -> list[float]:
    """Return the numbers of base64 of little-endian float32."""
    try:
        packed = a2b_base64(vector)
        if len(packed) % 4:
            raise ValueError(f"{len(packed)} bytes are no row of float32")
    except ValueError as error:
        raise Fault(502, "upstream", "", f"the provider's answer cannot be read: a vector in base64: {error}") from None
    return [number for (number,) in iter_unpack("<f", packed)]


def build_embedding_request(request: EmbeddingRequest, target: Target, losses: Losses) -> dict[str, Any]:
    """Return the body of /api/embed. Raise NotCarried for what cannot be said."""
    inputs = request.inputs
    for text in inputs:
        if not isinstance(text, str):
            raise NotCarried("input", "`input` cannot be carried: this deployment embeds texts and knows no token ids; send text")
    body: dict[str, Any] = {"model": target.model, "input": inputs[0] if request.single and inputs else inputs}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.purpose:
        losses.drop("input_type")
    if request.user:
        losses.drop("user")
    options: dict[str, Any] = {}
    for name, value in request.extra.items():
        if value is None:
            continue
        if name == "options" and isinstance(value, dict):
            options.update(value)
        elif name in OPTIONS:
            options[name] = value
        elif name in MEMBERS or request.dialect == DIALECT or losses.keeps(name):
            body[name] = value
        else:
            losses.refuse(name)
    fit_members((options, body), target.quirks, losses)
    if options:
        body["options"] = options
    return body


def parse_embedding_answer(body: bytes) -> EmbeddingAnswer:
    """Return the vectors. Raise Fault for an error, or for what cannot be read."""
    said = parse_line(body)
    if said.get("error"):
        raise fault_of(502, said["error"])
    vectors = [said["embedding"]] if "embedding" in said else said.get("embeddings")
    if not isinstance(vectors, list):
        raise unreadable(body, "it has no embeddings")
    for vector in vectors:
        # The first number tells of all: a vector has thousands.
        if not isinstance(vector, list) or (vector and type(vector[0]) not in (float, int)):
            raise unreadable(body, "a vector is no list of numbers")
    count = said.get("prompt_eval_count")
    return EmbeddingAnswer(vectors=vectors, input_tokens=count if type(count) is int and count > 0 else 0)
