"""Whether a model can take a request, as far as that is known. What is unknown is left to the provider."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from fastgate.catalogue.model import Model

# Need of a request -> the capability that it takes.
_CAPABILITIES = {
    "vision": "vision",
    "audio": "audio_input",
    "audio_output": "audio_output",
    "video": "video_input",
    "pdf": "pdf_input",
    "tools": "function_calling",
    "parallel_tools": "parallel_function_calling",
    "tool_choice": "tool_choice",
    "reasoning": "reasoning",
    "structured_output": "response_schema",
    "system": "system_messages",
    "prefill": "assistant_prefill",
    "web_search": "web_search",
}
NEEDS = frozenset(_CAPABILITIES)


class Excess(Struct, frozen=True):
    """A request above one of a model's limits."""

    limit: Literal["context_window", "max_output_tokens"]
    asked: int
    allowed: int


def fits(model: Model, prompt_tokens: int, max_output: int = 0) -> Excess | None:
    """Return the limit that the request is above, or None if it fits or nothing is known. *max_output* is 0 if the request names none.

    The two are not added up: for some providers the window holds prompt and answer, for others (Gemini) the prompt alone, and a
    request refused wrongly is worse than one that the provider refuses.
    """
    if model.context_window is not None and prompt_tokens > model.context_window:
        return Excess("context_window", prompt_tokens, model.context_window)
    if model.max_output_tokens is not None and max_output > model.max_output_tokens:
        return Excess("max_output_tokens", max_output, model.max_output_tokens)
    return None


def lacks(model: Model, needs: Iterable[str]) -> list[str]:
    """Return those of *needs* (words of NEEDS) that the model is known not to meet, in their order. Raise KeyError for another word."""
    return [need for need in needs if getattr(model.capabilities, _CAPABILITIES[need]) is False]
