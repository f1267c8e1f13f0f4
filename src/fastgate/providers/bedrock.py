"""Amazon Bedrock: the Converse dialect, signed with SigV4 or asked with a Bedrock API key as bearer."""

from fastgate.providers.provider import Provider

PROVIDERS = (
    Provider(
        name="bedrock",
        dialect="bedrock",
        # {aws_region_name} is a key of litellm_params; the configuration fills it in.
        base_url="https://bedrock-runtime.{aws_region_name}.amazonaws.com",
        key_env=("AWS_BEARER_TOKEN_BEDROCK",),
        base_env=("AWS_BEDROCK_RUNTIME_ENDPOINT",),
        needs_key=False,
        tokens="aws",
        # The operation is `/converse` or `/converse-stream`.
        target="{base}/model/{model}{operation}",
        docs="https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, 2026-11-24",
    ),
)
