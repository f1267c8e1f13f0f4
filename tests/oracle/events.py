"""A stream of server-sent events, whole in hand: split by the rules of WHATWG HTML 9.2, then renamed event by event."""

import re
from dataclasses import dataclass, field

from tests.oracle.answers import Usage, is_usage_event, note_usage, renames
from tests.oracle.json_text import Edit, apply

_LINE = re.compile(rb"([^\r\n]*)(\r\n|\n|\r|$)")
_BOM = b"\xef\xbb\xbf"


@dataclass
class Event:
    """One event's bytes, its empty line included, and where the values of its data fields stand in them."""

    raw: bytes = b""
    values: list[tuple[int, int]] = field(default_factory=list)

    @property
    def text(self) -> bytes:
        return b"\n".join(self.raw[at:end] for at, end in self.values)

    def renamed(self, name: bytes) -> bytes:
        """Return the bytes with every model in the data renamed. A string cannot span lines: each edit is inside one."""
        edits, offset = [], 0
        wanted = renames(self.text, name)
        for at, end in self.values:
            shift = at - offset
            edits += [Edit(e.at + shift, e.end + shift, e.text) for e in wanted if offset <= e.at and e.end <= offset + end - at]
            offset += end - at + 1
        return apply(self.raw, edits)


def split(stream: bytes) -> list[Event]:
    """Return the events; bytes behind the last empty line are an event as well, which a reader would drop."""
    events = [Event()]
    at = 0
    while at < len(stream):
        match = _LINE.match(stream, at)
        assert match is not None
        event, line = events[-1], match[1]
        start = len(event.raw)
        event.raw += match[0]
        if at == 0 and line.startswith(_BOM):
            line = line[3:]
            start += 3
        name, colon, value = line.partition(b":")
        if name == b"data":
            skipped = len(name) + len(colon) + value.startswith(b" ")
            event.values.append((start + skipped, start + len(line)))
        if not line:
            events.append(Event())
        at = match.end()
    return [event for event in events if event.raw]


@dataclass
class Told:
    """What the caller gets, and what the log says of it."""

    stream: bytes
    usage: Usage


def told(stream: bytes, name: bytes, *, usage_is_ours: bool) -> Told:
    """Return what becomes of a provider's *stream*; *usage_is_ours*: the gateway asked for usage, the caller did not."""
    # The mark stays even if the event behind it does not.
    mark = _BOM if stream.startswith(_BOM) else b""
    out, usage = mark, {"input_tokens": 0, "output_tokens": 0}
    for event in split(stream):
        note_usage(event.text, usage)
        if usage_is_ours and is_usage_event(event.text):
            continue
        renamed = event.renamed(name)
        out += renamed if len(out) > len(mark) else renamed.removeprefix(mark)
    return Told(out, usage)
