"""Which keys of a file do something: the table that `fastgate check` prints."""

from msgspec import Struct
from msgspec.structs import replace

from fastgate.config.findings import Findings, Place
from fastgate.config.litellm import IN_EFFECT, LATER, UNKNOWN, State


class Row(Struct, frozen=True, kw_only=True):
    """One key of the file; entries of a list count together."""

    # `model_list[].litellm_params.api_key`
    path: str
    state: State
    # Where it stands first.
    place: Place
    count: int
    remark: str
    # For an unknown key: the nearest known one.
    nearest: str


class Report(Struct, frozen=True, kw_only=True):
    """What a file's keys do, and what is odd about them. Holds no value of the file, so no secret."""

    rows: tuple[Row, ...] = ()
    # Printable lines, each with file:line:column.
    notes: tuple[str, ...] = ()

    def paths(self, state: State) -> tuple[str, ...]:
        """Return the paths of the keys in one state."""
        return tuple(row.path for row in self.rows if row.state == state)

    def oddities(self) -> list[str]:
        """Return the notes but for those that the table says too."""
        in_table = tuple(f"{row.place}: $.{row.path}: " for row in self.rows if row.state != IN_EFFECT)
        return [note for note in self.notes if not note.startswith(in_table)]

    def summary(self, file: str | None) -> list[str]:
        """Return a line for each oddity, and one for all keys in the same state."""
        lines = self.oddities()
        for state in (UNKNOWN, LATER):
            if paths := self.paths(state):
                named = ", ".join(paths[:6]) + (f" and {len(paths) - 6} more" if len(paths) > 6 else "")
                lines.append(f"{state}: {named} (`fastgate check {file}` says where)")
        return lines


class Usage:
    """Counts the keys that a file uses."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, State], Row] = {}

    def add(self, path: str, place: Place, state: State, *, remark: str = "", nearest: str = "") -> None:
        key = (path, state)
        first = self._rows.get(key)
        if first is None:
            self._rows[key] = Row(path=path, state=state, place=place, count=1, remark=remark, nearest=nearest)
        else:
            self._rows[key] = replace(first, count=first.count + 1)

    def report(self, findings: Findings) -> Report:
        """Return the table in the file's order, and one note for each key without effect."""
        for row in self._rows.values():
            times = f" ({row.count} times)" if row.count > 1 else ""
            if row.state == UNKNOWN:
                findings.note(row.place, f"$.{row.path}", f"unknown key, has no effect{times}", row.nearest)
            elif row.state == LATER:
                remark = f": {row.remark}" if row.remark else ""
                findings.note(row.place, f"$.{row.path}", f"accepted, but not yet in effect{times}{remark}")
        rows = sorted(self._rows.values(), key=lambda row: row.place)
        return Report(rows=tuple(rows), notes=tuple(findings.lines("note")))
