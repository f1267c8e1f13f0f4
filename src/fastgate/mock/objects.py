"""OpenAI dialect: files, batches and models."""

from collections.abc import Callable

import orjson

from fastgate.errors import ClientError
from fastgate.mock import openai
from fastgate.mock.call import CREATED, Answer, Call, Events
from fastgate.mock.models import MODELS

REQUEST_ID = openai.REQUEST_ID
build_error = openai.build_error
build_failure = openai.build_failure


class NotKept(ClientError):
    """The id names nothing that was created here."""

    status = 404
    code = "not_found"


def check_call(call: Call) -> None:
    if call.operation == "file_create" and "file" not in call.fields:
        raise ClientError("file is missing")
    if call.operation == "batch_create" and not isinstance(call.fields.get("input_file_id"), str):
        raise ClientError("input_file_id is missing")


def _listed(objects: list[dict[str, object]]) -> Answer:
    ends = {"first_id": objects[0]["id"] if objects else None, "last_id": objects[-1]["id"] if objects else None}
    return Answer(body=orjson.dumps({"object": "list", "data": objects, **ends, "has_more": False}))


def _found(call: Call, kind: str) -> dict[str, object]:
    found = call.kept.get(kind, call.object_id)
    if found is None:
        raise NotKept(f'no such {kind} object: "{call.object_id}"')
    return found


def _build_file_create(call: Call) -> Answer:
    content = call.fields["file"]
    content = content if isinstance(content, bytes) else str(content).encode()
    file_id = call.kept.next_id("file-")
    made: dict[str, object] = {
        "id": file_id,
        "object": "file",
        "bytes": len(content),
        "created_at": CREATED,
        "filename": str(call.fields.get("file.filename", "upload")),
        "purpose": str(call.fields.get("purpose", "user_data")),
        "status": "processed",
    }
    call.kept.put("files", file_id, made)
    call.kept.put("contents", file_id, {"content": content})
    return Answer(body=orjson.dumps(made))


def _build_file_list(call: Call) -> Answer:
    return _listed(call.kept.all("files"))


def _build_file_get(call: Call) -> Answer:
    return Answer(body=orjson.dumps(_found(call, "files")))


def _build_file_content(call: Call) -> Answer:
    _found(call, "files")
    content = _found(call, "contents")["content"]
    return Answer(body=content if isinstance(content, bytes) else b"", content_type="application/octet-stream")


def _build_file_delete(call: Call) -> Answer:
    _found(call, "files")
    call.kept.drop("files", call.object_id)
    call.kept.drop("contents", call.object_id)
    return Answer(body=orjson.dumps({"id": call.object_id, "object": "file", "deleted": True}))


def _build_batch_create(call: Call) -> Answer:
    batch_id = call.kept.next_id("batch_")
    made: dict[str, object] = {
        "id": batch_id,
        "object": "batch",
        "endpoint": call.fields.get("endpoint", "/v1/chat/completions"),
        "input_file_id": call.fields["input_file_id"],
        "completion_window": call.fields.get("completion_window", "24h"),
        "status": "validating",
        "created_at": CREATED,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "metadata": call.fields.get("metadata"),
    }
    call.kept.put("batches", batch_id, made)
    return Answer(body=orjson.dumps(made))


def _build_batch_list(call: Call) -> Answer:
    return _listed(call.kept.all("batches"))


def _build_batch_get(call: Call) -> Answer:
    return Answer(body=orjson.dumps(_found(call, "batches")))


def _build_batch_cancel(call: Call) -> Answer:
    cancelled = {**_found(call, "batches"), "status": "cancelling"}
    call.kept.put("batches", call.object_id, cancelled)
    return Answer(body=orjson.dumps(cancelled))


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "mock"}


def _build_models(call: Call) -> Answer:
    return Answer(body=orjson.dumps({"object": "list", "data": [_model(name) for name in MODELS]}))


def _build_model(call: Call) -> Answer:
    return Answer(body=orjson.dumps(_model(call.object_id)))


_ANSWERS: dict[str, Callable[[Call], Answer]] = {
    "file_create": _build_file_create,
    "file_list": _build_file_list,
    "file_get": _build_file_get,
    "file_content": _build_file_content,
    "file_delete": _build_file_delete,
    "batch_create": _build_batch_create,
    "batch_list": _build_batch_list,
    "batch_get": _build_batch_get,
    "batch_cancel": _build_batch_cancel,
    "models": _build_models,
    "model": _build_model,
}


def build_answer(call: Call) -> Answer:
    return _ANSWERS[call.operation](call)


def build_events(call: Call) -> Events:
    raise ClientError(f"{call.operation} does not stream")
