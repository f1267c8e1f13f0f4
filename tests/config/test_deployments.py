"""An entry of model_list as users write it -> provider, model, place, key and limits."""

import pytest

from fastgate.config.schema import Deployment
from tests.config.conftest import Mistakes, Read, model


def only(read: Read, params: str, env: dict[str, str] | None = None, name: str = "m") -> Deployment:
    (one,) = read(model(params, name), env).settings.deployments
    return one


@pytest.mark.parametrize(
    ("written", "provider", "meant"),
    [
        ("openai/gpt-4o", "openai", "gpt-4o"),
        ("gpt-4o", "openai", "gpt-4o"),
        ("o1", "openai", "o1"),
        ("o3-mini", "openai", "o3-mini"),
        ("o4-mini-2025-04-16", "openai", "o4-mini-2025-04-16"),
        ("chatgpt-4o-latest", "openai", "chatgpt-4o-latest"),
        ("text-embedding-3-small", "openai", "text-embedding-3-small"),
        ("dall-e-3", "openai", "dall-e-3"),
        ("tts-1", "openai", "tts-1"),
        ("whisper-1", "openai", "whisper-1"),
        ("ft:gpt-3.5-turbo:org::id", "openai", "ft:gpt-3.5-turbo:org::id"),
        ("claude-3-opus-20240229", "anthropic", "claude-3-opus-20240229"),
        ("gemini-2.0-flash-001", "gemini", "gemini-2.0-flash-001"),
        ("deepseek-chat", "deepseek", "deepseek-chat"),
        ("command-r-plus", "cohere", "command-r-plus"),
        ("mistral-large-latest", "mistral", "mistral-large-latest"),
        ("codestral-latest", "mistral", "codestral-latest"),
        ("openrouter/anthropic/claude-3-opus", "openrouter", "anthropic/claude-3-opus"),
        ("openai/openai/gpt-4", "openai", "openai/gpt-4"),
        ("together_ai/meta-llama/Llama-3-70b", "together_ai", "meta-llama/Llama-3-70b"),
        ("text-completion-openai/gpt-3.5-turbo-instruct", "text-completion-openai", "gpt-3.5-turbo-instruct"),
    ],
)
def test_the_provider_is_told_by_one_prefix_or_by_the_bare_name(read: Read, written: str, provider: str, meant: str) -> None:
    one = only(read, f'model: "{written}", api_key: k')
    assert (one.provider, one.model) == (provider, meant)


@pytest.mark.parametrize(
    ("params", "meant"),
    [
        ("model: meta/llama-3, custom_llm_provider: openai", "meta/llama-3"),
        ("model: openai/gpt-4, custom_llm_provider: openai", "gpt-4"),
        ("model: my-tuned-model, custom_llm_provider: openai", "my-tuned-model"),
    ],
)
def test_custom_llm_provider_says_who_serves_whatever_the_name(read: Read, params: str, meant: str) -> None:
    one = only(read, f"{params}, api_key: k")
    assert (one.provider, one.model) == ("openai", meant)


@pytest.mark.parametrize(
    ("params", "ending"),
    [
        ("model: opnai/gpt-4", 'did you mean "openai/gpt-4"?'),
        ("model: antropic/claude-3", 'did you mean "anthropic/claude-3"?'),
        ("model: gtp-4", 'did you mean "openai/gtp-4"?'),
        ("model: gpt-4, custom_llm_provider: azur", 'expected a known provider; did you mean "azure"?'),
        ("model: llama2", 'expected "provider/model": the provider cannot be told from the name alone'),
        ("model: openai/", "expected a model's name after the provider's"),
    ],
)
def test_an_unknown_provider_is_a_mistake_that_names_the_nearest(mistakes: Mistakes, params: str, ending: str) -> None:
    (line,) = mistakes(model(f"{params}, api_key: k"))
    assert line.endswith(ending)


