"""/v1/files and /v1/batches (OpenAI): things that live in one account."""

from fastgate.endpoints.endpoint import Body, Endpoint, both


def _row(method: str, path: str, operation: str, body: Body = "none") -> Endpoint:
    return Endpoint(
        method=method,
        paths=both(path),
        dialect="openai_chat",
        operation=operation,
        target=path,
        body=body,
        makes_ids=operation.endswith("_create"),
        opaque=operation == "file_content",
    )


ENDPOINTS = (
    _row("POST", "/files", "file_create", "multipart"),
    _row("GET", "/files", "file_list"),
    _row("GET", "/files/{id}", "file_get"),
    _row("DELETE", "/files/{id}", "file_delete"),
    _row("GET", "/files/{id}/content", "file_content"),
    _row("POST", "/batches", "batch_create", "json"),
    _row("GET", "/batches", "batch_list"),
    _row("GET", "/batches/{id}", "batch_get"),
    _row("POST", "/batches/{id}/cancel", "batch_cancel"),
)
