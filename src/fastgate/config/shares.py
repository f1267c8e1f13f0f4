"""What the file says of requests that go to another model than the one that they name, or to both."""

from collections import Counter
from collections.abc import Collection, Iterable

from fastgate.config.document import Node
from fastgate.config.findings import Findings, nearest, shown
from fastgate.config.kinds import number
from fastgate.config.schema import Share
from fastgate.config.section import Section

_PERCENT = number(0, high=100)
_MILLION = 1_000_000
_KEYS = ("model", "to", "percent")


def read_shares(own: Section, key: str, names: Collection[str], findings: Findings, *, whole: bool) -> tuple[Share, ...]:
    """Return the shares under *key*. *names*: models of the file; *whole*: those of one model are parts of the same requests."""
    found = []
    for index, node in enumerate(own.items(key)):
        path = f"{own.path_of(key)}[{index}]"
        if not isinstance(node.value, dict):
            findings.error(node.place, path, shown("", node.value), "a map with model, to and percent")
            continue
        for name in node.fields:
            if name not in _KEYS:
                findings.error(
                    node.key_places[name], f"{path}.{name}", "an unknown key", "one of " + ", ".join(_KEYS), nearest(name, _KEYS)
                )
        model, to = (_model(node, path, name, names, findings) for name in ("model", "to"))
        percent = _percent(node, path, findings)
        if model and model == to:
            findings.error(node.fields["to"].place, f"{path}.to", shown("", to), "another model than the one that is asked for")
        elif model and to and percent >= 0:
            found.append(Share(model=model, to=to, parts=round(percent * _MILLION / 100)))
    if whole:
        _check_sums(found, own, key, findings)
    return tuple(found)


def _model(node: Node, path: str, name: str, names: Collection[str], findings: Findings) -> str:
    value = node.fields.get(name, Node(None, node.place))
    if isinstance(value.value, str) and (value.value in names or _is_covered(value.value, names)):
        return value.value
    near = nearest(value.value, names) if isinstance(value.value, str) else ""
    findings.error(value.place, f"{path}.{name}", shown("", value.value), "a model of model_list", near)
    return ""


def _percent(node: Node, path: str, findings: Findings) -> float:
    """Return the percentage; -1 if it is none."""
    value = node.fields.get("percent", Node(None, node.place))
    try:
        percent = _PERCENT.read(value.value)
    except ValueError:
        findings.error(value.place, f"{path}.percent", shown("", value.value), _PERCENT.expected)
        return -1.0
    return percent if isinstance(percent, float) else -1.0


def _is_covered(model: str, names: Iterable[str]) -> bool:
    """Return whether a name with a `*` covers *model*."""
    parts = (name.partition("*") for name in names if "*" in name)
    return "*" not in model and any(model.startswith(prefix) and model.endswith(suffix) for prefix, _, suffix in parts)


def _check_sums(shares: Iterable[Share], own: Section, key: str, findings: Findings) -> None:
    sums: Counter[str] = Counter()
    for share in shares:
        sums[share.model] += share.parts
    for model, parts in sums.items():
        if parts > _MILLION:
            findings.error(
                own.place(key), own.path_of(key), f"{parts / _MILLION:.0%} for {shown('', model)}", "100 % of a model at the most"
            )
