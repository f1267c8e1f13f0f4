"""Requests that are answered in one piece, between two dialects: embeddings and the counting of tokens."""

from types import ModuleType
from typing import Any

import orjson

from fastgate.translate.answer import Fault
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.custom_tools import emulate_custom_tools
from fastgate.translate.embeddings import EmbeddingRequest
from fastgate.translate.losses import Losses, warning_fields
from fastgate.translate.rewrite import add_extra
from fastgate.translate.speech import Speech
from fastgate.translate.target import Naming
from fastgate.translate.translation import JSON, Answer, Shape, error_answer


class Whole:
    """What the compiled line asks of such a request. *caller* is the package of the caller's dialect."""

    stream = False
    framing = 0
    content_type = JSON
    absorbs = False
    shape: Shape | None = None
    began = False

    def __init__(self, caller: ModuleType, speech: Speech, path: str, body: dict[str, Any], losses: Losses) -> None:
        add_extra(body, speech.rewrites.extra_body)
        self.body = orjson.dumps(body)
        self.head = speech.build_head(path, self.body, speech.fields(body))
        self.fields = warning_fields(losses)
        self._caller, self._speech = caller, speech
        self._fault: Fault | None = None
        self._input_tokens = 0

    def _read(self, body: bytes) -> bytes:
        raise NotImplementedError

    def on_answer(self, body: bytes) -> Answer:
        """Return a complete answer of status 2xx in the caller's words."""
        try:
            return 200, JSON, self._read(body), None, b""
        except Fault as fault:
            return self._error(fault)

    def on_event(self, event: bytes) -> bytes | None:
        """There is no stream."""
        return None

    on_bytes = on_event

    def on_end(self) -> bytes | None:
        """There is no stream."""
        return None

    def absorb(self, literal: bytes) -> None:
        """There is no stream."""

    def on_error(self, status: int, body: bytes) -> Answer:
        """Return a provider's error in the caller's words."""
        return self._error(self._speech.dialect.parse_error(status, body))

    def failure(self) -> Answer | None:
        """Return the error that the provider told; there is no stream to tell one in."""
        return None

    def counted(self) -> tuple[int, int, int, int, int]:
        """Return the tokens of input, and no others."""
        return self._input_tokens, 0, 0, 0, 0

    def _error(self, fault: Fault) -> Answer:
        return error_answer(self._caller, fault)


class EmbeddingTranslation(Whole):
    """Embeddings: vectors in the order of the inputs."""

    def __init__(
        self, caller: ModuleType, asked: EmbeddingRequest, speech: Speech, upstream: ModuleType, losses: Losses, naming: Naming
    ) -> None:
        body = upstream.build_embedding_request(asked, speech.target, losses)
        # Of packages where it depends on the model.
        path_of = getattr(upstream, "embeddings_path", None)
        path = upstream.PATHS["embeddings"] if path_of is None else path_of(speech.target)
        super().__init__(caller, speech, path, body, losses)
        self._upstream, self._asked, self._naming = upstream, asked, naming

    def _read(self, body: bytes) -> bytes:
        answer = self._upstream.parse_embedding_answer(body)
        self._input_tokens = answer.input_tokens
        built: bytes = self._caller.build_embedding_answer(answer, self._asked, self._naming)
        return built


class CountTranslation(Whole):
    """Tokens of a request, counted by the provider."""

    def __init__(self, caller: ModuleType, request: ChatRequest, speech: Speech, upstream: ModuleType, losses: Losses) -> None:
        emulate_custom_tools(request, speech.target, losses)
        body = upstream.build_count_request(request, speech.target, losses)
        super().__init__(caller, speech, upstream.PATHS["count_tokens"], body, losses)
        self._upstream = upstream

    def _read(self, body: bytes) -> bytes:
        built: bytes = self._caller.build_count_answer(self._upstream.parse_count(body))
        return built
