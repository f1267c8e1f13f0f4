"""The Response object around the items: who answered, how it ended, and what was asked for."""

from typing import Any

from fastgate.translate.conversation import ChatRequest, Text
from fastgate.translate.openai_responses.build_settings import build_format, build_tool_choice, build_tools
from fastgate.translate.openai_responses.words import DIALECT, STATUS_OF_FINISH
from fastgate.translate.target import Naming

_PLAIN_TEXT = {"type": "text"}


def build_response(request: ChatRequest, naming: Naming, created: int, service_tier: str) -> dict[str, Any]:
    """Return a Response object in progress, without output; `store` is false, for the gateway stores nothing."""
    extra = request.extra
    reasoning = request.reasoning
    own = request.dialect == DIALECT
    choice = extra.get("tool_choice") or build_tool_choice(request, str)
    form = request.response_format
    return {
        "id": naming.make_id("resp_"),
        "object": "response",
        "created_at": created or naming.now,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": _instructions(request),
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": extra.get("max_tool_calls"),
        "model": naming.model,
        "output": [],
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": None,
        "prompt_cache_key": extra.get("prompt_cache_key"),
        "reasoning": {
            "effort": reasoning.effort if reasoning is not None else None,
            "summary": (reasoning.summary or None) if reasoning is not None else None,
        },
        "safety_identifier": request.user or None,
        "service_tier": service_tier or request.service_tier or "default",
        "store": False,
        "temperature": request.temperature,
        "text": {
            "format": _PLAIN_TEXT if form is None else build_format(form),
            "verbosity": request.verbosity or "medium",
        },
        "tool_choice": choice or "auto",
        "tools": build_tools(request.tools, str, own),
        "top_logprobs": request.top_logprobs or 0,
        "top_p": request.top_p,
        "truncation": extra.get("truncation") or "disabled",
        "usage": None,
        "user": None,
        "metadata": request.metadata or {},
    }


def close_response(response: dict[str, Any], finish: str, raw_finish: str) -> str:
    """Say in *response* how it ended; return its status."""
    status, reason = STATUS_OF_FINISH[finish]
    response["status"] = status
    if reason:
        response["incomplete_details"] = {"reason": reason}
    if status == "failed":
        said = f": {raw_finish}" if raw_finish else ""
        response["error"] = {"code": "server_error", "message": f"the model broke its answer off{said}"}
    return status


def _instructions(request: ChatRequest) -> str | None:
    turns = request.turns
    if not turns or turns[0].role != "system":
        return None
    return "\n".join(part.text for part in turns[0].parts if type(part) is Text) or None
