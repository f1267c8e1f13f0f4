"""Content parts of a caller's messages."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fastgate.translate.conversation import Audio, CacheMark, File, Image, Opaque, Part, Text, Thinking
from fastgate.translate.openai_chat.media import media_type_of, split_data_url
from fastgate.translate.openai_chat.members import read_list, read_object, read_text, wrong
from fastgate.translate.openai_chat.words import DIALECT, TTL_READ


def parse_content(content: object, at: str) -> list[Part]:
    """Return the parts of a message's content: a string, or a list of parts. An empty string is no part."""
    if isinstance(content, str):
        return [Text(text=content)] if content else []
    if not isinstance(content, list):
        raise wrong(f"{at}.content", "a string or a list of parts", content)
    parts: list[Part] = []
    for number, part in enumerate(content):
        if not isinstance(part, dict):
            raise wrong(f"{at}.content[{number}]", "an object", part)
        kind = part.get("type")
        if kind == "text" and type(text := part.get("text")) is str:
            parts.append(Text(text=text, cache=parse_mark(part) if len(part) > 2 else None))
            continue
        if not isinstance(kind, str):
            raise wrong(f"{at}.content[{number}].type", "the type of a part", kind)
        read = _PARTS.get(kind)
        parts.append(read(part, f"{at}.content[{number}]") if read else Opaque(dialect=DIALECT, kind=kind, value=part))
    return parts


def parse_mark(part: dict[str, Any]) -> CacheMark | None:
    """Return the cache mark of a part, in Anthropic's form; OpenAI's own breakpoint is one too."""
    mark = part.get("cache_control")
    if isinstance(mark, dict):
        return mark
    own = part.get("prompt_cache_breakpoint")
    if not isinstance(own, dict):
        return None
    ttl = own.get("ttl")
    known = TTL_READ.get(ttl) if isinstance(ttl, str) else None
    return {"type": "ephemeral", "ttl": known} if known else {"type": "ephemeral"}


def parse_image(part: dict[str, Any], at: str) -> Image:
    """Return the image of an image_url part: by URL, or by data if that is a data URL."""
    source = part.get("image_url")
    # Mistral's form is a bare string (docs.mistral.ai/capabilities/vision, 2026-11).
    image = {"url": source} if isinstance(source, str) else read_object(source, f"{at}.image_url")
    url = read_text(image.get("url"), f"{at}.image_url.url")
    detail = image.get("detail")
    split = split_data_url(url)
    media_type, encoded = split or ("", "")
    return Image(
        url="" if split else url,
        data=encoded,
        media_type=media_type,
        detail="" if detail is None else read_text(detail, f"{at}.image_url.detail"),
        dialect=DIALECT,
        cache=parse_mark(part),
    )


def _parse_text(part: dict[str, Any], at: str) -> Part:
    raise wrong(f"{at}.text", "a string", part.get("text"))


def _parse_refusal(part: dict[str, Any], at: str) -> Part:
    return Text(text=read_text(part.get("refusal"), f"{at}.refusal"), refusal=True)


def _parse_audio(part: dict[str, Any], at: str) -> Part:
    audio = read_object(part.get("input_audio"), f"{at}.input_audio")
    return Audio(
        data=read_text(audio.get("data"), f"{at}.input_audio.data"), format=read_text(audio.get("format"), f"{at}.input_audio.format")
    )


def _parse_file(part: dict[str, Any], at: str) -> Part:
    file = read_object(part.get("file"), f"{at}.file")
    filename = read_text(file.get("filename") or "", f"{at}.file.filename")
    mark = parse_mark(part)
    if file.get("file_data") is not None:
        encoded = read_text(file["file_data"], f"{at}.file.file_data")
        if encoded.startswith(("https://", "http://")):
            # OpenRouter takes a URL here (openrouter.ai/docs/features/multimodal/pdfs, 2026-11).
            return File(url=encoded, filename=filename, dialect=DIALECT, cache=mark)
        media_type, encoded = split_data_url(encoded) or (media_type_of(filename), encoded)
        return File(data=encoded, media_type=media_type, filename=filename, dialect=DIALECT, cache=mark)
    file_id = read_text(file.get("file_id"), f"{at}.file.file_id")
    # LiteLLM's callers put a URL here.
    if file_id.startswith(("https://", "http://", "gs://")):
        return File(url=file_id, filename=filename, dialect=DIALECT, cache=mark)
    return File(file_id=file_id, filename=filename, dialect=DIALECT, cache=mark)


def _parse_thinking(part: dict[str, Any], at: str) -> Part:
    """Mistral's part: thinking is a list of text parts."""
    thought = part.get("thinking")
    if isinstance(thought, str):
        return Thinking(text=thought, dialect=DIALECT)
    pieces = [
        read_text(read_object(piece, f"{at}.thinking[{number}]").get("text", ""), f"{at}.thinking[{number}].text")
        for number, piece in enumerate(read_list(thought, f"{at}.thinking"))
    ]
    return Thinking(text="".join(pieces), dialect=DIALECT)


_PARTS: Mapping[str, Callable[[dict[str, Any], str], Part]] = MappingProxyType(
    {
        "text": _parse_text,
        "refusal": _parse_refusal,
        "image_url": parse_image,
        "input_audio": _parse_audio,
        "file": _parse_file,
        "thinking": _parse_thinking,
    }
)
