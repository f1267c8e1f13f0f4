"""Google's models/{model}:method. https://ai.google.dev/api/generate-content"""

from fastgate.endpoints.endpoint import Endpoint, Kind

# Clients write the colon as it is or as %3A; google-genai of 2026 asks /v1, older ones /v1beta.
_PREFIXES = ("/v1beta/models/{model}", "/v1/models/{model}", "/models/{model}", "/v1alpha/models/{model}")


def _method(name: str, operation: str, kind: Kind, *, streams: bool = False) -> Endpoint:
    return Endpoint(
        method="POST",
        paths=tuple(prefix + colon + name for prefix in _PREFIXES for colon in (":", "%3A", "%3a")),
        dialect="gemini",
        operation=operation,
        target=f":{name}",
        body="json",
        streams=streams,
        stream_default=streams,
        needs_model=True,
        kind=kind,
        model_in_path=True,
    )


ENDPOINTS = (
    _method("generateContent", "generate_content", "chat"),
    _method("streamGenerateContent", "stream_generate_content", "chat", streams=True),
    _method("countTokens", "gemini_count_tokens", "count_tokens"),
    _method("embedContent", "embed_content", "embeddings"),
    _method("batchEmbedContents", "batch_embed_contents", "embeddings"),
    # /v1/models is OpenAI's and Anthropic's list.
    Endpoint(method="GET", paths=("/v1beta/models", "/v1alpha/models"), dialect="gemini", operation="gemini_models"),
    Endpoint(method="GET", paths=("/v1beta/models/{model}", "/v1alpha/models/{model}"), dialect="gemini", operation="gemini_model"),
)
