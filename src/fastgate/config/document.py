"""YAML text -> values that know where they stand.

Built from the parser's events with a stack of our own: libyaml's own composer recurses in C, and some hundred
kilobytes of `[` or `- ` end the process. Aliases are shared, never copied, and counted as if they were copied.
"""

import re

import yaml
from yaml.constructor import SafeConstructor

from fastgate.config.findings import Findings, Place

# Of real files the deepest is below 12 levels.
MAX_DEPTH = 64
# Values of a document with every alias counted in full; 10,000 models have about 60,000.
MAX_VALUES = 250_000
MAX_FILE_BYTES = 16 * 1024 * 1024

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONSTRUCT = SafeConstructor()
_STR, _INT, _FLOAT, _BOOL, _NULL, _MERGE = (f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "merge"))
# A date without quotes is the text that was written: `api_version: 2023-05-15`.
_TEXT_TAGS = {_STR, "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}
# YAML 1.1 5.1: what a document may not hold as it is.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Node:
    """One value of a document, and where it stands."""

    __slots__ = ("key_places", "place", "size", "text", "value")

    def __init__(self, value: object, place: Place, text: str = "") -> None:
        # str, int, float, bool, None, list[Node] or dict[str, Node].
        self.value = value
        self.place = place
        # A scalar as it was written.
        self.text = text
        # For a map: where each key stands.
        self.key_places: dict[str, Place] = {}
        # Values in it, itself included; aliases counted in full.
        self.size = 1

    @property
    def items(self) -> list["Node"]:
        """The values of a list; empty for anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def fields(self) -> dict[str, "Node"]:
        """The values of a map; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}


class _Stop(Exception):
    """The document cannot be used further; the finding is made."""


class _Open:
    """A list or map whose end has not been read yet."""

    __slots__ = ("anchor", "is_map", "key", "merged", "node", "path")

    def __init__(self, node: Node, is_map: bool, anchor: str | None, path: str) -> None:
        self.node = node
        self.is_map = is_map
        self.anchor = anchor
        self.path = path
        # The key whose value comes next.
        self.key: tuple[str, Place] | None = None
        # Maps named by `<<`, in order.
        self.merged: list[Node] = []


