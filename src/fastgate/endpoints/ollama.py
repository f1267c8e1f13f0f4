"""/api (Ollama). https://docs.ollama.com/api"""

from fastgate.endpoints.endpoint import Body, Endpoint, Kind


def _asked(path: str, operation: str, kind: Kind, *, streams: bool = False) -> Endpoint:
    return Endpoint(
        method="POST",
        paths=(path,),
        dialect="ollama",
        operation=operation,
        target=path,
        body="json",
        streams=streams,
        stream_default=streams,
        needs_model=True,
        kind=kind,
    )


def _answered_here(method: str, path: str, operation: str, body: Body = "none", *, public: bool = False) -> Endpoint:
    return Endpoint(method=method, paths=(path,), dialect="ollama", operation=operation, body=body, public=public)


ENDPOINTS = (
    _asked("/api/chat", "chat", "chat", streams=True),
    _asked("/api/generate", "ollama_generate", "chat", streams=True),
    _asked("/api/embed", "ollama_embed", "embeddings"),
    _asked("/api/embeddings", "ollama_embeddings", "embeddings"),
    _answered_here("GET", "/api/tags", "ollama_tags"),
    _answered_here("POST", "/api/show", "ollama_show", "json"),
    _answered_here("GET", "/api/version", "ollama_version", public=True),
)
