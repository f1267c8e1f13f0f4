"""What is known of the models, asked for over HTTP: /v1/models, /model/info and /model_group/info."""

from collections.abc import Iterator
from typing import Any

import pytest

from fastgate.catalogue.model import CAPABILITY_NAMES
from tests.support.gateway import ANTHROPIC_KEY, MASTER_KEY, OPENAI_KEY, Gateway, anthropic_model, configuration, openai_model
from tests.support.wire import Response, request

# Nobody listens there, and nobody is asked.
PORT = 9


def with_info(model: dict[str, object], **model_info: object) -> dict[str, object]:
    return model | {"model_info": model_info}


MODELS = (
    openai_model("known", PORT, model="gpt-4o", extra_headers={"x-secret": "canary-header"}),
    with_info(
        openai_model("own", PORT, model="llama-of-mine", rpm=5, tpm=100), id="own-1", mode="chat", max_input_tokens=8192, team="blue"
    ),
    with_info(
        openai_model("own", PORT, model="llama-of-mine", rpm=7),
        id="own-2",
        max_input_tokens=4096,
        max_output_tokens=1024,
        input_cost_per_token=0,
        output_cost_per_token="1e-6",
        supports_vision=True,
        supports_function_calling=False,
    ),
    anthropic_model("claude", PORT, model="claude-3-haiku-20240307"),
    openai_model("wild/*", PORT, model="*"),
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with Gateway(configuration(*MODELS)) as running:
        yield running


def ask(gateway: Gateway, target: str, key: str | None = MASTER_KEY) -> Response:
    with gateway.client() as client:
        return client.exchange(request(target, method="GET", key=key), "GET")


def rows(gateway: Gateway, target: str, name: str) -> list[dict[str, Any]]:
    found: Any = ask(gateway, target).json()["data"]
    return [row for row in found if row[name]]


def listed(gateway: Gateway) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in rows(gateway, "/v1/models", "id")}


