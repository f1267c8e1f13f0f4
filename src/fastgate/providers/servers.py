"""Servers of the user's own, and whatever else speaks the OpenAI chat dialect: the base includes /v1, as LiteLLM's does."""

from fastgate.providers.compatible import self_hosted

PROVIDERS = (
    # The base ends in the engine.
    self_hosted(
        name="docker_model_runner",
        base_url="http://localhost:22088/engines/llama.cpp",
        target="{base}/v1{operation}",
        docs="https://docs.litellm.ai/docs/providers/docker_model_runner",
    ),
    self_hosted(name="lemonade", base_url="http://localhost:8000/api/v1", docs="https://docs.litellm.ai/docs/providers/lemonade"),
    self_hosted(name="litellm_proxy", docs="https://docs.litellm.ai/docs/providers/litellm_proxy"),
    self_hosted(name="lm_studio", base_url="http://localhost:1234/v1", docs="https://lmstudio.ai/docs/api/openai-api, 2026-11-24"),
    self_hosted(name="xinference", docs="https://inference.readthedocs.io/en/latest/user_guide/client_api.html"),
    # Whatever speaks the dialect: the deployment names the place.
    self_hosted(name="openai_like", docs="https://docs.litellm.ai/docs/providers/openai_compatible"),
    self_hosted(name="custom_openai", docs="https://docs.litellm.ai/docs/providers/openai_compatible"),
)
