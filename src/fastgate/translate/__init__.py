"""Wire formats: one module per dialect, with the same functions under the same names."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from fastgate.translate import anthropic_messages, openai_chat, openai_responses


class Dialect(Protocol):
    """What every dialect's module has."""

    @property
    def REQUEST_ID_FIELD(self) -> str:  # noqa: N802 - a module's constant
        """Name of the field that carries the request's id in answers."""

    def build_error(self, status: int, kind: str, code: str, message: str) -> bytes:
        """Return the body of an error answer."""

    def build_error_event(self, status: int, kind: str, code: str, message: str) -> bytes:
        """Return the event that tells a stream's reader that it broke."""


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {"openai_chat": openai_chat, "openai_responses": openai_responses, "anthropic_messages": anthropic_messages}
)
