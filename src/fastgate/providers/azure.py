"""Azure: the OpenAI dialect, the deployment's name in the path and a dated version in the query; newer bases need neither."""

from fastgate.providers.provider import Provider, Quirks

_DOCS = "https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle, 2026-11-24"

# As OpenAI's own: free-text tools, and a choice among some of the tools.
_QUIRKS = Quirks(knows=frozenset(("custom_tools", "allowed_tools")))


def _dated(*, name: str) -> Provider:
    return Provider(
        name=name,
        dialect="openai_chat",
        key_env=("AZURE_API_KEY",),
        base_env=("AZURE_API_BASE",),
        version_env=("AZURE_API_VERSION",),
        auth="api-key",
        tokens="entra",
        quirks=_QUIRKS,
        target="{base}/openai/deployments/{model}{operation}?api-version={api_version}",
        docs=_DOCS,
    )


def _undated(*, name: str, key_env: str, base_env: str) -> Provider:
    return Provider(
        name=name,
        dialect="openai_chat",
        key_env=(key_env,),
        base_env=(base_env,),
        auth="api-key",
        tokens="entra",
        quirks=_QUIRKS,
        # Dated bases have it below another path.
        responses=True,
        docs=_DOCS,
    )


PROVIDERS = (
    _dated(name="azure"),
    # LiteLLM's name for deployments that are asked for /completions only.
    _dated(name="azure_text"),
    # A base that ends in /openai/v1: no version, and the deployment's name is the body's model.
    _undated(name="azure_v1", key_env="AZURE_API_KEY", base_env="AZURE_API_BASE"),
    # Other makers' models in Microsoft Foundry. The base is https://<resource>.services.ai.azure.com/openai/v1: the older /models path
    # (Azure AI Inference, with a dated version) was to be retired on 2026-08-26
    # (learn.microsoft.com/azure/foundry/foundry-models/concepts/endpoints, read 2026-11-24).
    _undated(name="azure_ai", key_env="AZURE_AI_API_KEY", base_env="AZURE_AI_API_BASE"),
)
