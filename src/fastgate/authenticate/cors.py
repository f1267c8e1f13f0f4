"""CORS (fetch.spec.whatwg.org): which pages may call from a browser."""


class Cors:
    """Answers for the origins that are configured; `*` is every origin. Keys travel in fields, never in cookies: no credentials."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._all = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def allows(self, origin: bytes) -> bool:
        """Return whether pages of *origin* may call."""
        return self._all or origin in self._origins

    def answer_fields(self, origin: bytes) -> bytes:
        """Return the fields that let a page read an answer; nothing for other origins."""
        if not self.allows(origin):
            return b"Vary: Origin\r\n"
        return b"Access-Control-Allow-Origin: " + origin + b"\r\nAccess-Control-Expose-Headers: *\r\nVary: Origin\r\n"

    def preflight_fields(self, origin: bytes | None, methods: str, requested: bytes | None) -> bytes:
        """Return the fields of the answer to OPTIONS; the origin's own are added to every answer."""
        fields = f"Allow: {methods}\r\n".encode()
        if origin is None or not self.allows(origin):
            return fields
        fields += f"Access-Control-Allow-Methods: {methods}\r\nAccess-Control-Max-Age: 600\r\n".encode()
        if requested:
            fields += b"Access-Control-Allow-Headers: " + requested + b"\r\n"
        return fields
