"""OpenAI dialect: what is not text: embeddings, moderations, images, audio, rerank."""

import struct
from base64 import b64encode
from collections.abc import Callable

import orjson

from fastgate.errors import ClientError
from fastgate.mock import openai
from fastgate.mock.call import CREATED, Answer, Call, Events, build_ident, text_of
from fastgate.mock.text import build_words
from fastgate.mock.wire import build_event

REQUEST_ID = openai.REQUEST_ID
build_error = openai.build_error
build_failure = openai.build_failure

# A 1x1 PNG.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

MAX_DIMENSIONS = 8_192
SAMPLES_PER_S = 8_000

_REQUIRED = {
    "embeddings": "input",
    "moderations": "input",
    "images": "prompt",
    "speech": "input",
    "rerank": "documents",
    "transcriptions": "file",
}


def check_call(call: Call) -> None:
    # Moderations and images work without a model at api.openai.com; it takes its own default.
    if not call.model and call.operation not in ("moderations", "images"):
        raise ClientError("you must provide a model parameter")
    required = _REQUIRED[call.operation]
    if required not in call.fields:
        raise ClientError(f"{required} is missing")


def _inputs(value: object) -> list[object]:
    """Return one item per input: a string and a list of token numbers are one each."""
    if isinstance(value, list) and value and not isinstance(value[0], int):
        return value
    return [value]


def _vector(text: object, dimensions: int) -> list[float]:
    """Return a vector with values from -1 to 1 that 32-bit floats hold exactly."""
    seed = int(build_ident(orjson.dumps(text))[:8], 16)
    return [((seed * (2 * index + 1) + index) % 2048 - 1024) / 1024 for index in range(dimensions)]


def _build_embeddings(call: Call) -> Answer:
    dimensions = call.fields.get("dimensions", 16)
    if not isinstance(dimensions, int) or not 1 <= dimensions <= MAX_DIMENSIONS:
        raise ClientError(f"dimensions must be a whole number from 1 to {MAX_DIMENSIONS}")
    encoded = call.fields.get("encoding_format") == "base64"
    rows: list[dict[str, object]] = []
    for index, text in enumerate(_inputs(call.fields["input"])):
        vector = _vector(text, dimensions)
        embedding: object = b64encode(struct.pack(f"<{dimensions}f", *vector)).decode() if encoded else vector
        rows.append({"object": "embedding", "index": index, "embedding": embedding})
    usage = {"prompt_tokens": call.prompt_tokens, "total_tokens": call.prompt_tokens}
    return Answer(body=orjson.dumps({"object": "list", "data": rows, "model": call.model, "usage": usage}))


_CATEGORIES = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")


def _build_moderations(call: Call) -> Answer:
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_CATEGORIES, False),
        "category_scores": dict.fromkeys(_CATEGORIES, 0.0),
        "category_applied_input_types": {category: ["text"] for category in _CATEGORIES},
    }
    results = [result] * len(_inputs(call.fields["input"]))
    return Answer(body=orjson.dumps({"id": f"modr-{call.ident}", "model": call.model or "omni-moderation-latest", "results": results}))


def _build_images(call: Call) -> Answer:
    row = {"b64_json": PIXEL, "revised_prompt": str(call.fields["prompt"])[:200]}
    rows = [row] * openai.choices_of(call)
    details = {"text_tokens": call.prompt_tokens, "image_tokens": 0}
    usage = {
        "input_tokens": call.prompt_tokens,
        "output_tokens": 1,
        "total_tokens": call.prompt_tokens + 1,
        "input_tokens_details": details,
    }
    return Answer(body=orjson.dumps({"created": CREATED, "data": rows, "usage": usage}))


def build_wav(data_bytes: int) -> bytes:
    """Return a WAV file (8 kHz, 8 bit, mono) with *data_bytes* of a sawtooth: every byte value occurs."""
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + data_bytes, b"WAVE", b"fmt ", 16, 1, 1, SAMPLES_PER_S, SAMPLES_PER_S, 1, 8, b"data", data_bytes
    )
    return head + (bytes(range(256)) * (data_bytes // 256 + 1))[:data_bytes]


def _build_speech(call: Call) -> Answer:
    data_bytes = max(call.size_bytes - 44, 0) if call.size_bytes else SAMPLES_PER_S // 4
    return Answer(body=build_wav(data_bytes), content_type="audio/wav")


def _build_transcription(call: Call) -> Answer:
    text = "".join(build_words(call))
    if call.fields.get("response_format") in ("text", "srt", "vtt"):
        return Answer(body=text.encode() + b"\n", content_type="text/plain; charset=utf-8", generated=True)
    tokens = {"type": "tokens", "input_tokens": call.prompt_tokens, "output_tokens": call.tokens}
    usage = {**tokens, "total_tokens": call.prompt_tokens + call.tokens}
    return Answer(body=orjson.dumps({"text": text, "usage": usage}), generated=True)


def _build_rerank(call: Call) -> Answer:
    documents = call.fields["documents"]
    if not isinstance(documents, list):
        raise ClientError("documents must be an array")
    top = call.fields.get("top_n")
    count = min(top, len(documents)) if isinstance(top, int) and top > 0 else len(documents)
    results = [
        {"index": index, "relevance_score": round(1 / (index + 1), 4), "document": {"text": text_of(documents[index])}}
        for index in range(count)
    ]
    usage = {"total_tokens": call.prompt_tokens}
    return Answer(body=orjson.dumps({"id": f"rerank-{call.ident}", "model": call.model, "results": results, "usage": usage}))


_ANSWERS: dict[str, Callable[[Call], Answer]] = {
    "embeddings": _build_embeddings,
    "moderations": _build_moderations,
    "images": _build_images,
    "speech": _build_speech,
    "transcriptions": _build_transcription,
    "rerank": _build_rerank,
}


def build_answer(call: Call) -> Answer:
    return _ANSWERS[call.operation](call)


def build_events(call: Call) -> Events:
    """Return a transcription's events; no other operation here streams."""
    words = build_words(call)
    tokens = [build_event(orjson.dumps({"type": "transcript.text.delta", "delta": word})) for word in words]
    done = build_event(orjson.dumps({"type": "transcript.text.done", "text": "".join(words)}))
    return Events(opening=[], tokens=tokens, closing=[done])
