"""The file as users write it: every key that is known, what it may hold, and whether it has an effect in this release.

This is the one place that says so: a key that gets its effect moves from LATER to IN_EFFECT here.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import fields

from fastgate.config.kinds import (
    AMOUNT,
    ANY,
    COUNT,
    DOLLARS,
    FLAG,
    FLAG_OR_PATH,
    LIST,
    MAP,
    POSITIVE,
    PRIORITY,
    SECONDS,
    TEXT,
    WAIT,
    Kind,
    choice,
    integer,
    number,
)
from fastgate.config.schema import ORDER_LAST, Limits, Tls, UpstreamSettings

State = Literal["honoured", "not yet in effect", "unknown"]
IN_EFFECT: State = "honoured"
LATER: State = "not yet in effect"
UNKNOWN: State = "unknown"


class Key(Struct, frozen=True):
    """One known key."""

    kind: Kind
    state: State
    # What `fastgate check` says about it beside its state.
    remark: str = ""
    # Only these values have an effect; empty: every value has.
    values: tuple[str, ...] = ()
    # It may come from elsewhere too: whoever needs it says that it is missing.
    elsewhere: bool = False


Keys = dict[str, Key]


def _keys(state: State, kind: Kind, names: str) -> Keys:
    return {name: Key(kind, state) for name in names.split()}


TOP: Keys = {
    **_keys(IN_EFFECT, LIST, "model_list"),
    **_keys(IN_EFFECT, MAP, "litellm_settings router_settings general_settings environment_variables fastgate_settings"),
    "include": Key(ANY, IN_EFFECT),
    "fallbacks": Key(LIST, IN_EFFECT),
    **_keys(
        LATER,
        ANY,
        "credential_list mcp_servers guardrails vector_store_registry search_tools files_settings finetune_settings"
        " callback_settings assistant_settings mcp_tools mcp_aliases",
    ),
}

MODEL: Keys = {
    "model_name": Key(TEXT, IN_EFFECT),
    "litellm_params": Key(MAP, IN_EFFECT),
    "model_info": Key(MAP, IN_EFFECT),
}

# Defaults of request parameters, which the caller may override.
# fmt: off
REQUEST_DEFAULTS = [
    "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "stop", "n", "seed", "user", "tools", "tool_choice",
    "functions", "function_call", "response_format", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs",
    "top_logprobs", "parallel_tool_calls", "reasoning_effort", "thinking", "service_tier", "store", "modalities", "audio",
    "dimensions", "encoding_format", "metadata", "keep_alive", "num_ctx", "repeat_penalty",
]
# fmt: on

# Clouds' own credentials, all text.
# fmt: off
CLOUD_CREDENTIALS = [
    "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_session_name", "aws_profile_name", "aws_role_name",
    "aws_web_identity_token", "aws_external_id", "aws_sts_endpoint", "azure_ad_token", "azure_scope", "tenant_id", "client_id",
    "client_secret",
]
# fmt: on

_AS_LIMIT = "as the provider's limit, which is never exceeded; as a weight of simple-shuffle, and by usage-based and cost-based routing"

LITELLM_PARAMS: Keys = {
    **_keys(IN_EFFECT, TEXT, "model api_base base_url api_version organization custom_llm_provider"),
    "api_key": Key(TEXT, IN_EFFECT, elsewhere=True),
    **_keys(IN_EFFECT, SECONDS, "timeout stream_timeout first_token_timeout"),
    **_keys(IN_EFFECT, TEXT, "aws_region_name vertex_project vertex_location account_id cloudflare_account_id"),
    **_keys(IN_EFFECT, TEXT, " ".join(CLOUD_CREDENTIALS)),
    # A path, the JSON itself, or the same as a map.
    "vertex_credentials": Key(ANY, IN_EFFECT),
    **_keys(IN_EFFECT, MAP, "extra_headers headers"),
    "weight": Key(AMOUNT, IN_EFFECT),
    "rpm": Key(COUNT, IN_EFFECT, _AS_LIMIT),
    "tpm": Key(COUNT, IN_EFFECT, _AS_LIMIT),
    **_keys(IN_EFFECT, COUNT, "max_retries num_retries"),
    "cooldown_time": Key(WAIT, IN_EFFECT),
    "max_parallel_requests": Key(COUNT, IN_EFFECT),
    "order": Key(integer(0, ORDER_LAST - 1), IN_EFFECT),
    **_keys(IN_EFFECT, LIST, "tags fallbacks"),
    "region_name": Key(TEXT, IN_EFFECT),
    **_keys(LATER, AMOUNT, "max_budget"),
    **_keys(IN_EFFECT, FLAG, "drop_params modify_params"),
    **_keys(IN_EFFECT, LIST, "additional_drop_params allowed_openai_params"),
    "extra_body": Key(MAP, IN_EFFECT),
    **_keys(IN_EFFECT, ANY, " ".join(REQUEST_DEFAULTS)),
    **_keys(LATER, FLAG, "use_in_pass_through use_litellm_proxy merge_reasoning_content_in_choices"),
    **_keys(
        LATER,
        ANY,
        "stream stream_options input_type voice mirostat safety_settings"
        # How LiteLLM routes, prices and reports.
        " budget_duration mock_response configurable_clientside_auth_params"
        " input_cost_per_token output_cost_per_token cache_read_input_token_cost cache_creation_input_token_cost"
        " input_cost_per_token_above_200k_tokens output_cost_per_token_above_200k_tokens input_cost_per_second"
        " output_cost_per_second input_cost_per_image output_cost_per_image input_cost_per_character output_cost_per_character"
        " litellm_credential_name litellm_trace_id default_api_key_tpm_limit default_api_key_rpm_limit"
        " context_window_fallbacks model_info cache_control_injection_points ssl_verify ssl_certificate hf_model_name"
        " supports_system_message"
        " auto_router_config auto_router_config_path auto_router_default_model complexity_router_config"
        " aws_bedrock_runtime_endpoint azure_ad_token_provider azure_username azure_password"
        " watsonx_region_name project_id space_id token api_type deployment_id use_chat_completions_api",
    ),
}

_COSTS = (
    "input_cost_per_token output_cost_per_token cache_read_input_token_cost cache_creation_input_token_cost"
    " cache_creation_input_token_cost_above_1hr cache_read_input_audio_token_cost cache_read_input_image_token_cost"
    " input_cost_per_audio_token input_cost_per_image_token input_cost_per_video_token output_cost_per_audio_token"
    " output_cost_per_image_token output_cost_per_video_token output_cost_per_reasoning_token citation_cost_per_token"
    " input_cost_per_character output_cost_per_character input_cost_per_second output_cost_per_second input_cost_per_image"
    " output_cost_per_image ocr_cost_per_page annotation_cost_per_page input_cost_per_request input_cost_per_query"
)
_TIERED_COSTS = " ".join(f"{name}_above_{k}k_tokens" for name in _COSTS.split()[:4] for k in (128, 200, 256, 272, 512))

# What is said of the model here goes before the catalogue. Any further key is kept too.
MODEL_INFO: Keys = {
    **_keys(IN_EFFECT, TEXT, "id mode base_model"),
    **_keys(IN_EFFECT, POSITIVE, "max_tokens max_input_tokens max_output_tokens"),
    **_keys(IN_EFFECT, DOLLARS, _COSTS),
    **_keys(IN_EFFECT, DOLLARS, _TIERED_COSTS),
    **_keys(
        IN_EFFECT,
        FLAG,
        "supports_function_calling supports_parallel_function_calling supports_tool_choice supports_response_schema supports_vision"
        " supports_pdf_input supports_audio_input supports_audio_output supports_video_input supports_embedding_image_input"
        " supports_reasoning supports_prompt_caching supports_system_messages supports_assistant_prefill supports_web_search"
        " supports_url_context supports_computer_use supports_native_streaming",
    ),
}

_REQUEST_TIMEOUT = "the default of every deployment's timeout"

LITELLM_SETTINGS: Keys = {
    "request_timeout": Key(SECONDS, IN_EFFECT, _REQUEST_TIMEOUT),
    "ssl_verify": Key(FLAG_OR_PATH, IN_EFFECT),
    "ssl_certificate": Key(TEXT, IN_EFFECT),
    "json_logs": Key(FLAG, IN_EFFECT),
    "cooldown_time": Key(WAIT, IN_EFFECT),
    **_keys(IN_EFFECT, COUNT, "num_retries allowed_fails max_fallbacks"),
    **_keys(IN_EFFECT, LIST, "fallbacks context_window_fallbacks content_policy_fallbacks default_fallbacks"),
    **_keys(IN_EFFECT, FLAG, "drop_params modify_params"),
    **_keys(LATER, FLAG, "set_verbose turn_off_message_logging telemetry redact_user_api_key_info"),
    **_keys(LATER, FLAG, "require_auth_for_metrics_endpoint enable_json_schema_validation forward_traceparent_to_llm_provider"),
    **_keys(LATER, AMOUNT, "max_budget"),
    "cache_params": Key(MAP, LATER),
    **_keys(
        LATER,
        ANY,
        "cache callbacks success_callback failure_callback service_callback service_callbacks input_callback audit_log_callbacks"
        " budget_duration default_team_settings default_key_generate_params upperbound_key_generate_params default_internal_user_params"
        " default_team_params max_internal_user_budget internal_user_budget_duration max_end_user_budget"
        " prometheus_metrics_config prometheus_initialize_budget_metrics custom_prometheus_metadata_labels cost_discount_config"
        " cost_margin_config tag_budget_config default_redis_ttl redis_host redis_port redis_password cache_kwargs"
        " ssl_security_level ssl_ecdh_curve force_ipv4 aiohttp_trust_env disable_aiohttp_transport langfuse_default_tags"
        " s3_callback_params datadog_params public_model_groups public_model_groups_links model_alias_map priority_reservation"
        " return_response_headers add_function_to_prompt enable_preview_features default_max_internal_user_budget"
        " dynamic_rate_limiting_v3 budget_exceeded_status_code user_header_name extra_spend_tag_headers user_url_validation"
        " disable_end_user_cost_tracking disable_end_user_cost_tracking_prometheus_only disable_hf_tokenizer_download"
        " disable_add_prefix_to_prompt google_moderation_confidence_threshold llm_guard_mode presidio_ad_hoc_recognizers"
        " credential_list guardrails blocked_user_list banned_keywords_list caching caching_with_models api_base api_key headers"
        " disable_copilot_system_to_assistant ssl_key_path log_raw_request_response suppress_debug_info",
    ),
}

# The first is ours, and what is used where the file names none.
STRATEGIES = (
    "expected-latency",
    "simple-shuffle",
    "round-robin",
    "least-busy",
    "latency-based-routing",
    "usage-based-routing",
    "usage-based-routing-v2",
    "cost-based-routing",
)

RETRY_POLICY: Keys = {
    "max_retries": Key(COUNT, IN_EFFECT),
    **_keys(IN_EFFECT, WAIT, "delay"),
    **_keys(IN_EFFECT, AMOUNT, "backoff_factor"),
    **_keys(
        IN_EFFECT,
        COUNT,
        "BadRequestErrorRetries AuthenticationErrorRetries TimeoutErrorRetries RateLimitErrorRetries"
        " ContentPolicyViolationErrorRetries InternalServerErrorRetries ServiceUnavailableErrorRetries NotFoundErrorRetries"
        " DefaultRetries",
    ),
}

STRATEGY_ARGS: Keys = {
    "lowest_latency_buffer": Key(AMOUNT, IN_EFFECT, "of latency-based-routing"),
    **_keys(LATER, ANY, "ttl max_latency_list_size ttft_percentile rpm_limit tpm_limit"),
}

RATE_LIMIT: Keys = _keys(LATER, COUNT, "rpm tpm")

ROUTER_SETTINGS: Keys = {
    "enable_pre_call_checks": Key(FLAG, IN_EFFECT, "for chats: context window and capabilities, as far as they are known"),
    "timeout": Key(SECONDS, IN_EFFECT, "before litellm_settings.request_timeout"),
    "stream_timeout": Key(SECONDS, IN_EFFECT),
    "routing_strategy": Key(choice(*STRATEGIES, "provider-budget-routing"), IN_EFFECT, "expected-latency is used", STRATEGIES),
    "routing_strategy_args": Key(MAP, IN_EFFECT),
    "model_group_routing_strategy": Key(MAP, IN_EFFECT),
    **_keys(IN_EFFECT, COUNT, "num_retries max_retries allowed_fails max_fallbacks"),
    **_keys(IN_EFFECT, WAIT, "cooldown_time retry_after"),
    "disable_cooldowns": Key(FLAG, IN_EFFECT),
    **_keys(LATER, FLAG, "cache_responses set_verbose ignore_invalid_deployments"),
    **_keys(IN_EFFECT, FLAG, "enable_tag_filtering tag_filtering_match_any"),
    **_keys(IN_EFFECT, LIST, "fallbacks context_window_fallbacks content_policy_fallbacks default_fallbacks"),
    **_keys(IN_EFFECT, MAP, "retry_policy model_group_retry_policy"),
    "rate_limit": Key(MAP, LATER),
    "default_priority": Key(PRIORITY, IN_EFFECT),
    # People write a list here too.
    "model_group_alias": Key(ANY, IN_EFFECT),
    **_keys(
        LATER,
        ANY,
        "redis_host redis_port redis_password redis_url redis_db allowed_fails_policy"
        " provider_budget_config optional_pre_call_checks default_litellm_params cache_kwargs caching_groups client_ttl polling_interval"
        " default_max_parallel_requests debug_level routing_groups alerting_config assistants_config"
        " enable_weighted_failover search_tools guardrail_list model_list deployment_affinity_ttl_seconds",
    ),
}

CACHE: Keys = {
    **_keys(
        LATER,
        ANY,
        "type host port password url username ssl namespace ttl mode supported_call_types max_connections similarity_threshold"
        " default_in_memory_ttl default_in_redis_ttl redis_startup_nodes service_name sentinel_nodes sentinel_password db"
        " s3_bucket_name s3_region_name s3_aws_access_key_id s3_aws_secret_access_key s3_endpoint_url s3_path gcs_bucket_name gcs_path"
        " disk_cache_dir qdrant_api_base qdrant_api_key qdrant_collection_name qdrant_semantic_cache_embedding_model"
        " redis_semantic_cache_embedding_model socket_timeout gcp_service_account gcp_ssl_ca_certs azure_account_url",
    ),
}

GENERAL_SETTINGS: Keys = {
    "master_key": Key(TEXT, IN_EFFECT, elsewhere=True),
    "max_request_size_mb": Key(number(0, open_end=True), IN_EFFECT),
    **_keys(LATER, TEXT, "database_url litellm_key_header_name completion_model"),
    "prometheus_port": Key(POSITIVE, LATER),
    "cache": Key(ANY, LATER),
    **_keys(LATER, FLAG, "store_model_in_db disable_spend_logs store_prompts_in_spend_logs background_health_checks enforce_user_param"),
    **_keys(LATER, FLAG, "allow_requests_on_db_unavailable always_include_stream_usage cancel_on_disconnect use_x_forwarded_for"),
    **_keys(LATER, FLAG, "use_redis_transaction_buffer forward_client_headers_to_llm_api enable_jwt_auth infer_model_from_keys"),
    **_keys(LATER, COUNT, "database_connection_pool_limit max_parallel_requests global_max_parallel_requests max_response_size_mb"),
    **_keys(LATER, AMOUNT, "max_budget health_check_interval alerting_threshold proxy_batch_write_at database_connection_timeout"),
    **_keys(
        LATER,
        ANY,
        "custom_auth allowed_ips pass_through_endpoints alerting alerting_args alert_types alert_to_webhook_url budget_duration"
        " proxy_budget_rescheduler_min_time proxy_budget_rescheduler_max_time maximum_spend_logs_retention_period"
        " maximum_spend_logs_retention_interval custom_key_generate custom_sso custom_ui_sso_sign_in_handler custom_key_update"
        " key_management_system key_management_settings use_google_kms use_azure_key_vault ui_access_mode default_team_disabled"
        " disable_reset_budget disable_master_key_return disable_retry_on_max_parallel_request_limit_error"
        " disable_adding_master_key_hash_to_db"
        " disable_error_logs disable_prisma_schema_update disable_responses_id_security enable_public_model_hub admin_only_routes"
        " allowed_routes public_routes jwt_auth litellm_jwtauth enforced_params user_header_name user_header_mappings"
        " health_check_details health_check_concurrency service_account_settings image_generation_model moderation_model"
        " embedding_model user_api_key_cache_ttl supported_db_objects token_rate_limit_type mcp_internal_ip_ranges"
        " enable_health_check_routing"
        " database_type database_args require_end_user_mcp_access_defined"
        " role_permissions max_batch_size reject_clientside_metadata_tags"
        " forward_openai_org_id use_shared_health_check health_check_staleness_threshold",
    ),
}


def _of_struct(struct: type[Struct], *, zero: tuple[str, ...] = ()) -> Keys:
    """Return the keys that set a Struct's own fields; those in *zero* may be 0."""
    kinds = {int: POSITIVE, float: SECONDS, str: TEXT, bool: FLAG}
    relaxed = {int: COUNT, float: WAIT}
    known: Keys = {}
    for field in fields(struct):
        kind = (relaxed if field.name in zero else kinds).get(field.type, LIST)
        known[field.name] = Key(kind, IN_EFFECT)
    return known


