"""Google Vertex AI: the Gemini dialect under a project and a location, with an OAuth2 token."""

from fastgate.providers.provider import Provider

PROVIDERS = (
    Provider(
        name="vertex_ai",
        dialect="gemini",
        # {vertex_location} and {vertex_project} are keys of litellm_params; the configuration fills them in.
        base_url="https://{vertex_location}-aiplatform.googleapis.com/v1/projects/{vertex_project}"
        "/locations/{vertex_location}/publishers/google",
        base_env=("VERTEXAI_API_BASE",),
        # A service account is exchanged for a token that lives for about an hour.
        needs_key=False,
        target="{base}/models/{model}{operation}",
        docs="https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
    ),
)