@pytest.mark.parametrize(
    ("written", "base"),
    [
        ("openai/x, api_base: http://h:8000/v1/", "http://h:8000/v1"),
        ("openai/x, base_url: http://h:8000/v1", "http://h:8000/v1"),
        ("openai/x, api_base: http://h:8000/v1/chat/completions", "http://h:8000/v1"),
        ('openai/x, api_base: "http://[::1]:8000/v1"', "http://[::1]:8000/v1"),
        ("openai/x, api_base: HTTPS://h/v1", "https://h/v1"),
        ("anthropic/x", "https://api.anthropic.com"),
        ("anthropic/x, api_base: https://h", "https://h"),
        ("anthropic/x, api_base: https://h/v1", "https://h"),
        ("anthropic/x, api_base: https://h/v1/messages", "https://h"),
        ("anthropic/x, api_base: https://api.deepseek.com/anthropic/", "https://api.deepseek.com/anthropic"),
        ("ollama/x, api_base: http://h:11434/v1", "http://h:11434"),
        ("ollama_chat/x, api_base: http://h:11434/api/chat", "http://h:11434"),
        ("azure/x, api_base: https://r.openai.azure.com/", "https://r.openai.azure.com"),
        ("azure/x, api_base: https://r.openai.azure.com/openai/deployments/x", "https://r.openai.azure.com"),
        ("bedrock/x", "https://bedrock-runtime.us-west-2.amazonaws.com"),
        ("azure_text/x, api_base: https://r.openai.azure.com/openai/deployments/x/", "https://r.openai.azure.com"),
        ("azure_ai/x, api_base: https://r.services.ai.azure.com/openai/v1/", "https://r.services.ai.azure.com/openai/v1"),
        ("databricks/x, api_base: https://adb.azuredatabricks.net/serving-endpoints", "https://adb.azuredatabricks.net/serving-endpoints"),
        ("bedrock/x, aws_region_name: eu-central-1", "https://bedrock-runtime.eu-central-1.amazonaws.com"),
        ("bedrock_mantle/x, aws_region_name: eu-central-1", "https://bedrock-mantle.eu-central-1.api.aws/v1"),
        ("snowflake/x, account_id: org-a", "https://org-a.snowflakecomputing.com/api/v2"),
        ("cloudflare/x, cloudflare_account_id: a", "https://api.cloudflare.com/client/v4/accounts/a/ai/v1"),
    ],
)
def test_the_base_is_the_one_that_targets_are_appended_to(read: Read, written: str, base: str) -> None:
    assert only(read, f"model: {written}, api_key: k").api_base == base


def test_vertex_gets_its_project_and_location_into_the_base(read: Read, mistakes: Mistakes) -> None:
    one = only(read, "model: vertex_ai/gemini-2.0-flash, vertex_project: p, vertex_location: europe-west4")
    assert one.api_base.startswith("https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/")
    (line,) = mistakes(model("model: vertex_ai/gemini-2.0-flash"))
    assert "vertex_project: found nothing, expected the vertex_project of vertex_ai, here or in VERTEXAI_PROJECT" in line


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertex_locations_that_are_no_region_have_hosts_of_their_own(read: Read, location: str, host: str) -> None:
    one = only(read, f"model: vertex_ai/gemini-2.5-flash, vertex_project: p, vertex_location: {location}")
    assert one.api_base == f"https://{host}/v1/projects/p/locations/{location}/publishers/google"


def test_an_account_in_the_base_comes_from_the_environment_too(read: Read, mistakes: Mistakes) -> None:
    written = model("model: snowflake/x, api_key: k")
    (one,) = read(written, {"SNOWFLAKE_ACCOUNT_ID": "org-a"}).settings.deployments
    assert one.api_base == "https://org-a.snowflakecomputing.com/api/v2"
    (line,) = mistakes(written)
    assert "account_id: found nothing, expected the account_id of snowflake, here or in SNOWFLAKE_ACCOUNT_ID" in line


def test_a_newer_azure_base_has_no_version_in_its_targets(read: Read) -> None:
    one = only(read, "model: azure/x, api_key: k, api_base: https://r.openai.azure.com/openai/v1/")
    assert (one.provider, one.api_base) == ("azure_v1", "https://r.openai.azure.com/openai/v1")


def test_azure_without_a_version_gets_one_and_any_version_is_taken(read: Read) -> None:
    base = "model: azure/x, api_key: k, api_base: https://r.openai.azure.com"
    assert only(read, base).api_version == "2024-10-21"
    assert only(read, base, {"AZURE_API_VERSION": "2023-05-15"}).api_version == "2023-05-15"
    assert only(read, f"{base}, api_version: 2025-01-01-preview", {"AZURE_API_VERSION": "2023-05-15"}).api_version == "2025-01-01-preview"


