"""Providers that speak the OpenAI chat dialect to the letter: one row each, under LiteLLM's prefixes."""

from fastgate.providers.provider import Provider


def _row(*, name: str, base_url: str, key_env: tuple[str, ...], base_env: tuple[str, ...], docs: str) -> Provider:
    return Provider(name=name, dialect="openai_chat", base_url=base_url, key_env=key_env, base_env=base_env, docs=docs)


def _self_hosted(*, name: str, base_url: str, docs: str) -> Provider:
    """Return a row for a server of the user's own: it takes a key only if it was started with one."""
    stem = name.upper()
    return Provider(
        name=name,
        dialect="openai_chat",
        base_url=base_url,
        key_env=(f"{stem}_API_KEY",),
        base_env=(f"{stem}_API_BASE",),
        needs_key=False,
        docs=docs,
    )


PROVIDERS = (
    _row(
        name="together_ai",
        base_url="https://api.together.xyz/v1",
        key_env=("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN"),
        base_env=("TOGETHER_AI_API_BASE",),
        docs="https://docs.together.ai/docs/openai-api-compatibility",
    ),
    _row(
        name="fireworks_ai",
        base_url="https://api.fireworks.ai/inference/v1",
        key_env=("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
        base_env=("FIREWORKS_API_BASE", "FIREWORKS_AI_API_BASE"),
        docs="https://docs.fireworks.ai/tools-sdks/openai-compatibility",
    ),
    # No /v1 in its paths.
    _row(
        name="perplexity",
        base_url="https://api.perplexity.ai",
        key_env=("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
        base_env=("PERPLEXITY_API_BASE",),
        docs="https://docs.perplexity.ai/api-reference/chat-completions-post",
    ),
    _row(
        name="cerebras",
        base_url="https://api.cerebras.ai/v1",
        key_env=("CEREBRAS_API_KEY",),
        base_env=("CEREBRAS_API_BASE",),
        docs="https://inference-docs.cerebras.ai/resources/openai",
    ),
    _row(
        name="sambanova",
        base_url="https://api.sambanova.ai/v1",
        key_env=("SAMBANOVA_API_KEY",),
        base_env=("SAMBANOVA_API_BASE",),
        docs="https://docs.sambanova.ai/docs/en/features/openai-compatibility",
    ),
    _row(
        name="nvidia_nim",
        base_url="https://integrate.api.nvidia.com/v1",
        key_env=("NVIDIA_NIM_API_KEY",),
        base_env=("NVIDIA_NIM_API_BASE",),
        docs="https://docs.api.nvidia.com/nim/reference/llm-apis",
    ),
    _row(
        name="deepinfra",
        base_url="https://api.deepinfra.com/v1/openai",
        key_env=("DEEPINFRA_API_KEY",),
        base_env=("DEEPINFRA_API_BASE",),
        docs="https://deepinfra.com/docs/openai_api",
    ),
    # Takes org/model[:provider]; LiteLLM's huggingface/<provider>/<org>/<model> is another path at the same host.
    _row(
        name="huggingface",
        base_url="https://router.huggingface.co/v1",
        key_env=("HF_TOKEN", "HUGGINGFACE_API_KEY"),
        base_env=("HF_API_BASE", "HUGGINGFACE_API_BASE"),
        docs="https://huggingface.co/docs/inference-providers/index",
    ),
    _row(
        name="moonshot",
        base_url="https://api.moonshot.ai/v1",
        key_env=("MOONSHOT_API_KEY",),
        base_env=("MOONSHOT_API_BASE",),
        docs="https://platform.moonshot.ai/docs/api/chat",
    ),
    # The international host; accounts of the mainland use dashscope.aliyuncs.com.
    _row(
        name="dashscope",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        key_env=("DASHSCOPE_API_KEY",),
        base_env=("DASHSCOPE_API_BASE",),
        docs="https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
    ),
    _row(
        name="zai",
        base_url="https://api.z.ai/api/paas/v4",
        key_env=("ZAI_API_KEY",),
        base_env=("ZAI_API_BASE",),
        docs="https://docs.z.ai/api-reference/introduction",
    ),
    _row(
        name="minimax",
        base_url="https://api.minimax.io/v1",
        key_env=("MINIMAX_API_KEY",),
        base_env=("MINIMAX_API_BASE",),
        docs="https://platform.minimax.io/docs/api-reference/text-openai-api",
    ),
    _row(
        name="volcengine",
        base_url="https://ark.cn-beijing.volces.com/api/v3",
        key_env=("VOLCENGINE_API_KEY", "ARK_API_KEY"),
        base_env=("VOLCENGINE_API_BASE",),
        docs="https://www.volcengine.com/docs/82379",
    ),
    # models.inference.ai.azure.com, which older guides name, was withdrawn on 2025-10-17; models are vendor/name here
    # (github.blog/changelog/2025-07-17-deprecation-of-azure-endpoint-for-github-models, read 2026-11-21).
    _row(
        name="github",
        base_url="https://models.github.ai/inference",
        key_env=("GITHUB_API_KEY", "GITHUB_TOKEN"),
        base_env=("GITHUB_API_BASE",),
        docs="https://docs.github.com/rest/models/inference",
    ),
    _row(
        name="meta_llama",
        base_url="https://api.llama.com/compat/v1",
        key_env=("LLAMA_API_KEY",),
        base_env=("LLAMA_API_BASE",),
        docs="https://llama.developer.meta.com/docs/features/compatibility",
    ),
    _row(
        name="friendliai",
        base_url="https://api.friendli.ai/serverless/v1",
        key_env=("FRIENDLIAI_API_KEY", "FRIENDLI_TOKEN"),
        base_env=("FRIENDLI_API_BASE",),
        docs="https://friendli.ai/docs/openapi/serverless/chat-completions",
    ),
    _row(
        name="scaleway",
        base_url="https://api.scaleway.ai/v1",
        key_env=("SCW_SECRET_KEY",),
        base_env=(),
        docs="https://www.scaleway.com/en/developers/api/generative-apis/",
    ),
    _row(
        name="poe",
        base_url="https://api.poe.com/v1",
        key_env=("POE_API_KEY",),
        base_env=(),
        docs="https://creator.poe.com/docs/external-applications/openai-compatible-api",
    ),
    # Servers of the user's own. The base includes /v1, as LiteLLM's does.
    _self_hosted(name="hosted_vllm", base_url="", docs="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"),
    _self_hosted(name="vllm", base_url="", docs="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"),
    _self_hosted(name="llamafile", base_url="http://127.0.0.1:8080/v1", docs="https://github.com/mozilla-ai/llamafile"),
    _self_hosted(name="lm_studio", base_url="", docs="https://lmstudio.ai/docs/developer/openai-compat"),
    _self_hosted(name="xinference", base_url="", docs="https://inference.readthedocs.io/en/latest/user_guide/client_api.html"),
    _self_hosted(name="litellm_proxy", base_url="", docs="https://docs.litellm.ai/docs/providers/litellm_proxy"),
    # Whatever speaks the dialect: the deployment names the place.
    _self_hosted(name="openai_like", base_url="", docs="https://docs.litellm.ai/docs/providers/openai_compatible"),
    _self_hosted(name="custom_openai", base_url="", docs="https://docs.litellm.ai/docs/providers/openai_compatible"),
)
