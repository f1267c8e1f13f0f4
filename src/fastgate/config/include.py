"""The file and the files that it includes, as one map.

As in LiteLLM, an included file's lists are appended and what it says comes last; unlike there, a section that both have is
merged key by key instead of being replaced.
"""

from pathlib import Path

from fastgate.config.document import MAX_FILE_BYTES, Node, decode, parse_document
from fastgate.config.findings import Findings, Place, nearest, shown

# Files in all; more is a loop of names or a mistake.
MAX_FILES = 256


class _Included:
    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.read_files = 0


def read_files(path: Path, findings: Findings) -> Node | None:
    """Return the map of *path* with its includes merged, or None if it cannot be read: then *findings* say why."""
    return _read(path, Place(str(path)), "$", (), _Included(findings))


def _read(path: Path, place: Place, at: str, parents: tuple[Path, ...], state: _Included) -> Node | None:
    findings = state.findings
    state.read_files += 1
    if path.resolve() in parents or state.read_files > MAX_FILES:
        expected = "a file that does not include itself" if path.resolve() in parents else f"at most {MAX_FILES} files"
        findings.error(place, at, shown(at, str(path)), expected)
        return None
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        # Said of the file itself where it was named on the command line.
        named = "" if place.file == str(path) else f'"{path}": '
        findings.error(place, at, f"{named}{error.strerror or 'no file'}", "a readable YAML file", _near_file(path))
        return None
    text = decode(content, str(path), findings)
    root = parse_document(text, str(path), findings) if text is not None else None
    if root is None:
        return None
    if not isinstance(root.value, dict):
        findings.error(root.place, "$", shown("$", root.value), "a map with model_list and settings")
        return None
    for item, item_path in _include_items(root, findings):
        included = _read(path.parent / item.text, item.place, item_path, (*parents, path.resolve()), state)
        if included is not None:
            _merge(root, included, "$", findings)
    return root


def _include_items(root: Node, findings: Findings) -> list[tuple[Node, str]]:
    node = root.fields.get("include")
    if node is None or node.value is None:
        return []
    items = node.items if isinstance(node.value, list) else [node]
    found = []
    for index, item in enumerate(items):
        path = f"$.include[{index}]" if isinstance(node.value, list) else "$.include"
        if isinstance(item.value, str) and item.value and "\0" not in item.value:
            found.append((item, path))
        else:
            findings.error(item.place, path, shown(path, item.value), "a file's name")
    return found


def _merge(into: Node, source: Node, at: str, findings: Findings) -> None:
    for key, node in source.fields.items():
        if at == "$" and key == "include":
            continue
        present = into.fields.get(key)
        if present is not None and isinstance(present.value, list) and isinstance(node.value, list):
            # A new list: the old one may be shared by an alias.
            into.fields[key] = merged = Node([*present.items, *node.items], present.place)
            merged.size = present.size + node.size
        elif present is not None and isinstance(present.value, dict) and isinstance(node.value, dict):
            copy = Node(dict(present.fields), present.place)
            copy.key_places = dict(present.key_places)
            into.fields[key] = copy
            _merge(copy, node, f"{at}.{key}", findings)
        else:
            if present is not None and present.value != node.value:
                findings.note(node.place, f"{at}.{key}", "replaces the value of the including file")
            into.fields[key] = node
            into.key_places[key] = source.key_places[key]


def _near_file(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix in (".yaml", ".yml")]
    except OSError:
        return ""
    near = nearest(path.name, names)
    return str(path.parent / near) if near else ""
