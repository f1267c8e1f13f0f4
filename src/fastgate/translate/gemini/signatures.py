"""Opaque thoughts of other vendors as thoughtSignature of a Gemini caller, and back.

Rule 1: what comes from Google goes through as it is.
Rule 2: everything else is base64 of `dialect#id#redacted#signature`: Google's SDK decodes thoughtSignature, so the sealed form
of `conversation.seal`, which holds characters outside base64, would break it.
"""

from base64 import b64decode, b64encode
from binascii import Error as BadBase64

from fastgate.translate.conversation import SIGNING_DIALECTS, Thinking
from fastgate.translate.gemini.words import DIALECT

# What a sealed signature begins with: the dialect's name, as far as whole groups of base64 go.
_STARTS = tuple(b64encode(dialect.encode()[: len(dialect) // 3 * 3]).decode() for dialect in sorted(SIGNING_DIALECTS) if dialect != DIALECT)


def seal_thought(thought: Thinking) -> str:
    """Return the thoughtSignature that brings a thought's opaque members back; "" if it has none."""
    if thought.dialect == DIALECT:
        return thought.signature
    if thought.dialect not in SIGNING_DIALECTS or not (thought.signature or thought.redacted):
        return ""
    return b64encode(f"{thought.dialect}#{thought.id}#{thought.redacted}#{thought.signature}".encode()).decode()


def unseal_thought(signature: str, text: str) -> Thinking:
    """Return the thought of *text* whose opaque members a thoughtSignature holds."""
    if signature.startswith(_STARTS):
        try:
            members = b64decode(signature, validate=True).decode().split("#", 3)
        except (BadBase64, UnicodeDecodeError):
            members = []
        if len(members) == 4 and members[0] in SIGNING_DIALECTS:
            dialect, thought_id, redacted, own = members
            return Thinking(text=text, signature=own, redacted=redacted, id=thought_id, dialect=dialect)
    return Thinking(text=text, signature=signature, dialect=DIALECT)
