"""POST /v1/completions (OpenAI, legacy). https://platform.openai.com/docs/api-reference/completions"""

from fastgate.endpoints.endpoint import Endpoint, with_deployments

ENDPOINTS = (
    Endpoint(
        method="POST",
        paths=with_deployments("/completions"),
        dialect="openai_chat",
        operation="text_completion",
        target="/completions",
        body="json",
        streams=True,
        terminates=True,
        usage_option=True,
        needs_model=True,
        kind="chat",
    ),
)
