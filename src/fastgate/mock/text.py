"""The words of an answer: the same request gets the same words."""

from fastgate.mock.call import Call, text_of

# One word is one token here.
_FILLER_TEXT = (
    "the river turns and carries light past every stone it meets while small boats wait along the bank for wind "
    "from the west and someone counts the birds that cross before the evening comes and goes "
)
FILLER = _FILLER_TEXT.split()

# Words of the prompt that an answer repeats.
MAX_ECHO = 24


def prompt_of(call: Call) -> str:
    """Return the caller's last words, wherever the operation keeps them."""
    messages = call.fields.get("messages")
    if isinstance(messages, list) and messages:
        return text_of(messages[-1])
    for name in ("input", "prompt", "query"):
        if name in call.fields:
            value = call.fields[name]
            return text_of(value[-1] if isinstance(value, list) and value else value)
    return ""


def build_words(call: Call) -> list[str]:
    """Return the answer's tokens; joined they are its text."""
    echo = prompt_of(call)[:400].split()[:MAX_ECHO]
    opening = ["You", "said:", *echo] if echo else ["Hello."]
    words = opening[: call.tokens]
    offset = int(call.ident[:4], 16)
    words += [FILLER[(offset + index) % len(FILLER)] for index in range(call.tokens - len(words))]
    return [word if index == 0 else " " + word for index, word in enumerate(words)]


def build_filler(size_bytes: int) -> str:
    """Return exactly *size_bytes* of plain words: no character that JSON escapes."""
    return (_FILLER_TEXT * (size_bytes // len(_FILLER_TEXT) + 1))[:size_bytes]


def fill_words(words: list[str], event_bytes: int, frame_bytes: int) -> list[str]:
    """Return *words*, each replaced so that its event is *event_bytes* long where an event without text takes *frame_bytes*."""
    if not event_bytes:
        return words
    return [build_filler(max(event_bytes - frame_bytes, 1))] * len(words)
