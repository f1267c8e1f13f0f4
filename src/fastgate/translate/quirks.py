"""What every dialect's builder does for a provider that differs from the letter of it: its row's tables, and nothing by name."""

from collections.abc import Container, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from fastgate.providers.provider import Quirks
from fastgate.translate.losses import Losses

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def fit_members(
    places: Iterable[dict[str, Any]],
    quirks: Quirks,
    losses: Losses,
    *,
    said: Mapping[str, str] = _NOTHING,
    neutral: Mapping[str, Any] = _NOTHING,
    added: Container[str] = (),
) -> None:
    """Leave out, refuse, put into other words and rename the members of *places*, in place, as the provider's row says.

    *places*: the body, and the objects in it that hold parameters. *said*: member -> the caller's name of it, where they differ.
    *neutral*: member -> the value that asks for nothing; it and what the gateway *added* by itself are left out unsaid.
    Raise NotCarried for what is refused.
    """
    if not (quirks.drop or quirks.refuse or quirks.values or quirks.rename):
        return
    for place in places:
        for name in [name for name in place if name in quirks.drop or name in quirks.refuse]:
            param = said.get(name, name)
            if losses.keeps(param) or losses.keeps(name):
                continue
            value = place.pop(name)
            if value is None or value == neutral.get(name) or name in added:
                continue
            if name in quirks.refuse:
                losses.refuse(param, "this model's provider does not know it")
            else:
                losses.drop(param)
        for name, words in quirks.values.items():
            value = place.get(name)
            if isinstance(value, str):
                place[name] = words.get(value, value)
        # Both the older and the newer name: the newer one, which is renamed, counts.
        for name, word in quirks.rename.items():
            if name in place:
                place[word] = place.pop(name)
