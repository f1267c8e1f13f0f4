"""Requests that are translated without a gateway around them."""

from types import SimpleNamespace
from typing import Any

import orjson

from fastgate.config.schema import Rewrites
from fastgate.providers.provider import Quirks
from fastgate.translate import UPSTREAMS
from fastgate.translate.speech import Speech
from fastgate.translate.target import Target
from fastgate.translate.translation import Translation
from fastgate.translate.translator import Translator

MARK = b"0123456789abcdef01234567"
NAMES = {"openai_chat": "chat", "anthropic_messages": "messages", "openai_responses": "responses"}


def speech(dialect: str, model: str = "up") -> Speech:
    """Return how a deployment of this dialect is spoken to; its heads tell path, fields and length."""
    return Speech(
        target=Target(model=model, dialect=dialect, quirks=Quirks(), max_output_tokens=4096),
        model=None,  # type: ignore[arg-type]
        dialect=UPSTREAMS[dialect],
        rewrites=Rewrites(),
        build_head=lambda path, body, fields: path.encode() + b"|" + repr(fields).encode() + b"|%d" % len(body),
    )


def exchange(caller: str, spoken: Speech, body: Any, request_id: bytes = b"id") -> Any:
    """Return what a translator reads of a request."""
    return SimpleNamespace(
        body_bytes=orjson.dumps(body),
        operation=SimpleNamespace(kind="chat", dialect=caller, name=NAMES[caller], streams=True),
        path_model=None,
        model=b"asked",
        request_id=request_id,
        query=None,
        deployment=SimpleNamespace(speech=spoken),
    )


def translator() -> Translator:
    return Translator(lambda: 1_700_000_000.0, MARK)


def translated(made_by: Translator, caller: str, spoken: Speech, body: Any, request_id: bytes = b"id") -> Translation:
    """Return the translation of a request that is not refused."""
    made = made_by.translate(exchange(caller, spoken, body, request_id))
    assert isinstance(made, Translation), made
    return made
