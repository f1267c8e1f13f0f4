"""Names of tools and ids of calls that fit OpenAI's limits; what does not is rewritten, the same way wherever it stands."""

import re
from hashlib import sha256

from fastgate.translate.openai_responses.words import DIALECT, MAX_CALL_ID, MAX_NAME

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")
# Hexadecimal digits of a hash that stand for what was cut off.
_MARK = 8


class Fitting:
    """What one request is renamed to. A caller of this dialect says what it says: nothing of it changes."""

    __slots__ = ("_ids", "_own", "_tool_ids", "renamed")

    def __init__(self, dialect: str, tool_ids: str) -> None:
        self._own = dialect == DIALECT
        # Pattern of the provider's own for ids of calls, None for any.
        self._tool_ids = re.compile(tool_ids) if tool_ids else None
        self._ids: dict[str, str] = {}
        # As sent -> as the caller said it, where they differ.
        self.renamed: dict[str, str] = {}

    def name(self, name: str) -> str:
        """Return the name of a tool as it is sent."""
        if self._own or _NAME.fullmatch(name):
            return name
        mark = sha256(name.encode()).hexdigest()[:_MARK]
        # The hash keeps `a.b` and `a_b` apart.
        sent = f"{_FOREIGN.sub('_', name)[: MAX_NAME - _MARK - 1]}_{mark}"
        self.renamed[sent] = name
        return sent

    def call_id(self, ident: str) -> str:
        """Return the id of a call as it is sent."""
        if self._own and self._tool_ids is None:
            return ident
        if len(ident) <= MAX_CALL_ID and (self._tool_ids is None or self._tool_ids.fullmatch(ident)):
            return ident
        sent = self._ids.get(ident)
        if sent is None:
            digest = sha256(ident.encode()).hexdigest()
            # Mistral's nine letters and digits, or a form that every pattern seen so far allows.
            sent = self._ids[ident] = f"call_{digest[:24]}"
            if self._tool_ids is not None and not self._tool_ids.fullmatch(sent):
                sent = self._ids[ident] = digest[:9]
        return sent
