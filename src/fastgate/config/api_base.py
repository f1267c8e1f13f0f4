"""Where a deployment is: the base URL as users write it -> the one that targets are appended to."""

import re
from urllib.parse import urlsplit

# What people append to the base although the gateway appends it itself, longest first; by dialect.
_TAILS = {
    "openai_chat": ("/chat/completions",),
    "anthropic_messages": ("/v1/messages", "/messages", "/v1"),
    "gemini": ("/models",),
    "ollama": ("/api/generate", "/api/embed", "/api/chat", "/api", "/v1/chat/completions", "/v1"),
    "cohere": ("/v1/chat", "/v2/chat", "/v1", "/v2"),
}
_AZURE_DEPLOYMENT = re.compile(r"/openai(/deployments(/.*)?)?\Z")
# RFC 3986 2: what a URL may hold.
_URL = re.compile(r"[A-Za-z0-9\-._~:/\[\]@!$&'()*+,;=%{}]+\Z")
_HOST = re.compile(r"[A-Za-z0-9._\-]+\Z|[0-9A-Fa-f:.%]+\Z")

EXPECTED = "http:// or https:// and a host, without user, query or fragment"


def parse_api_base(url: str, dialect: str, *, is_azure: bool = False) -> str:
    """Return *url* without a trailing slash and without the target that the gateway appends; raise ValueError if it is none."""
    url = url.strip()
    if not _URL.match(url):
        raise ValueError(EXPECTED)
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or not _HOST.match(parts.hostname) or "@" in parts.netloc:
        raise ValueError(EXPECTED)
    # Raises ValueError above 65535.
    if parts.port == 0 or ".." in parts.path.split("/"):
        raise ValueError(EXPECTED)
    base = f"{parts.scheme.lower()}://{parts.netloc}{parts.path}".rstrip("/")
    if is_azure:
        return _AZURE_DEPLOYMENT.sub("", base)
    for tail in _TAILS.get(dialect, ()):
        if parts.path.rstrip("/").endswith(tail):
            return base[: -len(tail)].rstrip("/")
    return base
