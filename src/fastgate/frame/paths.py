"""Method and path to operation: exact ones by dictionary, those with parameters by pattern."""

import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import unquote_to_bytes

from fastgate._core import Exchange, Operation

# What a request to a path that does not exist is rendered and logged as.
_NOWHERE = 1000

# Where other dialects than OpenAI's are spoken.
_SPOKEN_BELOW = (
    ("anthropic_messages", (b"/v1/messages", b"/messages", b"/anthropic/")),
    ("gemini", (b"/v1beta/", b"/v1alpha/")),
    ("ollama", (b"/api/",)),
)

Found = tuple[Operation, str, str, bytes | None, bytes | None]


class Row(Protocol):
    """An endpoint's method and paths."""

    @property
    def method(self) -> str: ...
    @property
    def paths(self) -> tuple[str, ...]: ...


class Preflight(Protocol):
    """Says what CORS adds to the answer to OPTIONS."""

    def preflight_fields(self, origin: bytes | None, methods: str, requested: bytes | None) -> bytes: ...


class Paths:
    """All paths of the bound *operations*."""

    def __init__(self, operations: Mapping[Row, Operation], cors: Preflight) -> None:
        self.exact: dict[bytes, Operation] = {}
        self._patterns: list[tuple[str, re.Pattern[bytes], Operation]] = []
        self._methods: dict[bytes, set[str]] = {}
        self._cors = cors
        for row, operation in operations.items():
            for path in row.paths:
                if "{" in path:
                    self._patterns.append((row.method, _pattern(path), operation))
                else:
                    self.exact[f"{row.method} {path}".encode()] = operation
                    self._methods.setdefault(path.encode(), set()).add(row.method)
        self._index = _NOWHERE
        self._nowhere = {
            dialect: self._unrouted(dialect, b"request-id: " if dialect == "anthropic_messages" else b"x-request-id: ")
            for dialect in ("openai_chat", "anthropic_messages", "gemini", "ollama")
        }

    def _unrouted(self, dialect: str, id_field: bytes) -> Operation:
        self._index += 1
        return Operation(
            self._index, "none", dialect, b"GET", target="", body=0, streams=False, usage_option=False, id_field=id_field, public=True
        )

    def fault_operation(self, path: bytes) -> Operation:
        """Return an operation that stands for none, in the dialect of *path*."""
        for dialect, prefixes in _SPOKEN_BELOW:
            if path.startswith(prefixes):
                return self._nowhere[dialect]
        return self._nowhere["openai_chat"]

    def find(self, line: bytes) -> Found:
        """Return the operation of b"METHOD /path", an error's code and message if there is none, and the path's id and model."""
        method_bytes, _, path = line.partition(b" ")
        method = method_bytes.decode("ascii")
        allowed = self._methods_of(path)
        if method == "HEAD" and "GET" in allowed:
            method = "GET"
        operation = self.exact.get(f"{method} ".encode() + path)
        if operation is not None and (method_bytes != b"HEAD" or operation.local is not None):
            return operation, "", "", None, None
        for row_method, pattern, candidate in self._patterns:
            match = pattern.fullmatch(path)
            if match and row_method == method and (method_bytes != b"HEAD" or candidate.local is not None):
                return self._with_parameters(candidate, path, match.groupdict())
        stand_in = self.fault_operation(path)
        if method == "OPTIONS" and (allowed or path == b"*"):
            return self._options(allowed or {"GET", "POST", "DELETE"}), "", "", None, None
        shown = path.decode("ascii", "replace")
        if method in {"CONNECT", "TRACE"} or allowed:
            methods = ", ".join(sorted(allowed)) or "GET, POST, DELETE, OPTIONS"
            return stand_in, "method_not_allowed", f"{shown} is not there for {method}; it takes {methods}", None, None
        message = f"there is no {shown} here; paths are those of the OpenAI and Anthropic APIs, /v1/chat/completions for one"
        return stand_in, "unknown_path", message, None, None

    def _methods_of(self, path: bytes) -> set[str]:
        methods = set(self._methods.get(path, ()))
        methods.update(method for method, pattern, _ in self._patterns if pattern.fullmatch(path))
        return methods

    def _with_parameters(self, operation: Operation, path: bytes, groups: dict[str, bytes]) -> Found:
        values = {name: unquote_to_bytes(value) for name, value in groups.items()}
        for name, value in values.items():
            bad = not value or value in {b".", b".."} or any(byte < 0x20 or byte == 0x7F for byte in value)
            if bad or (name == "id" and b"/" in value):
                return self.fault_operation(path), "unknown_path", f"the path's {name} cannot be one", None, None
        return operation, "", "", values.get("id"), values.get("model")

    def _options(self, methods: set[str]) -> Operation:
        names = ", ".join(sorted(methods | {"OPTIONS"}))

        def answer(exchange: Exchange) -> tuple[int, bytes, bytes, bytes]:
            return 204, b"", b"", self._cors.preflight_fields(exchange.origin, names, exchange.requested_fields)

        return Operation(
            _NOWHERE,
            "options",
            "openai_chat",
            b"OPTIONS",
            target="",
            body=0,
            streams=False,
            usage_option=False,
            id_field=b"x-request-id: ",
            local=answer,
            public=True,
        )


def _pattern(path: str) -> re.Pattern[bytes]:
    escaped = re.escape(path).replace(r"\{id\}", "(?P<id>[^/]+)").replace(r"\{model\}", "(?P<model>.+)")
    return re.compile(escaped.encode())
