"""Answers that are said as one before them was: they differ from it in their texts, ids and counts alone.

What an answer has in common with others is its form. The first of a form is said by the general way, with marks in place of what differs;
the others are that with their own texts and counts. It holds for dialects that carry texts (`texts.CARRYING`): nobody looks into those.
"""

from collections.abc import Callable
from typing import Any

import orjson
from msgspec import Struct

from fastgate._core import HeldTexts, hold_answer
from fastgate.translate.answer import Fault, Usage
from fastgate.translate.conversation import ChatRequest, ToolCall
from fastgate.translate.dialect import CallerDialect
from fastgate.translate.speech import Speech
from fastgate.translate.target import Asked, Naming
from fastgate.translate.texts import Mislaid, Places, find_places

# Stand for `created` and for the present time; no answer was made at either.
_MOMENT = 9_000_000_017
_NOW = 9_000_000_031
_DIGITS = b"%d"

# Larger forms are hardly met twice, and not learned.
FORM_BYTES = 4096

_USAGE, _CREATED, _NAME, _TIME, _SEED = range(5)


class Form(Struct, frozen=True):
    """What answers of one form become."""

    places: Places
    # What belongs into the gaps behind the texts'.
    others: tuple[int, ...]

    def say(
        self, held: HeldTexts, caller: CallerDialect, speech: Speech, naming: Callable[[], Naming], clock: Callable[[], float]
    ) -> tuple[bytes, Usage | None] | None:
        """Return an answer of this form in the caller's words, and its usage; None if that has counts beyond all numbers."""
        usage: Usage | None = None
        if held.usage:
            try:
                usage = _carrying(speech.dialect).read_usage(orjson.loads(held.usage), speech.target)
            except orjson.JSONDecodeError:
                return None
        others: list[bytes] = []
        for other in self.others:
            if other == _USAGE:
                others.append(_members(caller, usage))
            elif other == _CREATED:
                others.append(held.created)
            elif other == _NAME:
                others.append(held.name)
            elif other == _TIME:
                others.append(_DIGITS % int(clock()))
            else:
                others.append(naming().seed.encode())
        return held.fill(self.places.pieces, self.places.gaps, others), usage


def take_apart(body: bytes, mark: bytes) -> HeldTexts | None:
    """Return what an answer has in common with others of its form, and what it has not."""
    return hold_answer(body, mark, _DIGITS % _MOMENT)


def learn(
    held: HeldTexts, mark: bytes, caller: CallerDialect, speech: Speech, request: ChatRequest, asked: Asked, model: str
) -> Form | None:
    """Return what answers of the form of *held* become; None if they have to be said one by one."""
    seed = mark[::-1]
    now = _DIGITS % _NOW
    if now in held.skeleton or seed in held.skeleton:
        return None
    try:
        answer = speech.dialect.parse_answer(held.skeleton, speech.target, asked)
        said = caller.build_answer(answer, request, Naming(model=model, seed=seed.decode(), now=_NOW))
    except Fault:
        return None
    if any(type(part) is ToolCall for choice in answer.choices for part in choice.parts):
        # Calls are named, and what came with them is remembered.
        return None
    marks = [(_CREATED, _DIGITS % _MOMENT), (_NAME, mark + b"999999"), (_TIME, now), (_SEED, seed)]
    if answer.usage is not None:
        marks.append((_USAGE, _members(caller, answer.usage)))
    others: list[int] = []
    for other, stands in marks:
        found = said.count(stands)
        if found > 1 or (other == _USAGE and found == 0):
            return None
        if found:
            said = said.replace(stands, b"%b%06d" % (mark, len(held) + len(others)))
            others.append(other)
    try:
        return Form(find_places(said, mark, len(held) + len(others)), tuple(others))
    except Mislaid:
        return None


def _members(caller: CallerDialect, usage: Usage | None) -> bytes:
    return orjson.dumps(_carrying(caller).build_usage(usage))[1:-1]


def _carrying(package: object) -> Any:
    """Return a dialect's package, one of those that carry texts: it reads and builds `usage` by itself too."""
    return package
