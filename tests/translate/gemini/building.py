"""Requests to Gemini as tests make them: every body is held against the types of Google's SDK, which forbid unknown names."""

from typing import Any

import orjson
from google.genai import types

from fastgate.providers.provider import Quirks
from fastgate.translate import gemini
from fastgate.translate.conversation import (
    ChatRequest,
    Image,
    Part,
    Text,
    Turn,
)
from fastgate.translate.losses import Losses
from fastgate.translate.target import Asked, Target

VERTEX = Quirks(knows=frozenset({"labels", "countTokens.systemInstruction"}))

IMAGE = Image(data="aGk=", media_type="image/png")
BLOB = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {"a": {"type": ["string", "null"]}}}
CLEAN = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}


def target(model: str = "gemini-3-flash", **more: Any) -> Target:
    return Target(model=model, dialect="gemini", **more)


def user(*parts: Part | str) -> Turn:
    return Turn(role="user", parts=[Text(text=part) if isinstance(part, str) else part for part in parts])


def request(*turns: Turn, **more: Any) -> ChatRequest:
    return ChatRequest(turns=list(turns) or [user("hi")], dialect=more.pop("dialect", "openai_chat"), **more)


def check(body: dict[str, Any]) -> None:
    """Hold every member against the SDK's types."""
    for content in body["contents"]:
        types.Content.model_validate_json(orjson.dumps(content))
    if "systemInstruction" in body:
        types.Content.model_validate_json(orjson.dumps(body["systemInstruction"]))
    for tool in body.get("tools", []):
        types.Tool.model_validate_json(orjson.dumps(tool))
    types.ToolConfig.model_validate(body.get("toolConfig", {}))
    config = body.get("generationConfig", {})
    types.GenerationConfig.model_validate(config)
    known = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent", "labels"}
    assert body.keys() <= known | {"serviceTier"}


def build(asked: ChatRequest, at: Target | None = None, **losing: Any) -> tuple[dict[str, Any], Asked, list[str]]:
    losses = Losses("gemini", **losing)
    body, reading = gemini.build_request(asked, at or target(), losses)
    check(body)
    return body, reading, losses.warnings


def contents(*turns: Turn, model: str = "gemini-3-flash", dialect: str = "openai_chat") -> list[dict[str, Any]]:
    body, _, _ = build(request(*turns, dialect=dialect), target(model))
    found: list[dict[str, Any]] = body["contents"]
    return found
