"""Which model of the catalogue a provider's model is."""

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from operator import contains
from pathlib import Path
from typing import Literal

from msgspec import Raw, Struct
from msgspec.json import Decoder

from fastgate.catalogue.model import Capabilities, Model, Rate

# A name that a caller made up is not worth a search.
_MAX_NAME = 256

How = Literal["prefix", "suffix", "contains", "regex"]


class _Clause(Struct, frozen=True, array_like=True):
    """A name that matches is the model at *index*, if it matches *also* too."""

    index: int
    how: How
    text: str
    also: tuple[tuple[How, str], ...] = ()


class _Row(Struct, frozen=True, omit_defaults=True):
    """A model as the file has it."""

    name: str
    context_window: int | None = None
    is_deprecated: bool | None = None
    capabilities: Capabilities = Capabilities()
    rates: tuple[Rate, ...] = ()


class _Provider(Struct, frozen=True):
    """A provider's models. The first one that matches is meant, so that both tables have the models' order."""

    # Name in lower case -> index into models.
    equals: dict[str, int]
    # Ascending by index.
    clauses: tuple[_Clause, ...]
    # Decoded when one is found.
    models: list[Raw]
    # Whose models it serves too.
    others: tuple[str, ...] = ()


class _File(Struct, frozen=True):
    # Where it comes from, and its licence.
    source: str
    # Provider of a configuration (`model: provider/...`) -> provider of this file.
    prefixes: dict[str, str]
    # Decoded when asked for: most configurations name two or three.
    providers: dict[str, Raw]


_MATCHES: dict[How, Callable[[str, str], object]] = {
    "prefix": str.startswith,
    "suffix": str.endswith,
    "contains": contains,
    "regex": lambda name, pattern: re.search(pattern, name),
}
_COMPACT_DATE = re.compile(r"-(20\d\d)(\d\d)(\d\d)(?=-|:|$)")
_ANY_DATE = re.compile(r"[-@](?:20\d{6}|20\d\d-\d\d-\d\d)(?=:|$)")

_PROVIDER = Decoder(_Provider)
_ROW = Decoder(_Row)


def find(provider: str, model: str) -> Model | None:
    """Return what is known of *model*, as *provider* (a name of `providers/` or LiteLLM's) is asked for it; None if nothing is.

    A name with a date that the catalogue does not have is the model without it.
    """
    file = _file()
    head, _, rest = model.partition("/")
    # An aggregator's own provider may be part of its name: huggingface/together/...
    joined = f"{provider}/{head}"
    if rest and joined in file.prefixes:
        provider, model = joined, rest
    name = file.prefixes.get(provider, provider)
    if name not in file.providers or len(model) > _MAX_NAME:
        return None
    return _find_name(name, model.lower())


def find_base(base_model: str, provider: str) -> Model | None:
    """Return what is known of a configuration's `base_model`, which may have a provider in front; *provider* is the deployment's."""
    head, slash, rest = base_model.partition("/")
    if slash and (head in _file().prefixes or head in _file().providers):
        return find(head, rest)
    return find(provider, base_model)


def _find_name(provider: str, name: str) -> Model | None:
    tried = []
    for spelled in (name, _COMPACT_DATE.sub(_dashed, name), _ANY_DATE.sub("", name)):
        if spelled in tried:
            continue
        tried.append(spelled)
        for owner in (provider, *_provider(provider).others):
            models = _provider(owner)
            index = _index(models, spelled)
            if index is not None:
                row = _ROW.decode(models.models[index])
                return Model(
                    provider=owner,
                    name=row.name,
                    context_window=row.context_window,
                    is_deprecated=row.is_deprecated,
                    capabilities=row.capabilities,
                    rates=row.rates,
                )
    return None


def _index(models: _Provider, name: str) -> int | None:
    found = models.equals.get(name)
    for clause in models.clauses:
        if found is not None and clause.index >= found:
            break
        if _MATCHES[clause.how](name, clause.text) and all(_MATCHES[how](name, text) for how, text in clause.also):
            return clause.index
    return found


def _dashed(match: re.Match[str]) -> str:
    try:
        return f"-{date(int(match[1]), int(match[2]), int(match[3])).isoformat()}"
    except ValueError:
        return match[0]


@cache
def _file() -> _File:
    return Decoder(_File).decode(Path(__file__).with_name("models.json").read_bytes())


@cache
def _provider(name: str) -> _Provider:
    return _PROVIDER.decode(_file().providers[name])
