"""Google Vertex AI: the Gemini dialect under a project and a location, with an OAuth2 token; both of LiteLLM's prefixes."""

from fastgate.providers.provider import Provider, Quirks

_PATH = "/v1/projects/{vertex_project}/locations/{vertex_location}/publishers/google"


def _row(*, name: str) -> Provider:
    return Provider(
        name=name,
        dialect="gemini",
        # {vertex_location} and {vertex_project} are keys of litellm_params; the configuration fills them in.
        base_url=f"https://{{vertex_location}}-aiplatform.googleapis.com{_PATH}",
        # The location stands in no host name of these (docs.cloud.google.com/vertex-ai/generative-ai/docs/learn/locations, 2026-11-24;
        # those of two continents: google-genai 3.4, _api_client.py).
        base_urls={
            "global": f"https://aiplatform.googleapis.com{_PATH}",
            "us": f"https://aiplatform.us.rep.googleapis.com{_PATH}",
            "eu": f"https://aiplatform.eu.rep.googleapis.com{_PATH}",
        },
        base_env=("VERTEXAI_API_BASE",),
        # A service account is exchanged for a token that lives for about an hour.
        needs_key=False,
        tokens="google",
        target="{base}/models/{model}{operation}",
        # Labels of a request, and countTokens with members beside the contents (cloud.google.com/dotnet/docs/reference,
        # Google.Cloud.AIPlatform.V1Beta1 CountTokensRequest, read 2026-11-24), and models
        # beside Gemini that embed when they are asked to predict: AI Studio has none of them.
        quirks=Quirks(knows=frozenset(("labels", "countTokens.systemInstruction", "predict"))),
        docs="https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest-rpc, 2026-11-24",
    )


PROVIDERS = (_row(name="vertex_ai"), _row(name="vertex_ai_beta"))
