"""Paths of the mock provider: which dialect and operation each one is."""

import re
from typing import NamedTuple

from fastgate.mock import anthropic, media, objects, openai, responses
from fastgate.mock.call import Dialect


class Route(NamedTuple):
    dialect: Dialect
    operation: str
    # json, multipart or none.
    body: str = "json"
    # Whether an answer depends on the request's bytes alone, so that it can be kept.
    pure: bool = True
    # Elsewhere `stream` in the body means nothing.
    streams: bool = False


# Without the `/v1` in front. `*` is one segment.
ROUTES: dict[str, dict[str, Route]] = {
    "/chat/completions": {"POST": Route(openai, "chat", streams=True)},
    "/completions": {"POST": Route(openai, "completions", streams=True)},
    "/embeddings": {"POST": Route(media, "embeddings")},
    "/moderations": {"POST": Route(media, "moderations")},
    "/images/generations": {"POST": Route(media, "images")},
    "/audio/speech": {"POST": Route(media, "speech")},
    "/audio/transcriptions": {"POST": Route(media, "transcriptions", "multipart", streams=True)},
    "/audio/translations": {"POST": Route(media, "transcriptions", "multipart", streams=True)},
    "/rerank": {"POST": Route(media, "rerank")},
    "/responses": {"POST": Route(responses, "responses", pure=False, streams=True)},
    "/responses/input_tokens": {"POST": Route(responses, "response_input_tokens")},
    "/responses/*": {
        "GET": Route(responses, "response_get", "none", pure=False),
        "DELETE": Route(responses, "response_delete", "none", pure=False),
    },
    "/responses/*/cancel": {"POST": Route(responses, "response_cancel", "none", pure=False)},
    "/responses/*/input_items": {"GET": Route(responses, "response_input_items", "none", pure=False)},
    "/files": {
        "POST": Route(objects, "file_create", "multipart", pure=False),
        "GET": Route(objects, "file_list", "none", pure=False),
    },
    "/files/*": {
        "GET": Route(objects, "file_get", "none", pure=False),
        "DELETE": Route(objects, "file_delete", "none", pure=False),
    },
    "/files/*/content": {"GET": Route(objects, "file_content", "none", pure=False)},
    "/batches": {
        "POST": Route(objects, "batch_create", pure=False),
        "GET": Route(objects, "batch_list", "none", pure=False),
    },
    "/batches/*": {"GET": Route(objects, "batch_get", "none", pure=False)},
    "/batches/*/cancel": {"POST": Route(objects, "batch_cancel", "none", pure=False)},
    "/models": {"GET": Route(objects, "models", "none")},
    "/models/*": {"GET": Route(objects, "model", "none")},
    "/messages": {"POST": Route(anthropic, "messages", streams=True)},
    "/messages/count_tokens": {"POST": Route(anthropic, "count_tokens")},
}

# These two paths are in both dialects; `anthropic-version` tells them apart.
ANTHROPIC_ROUTES: dict[str, dict[str, Route]] = {
    "/models": {"GET": Route(anthropic, "models", "none")},
    "/models/*": {"GET": Route(anthropic, "model", "none")},
}


# What may stand in front of an operation: a version, Azure's v1 API, an Azure deployment.
_PREFIX = re.compile(r"(?:/openai(?:/deployments/[^/]+)?)?(?:/v[12])?(?=/)")


def find_route(path: str, *, anthropic_version: bool) -> tuple[dict[str, Route], str] | None:
    """Return the routes of *path* by method, and the id in it; None if there is no such path."""
    relative = _PREFIX.sub("", path, count=1) if path.startswith("/") else path
    segments = relative.split("/")
    object_id = ""
    methods = ROUTES.get(relative)
    if methods is None and len(segments) > 2 and segments[1] == "models":
        # A model's name may have slashes.
        relative, object_id = "/models/*", "/".join(segments[2:])
        methods = ROUTES[relative]
    elif methods is None and len(segments) > 2:
        object_id, segments[2] = segments[2], "*"
        relative = "/".join(segments)
        methods = ROUTES.get(relative)
    if anthropic_version:
        methods = ANTHROPIC_ROUTES.get(relative, methods)
    return None if methods is None else (methods, object_id)
