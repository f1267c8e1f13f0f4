"""Clouds that serve many makers' models through an OpenAI-compatible endpoint: one row each, under LiteLLM's prefixes."""

from msgspec.structs import replace

from fastgate.providers.compatible import COMPATIBLE, hosted

PROVIDERS = (
    # A Bedrock API key as bearer. {aws_region_name} is a key of litellm_params; the configuration fills it in.
    hosted(
        name="bedrock_mantle",
        base_url="https://bedrock-mantle.{aws_region_name}.api.aws/v1",
        key_env=("BEDROCK_MANTLE_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"),
        base_env=("BEDROCK_MANTLE_API_BASE",),
        docs="https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html, 2026-11-24",
    ),
    hosted(
        name="cloudflare",
        base_url="https://api.cloudflare.com/client/v4/accounts/{cloudflare_account_id}/ai/v1",
        key_env=("CLOUDFLARE_API_KEY",),
        docs="https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility, 2026-11-24",
    ),
    # The base is a workspace's https://<host>/serving-endpoints.
    hosted(
        name="databricks",
        key_env=("DATABRICKS_API_KEY",),
        base_env=("DATABRICKS_API_BASE",),
        docs="https://docs.databricks.com/aws/machine-learning/foundation-model-apis/api-reference, 2026-11-24",
    ),
    # LiteLLM's DATAROBOT_ENDPOINT is the host or ends in /api/v2, so it is no base here.
    hosted(
        name="datarobot",
        base_url="https://app.datarobot.com/api/v2/genai/llmgw",
        key_env=("DATAROBOT_API_TOKEN",),
        docs="https://docs.litellm.ai/docs/providers/datarobot",
    ),
    # models.inference.ai.azure.com, which older guides name, was withdrawn on 2025-10-17; models are vendor/name here
    # (github.blog/changelog/2025-07-17-deprecation-of-azure-endpoint-for-github-models, read 2026-11-21).
    hosted(
        name="github",
        base_url="https://models.github.ai/inference",
        key_env=("GITHUB_API_KEY", "GITHUB_TOKEN"),
        base_env=("GITHUB_API_BASE",),
        docs="https://docs.github.com/rest/models/inference, 2026-11-24",
    ),
    # DigitalOcean's; max_tokens is the older word here too. An agent's endpoint is another api_base: its own URL and /api/v1.
    hosted(
        name="gradient_ai",
        base_url="https://inference.do-ai.run/v1",
        key_env=("GRADIENT_AI_API_KEY",),
        quirks=replace(COMPATIBLE, rename={}),
        docs="https://docs.digitalocean.com/products/inference-hub/how-to/use-chat-completions-api/, 2026-11-24",
    ),
    # The base is the add-on's INFERENCE_URL, without /v1.
    hosted(
        name="heroku",
        key_env=("HEROKU_API_KEY",),
        base_env=("HEROKU_API_BASE",),
        target="{base}/v1{operation}",
        docs="https://docs.litellm.ai/docs/providers/heroku",
    ),
    # Takes org/model[:provider]; LiteLLM's huggingface/<provider>/<org>/<model> is another path at the same host.
    hosted(
        name="huggingface",
        base_url="https://router.huggingface.co/v1",
        key_env=("HF_TOKEN", "HUGGINGFACE_API_KEY"),
        base_env=("HF_API_BASE", "HUGGINGFACE_API_BASE"),
        docs="https://huggingface.co/docs/inference-providers/guides/responses-api, 2026-11-24",
    ),
    # Was api.studio.nebius.ai.
    hosted(
        name="nebius",
        base_url="https://api.tokenfactory.nebius.com/v1",
        key_env=("NEBIUS_API_KEY",),
        base_env=("NEBIUS_API_BASE",),
        docs="https://docs.tokenfactory.nebius.com/api-reference/introduction, 2026-11-24",
    ),
    # Answers without a key too, fewer times a minute.
    hosted(
        name="ovhcloud",
        base_url="https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
        key_env=("OVHCLOUD_API_KEY",),
        needs_key=False,
        docs="https://docs.litellm.ai/docs/providers/ovhcloud",
    ),
    hosted(
        name="scaleway",
        base_url="https://api.scaleway.ai/v1",
        key_env=("SCW_SECRET_KEY",),
        docs="https://www.scaleway.com/en/docs/generative-apis/api-cli/using-chat-api, 2026-11-24",
    ),
    # A programmatic access token or a JWT as bearer.
    hosted(
        name="snowflake",
        base_url="https://{account_id}.snowflakecomputing.com/api/v2",
        key_env=("SNOWFLAKE_JWT",),
        base_env=("SNOWFLAKE_API_BASE",),
        target="{base}/cortex/v1{operation}",
        docs="https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-rest-api, 2026-11-24",
    ),
    # The model gateway of https://<region>.ml.cloud.ibm.com. It wants an IAM bearer token, which lives for an hour: an API key
    # (WATSONX_APIKEY) would have to be exchanged for one first.
    hosted(
        name="watsonx",
        key_env=("WATSONX_TOKEN",),
        base_env=("WATSONX_API_BASE", "WATSONX_URL"),
        target="{base}/ml/gateway/v1{operation}",
        docs="https://www.ibm.com/docs/en/watsonx/saas?topic=generation-inferencing-gateway-models, 2026-11-24",
    ),
)
