"""Azure OpenAI: the OpenAI dialect, the deployment's name in the path and a dated version in the query."""

from fastgate.providers.provider import Provider

_DOCS = "https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle"

PROVIDERS = (
    Provider(
        name="azure",
        dialect="openai_chat",
        key_env=("AZURE_API_KEY",),
        base_env=("AZURE_API_BASE",),
        version_env=("AZURE_API_VERSION",),
        auth="api-key",
        target="{base}/openai/deployments/{model}{operation}?api-version={api_version}",
        docs=_DOCS,
    ),
    # A base that ends in /openai/v1: no version, and the deployment's name is the body's model.
    Provider(
        name="azure_v1",
        dialect="openai_chat",
        key_env=("AZURE_API_KEY",),
        base_env=("AZURE_API_BASE",),
        auth="api-key",
        docs=_DOCS,
    ),
)