LIMITS = _of_struct(Limits)
TLS = _of_struct(Tls)
UPSTREAM = {**_of_struct(UpstreamSettings, zero=("idle_connections", "warm_connections", "dns_ttl_s")), "tls": Key(MAP, IN_EFFECT)}

# Requests that are held back until a deployment has room for them.
QUEUE: Keys = {
    "max_requests": Key(COUNT, IN_EFFECT),
    "max_wait_s": Key(WAIT, IN_EFFECT),
    "max_wait_times": Key(AMOUNT, IN_EFFECT),
    "min_wait_s": Key(WAIT, IN_EFFECT),
    "aging_s": Key(SECONDS, IN_EFFECT),
}

# Requests that are asked for a second time because they take unusually long.
HEDGING: Keys = {
    "models": Key(LIST, IN_EFFECT),
    "budget": Key(number(0, high=1), IN_EFFECT),
    "after_quantile": Key(number(0.5, high=0.99), IN_EFFECT),
}

FASTGATE_SETTINGS: Keys = {
    **_keys(IN_EFFECT, MAP, "limits upstream queue hedging"),
    **_keys(IN_EFFECT, FLAG, "allow_unauthenticated litellm_headers"),
    **_keys(IN_EFFECT, LIST, "cors_origins canaries mirrors"),
    "mirrors_in_flight": Key(COUNT, IN_EFFECT),
    "retry_budget": Key(AMOUNT, IN_EFFECT),
    "drain_timeout_s": Key(WAIT, IN_EFFECT),
}

