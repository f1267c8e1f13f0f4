"""Every public operation: one row per method and meaning."""

from fastgate.endpoints import audio, chat_completions, completions, embeddings, files, images, local, messages, responses
from fastgate.endpoints.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    endpoint
    for module in (chat_completions, completions, embeddings, responses, images, audio, files, messages, local)
    for endpoint in module.ENDPOINTS
)
