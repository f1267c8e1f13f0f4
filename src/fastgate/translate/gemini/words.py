"""Words of the Gemini API and what they mean: ai.google.dev/api/generate-content and google-genai 3.4 types.py, read 2026-11-24."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastgate.translate.answer import FinishReason

DIALECT = "gemini"

# Ids given to calls of a request that has none, so that other dialects can pair calls and results; never sent to Google.
UNSAID_ID = "gemini_call_"

# Not a signature but leave to have none: for calls that another model made or whose caller lost the signature.
# Of the two words in ai.google.dev/gemini-api/docs/thought-signatures#faqs (the other is "context_engineering_is_the_way_to_go")
# the one that Vertex AI documents too (docs.cloud.google.com/vertex-ai/generative-ai/docs/thought-signatures, 2026-11-24).
NO_SIGNATURE = "skip_thought_signature_validator"

# finishReason -> what it means; a call before a "stop" makes it "tool_calls".
FINISHES: Mapping[str, FinishReason] = MappingProxyType(
    {
        "STOP": "stop",
        "FINISH_REASON_UNSPECIFIED": "stop",
        "MAX_TOKENS": "length",
        "SAFETY": "content_filter",
        "RECITATION": "content_filter",
        "BLOCKLIST": "content_filter",
        "PROHIBITED_CONTENT": "content_filter",
        "SPII": "content_filter",
        "LANGUAGE": "content_filter",
        "IMAGE_SAFETY": "content_filter",
        "IMAGE_PROHIBITED_CONTENT": "content_filter",
        "IMAGE_RECITATION": "content_filter",
        "MODEL_ARMOR": "content_filter",
        "MALFORMED_FUNCTION_CALL": "error",
        "UNEXPECTED_TOOL_CALL": "error",
        "MALFORMED_RESPONSE": "error",
        "MISSING_THOUGHT_SIGNATURE": "error",
        "TOO_MANY_TOOL_CALLS": "error",
        # Not failures, and nothing that another dialect has a word for: "stop" with Google's own word beside it.
        "OTHER": "stop",
        "IMAGE_OTHER": "stop",
        "NO_IMAGE": "stop",
    }
)
# Words that `finish` says completely.
PLAIN_FINISHES = frozenset({"STOP", "FINISH_REASON_UNSPECIFIED", "MAX_TOKENS", "SAFETY", ""})
FINISH_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "stop": "STOP",
        "stop_sequence": "STOP",
        "length": "MAX_TOKENS",
        "tool_calls": "STOP",
        "content_filter": "SAFETY",
        "pause": "STOP",
        "error": "OTHER",
    }
)

# Member of generationConfig -> attribute of ChatRequest.
PLAIN_CONFIG: Mapping[str, str] = MappingProxyType(
    {
        "maxOutputTokens": "max_output_tokens",
        "temperature": "temperature",
        "topP": "top_p",
        "topK": "top_k",
        "candidateCount": "n",
        "seed": "seed",
        "presencePenalty": "presence_penalty",
        "frequencyPenalty": "frequency_penalty",
        "responseLogprobs": "logprobs",
        "logprobs": "top_logprobs",
    }
)
# Members of ChatRequest.extra that stood in generationConfig have its name before theirs.
IN_CONFIG = "generationConfig."

# Google's word -> that of ChatRequest.service_tier, and back.
TIERS: Mapping[str, str] = MappingProxyType({"standard": "default", "flex": "flex", "priority": "priority"})
TIER_WORDS: Mapping[str, str] = MappingProxyType({"default": "standard", "flex": "flex", "priority": "priority"})

RESOLUTIONS: Mapping[str, str] = MappingProxyType(
    {
        "MEDIA_RESOLUTION_LOW": "low",
        "MEDIA_RESOLUTION_MEDIUM": "auto",
        "MEDIA_RESOLUTION_HIGH": "high",
        "MEDIA_RESOLUTION_ULTRA_HIGH": "original",
    }
)
RESOLUTION_WORDS: Mapping[str, str] = MappingProxyType({word: resolution for resolution, word in RESOLUTIONS.items()})

# Media types of audio whose second half is not the format's name; Gemini's speech is raw PCM at 24 kHz.
AUDIO_FORMATS: Mapping[str, str] = MappingProxyType({"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "l16": "pcm16", "pcm": "pcm16"})
PCM = "audio/L16;codec=pcm;rate=24000"

# First characters of base64 -> media type, for data that came without one.
MAGIC: tuple[tuple[str, str], ...] = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi", "application/pdf"),
)
# Ends of names -> media type: fileData wants one.
ENDINGS: Mapping[str, str] = MappingProxyType(
    {
        "png": "image/png",
        "jpg": "image/jpeg",
        "jpeg": "image/jpeg",
        "webp": "image/webp",
        "gif": "image/gif",
        "heic": "image/heic",
        "pdf": "application/pdf",
        "txt": "text/plain",
        "md": "text/markdown",
        "csv": "text/csv",
        "html": "text/html",
        "json": "application/json",
        "mp3": "audio/mp3",
        "wav": "audio/wav",
        "mp4": "video/mp4",
    }
)
# Where Google reads files from by itself (ai.google.dev/gemini-api/docs/files, .../video-understanding, 2026-11-24).
HOSTED = (
    "gs://",
    "https://generativelanguage.googleapis.com/",
    "https://www.youtube.com/",
    "https://youtube.com/",
    "https://youtu.be/",
)


def media_type_of(uri: str) -> str:
    """Return the media type that the end of a name stands for; "" if none."""
    return ENDINGS.get(uri.rpartition(".")[2].lower(), "")


def sniff(base64: str) -> str:
    """Return the media type that data begins like; "" if none."""
    for start, media_type in MAGIC:
        if base64.startswith(start):
            return media_type
    return ""


def either(value: Mapping[str, Any], camel: str, snake: str) -> Any:
    """Return a member under whichever of its two spellings it has; None if neither."""
    found = value.get(camel)
    return value.get(snake) if found is None else found


def audio_format(media_type: str) -> str:
    """Return the format that a media type of audio stands for: wav, mp3, pcm16, ..."""
    kind = media_type.partition(";")[0].partition("/")[2].lower()
    return AUDIO_FORMATS.get(kind, kind)
