"""/v1/messages (Anthropic). https://docs.anthropic.com/en/api/messages"""

from fastgate.endpoints.endpoint import Endpoint

ENDPOINTS = (
    Endpoint(
        method="POST",
        paths=("/v1/messages", "/messages", "/anthropic/v1/messages"),
        dialect="anthropic_messages",
        operation="messages",
        target="/v1/messages",
        body="json",
        streams=True,
        terminates=True,
        needs_model=True,
        kind="chat",
    ),
    Endpoint(
        method="POST",
        paths=("/v1/messages/count_tokens", "/messages/count_tokens", "/anthropic/v1/messages/count_tokens"),
        dialect="anthropic_messages",
        operation="count_tokens",
        target="/v1/messages/count_tokens",
        body="json",
        needs_model=True,
        kind="count_tokens",
    ),
)
