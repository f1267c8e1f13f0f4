"""Which of a group's deployments a request is for: by its tags, as LiteLLM's users know them, and by where it may be computed."""

from collections.abc import Iterable, Sequence

import orjson

from fastgate._core import Exchange, Group
from fastgate.config.schema import Deployment, TagFilter

# An error's code, message and parameter.
Refusal = tuple[str, str, str | None]
# The tag of deployments for requests without one, and for those whose tags nobody has.
_DEFAULT = "default"


class Admission:
    """*deployments* in the order of model_list."""

    def __init__(self, deployments: Sequence[Deployment], settings: TagFilter) -> None:
        self._settings = settings
        self._tags = [one.tags for one in deployments]
        self._regions = [one.region for one in deployments]

    def admit(self, exchange: Exchange, group: Group) -> Group | Refusal:
        """Return the group without the deployments that a request is not for; why, if none is left."""
        left = [one.number for one in group.deployments]
        region = exchange.wishes.region if exchange.wishes is not None else ""
        if region:
            # `eu-west-1` and `europe-west4` are in `eu`; what is not known is nowhere.
            left = [number for number in left if self._regions[number].startswith(region)]
            if not left:
                message = f'no deployment of model "{_name(group)}" is known to be in the region "{region}"'
                return "no_deployment_fits", message, "allowed_model_region"
        if self._settings.enabled:
            tags = _tags_of(exchange)
            left = self._tagged(left, tags)
            if not left:
                shown = ", ".join(f'"{tag}"' for tag in sorted(tags)[:10])
                return "no_deployment_fits", f'no deployment of model "{_name(group)}" is for the tags {shown[:300]}', "tags"
        if len(left) == len(group.deployments):
            return group
        kept = set(left)
        return group.of([one for one in group.deployments if one.number in kept])

    def _tagged(self, numbers: list[int], tags: frozenset[str]) -> list[int]:
        """Return the deployments for *tags*; those for nobody else if there is none, and everything for a request that names no tag."""
        rest = [number for number in numbers if _DEFAULT in self._tags[number]]
        if not tags:
            return rest or numbers
        if self._settings.match_any:
            return [number for number in numbers if tags & self._tags[number]] or rest
        return [number for number in numbers if tags <= self._tags[number]] or rest


def _name(group: Group) -> str:
    return group.name.decode("utf-8", "replace")


def _tags_of(exchange: Exchange) -> frozenset[str]:
    """Return the tags of the body, of its metadata and of the field."""
    found: set[str] = set()
    if exchange.wishes is not None:
        found.update(exchange.wishes.tags)
    if exchange.tags is not None:
        found.update(tag.strip() for tag in exchange.tags.decode("utf-8", "replace").split(","))
    if exchange.operation.needs_model and b'"metadata"' in (body := exchange.body_bytes):
        found.update(_tags_in(body))
    return frozenset(found) - {""}


def _tags_in(body: bytes) -> Iterable[str]:
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError:  # a form, or a lone surrogate: the next to read it judges it
        return ()
    metadata = members.get("metadata") if isinstance(members, dict) else None
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else ()
