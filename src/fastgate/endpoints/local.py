"""What the gateway answers itself: its models, its health and its routing."""

from fastgate.endpoints.endpoint import Endpoint, both


def _row(operation: str, *paths: str, public: bool = False) -> Endpoint:
    return Endpoint(method="GET", paths=paths, dialect="openai_chat", operation=operation, public=public)


ENDPOINTS = (
    _row("router_state", "/router/state"),
    Endpoint(method="POST", paths=("/router/explain",), dialect="openai_chat", operation="router_explain", body="json"),
    _row("models", *both("/models"), "/openai/models", "/openai/v1/models"),
    _row("model", "/v1/models/{model}", "/models/{model}"),
    # LiteLLM's: a deployment each, and a model_name each.
    _row("model_info", *both("/model/info")),
    _row("model_group_info", "/model_group/info"),
    # The first spelling is LiteLLM's.
    _row("liveness", "/health/liveliness", "/health/liveness", "/livez", public=True),
    _row("readiness", "/health/readiness", "/readyz", public=True),
    _row("health", "/health"),
    _row("root", "/", public=True),
)
