"""Every public operation: one row per method and meaning."""

from fastgate.endpoints import (
    audio,
    chat_completions,
    completions,
    embeddings,
    files,
    generate_content,
    images,
    local,
    messages,
    ollama,
    responses,
)
from fastgate.endpoints.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    endpoint
    for module in (chat_completions, completions, embeddings, responses, images, audio, files, messages, generate_content, ollama, local)
    for endpoint in module.ENDPOINTS
)
