"""Words of the Converse dialect, and what the families of models behind it understand."""

import re

from msgspec import Struct

from fastgate.translate.answer import FinishReason

# stopReason -> why the answer ended (API_runtime_ConverseResponseBody, 2026-11-20).
FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
# Words that `FINISH` does not carry whole.
RAW_FINISH = frozenset({"model_context_window_exceeded", "guardrail_intervened"})

# Media type -> `format` of an image, a document, audio (the enums of ImageBlock, DocumentBlock and AudioBlock).
IMAGE_FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
# How the base64 of an image begins: its first bytes tell its format whatever its media type says.
IMAGE_MAGIC = (("iVBORw0KGgo", "png"), ("/9j/", "jpeg"), ("R0lGOD", "gif"), ("UklGR", "webp"))
DOCUMENT_FORMATS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
DOCUMENT_EXTENSIONS = frozenset(DOCUMENT_FORMATS.values())
AUDIO_FORMATS = frozenset({"mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga", "pcm", "webm"})

# The caller's service_tier -> serviceTier.type; auto and default are what no word means.
SERVICE_TIERS = {"flex": "flex", "priority": "priority", "fast": "priority", "scale": "reserved"}
# serviceTier.type of an answer -> OpenAI's word.
SERVED_TIERS = {"default": "default", "flex": "flex", "priority": "priority", "reserved": "scale"}

# Effort -> tokens to think with (platform.claude.com extended thinking: 1024 is the least).
BUDGETS = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32000, "max": 32000}
LEAST_BUDGET = 1024
# Effort -> outputConfig.effort, which knows low, medium, high, xhigh and max (botocore's OutputConfig, 2026-11-20).
EFFORTS = {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
# Effort -> maxReasoningEffort of Nova 2 and reasoning_effort of gpt-oss.
THREE_EFFORTS = {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}


class Traits(Struct, frozen=True, kw_only=True):
    """What one model understands of Converse. The defaults are those of a model that nothing is known of."""

    # How it is told to think: by "budget", "both", "adaptive" (Claude's three generations), "nova", "effort", or "" not at all.
    thinking: str = ""
    # cachePoint blocks.
    caches: bool = False
    # toolChoice any and tool.
    chooses: bool = True
    # outputConfig.textFormat and `strict` tools.
    schemas: bool = True
    # `status` of a toolResult.
    statuses: bool = False
    # Where top_k stands among additionalModelRequestFields; "" nowhere.
    top_k: str = ""
    # Sampling parameters: "all", "one" (temperature or top_p), "none".
    sampling: str = "all"
    claude: bool = False


_CLAUDE = Traits(caches=True, statuses=True, schemas=False, top_k="top_k", claude=True)
# Generation from which on -> traits (the model cards of Bedrock's user guide, 2026-11-20).
_CLAUDES = (
    ((4, 7), Traits(thinking="adaptive", caches=True, statuses=True, top_k="top_k", sampling="none", claude=True)),
    ((4, 6), Traits(thinking="both", caches=True, statuses=True, top_k="top_k", sampling="one", claude=True)),
    ((4, 5), Traits(thinking="budget", caches=True, statuses=True, top_k="top_k", sampling="one", claude=True)),
    ((4, 1), Traits(thinking="budget", caches=True, statuses=True, schemas=False, top_k="top_k", sampling="one", claude=True)),
    ((3, 7), Traits(thinking="budget", caches=True, statuses=True, schemas=False, top_k="top_k", claude=True)),
)
_NEWEST = (99, 0)
# claude-3-5-sonnet-20240620, claude-sonnet-4-20250514, claude-opus-4-7, claude-v2:1; a name without a number is a new one.
_GENERATION = re.compile(r"claude-(?:[a-z]+-)?v?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")

# A part of the model's id -> traits; the first that is found counts.
_FAMILIES = (
    ("nova-2", Traits(thinking="nova", caches=True, statuses=True, schemas=False, top_k="nova")),
    ("amazon.nova", Traits(caches=True, statuses=True, schemas=False, top_k="nova")),
    ("openai.gpt-oss", Traits(thinking="effort", chooses=False)),
    ("mistral.", Traits(top_k="top_k")),
    ("cohere.", Traits(schemas=False, top_k="k")),
    ("meta.", Traits(schemas=False, chooses=False)),
    ("amazon.", Traits(schemas=False, chooses=False)),
    ("ai21.", Traits(schemas=False, chooses=False)),
    ("writer.", Traits(schemas=False, chooses=False)),
    # An application inference profile, an imported or a provisioned model: the id says nothing of who made it.
    ("arn:", Traits(caches=True, schemas=False)),
)
_OTHER = Traits()


def traits_of(model: str) -> Traits:
    """Return what *model*, as an id, an inference profile or an ARN names it, understands."""
    if "claude" in model or "anthropic." in model:
        match = _GENERATION.search(model)
        generation = (int(match[1]), int(match[2] or 0)) if match else _NEWEST
        return next((traits for since, traits in _CLAUDES if generation >= since), _CLAUDE)
    return next((traits for part, traits in _FAMILIES if part in model), _OTHER)
