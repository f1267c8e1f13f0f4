"""POST /v1/embeddings, /v1/moderations and rerank: one question, one answer."""

from fastgate.endpoints.endpoint import Endpoint, both, with_deployments

ENDPOINTS = (
    Endpoint(
        method="POST",
        paths=with_deployments("/embeddings"),
        dialect="openai_chat",
        operation="embeddings",
        target="/embeddings",
        body="json",
        needs_model=True,
        kind="embeddings",
    ),
    # The model has a default at the provider: a request may leave it out.
    Endpoint(method="POST", paths=both("/moderations"), dialect="openai_chat", operation="moderation", target="/moderations", body="json"),
    Endpoint(
        method="POST",
        paths=(*both("/rerank"), "/v2/rerank"),
        dialect="openai_chat",
        operation="rerank",
        target="/rerank",
        body="json",
        needs_model=True,
    ),
)
