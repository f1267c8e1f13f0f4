"""A request that a caller of Responses sends comes to a provider of Responses with the same meaning."""

from typing import Any

import orjson

from fastgate.translate.conversation import ChatRequest, Image
from fastgate.translate.openai_responses import parse_request
from fastgate.translate.target import Target
from tests.translate.openai_responses.wire import CASES, built

OWN = "openai_responses"


def test_a_request_of_the_dialect_itself_comes_out_with_the_same_meaning() -> None:
    wire = orjson.loads((CASES / "codex_request.json").read_bytes())
    first = parse_request(wire, "responses")
    body, warnings = built(first, Target(model="gpt-5-codex", dialect=OWN))
    again = parse_request(body, "responses")
    assert warnings == []
    assert again == _with_details(first)
    assert body.keys() - wire.keys() == {"stream_options"}
    for name in ("instructions", "tools", "tool_choice", "reasoning", "store", "include", "prompt_cache_key", "text"):
        assert body[name] == wire[name]


def _with_details(request: ChatRequest) -> ChatRequest:
    for part in (part for turn in request.turns for result in turn.parts for part in getattr(result, "parts", ())):
        if type(part) is Image:
            part.detail = "auto"
    return request


def test_members_that_only_this_dialect_knows_come_back_to_it() -> None:
    wire: dict[str, Any] = {
        "model": "gpt-5",
        "input": [
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}", "namespace": "maps"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "raw"}]},
        ],
        "tools": [
            {"type": "web_search", "filters": {"allowed_domains": ["a.b"]}},
            {"type": "function", "name": "n", "parameters": None, "defer_loading": True},
        ],
        "tool_choice": {"type": "web_search"},
        "include": ["web_search_call.results"],
        "reasoning": {"context": "all_turns"},
        "truncation": "auto",
        "max_tool_calls": 4,
        "max_output_tokens": 5,
    }
    body, warnings = built(parse_request(wire, "responses"))
    assert body == wire
    assert warnings == []