def test_a_provider_without_a_base_of_its_own_needs_one(mistakes: Mistakes) -> None:
    (line,) = mistakes(model("model: hosted_vllm/x"))
    assert line.endswith("api_base: found nothing, expected the URL of hosted_vllm, here or in HOSTED_VLLM_API_BASE")


def test_a_wildcard_stays_one_on_both_sides(read: Read, mistakes: Mistakes) -> None:
    one = only(read, 'model: "openai/*", api_key: k', name='"openai/*"')
    assert (one.model_name, one.provider, one.model) == ("openai/*", "openai", "*")
    one = only(read, 'model: "openrouter/*", api_key: k', name='"*"')
    assert (one.model_name, one.provider, one.model) == ("*", "openrouter", "*")
    one = only(read, 'model: "*", api_key: k', name='"*"')
    assert (one.provider, one.model) == ("openai", "*")
    one = only(read, "model: gpt-4, api_key: k", name='"*"')
    assert (one.model_name, one.model) == ("*", "gpt-4")
    assert "expected no *: model_name has none" in mistakes(model('model: "openai/*", api_key: k'))[0]
    assert "expected a name with at most one *" in mistakes(model("model: gpt-4, api_key: k", name='"*/*"'))[0]


@pytest.mark.parametrize(
    ("settings", "params", "expected"),
    [
        ("", "", (600.0, 600.0)),
        ("litellm_settings: {request_timeout: 30}", "", (30.0, 30.0)),
        ("litellm_settings: {request_timeout: 30}\nrouter_settings: {timeout: 40}", "", (40.0, 40.0)),
        ("router_settings: {timeout: 40, stream_timeout: 5}", "", (40.0, 5.0)),
        ("router_settings: {timeout: 40, stream_timeout: 5}", ", timeout: 7", (7.0, 5.0)),
        ("router_settings: {timeout: 40}", ", timeout: 7, stream_timeout: 2.5", (7.0, 2.5)),
    ],
)
def test_the_nearest_timeout_counts(read: Read, settings: str, params: str, expected: tuple[float, float]) -> None:
    (one,) = read(model(f"model: gpt-4, api_key: k{params}", more=settings)).settings.deployments
    assert (one.timeout_s, one.stream_timeout_s) == expected


def test_everything_that_an_entry_says_arrives(read: Read) -> None:
    one = only(
        read,
        "model: gpt-4, api_key: k, organization: org-1, max_retries: 4, rpm: 10, tpm: 2000, weight: 3,"
        " headers: {X-A: 1}, extra_headers: {X-B: b}",
    )
    assert (one.organization, one.max_retries, one.rpm, one.tpm, one.weight) == ("org-1", 4, 10, 2000, 3)
    assert [(name, value.reveal()) for name, value in one.extra_headers] == [("X-A", "1"), ("X-B", "b")]


def test_fractions_of_weights_keep_their_ratio(read: Read) -> None:
    entry = "  - model_name: {}\n    litellm_params: {{model: gpt-4, api_key: {}, weight: {}}}\n"
    text = "model_list:\n" + entry.format("a", "k1", 0.7) + entry.format("a", "k2", 0.3) + entry.format("b", "k3", 2)
    assert [one.weight for one in read(text).settings.deployments] == [700, 300, 2]


def test_what_model_info_says_is_kept(read: Read) -> None:
    text = model("model: gpt-4, api_key: k", more="    model_info: {id: my-id, max_tokens: 8192, mode: chat, own: [1, {a: b}]}\n")
    (one,) = read(text).settings.deployments
    assert one.deployment_id == "my-id"
    assert one.model_info == {"id": "my-id", "max_tokens": 8192, "mode": "chat", "own": [1, {"a": "b"}]}


def test_a_server_of_the_users_own_may_want_no_key(read: Read, mistakes: Mistakes) -> None:
    loaded = read(model("model: openai/x, api_base: http://127.0.0.1:8000/v1"))
    assert loaded.settings.deployments[0].api_key is None
    assert any("asked without a key" in note for note in loaded.report.notes)
    (line,) = mistakes(model("model: openai/x"))
    assert line.endswith("api_key: found nothing, expected a key of openai, here or in OPENAI_API_KEY")
