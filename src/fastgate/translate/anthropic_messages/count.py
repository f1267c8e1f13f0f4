"""Counting the tokens of a request: asked of a provider, answered to a caller."""

from typing import Any

import orjson

from fastgate.translate.answer import Fault
from fastgate.translate.anthropic_messages.build_request import build_request
from fastgate.translate.anthropic_messages.errors import excerpt, fault_of
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.losses import Losses
from fastgate.translate.target import Target

# Members that a count takes (an-py types/message_count_tokens_params.py and the beta's, 2.12); every other is a 400.
_COUNTED = frozenset(
    {
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "cache_control",
        "speed",
        "mcp_servers",
        "context_management",
    }
)


def build_count_request(request: ChatRequest, target: Target, losses: Losses) -> dict[str, Any]:
    """Return the body that asks for the count. Raise NotCarried for what cannot be said."""
    body, _ = build_request(request, target, losses)
    return {member: value for member, value in body.items() if member in _COUNTED}


def parse_count(body: bytes) -> int:
    """Return the tokens that a provider counted. Raise Fault for an error, or for what cannot be read."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Fault(502, "upstream", "", f"the provider's count is not JSON: {excerpt(body)}") from None
    count = said.get("input_tokens") if isinstance(said, dict) else None
    if type(count) is not int or count < 0:
        raise fault_of(said) or Fault(502, "upstream", "", f"the provider's count has no input_tokens: {excerpt(body)}")
    return count


def build_count_answer(input_tokens: int) -> bytes:
    """Return the body that tells a caller the count."""
    return b'{"input_tokens":%d}' % input_tokens
