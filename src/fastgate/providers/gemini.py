"""Google AI Studio: the Gemini dialect with an API key."""

from fastgate.providers.provider import Provider

PROVIDERS = (
    Provider(
        name="gemini",
        dialect="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        base_env=("GEMINI_API_BASE",),
        auth="x-goog-api-key",
        # The operation is `:generateContent`, `:streamGenerateContent?alt=sse`, `:countTokens`.
        target="{base}/models/{model}{operation}",
        docs="https://ai.google.dev/api, 2026-11-24",
    ),
)
