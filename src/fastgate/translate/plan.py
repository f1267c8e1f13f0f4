"""What a request became, kept: requests that differ from it in their texts alone become the same but for those."""

from collections.abc import Callable

import orjson
from msgspec import Struct, field

from fastgate._core import HeldTexts
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.custom_tools import emulate_custom_tools
from fastgate.translate.dialect import CallerDialect
from fastgate.translate.learned import FORM_BYTES, Form, learn
from fastgate.translate.losses import Losses, warning_fields
from fastgate.translate.rewrite import add_extra
from fastgate.translate.speech import Speech
from fastgate.translate.target import Asked, Naming
from fastgate.translate.texts import Places, find_places

# Plans that are kept, and the bytes of the requests that they are found by.
PLANS_LIMIT = 512
BYTES_LIMIT = 4 * 1024 * 1024
# What was seen once and is not kept yet.
SEEN_LIMIT = 8192
# Forms of answers of one plan, and forms that were seen once.
FORMS_LIMIT = 16
FORMS_SEEN_LIMIT = 256

# FRAMING of a dialect -> FRAMING_* of the core.
_FRAMINGS = {"events": 0, "lines": 1, "frames": 2}


class Plan(Struct, kw_only=True):
    """*request* has marks in place of the texts that *body* has places for; what is read of it from here on is not in those."""

    request: ChatRequest
    asked: Asked
    # Names of custom tools that were sent as functions.
    custom: frozenset[str]
    body: Places
    path: str
    # Of this request's head, and of the answer's.
    fields: tuple[tuple[str, str], ...]
    warnings: bytes
    # FRAMING_* of the core.
    framing: int
    # The caller is told how long its answer took.
    timed: bool
    # What was held of it is marked by this; b"": nothing.
    mark: bytes
    # By what answers have in common; None: they are said one by one.
    forms: dict[bytes, Form | None] = field(default_factory=dict)
    # Hashes of forms of which one answer came.
    seen: set[int] = field(default_factory=set)

    def form_of(self, held: HeldTexts, caller: CallerDialect, speech: Speech, naming: Callable[[], Naming]) -> Form | None:
        """Return how the second and later answers of the form of *held* are said; None if this one is said by itself."""
        if len(held.skeleton) > FORM_BYTES:
            return None
        if held.skeleton in self.forms:
            return self.forms[held.skeleton]
        mark = hash(held.skeleton)
        if mark not in self.seen:
            if len(self.seen) >= FORMS_SEEN_LIMIT:
                self.seen.clear()
            self.seen.add(mark)
            return None
        if len(self.forms) >= FORMS_LIMIT:
            del self.forms[next(iter(self.forms))]
        form = self.forms[held.skeleton] = learn(held, self.mark, caller, speech, self.request, self.asked, naming().model)
        return form


def make_plan(
    caller: CallerDialect, request: ChatRequest, speech: Speech, losses: Losses, mark: bytes = b"", held: HeldTexts | None = None
) -> Plan:
    """Return what *request* becomes, in which the texts of *held* are marked. Raise Mislaid if they are not in their places."""
    custom = emulate_custom_tools(request, speech.target, losses)
    body, asked = speech.dialect.build_request(request, speech.target, losses)
    add_extra(body, speech.rewrites.extra_body)
    said = orjson.dumps(body)
    return Plan(
        request=request,
        asked=asked,
        custom=custom,
        body=Places((said,)) if held is None else find_places(said, mark, len(held), held.names),
        path=speech.dialect.PATHS["chat_stream" if request.stream else "chat"],
        fields=speech.fields(body),
        warnings=warning_fields(losses),
        framing=_FRAMINGS[speech.dialect.FRAMING],
        timed=getattr(caller, "TIMED", False),
        mark=mark,
    )


# The deployment's, the operation's, the name that answers give the model, and what is left of the body without its texts.
Key = tuple[int, str, bytes, bytes]


class Plans:
    """Plans of requests that came more than once, within bounds."""

    def __init__(self) -> None:
        self._plans: dict[Key, Plan] = {}
        self._seen: set[int] = set()
        self._bytes = 0

    def find(self, key: Key) -> Plan | None:
        """Return the plan of such requests."""
        return self._plans.get(key)

    def keep(self, key: Key, plan: Plan) -> None:
        """Keep *plan* if it is the second of its kind."""
        mark = hash(key)
        if mark not in self._seen:
            if len(self._seen) >= SEEN_LIMIT:
                self._seen.clear()
            self._seen.add(mark)
            return
        size = len(key[3])
        if size > BYTES_LIMIT // 8:
            return
        while self._plans and (len(self._plans) >= PLANS_LIMIT or self._bytes + size > BYTES_LIMIT):
            oldest = next(iter(self._plans))
            del self._plans[oldest]
            self._bytes -= len(oldest[3])
        self._plans[key] = plan
        self._bytes += size
