"""Embeddings in OpenAI's form, which most providers speak; vectors are floats, or base64 of little-endian float32."""

from base64 import b64decode, b64encode
from binascii import Error
from struct import error, iter_unpack, pack
from typing import Any

import orjson

from fastgate.translate.answer import Fault
from fastgate.translate.embeddings import EmbeddingAnswer, EmbeddingRequest
from fastgate.translate.losses import InvalidRequest, Losses
from fastgate.translate.openai_chat.build_request import write_extra
from fastgate.translate.openai_chat.errors import find_error, unreadable
from fastgate.translate.openai_chat.members import read_integer, read_list, read_text, wrong
from fastgate.translate.openai_chat.words import DIALECT, NEUTRAL
from fastgate.translate.quirks import fit_members
from fastgate.translate.target import Naming, Target

_KNOWN = frozenset({"model", "input", "dimensions", "encoding_format", "user", "input_type"})
# Words for what vectors are for, of Cohere (search_...), Nvidia and Voyage (query, document), in Cohere's.
_PURPOSES = {
    "search_document": "search_document",
    "search_query": "search_query",
    "classification": "classification",
    "clustering": "clustering",
    "document": "search_document",
    "passage": "search_document",
    "query": "search_query",
}


def parse_embedding_request(body: dict[str, Any], operation: str = "") -> EmbeddingRequest:
    """Return what the caller asks for; raise InvalidRequest for what the dialect itself does not allow."""
    inputs, single = _parse_inputs(body.get("input"))
    dimensions, encoding, user = body.get("dimensions"), body.get("encoding_format"), body.get("user")
    if encoding not in (None, "float", "base64"):
        raise wrong("encoding_format", "float or base64", encoding)
    purpose = body.get("input_type")
    extra = {name: value for name, value in body.items() if name not in _KNOWN and value is not None}
    if purpose is not None and read_text(purpose, "input_type") not in _PURPOSES:
        extra["input_type"] = purpose
    return EmbeddingRequest(
        inputs=inputs,
        dimensions=None if dimensions is None else read_integer(dimensions, "dimensions"),
        encoding_format=encoding or "float",
        purpose=_PURPOSES.get(purpose or "", ""),
        user="" if user is None else read_text(user, "user"),
        single=single,
        extra=extra,
        dialect=DIALECT,
    )


def build_embedding_answer(answer: EmbeddingAnswer, request: EmbeddingRequest, naming: Naming) -> bytes:
    """Return the body of the answer, its vectors in the form that the caller asked for. Raise Fault for vectors that are none."""
    write = _as_base64 if request.encoding_format == "base64" else _as_floats
    return orjson.dumps(
        {
            "object": "list",
            "data": [{"object": "embedding", "index": n, "embedding": write(vector)} for n, vector in enumerate(answer.vectors)],
            "model": naming.model,
            "usage": {"prompt_tokens": answer.input_tokens, "total_tokens": answer.input_tokens},
        }
    )


def build_embedding_request(request: EmbeddingRequest, target: Target, losses: Losses) -> dict[str, Any]:
    """Return the body of POST {base}/embeddings."""
    body: dict[str, Any] = {"model": target.model, "input": request.inputs[0] if request.single else request.inputs}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.encoding_format != "float":
        body["encoding_format"] = request.encoding_format
    if request.user:
        body["user"] = request.user
    if request.purpose:
        if "input_type" in target.quirks.knows or losses.keeps("input_type"):
            body["input_type"] = request.purpose
        else:
            losses.drop("input_type")
    write_extra(body, request.extra, request.dialect, target.quirks, losses)
    fit_members((body,), target.quirks, losses, neutral=NEUTRAL)
    return body


def parse_embedding_answer(body: bytes) -> EmbeddingAnswer:
    """Return the vectors in the order of the inputs. Raise Fault for an error in the answer, or for what cannot be read."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise unreadable(body, "JSON") from None
    if not isinstance(value, dict):
        raise unreadable(body, "an object")
    entries = value.get("data")
    if not isinstance(entries, list):
        raise find_error(value) or unreadable(body, "an object with data")
    placed: list[tuple[int, list[float] | str]] = []
    for number, entry in enumerate(entries):
        vector = entry.get("embedding") if isinstance(entry, dict) else None
        if not isinstance(vector, list | str):
            raise unreadable(body, f"a vector at data[{number}].embedding")
        index = entry.get("index")
        placed.append((index if isinstance(index, int) else number, vector))
    placed.sort(key=lambda pair: pair[0])
    usage = value.get("usage")
    counted = (usage.get("prompt_tokens") or usage.get("total_tokens")) if isinstance(usage, dict) else 0
    return EmbeddingAnswer(vectors=[vector for _, vector in placed], input_tokens=counted if isinstance(counted, int) else 0)


def _parse_inputs(value: object) -> tuple[list[Any], bool]:
    """Return texts, or lists of tokens, and whether the caller sent one alone."""
    if isinstance(value, str):
        return [value], True
    inputs = read_list(value, "input")
    if not inputs:
        raise InvalidRequest("input", "`input`: expected at least one text, found an empty list")
    if _are_tokens(inputs):
        return [inputs], True
    texts = isinstance(inputs[0], str)
    for number, one in enumerate(inputs):
        if not (isinstance(one, str) if texts else isinstance(one, list) and one and _are_tokens(one)):
            raise wrong(f"input[{number}]", "a string" if texts else "a list of tokens", one)
    return inputs, False


def _are_tokens(values: list[Any]) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) for value in values)


def _as_base64(vector: list[float] | str) -> str:
    if isinstance(vector, str):
        return vector
    try:
        return b64encode(pack(f"<{len(vector)}f", *vector)).decode()
    except (error, OverflowError):
        raise Fault(502, "upstream", "", "the provider's vector holds something else than numbers") from None


def _as_floats(vector: list[float] | str) -> list[float]:
    if not isinstance(vector, str):
        return vector
    try:
        return [number for (number,) in iter_unpack("<f", b64decode(vector, validate=True))]
    except (error, Error):
        raise Fault(502, "upstream", "", "the provider's vector is no base64 of float32") from None
