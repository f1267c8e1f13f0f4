"""Arguments of a call that come in pieces: Vertex AI's functionCall.partialArgs, where streamFunctionCallArguments asks for them.

docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling, read 2026-11-24: the first part has the call's name and
`willContinue`, parts without a name go on with the call that is open, and the first of them without `willContinue` ends it.
"""

import re
from itertools import pairwise
from typing import Any

from fastgate.translate.gemini.errors import unreadable

# RFC 9535 2.3, of it what names one place: $.a.b[0]['c d'].
_STEP = re.compile(r"""\.([^.\[\]'"]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""")
_ESCAPED = re.compile(r"\\(.)")
# Google's own schemas nest five deep; what is written out again must not be deeper than JSON writers go.
_MAX_STEPS = 64
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")


class PartialCall:
    """One call whose arguments are not whole; *part* is its first."""

    def __init__(self, part: dict[str, Any]) -> None:
        self._part = part
        self._args: dict[str, Any] = {}

    def take(self, call: dict[str, Any]) -> None:
        """Add what one functionCall says. Raise Fault for a path that cannot be read."""
        args = call.get("args")
        if isinstance(args, dict):
            self._args.update(args)
        pieces = call.get("partialArgs")
        for piece in pieces if isinstance(pieces, list) else []:
            if isinstance(piece, dict):
                self._put(piece)

    def whole(self) -> dict[str, Any]:
        """Return the part as it would have come in one piece."""
        return {**self._part, "functionCall": {**self._part["functionCall"], "args": self._args}}

    def _put(self, piece: dict[str, Any]) -> None:
        name = next((name for name in _VALUES if name in piece), None)
        if name is None:
            # The end of a text of which all was said.
            return
        steps = _steps_of(piece.get("jsonPath"))
        place: Any = self._args
        for step, following in pairwise(steps):
            place = _child(place, step, [] if isinstance(following, int) else {})
        value = None if name == "nullValue" else piece[name]
        before = _child(place, steps[-1], "" if isinstance(value, str) else None)
        place[steps[-1]] = before + value if isinstance(before, str) and isinstance(value, str) else value


def _steps_of(path: Any) -> list[str | int]:
    steps: list[str | int] = []
    text = path.removeprefix("$") if isinstance(path, str) else ""
    at = 0
    while at < len(text) and len(steps) <= _MAX_STEPS:
        match = _STEP.match(text, at)
        if match is None:
            break
        name, index, single, double = match.groups()
        quoted = single if single is not None else double
        steps.append(int(index) if index is not None else name if name is not None else _ESCAPED.sub(r"\1", quoted))
        at = match.end()
    if not steps or isinstance(steps[0], int) or at < len(text):
        raise unreadable(str(path).encode(), "the path of an argument names no place")
    return steps


def _child(place: Any, step: str | int, fresh: Any) -> Any:
    """Return what stands at *step*; *fresh*, put there, if nothing did."""
    if isinstance(place, list) and isinstance(step, int) and step <= len(place):
        if step == len(place):
            place.append(fresh)
        return place[step]
    if isinstance(place, dict) and isinstance(step, str):
        return place.setdefault(step, fresh)
    raise unreadable(str(step).encode(), "the path of an argument leads to no place")