# By path, `[]` for any entry of a list.
SECTIONS: dict[str, Keys] = {
    "": TOP,
    "model_list[]": MODEL,
    "model_list[].litellm_params": LITELLM_PARAMS,
    "model_list[].model_info": MODEL_INFO,
    "litellm_settings": LITELLM_SETTINGS,
    "litellm_settings.cache_params": CACHE,
    "router_settings": ROUTER_SETTINGS,
    "router_settings.retry_policy": RETRY_POLICY,
    "router_settings.routing_strategy_args": STRATEGY_ARGS,
    "router_settings.rate_limit": RATE_LIMIT,
    "general_settings": GENERAL_SETTINGS,
    "general_settings.cache": CACHE,
    "fastgate_settings": FASTGATE_SETTINGS,
    "fastgate_settings.hedging": HEDGING,
    "fastgate_settings.limits": LIMITS,
    "fastgate_settings.queue": QUEUE,
    "fastgate_settings.upstream": UPSTREAM,
    "fastgate_settings.upstream.tls": TLS,
}

# Sections whose keys are the user's own, and what is known about any of them.
FREE: Keys = {
    "model_list[].model_info": Key(ANY, LATER, "kept with the deployment"),
    "environment_variables": Key(TEXT, IN_EFFECT),
}

# An unknown key here is an error: these names are ours, so it can only be a misspelling.
STRICT = "fastgate_settings"
