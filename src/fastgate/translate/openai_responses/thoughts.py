"""How thoughts of any dialect ride in `encrypted_content`, the one member of a reasoning item that callers bring back unread.

A provider's own stands there as it came. Others carry their origin: `anthropic_messages#...`, of a thought without text
`anthropic_messages#redacted#...`; what belongs to the call that follows, `gemini#call#...`. `#` stands in no base64.
"""

from fastgate.translate.conversation import SIGNING_DIALECTS, Thinking, seal, unseal
from fastgate.translate.openai_responses.words import DIALECT

_REDACTED = "redacted#"
_CALL = "call#"
# Whose calls carry signatures: thoughtSignature.
_CALL_DIALECT = "gemini"


def seal_thought(dialect: str, signature: str, redacted: str) -> str:
    """Return the `encrypted_content` of a thought that *dialect* made, "" if nothing has to come back."""
    if dialect == DIALECT:
        return signature or redacted
    if dialect not in SIGNING_DIALECTS:
        return ""
    return seal(DIALECT, dialect, signature or (_REDACTED + redacted if redacted else ""))


def seal_call(signature: str) -> str:
    """Return the `encrypted_content` of an empty thought that carries the signature of the call behind it."""
    return seal(DIALECT, _CALL_DIALECT, _CALL + signature)


def unseal_call(sealed: str) -> str:
    """Return the signature of the call behind this thought, "" if it is a thought of its own."""
    dialect, rest = unseal(DIALECT, sealed)
    return rest[len(_CALL) :] if dialect == _CALL_DIALECT and rest.startswith(_CALL) else ""


def unseal_thought(sealed: str, text: str, ident: str, summary: bool) -> Thinking:
    """Return the thought of a reasoning item. Without a seal nobody knows who made it: its dialect is ""."""
    if not sealed:
        return Thinking(text=text, id=ident, summary=summary)
    dialect, rest = unseal(DIALECT, sealed)
    if dialect == DIALECT:
        # Without text it is a whole thought that cannot be read.
        place = "signature" if text else "redacted"
        return Thinking(text=text, id=ident, summary=summary, dialect=dialect, **{place: rest})
    if rest.startswith(_REDACTED):
        return Thinking(redacted=rest[len(_REDACTED) :], dialect=dialect)
    return Thinking(text=text, signature=rest, dialect=dialect)
