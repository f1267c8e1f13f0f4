"""Images on the wire: bare base64 without a media type. Audio models take sound in the same member."""

from binascii import a2b_base64

from fastgate.translate.conversation import Audio, Image
from fastgate.translate.losses import InvalidRequest

# First bytes -> media type.
_IMAGES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
# First bytes -> OpenAI's word for the format.
_SOUNDS = ((b"ID3", "mp3"), (b"\xff\xfb", "mp3"), (b"\xff\xf3", "mp3"), (b"fLaC", "flac"), (b"OggS", "ogg"))


def media_type_of(data: str) -> str:
    """Return the media type that the first bytes of base64 *data* tell; raise ValueError if it is not base64."""
    head = a2b_base64(data[:16])
    for magic, media_type in _IMAGES:
        if head.startswith(magic):
            return media_type
    if head.startswith(b"RIFF"):
        return "image/webp" if head[8:12] == b"WEBP" else "audio/wav"
    for magic, form in _SOUNDS:
        if head.startswith(magic):
            return f"audio/{form}"
    return "application/octet-stream"


def parse_media(value: object, path: str) -> Image | Audio:
    """Return what an entry of `images` holds."""
    if not isinstance(value, str) or not value:
        raise InvalidRequest(path, f"`{path}`: expected an image as bare base64")
    try:
        media_type = media_type_of(value)
    except ValueError:
        media_type = ""
    # A colon or dot stands in no base64 alphabet: data: and https: are URLs.
    if not media_type or ":" in value[:16]:
        raise InvalidRequest(path, f"`{path}`: expected bare base64, without a URL or a data: prefix")
    if media_type.startswith("audio/"):
        return Audio(data=value, format=media_type[6:])
    return Image(data=value, media_type=media_type)
