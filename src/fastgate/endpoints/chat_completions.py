"""POST /v1/chat/completions (OpenAI). https://platform.openai.com/docs/api-reference/chat"""

from fastgate.endpoints.endpoint import Endpoint, with_deployments

ENDPOINTS = (
    Endpoint(
        method="POST",
        paths=with_deployments("/chat/completions"),
        dialect="openai_chat",
        operation="chat",
        target="/chat/completions",
        body="json",
        streams=True,
        terminates=True,
        usage_option=True,
        needs_model=True,
        kind="chat",
    ),
)
