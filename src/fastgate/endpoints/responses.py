"""/v1/responses (OpenAI). https://platform.openai.com/docs/api-reference/responses"""

from fastgate.endpoints.endpoint import Endpoint, both


def _stored(method: str, path: str, operation: str) -> Endpoint:
    return Endpoint(method=method, paths=both(path), dialect="openai_responses", operation=operation, target=path, streams=method == "GET")


ENDPOINTS = (
    Endpoint(
        method="POST",
        paths=(*both("/responses"), "/openai/v1/responses"),
        dialect="openai_responses",
        operation="responses",
        target="/responses",
        body="json",
        streams=True,
        terminates=True,
        makes_ids=True,
        needs_model=True,
        kind="chat",
    ),
    _stored("GET", "/responses/{id}", "responses_get"),
    _stored("DELETE", "/responses/{id}", "responses_delete"),
    _stored("POST", "/responses/{id}/cancel", "responses_cancel"),
    _stored("GET", "/responses/{id}/input_items", "responses_input_items"),
)
