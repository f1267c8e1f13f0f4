"""A map of the file, read by the table of known keys: every value of its kind, everything else a finding."""

import re
from collections.abc import Iterator

from fastgate.config.document import Node
from fastgate.config.environment import REFERENCE, Environment
from fastgate.config.findings import Findings, Place, nearest, shown
from fastgate.config.litellm import FREE, LATER, SECTIONS, STRICT, UNKNOWN, Key
from fastgate.config.report import Usage

_INDEX = re.compile(r"\[\d+\]")
# Long names share many letters: `disable_auth` is not `enable_jwt_auth`.
_LIKENESS = 0.78
# What a shell would expand and this file does not.
_SHELL = re.compile(r"\$\{?([A-Z][A-Z0-9_]*)\}?\Z")


class Section:
    """The values of one map, each of the kind that its key says."""

    def __init__(self, node: Node, path: str) -> None:
        self.node = node
        self.path = path
        self.values: dict[str, object] = {}
        self.sections: dict[str, Section] = {}
        # Keys whose value names an environment variable that is not set: the variable's name.
        self.unset: dict[str, str] = {}

    def path_of(self, key: str) -> str:
        return f"$.{self.path}.{key}" if self.path else f"$.{key}"

    def place(self, key: str) -> Place:
        """Return where the key's value stands, or the map if it is not there."""
        return self.node.fields.get(key, self.node).place

    def section(self, key: str) -> "Section":
        """Return the map under *key*, empty if there is none."""
        return self.sections.get(key) or Section(Node({}, self.node.place), f"{self.path}.{key}" if self.path else key)

    def is_given(self, key: str) -> bool:
        """Say whether the key is there with a value, of whatever kind."""
        return key in self.node.fields and self.node.fields[key].value is not None

    def text(self, key: str) -> str:
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> float | None:
        value = self.values.get(key)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def integer(self, key: str) -> int:
        value = self.values.get(key)
        return value if isinstance(value, int) else 0

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key)
        return value if isinstance(value, bool) else default

    def fields(self, key: str) -> dict[str, Node]:
        return self.node.fields[key].fields if key in self.node.fields else {}

    def items(self, key: str) -> list[Node]:
        return self.node.fields[key].items if key in self.node.fields else []


class Reader:
    """Reads sections; what is wrong goes to `findings`, what is used to `usage`."""

    def __init__(self, env: Environment, findings: Findings, usage: Usage) -> None:
        self.env = env
        self.findings = findings
        self.usage = usage

    def section(self, node: Node, path: str) -> Section:
        """Return the map at *path* (`model_list[3].litellm_params`) and the maps in it."""
        section = Section(node, path)
        pattern = _INDEX.sub("[]", path)
        known = SECTIONS.get(pattern, {})
        free = FREE.get(pattern)
        for name, value in node.fields.items():
            place = node.key_places[name]
            below = f"{pattern}.{name}" if pattern else name
            key = known.get(name, free)
            if key is None:
                self._unknown(section, pattern, name, place)
            elif value.fields and (below in SECTIONS or below in FREE):
                section.sections[name] = self.section(value, f"{path}.{name}" if path else name)
            else:
                self._known(section, name, key, value)
                if (below not in SECTIONS and below not in FREE) or name in section.values:
                    self._used(below, key, section.values.get(name), place)
        return section

    def resolved(self, node: Node) -> tuple[object, str]:
        """Return a value with `os.environ/NAME` replaced, and NAME if it is not set or blank (the value is then None)."""
        if not isinstance(node.value, str) or not node.value.startswith(REFERENCE):
            return node.value, ""
        variable = node.value[len(REFERENCE) :].strip()
        # A blank one is none: an api_base that is lost on the way would send the key to the provider's own place.
        value = self.env.get(variable, "").strip()
        return (value, "") if value else (None, variable or "NAME")

    def strings(self, node: Node, path: str) -> Iterator[tuple[str, Node, str]]:
        """Yield each key of a map of texts with its node and its value; what is no text is a finding."""
        for name, value in node.fields.items():
            raw, variable = self.resolved(value)
            if variable:
                self._say_unset(value, f"{path}.{name}", variable)
            elif isinstance(raw, str):
                yield name, value, raw
            elif type(raw) in (int, float, bool):
                yield name, value, value.text
            else:
                self.findings.error(value.place, f"{path}.{name}", shown(f"{path}.{name}", raw), "text")

    def _known(self, section: Section, name: str, key: Key, node: Node) -> None:
        path = section.path_of(name)
        raw, variable = self.resolved(node)
        if variable:
            section.unset[name] = variable
            if not key.elsewhere:
                self._say_unset(node, path, variable, is_error=key.state != LATER)
            return
        if raw is None:
            return
        if key.kind.is_text and type(raw) in (int, float):
            raw = node.text
        shell = _SHELL.match(raw) if isinstance(raw, str) and raw is node.value else None
        if shell and key.state != LATER:
            self.findings.note(node.place, path, "a shell's variable is taken as it is written", f"{REFERENCE}{shell.group(1)}")
        try:
            section.values[name] = key.kind.read(raw)
        except ValueError:
            self.findings.error(node.place, path, shown(path, node.value), key.kind.expected)

    def _say_unset(self, node: Node, path: str, variable: str, *, is_error: bool = True) -> None:
        if is_error:
            self.findings.error(node.place, path, f"{REFERENCE}{variable}, which is not set", "a variable that is set")
        else:
            self.findings.note(node.place, path, f"{REFERENCE}{variable} is not set")

    def _used(self, below: str, key: Key, value: object, place: Place) -> None:
        if not key.values:
            self.usage.add(below, place, key.state, remark=key.remark)
        elif value in key.values:
            self.usage.add(below, place, key.state)
        else:
            self.usage.add(below, place, LATER, remark=key.remark)

    def _unknown(self, section: Section, pattern: str, name: str, place: Place) -> None:
        near = _nearest_key(pattern, name)
        if pattern.partition(".")[0] == STRICT:
            self.findings.error(place, section.path_of(name), "an unknown key", "one of " + ", ".join(SECTIONS[pattern]), near)
            return
        self.usage.add(f"{pattern}.{name}" if pattern else name, place, UNKNOWN, nearest=near)


def _nearest_key(pattern: str, name: str) -> str:
    """Return the same name's place in another section, or the key of this section that is nearest."""
    elsewhere = next((f"{other}.{name}" for other, keys in SECTIONS.items() if other and name in keys), "")
    if elsewhere:
        return elsewhere
    near = nearest(name, SECTIONS.get(pattern, {}), likeness=_LIKENESS)
    return f"{pattern}.{near}" if pattern and near else near
