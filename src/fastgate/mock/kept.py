"""Objects that calls create and later calls ask for: responses, files, batches."""

from collections import OrderedDict

# Per kind; the oldest is forgotten first.
MAX_KEPT = 1_000


class Kept:
    """Created objects by kind and id, and the counter their ids come from."""

    def __init__(self) -> None:
        self._kinds: dict[str, OrderedDict[str, dict[str, object]]] = {}
        self._count = 0

    def next_id(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count:024x}"

    def put(self, kind: str, object_id: str, kept: dict[str, object]) -> None:
        objects = self._kinds.setdefault(kind, OrderedDict())
        objects[object_id] = kept
        if len(objects) > MAX_KEPT:
            objects.popitem(last=False)

    def get(self, kind: str, object_id: str) -> dict[str, object] | None:
        objects = self._kinds.get(kind)
        return objects.get(object_id) if objects is not None else None

    def drop(self, kind: str, object_id: str) -> bool:
        objects = self._kinds.get(kind)
        return objects is not None and objects.pop(object_id, None) is not None

    def all(self, kind: str) -> list[dict[str, object]]:
        return list(self._kinds.get(kind, {}).values())
