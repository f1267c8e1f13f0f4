"""Makers of models with an OpenAI-compatible service of their own: one row each, under LiteLLM's prefixes."""

from msgspec.structs import replace

from fastgate.providers.compatible import COMPATIBLE, hosted

PROVIDERS = (
    hosted(
        name="amazon_nova",
        base_url="https://api.nova.amazon.com/v1",
        key_env=("AMAZON_NOVA_API_KEY",),
        base_env=("AMAZON_NOVA_API_BASE",),
        docs="https://docs.litellm.ai/docs/providers/amazon_nova",
    ),
    hosted(
        name="cognition",
        base_url="https://api.cognition.ai/v1",
        key_env=("COGNITION_API_KEY",),
        base_env=("COGNITION_API_BASE",),
        docs="https://docs.litellm.ai/docs/providers/cognition",
    ),
    hosted(
        name="inception",
        base_url="https://api.inceptionlabs.ai/v1",
        key_env=("INCEPTION_API_KEY",),
        base_env=("INCEPTION_API_BASE",),
        docs="https://docs.litellm.ai/docs/providers/inception",
    ),
    hosted(
        name="meta",
        base_url="https://api.meta.ai/v1",
        key_env=("META_API_KEY",),
        base_env=("META_API_BASE",),
        docs="https://docs.litellm.ai/docs/providers/meta",
    ),
    hosted(
        name="meta_llama",
        base_url="https://api.llama.com/compat/v1",
        key_env=("LLAMA_API_KEY",),
        base_env=("LLAMA_API_BASE",),
        docs="https://llama.developer.meta.com/docs/features/compatibility",
    ),
    hosted(
        name="morph",
        base_url="https://api.morphllm.com/v1",
        key_env=("MORPH_API_KEY",),
        base_env=("MORPH_API_BASE",),
        docs="https://docs.litellm.ai/docs/providers/morph",
    ),
    hosted(
        name="reka",
        base_url="https://api.reka.ai/v1",
        key_env=("REKA_API_KEY",),
        base_env=("REKA_API_BASE",),
        docs="https://docs.litellm.ai/docs/providers/reka",
    ),
    hosted(
        name="sarvam",
        base_url="https://api.sarvam.ai/v1",
        key_env=("SARVAM_API_KEY",),
        docs="https://docs.litellm.ai/docs/providers/sarvam",
    ),
    # Kuaishou's. It wants max_completion_tokens.
    hosted(
        name="streamlake",
        base_url="https://vanchin.streamlake.ai/api/gateway/v1/endpoints",
        key_env=("STREAMLAKE_API_KEY",),
        base_env=("STREAMLAKE_API_BASE",),
        quirks=replace(COMPATIBLE, rename={}),
        docs="https://docs.litellm.ai/docs/providers/openai_compatible",
    ),
    hosted(
        name="tencent",
        base_url="https://tokenhub-intl.tencentcloudmaas.com/v1",
        key_env=("TENCENT_API_KEY",),
        base_env=("TENCENT_API_BASE",),
        docs="https://docs.litellm.ai/docs/providers/tencent",
    ),
    hosted(
        name="v0",
        base_url="https://api.v0.dev/v1",
        key_env=("V0_API_KEY",),
        base_env=("V0_API_BASE",),
        docs="https://docs.litellm.ai/docs/providers/v0",
    ),
    hosted(
        name="volcengine",
        base_url="https://ark.cn-beijing.volces.com/api/v3",
        key_env=("VOLCENGINE_API_KEY", "ARK_API_KEY"),
        base_env=("VOLCENGINE_API_BASE", "ARK_API_BASE"),
        docs="https://www.volcengine.com/docs/82379",
    ),
    hosted(
        name="xiaomi_mimo",
        base_url="https://api.xiaomimimo.com/v1",
        key_env=("XIAOMI_MIMO_API_KEY",),
        docs="https://docs.litellm.ai/docs/providers/xiaomi_mimo",
    ),
    hosted(
        name="zerogpu",
        base_url="https://api.zerogpu.ai/v1",
        key_env=("ZEROGPU_API_KEY",),
        base_env=("ZEROGPU_API_BASE",),
        docs="https://docs.litellm.ai/docs/providers/zerogpu",
    ),
)
