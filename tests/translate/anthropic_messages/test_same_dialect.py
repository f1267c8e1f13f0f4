"""From this dialect to this dialect through the representation, as for a body that the configuration rewrites: nothing is lost."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from fastgate.translate.anthropic_messages import build_request, parse_request
from fastgate.translate.losses import Losses
from fastgate.translate.target import Target

CASES = Path(__file__).parents[2] / "cases" / "translate" / "anthropic_messages"
MARK = {"type": "ephemeral"}
HI = [{"role": "user", "content": "hi"}]


def again(body: dict[str, Any], model: str) -> dict[str, Any]:
    losses = Losses("anthropic_messages")
    built, _ = build_request(parse_request(body, "messages"), Target(model=model, dialect="anthropic_messages"), losses)
    assert losses.warnings == []
    return built


def test_an_agents_request_comes_out_as_it_came_in() -> None:
    body = orjson.loads((CASES / "agent_request.json").read_bytes())
    assert again(body, "claude-opus-4-6") | {"temperature": 1} == body


def test_the_same_request_gives_the_same_bytes() -> None:
    body = (CASES / "agent_request.json").read_bytes()
    first, second = (orjson.dumps(again(orjson.loads(body), "claude-opus-4-6")) for _ in range(2))
    assert first == second


KEPT: list[tuple[str, dict[str, Any]]] = [
    ("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}}),
    ("claude-opus-4-5", {"thinking": {"type": "enabled", "budget_tokens": 2000}, "output_config": {"effort": "low"}}),
    ("claude-opus-4-7", {"output_config": {"effort": "max", "task_budget": {"total": 9}}}),
    ("claude-opus-4-7", {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}),
    ("claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}),
    ("kimi-k2", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
    ("claude-opus-5", {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "minProperties": 1}}}}),
    ("claude-sonnet-4-5", {"temperature": 0.2, "top_k": 3, "stop_sequences": ["x"], "service_tier": "auto", "metadata": {"user_id": "u"}}),
    ("claude-opus-5", {"cache_control": MARK, "inference_geo": "us", "diagnostics": {"previous_message_id": None}}),
    ("claude-opus-5", {"system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": MARK}]}),
    (
        "claude-opus-5",
        {
            "tools": [
                {"name": "f", "input_schema": {"$ref": "#/x"}, "strict": False, "input_examples": [{}], "cache_control": MARK},
                {"type": "mcp_toolset", "mcp_server_name": "s", "cache_control": MARK},
            ],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        },
    ),
    (
        "claude-opus-5",
        {
            "messages": [
                {"role": "user", "content": "look"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "one", "citations": [{"type": "char_location"}]},
                        {"type": "thinking", "thinking": "", "signature": "s"},
                        {"type": "tool_use", "id": "t", "name": "f", "input": {}, "toolset_name": "computer", "cache_control": MARK},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t",
                            "content": [{"type": "tool_reference", "tool_name": "g"}, {"type": "text", "text": "x", "cache_control": MARK}],
                            "toolset_name": "computer",
                        },
                        {"type": "document", "source": {"type": "content", "content": "words"}, "title": "t", "context": "c"},
                        {"type": "image", "source": {"type": "file", "file_id": "f"}, "transformations": {}},
                        {"type": "search_result", "source": "s", "title": "t", "content": [], "cache_control": MARK},
                    ],
                },
                {"role": "system", "content": "be brief"},
            ]
        },
    ),
]


@pytest.mark.parametrize(("model", "members"), KEPT, ids=[str(number) for number in range(len(KEPT))])
def test_members_are_kept(model: str, members: dict[str, Any]) -> None:
    body = {"model": model, "max_tokens": 9000, "messages": HI, **members}
    assert again(body, model) == body


ADAPTED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "claude-opus-4-7",
        {"thinking": {"type": "enabled", "budget_tokens": 8192}},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
    ),
    (
        "claude-sonnet-4-5",
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    ),
    ("claude-opus-5-5", {"thinking": {"type": "disabled"}}, {"output_config": {"effort": "low"}}),
    ("claude-sonnet-4-5", {"output_config": {"effort": "low"}}, {}),
]


@pytest.mark.parametrize(("model", "said", "sent"), ADAPTED, ids=[str(number) for number in range(len(ADAPTED))])
def test_thinking_is_said_in_the_words_of_another_generation(model: str, said: dict[str, Any], sent: dict[str, Any]) -> None:
    request = parse_request({"max_tokens": 9000, "messages": HI, **said}, "messages")
    built, _ = build_request(request, Target(model=model, dialect="anthropic_messages"), Losses("x"))
    assert built == {"model": model, "max_tokens": 9000, "messages": HI, **sent}
