"""What the gateway answers by itself, checked with the official client's own types."""

import orjson
import pytest
from ollama import ChatResponse, GenerateResponse, ListResponse, ShowResponse

from fastgate.translate.ollama import ModelCard, build_loaded, build_show, build_tags, build_version, parse_request
from fastgate.translate.target import Naming

NAMING = Naming(model="alias", seed="s", now=1_700_000_000)
KNOWN = ModelCard(
    name="qwen3:8b",
    modified_at=1_700_000_000,
    size_bytes=5,
    format="gguf",
    family="qwen3",
    parameter_size="8.2B",
    quantization_level="Q4_K_M",
    context_window=40960,
    capabilities=("completion", "tools", "thinking"),
    more={"general.parameter_count": 8190735360},
)


def test_tags_list_every_model_by_the_name_callers_use() -> None:
    body = build_tags([KNOWN, ModelCard(name="gpt-5")])
    models = ListResponse.model_validate_json(body).models
    assert [model.model for model in models] == ["qwen3:8b", "gpt-5"]
    first, second = orjson.loads(body)["models"]
    assert first["name"] == first["model"]
    assert first["modified_at"] == "2023-11-14T22:13:20Z"
    assert first["details"] == {
        "parent_model": "",
        "format": "gguf",
        "family": "qwen3",
        "families": ["qwen3"],
        "parameter_size": "8.2B",
        "quantization_level": "Q4_K_M",
    }
    assert len(first["digest"]) == 64
    assert first["digest"] != second["digest"]
    assert build_tags([]) == b'{"models":[]}'


def test_show_tells_context_and_capabilities() -> None:
    shown = ShowResponse.model_validate_json(build_show(KNOWN))
    assert shown.capabilities == ["completion", "tools", "thinking"]
    assert shown.modelinfo == {
        "general.architecture": "qwen3",
        "qwen3.context_length": 40960,
        "general.parameter_count": 8190735360,
    }
    assert ShowResponse.model_validate_json(build_show(ModelCard(name="m", context_window=9))).modelinfo == {"general.context_length": 9}


def test_a_version_is_a_version() -> None:
    assert build_version("0.13.0") == b'{"version":"0.13.0"}'


@pytest.mark.parametrize(("body", "reason"), [({}, "load"), ({"keep_alive": 0}, "unload"), ({"keep_alive": "5m"}, "load")])
def test_a_request_without_a_prompt_loads_a_model(body: dict[str, object], reason: str) -> None:
    chat = build_loaded(parse_request({"model": "m", "messages": [], **body}, "chat"), NAMING)
    assert ChatResponse.model_validate_json(chat).done_reason == reason
    assert orjson.loads(chat)["message"] == {"role": "assistant", "content": ""}
    generated = build_loaded(parse_request({"model": "m", **body}, "ollama_generate"), NAMING)
    assert GenerateResponse.model_validate_json(generated).done_reason == reason
    assert orjson.loads(generated)["response"] == ""
