"""Google Vertex AI: the Gemini dialect under a project and a location, with an OAuth2 token; both of LiteLLM's prefixes."""

from fastgate.providers.provider import Provider, Quirks


def _row(*, name: str) -> Provider:
    return Provider(
        name=name,
        dialect="gemini",
        # {vertex_location} and {vertex_project} are keys of litellm_params; the configuration fills them in.
        base_url="https://{vertex_location}-aiplatform.googleapis.com/v1/projects/{vertex_project}"
        "/locations/{vertex_location}/publishers/google",
        base_env=("VERTEXAI_API_BASE",),
        # A service account is exchanged for a token that lives for about an hour.
        needs_key=False,
        tokens="google",
        target="{base}/models/{model}{operation}",
        # Labels of a request, and countTokens with members beside the contents (cloud.google.com/dotnet/docs/reference,
        # Google.Cloud.AIPlatform.V1Beta1 CountTokensRequest, read 2026-11-24): AI Studio has neither.
        quirks=Quirks(knows=frozenset(("labels", "countTokens.systemInstruction"))),
        docs="https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest-rpc, 2026-11-24",
    )


PROVIDERS = (_row(name="vertex_ai"), _row(name="vertex_ai_beta"))
