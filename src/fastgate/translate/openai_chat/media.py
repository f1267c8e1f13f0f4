"""Data URLs and file names: how this dialect says what bytes are."""

from base64 import b64encode

from fastgate.translate.openai_chat.words import MEDIA_OF_SUFFIX, SUFFIX_OF_MEDIA


def split_data_url(url: str) -> tuple[str, str] | None:
    """Return the media type and the base64 of a data URL; None if *url* is another kind of URL.

    Source: RFC 2397; parameters between the type and `;base64` are dropped.
    """
    if not url.startswith("data:"):
        return None
    head, comma, encoded = url.partition(",")
    if not comma or not head.endswith(";base64"):
        return None
    return head[5:-7].partition(";")[0], encoded


def data_url(media_type: str, encoded: str) -> str:
    """Return base64 as a data URL."""
    return f"data:{media_type or 'application/octet-stream'};base64,{encoded}"


def text_url(media_type: str, text: str) -> str:
    """Return a text as a data URL."""
    return data_url(media_type or "text/plain", b64encode(text.encode()).decode())


def media_type_of(filename: str) -> str:
    """Return the media type that a file's name promises; PDF if it promises none, for that is what chat models read."""
    return MEDIA_OF_SUFFIX.get(filename.rpartition(".")[2].lower(), "application/pdf")


def filename_of(media_type: str) -> str:
    """Return a name for a document that has none: OpenAI refuses file_data without one."""
    return f"document.{SUFFIX_OF_MEDIA.get(media_type, 'pdf')}"