class _Builder:
    def __init__(self, file: str, findings: Findings) -> None:
        self.file = file
        self.findings = findings
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node | None] = {}
        self.root: Node | None = None
        self.documents = 0

    def stop(self, place: Place, found: str, expected: str) -> _Stop:
        self.findings.error(place, self.path(), found, expected)
        return _Stop()

    def place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1) if mark else Place(self.file, 1, 1)

    def path(self) -> str:
        if not self.stack:
            return "$"
        top = self.stack[-1]
        if not top.is_map:
            return f"{top.path}[{len(top.node.items)}]"
        return f"{top.path}.{top.key[0]}" if top.key else top.path

    def on_event(self, event: yaml.Event) -> None:
        # The commonest first.
        if isinstance(event, yaml.ScalarEvent):
            self.on_scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self.on_start(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.on_end()
        elif isinstance(event, yaml.AliasEvent):
            self.on_alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise self.stop(self.place(event), "a second document (`---`)", "one document")

    def on_start(self, event: yaml.CollectionStartEvent) -> None:
        place = self.place(event)
        is_map = isinstance(event, yaml.MappingStartEvent)
        if len(self.stack) >= MAX_DEPTH:
            raise self.stop(place, f"more than {MAX_DEPTH} levels of nesting", "fewer")
        if self.stack and self.stack[-1].is_map and self.stack[-1].key is None:
            raise self.stop(place, "a list or map as a key", "a name")
        if event.tag not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            raise self.stop(place, f"the tag {event.tag}", "a plain value")
        if event.anchor:
            self.anchors[event.anchor] = None
        self.stack.append(_Open(Node({} if is_map else [], place), is_map, event.anchor, self.path()))

    def on_end(self) -> None:
        closed = self.stack.pop()
        for source in closed.merged:
            for key, node in source.fields.items():
                if key not in closed.node.fields:
                    closed.node.fields[key] = node
                    closed.node.key_places[key] = source.key_places[key]
                    closed.node.size += node.size
        if closed.anchor:
            self.anchors[closed.anchor] = closed.node
        self.add(closed.node)

    def on_alias(self, event: yaml.AliasEvent) -> None:
        name = event.anchor or ""
        node = self.anchors.get(name)
        if node is None:
            found = "an alias inside its own anchor" if name in self.anchors else "an alias without an anchor"
            raise self.stop(self.place(event), found, "an anchor that stands before it")
        if self.stack and self.stack[-1].is_map and self.stack[-1].key is None:
            self.on_key(node.text, self.place(event))
        else:
            self.add(node)

    def on_scalar(self, event: yaml.ScalarEvent) -> None:
        place = self.place(event)
        tag = self.tag_of(event, place)
        if self.stack and self.stack[-1].is_map and self.stack[-1].key is None:
            self.on_key("<<" if tag == _MERGE else event.value, place, is_merge=tag == _MERGE)
            return
        node = Node(self.scalar(tag, event.value, place), place, event.value)
        if event.anchor:
            self.anchors[event.anchor] = node
        self.add(node)

    def on_key(self, key: str, place: Place, *, is_merge: bool = False) -> None:
        top = self.stack[-1]
        first = top.node.key_places.get(key)
        top.key = (key, place)
        if first is not None and not is_merge:
            self.findings.error(place, self.path(), "the key a second time", f"it once; the first is in line {first.line}")
        if not is_merge:
            top.node.key_places[key] = place

    def add(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        top.node.size += node.size
        if top.node.size > MAX_VALUES:
            raise self.stop(node.place, f"more than {MAX_VALUES:,} values, aliases counted in full", "fewer")
        if not top.is_map:
            top.node.items.append(node)
            return
        key, place = top.key or ("", node.place)
        if key == "<<" and key not in top.node.key_places:
            sources = node.items or [node]
            if not all(isinstance(source.value, dict) for source in sources):
                raise self.stop(place, "something else than maps after <<", "an alias of a map")
            top.merged.extend(sources)
        else:
            top.node.fields[key] = node
        top.key = None

    def tag_of(self, event: yaml.ScalarEvent, place: Place) -> str:
        if event.tag not in (None, "!"):
            if event.tag not in {*_TEXT_TAGS, _INT, _FLOAT, _BOOL, _NULL}:
                raise self.stop(place, f"the tag {event.tag}", "a plain value")
            return str(event.tag)
        if not event.implicit[0]:
            return _STR
        for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(event.value[:1], ()):
            if pattern.match(event.value):
                return str(tag)
        return _STR

    def scalar(self, tag: str, text: str, place: Place) -> object:
        if tag in _TEXT_TAGS:
            return text
        if tag == _NULL:
            return None
        try:
            if tag == _BOOL:
                return SafeConstructor.bool_values[text.lower()]
            scalar = yaml.ScalarNode(tag, text)
            return _CONSTRUCT.construct_yaml_int(scalar) if tag == _INT else _CONSTRUCT.construct_yaml_float(scalar)
        except (ValueError, KeyError, IndexError, OverflowError):
            raise self.stop(place, "a value that its tag does not allow", "a plain value") from None


def parse_document(text: str, file: str, findings: Findings, *, loader: type = _LOADER) -> Node | None:
    """Return the document's value, or None if it is no YAML: then *findings* say why. An empty document is an empty map."""
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        place = _place_at(file, text, forbidden.start())
        findings.error(place, "$", f"the character U+{ord(forbidden.group()):04X}", "text without control characters")
        return None
    builder = _Builder(file, findings)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.on_event(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        if mark and text[mark.index : mark.index + 1] == "\t":
            findings.error(place, builder.path(), "a tab", "spaces: YAML does not indent with tabs")
        elif "nesting depth" in str(error.problem):
            # libyaml's scanner runs ahead of the events, and has a bound of its own.
            findings.error(place, builder.path(), f"more than {MAX_DEPTH} levels of nesting", "fewer")
        else:
            findings.error(place, builder.path(), f"bad YAML ({error.problem or error.context})", "YAML")
        return None
    except (_Stop, yaml.YAMLError, RecursionError) as error:
        if not isinstance(error, _Stop):
            findings.error(Place(file, 1, 1), "$", "bad YAML", "YAML")
        return None
    root = builder.root
    if root is None or root.value is None:
        return Node({}, Place(file, 1, 1))
    return root


def decode(content: bytes, file: str, findings: Findings) -> str | None:
    """Return the text of a file, or None if it is not UTF-8 or too long: then *findings* say why."""
    if len(content) > MAX_FILE_BYTES:
        findings.error(Place(file, 1, 1), "$", f"more than {MAX_FILE_BYTES:,} bytes", "fewer")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        findings.error(_place_at(file, before, len(before)), "$", f"the byte 0x{content[error.start]:02x}", "UTF-8 text")
        return None


def _place_at(file: str, text: str, index: int) -> Place:
    return Place(file, text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))
