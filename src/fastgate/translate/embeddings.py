"""What an embeddings request and its answer mean, in no dialect."""

from typing import Any

from msgspec import Struct, field


class EmbeddingRequest(Struct, kw_only=True):
    # Texts; or lists of tokens, which only OpenAI's dialect knows.
    inputs: list[str] | list[list[int]]
    dimensions: int | None = None
    # float or base64: how the caller wants vectors written; the gateway writes them so whatever came.
    encoding_format: str = "float"
    # What they are for, in Cohere's words (search_document, search_query, classification, clustering); "": not said.
    purpose: str = ""
    user: str = ""
    # The caller sent one text and not a list of one.
    single: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    dialect: str = ""


class EmbeddingAnswer(Struct, kw_only=True):
    """Vectors in the order of the inputs; each a list of floats, or base64 of little-endian float32 as it came."""

    vectors: list[list[float] | str]
    # 0: not said.
    input_tokens: int = 0
