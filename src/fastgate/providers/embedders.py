"""Services that embed and do not chat, with OpenAI's /embeddings: one row each, under LiteLLM's prefixes."""

from fastgate.providers.compatible import hosted, self_hosted

PROVIDERS = (
    hosted(
        name="jina_ai",
        base_url="https://api.jina.ai/v1",
        key_env=("JINA_AI_API_KEY", "JINA_API_KEY", "JINA_AI_TOKEN"),
        base_env=("JINA_AI_API_BASE",),
        docs="https://docs.litellm.ai/docs/providers/jina_ai",
    ),
    hosted(
        name="voyage",
        base_url="https://api.voyageai.com/v1",
        key_env=("VOYAGE_API_KEY", "VOYAGE_AI_API_KEY", "VOYAGE_AI_TOKEN"),
        base_env=("VOYAGE_API_BASE",),
        docs="https://docs.litellm.ai/docs/providers/voyage",
    ),
    self_hosted(name="infinity", base_url="http://localhost:7997", docs="https://docs.litellm.ai/docs/providers/infinity"),
)