PATHS = ["/v1/models", "/model/info", "/v1/model/info", "/model_group/info"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", [None, "sk-other"])
def test_only_who_has_the_key_is_told(path: str, key: str | None, gateway: Gateway) -> None:
    assert ask(gateway, path, key).status == 401


@pytest.mark.parametrize("path", PATHS)
def test_no_secret_and_no_host_is_told(path: str, gateway: Gateway) -> None:
    body = ask(gateway, path).body.decode()
    assert not [word for word in (OPENAI_KEY, ANTHROPIC_KEY, MASTER_KEY, "canary", "127.0.0.1", "api_key") if word in body]


def test_the_list_says_beside_openais_members_what_the_catalogue_knows(gateway: Gateway) -> None:
    known = listed(gateway)["known"]
    assert {"id", "object", "created", "owned_by"} <= set(known)
    assert known["context_length"] == known["max_input_tokens"] == 128_000
    assert known["input_cost_per_token"] == 2.5e-06
    assert known["output_cost_per_token"] == 1e-05
    assert known["cache_read_input_token_cost"] == 1.25e-06
    assert known["pricing"] == {"input_tokens_cost_per_million": 2.5, "output_tokens_cost_per_million": 10.0, "currency": "USD"}
    assert known["capabilities"]["supports_prompt_caching"] is True


def test_the_list_leaves_out_what_is_unknown(gateway: Gateway) -> None:
    wild = listed(gateway)["wild/*"]
    assert wild["capabilities"] == {}
    assert not {"context_length", "max_output_tokens", "input_cost_per_token", "mode", "pricing"} & set(wild)


def test_a_model_alone_is_the_lists_entry(gateway: Gateway) -> None:
    assert ask(gateway, "/v1/models/own").json() == listed(gateway)["own"]


def test_of_several_deployments_the_list_says_the_largest_limit_and_price(gateway: Gateway) -> None:
    own = listed(gateway)["own"]
    assert (own["max_input_tokens"], own["max_output_tokens"], own["mode"]) == (8192, 1024, "chat")
    assert (own["input_cost_per_token"], own["output_cost_per_token"]) == (0.0, 1e-06)
    assert own["capabilities"] == {"supports_function_calling": False, "supports_vision": True}


@pytest.mark.parametrize("path", ["/model/info", "/v1/model/info"])
def test_model_info_has_a_row_per_deployment_in_litellms_shape(path: str, gateway: Gateway) -> None:
    found = rows(gateway, path, "model_name")
    assert [row["model_name"] for row in found] == ["known", "own", "own", "claude", "wild/*"]
    assert all(set(row) == {"model_name", "litellm_params", "model_info"} for row in found)
    assert found[0]["litellm_params"] == {"model": "openai/gpt-4o", "custom_llm_provider": "openai"}
    assert found[1]["litellm_params"] == {"model": "openai/llama-of-mine", "custom_llm_provider": "openai", "rpm": 5, "tpm": 100}
    known = found[0]["model_info"]
    assert known["max_input_tokens"] == 128_000
    assert known["input_cost_per_token"] == 2.5e-06
    assert known["litellm_provider"] == "openai"
    assert known["key"] == "openai/gpt-4o"
    assert known["id"]
    assert found[3]["model_info"]["cache_read_input_token_cost"] == 3e-08


def test_model_info_has_null_where_nothing_is_known(gateway: Gateway) -> None:
    wild = rows(gateway, "/model/info", "model_name")[-1]["model_info"]
    words = ("mode", "max_tokens", "max_input_tokens", "max_output_tokens", "input_cost_per_token", "output_cost_per_token")
    assert {wild[word] for word in (*words, *(f"supports_{name}" for name in CAPABILITY_NAMES))} == {None}


def test_model_info_keeps_the_keys_of_the_configuration(gateway: Gateway) -> None:
    (row,) = rows(gateway, "/model/info?litellm_model_id=own-1", "model_name")
    assert row["model_info"]["team"] == "blue"
    assert (row["model_info"]["id"], row["model_info"]["mode"]) == ("own-1", "chat")
    (row,) = rows(gateway, "/model/info?litellm_model_id=own-2", "model_name")
    assert (row["model_info"]["input_cost_per_token"], row["model_info"]["output_cost_per_token"]) == (0.0, 1e-06)
    assert (row["model_info"]["max_tokens"], row["model_info"]["supports_vision"]) == (1024, True)


def test_an_id_that_no_deployment_has_is_404(gateway: Gateway) -> None:
    assert ask(gateway, "/model/info?litellm_model_id=nope").status == 404


def test_a_group_is_one_row_in_litellms_shape(gateway: Gateway) -> None:
    found = rows(gateway, "/model_group/info", "model_group")
    assert [row["model_group"] for row in found] == ["known", "own", "claude", "wild/*"]
    assert found[1] == {
        "model_group": "own",
        "providers": ["openai"],
        "max_input_tokens": 8192,
        "max_output_tokens": 1024,
        "input_cost_per_token": 0.0,
        "output_cost_per_token": 1e-06,
        "mode": "chat",
        "tpm": 100,
        "rpm": 12,
        "supports_parallel_function_calling": None,
        "supports_vision": True,
        "supports_web_search": None,
        "supports_url_context": None,
        "supports_reasoning": None,
        "supports_function_calling": False,
    }
    assert (found[3]["tpm"], found[3]["rpm"], found[3]["input_cost_per_token"]) == (None, None, None)


def test_one_group_can_be_asked_for(gateway: Gateway) -> None:
    assert [row["model_group"] for row in rows(gateway, "/model_group/info?model_group=wild%2F*", "model_group")] == ["wild/*"]
    assert ask(gateway, "/model_group/info?model_group=nope").json() == {"data": []}


@pytest.mark.parametrize("path", PATHS)
def test_the_answer_is_the_same_again(path: str, gateway: Gateway) -> None:
    assert ask(gateway, path).json() == ask(gateway, path).json()


def test_the_paths_take_no_post(gateway: Gateway) -> None:
    with gateway.client() as client:
        assert client.exchange(request("/model/info", b"{}")).status == 405
