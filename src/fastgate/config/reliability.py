"""What the file says of failures: how often a request is made again, when, of whom, and who is left alone for a while."""

from collections.abc import Iterable, Mapping

from fastgate.config.document import Node
from fastgate.config.findings import Findings, nearest, shown
from fastgate.config.schema import FAILURES, Alias, Reliability
from fastgate.config.section import Section

# - LiteLLM and the SDKs of OpenAI and Anthropic: 2
DEFAULT_RETRIES = 2
# What LiteLLM calls the classes of failures; the first four are retried only if it is said of them.
_POLICY_NAMES = {
    "BadRequestErrorRetries": "caller",
    "NotFoundErrorRetries": "not_found",
    "ContentPolicyViolationErrorRetries": "content_policy",
    "AuthenticationErrorRetries": "key",
    "RateLimitErrorRetries": "rate_limit",
    "TimeoutErrorRetries": "timeout",
    "ServiceUnavailableErrorRetries": "unavailable",
    "InternalServerErrorRetries": "server",
}
_NEVER_UNASKED = ("caller", "not_found", "context_window", "content_policy")
# Longest wait that a configured delay grows to.
_MOST_DELAY_S = 60.0
_FALLBACKS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")

Chains = dict[str, tuple[str, ...]]


class Retries:
    """How often a request is made again, by model_name and what its deployment says."""

    def __init__(self, router: Section, litellm: Section, findings: Findings) -> None:
        policy = router.section("retry_policy")
        given = (policy.values.get("max_retries"), *(section.values.get(key) for section, key in _retry_keys(router, litellm)))
        self._default = next((number for number in given if isinstance(number, int)), DEFAULT_RETRIES)
        self._policy = _limits(policy.values)
        self._of_group = {
            name: _limits(_counts(node, f"{router.path_of('model_group_retry_policy')}.{name}", findings))
            for name, node in router.fields("model_group_retry_policy").items()
        }

    def limits(self, model_name: str, own: int) -> tuple[int, ...]:
        """Return the bound of each class of failures (FAILURES). *own* is what the deployment says of all of them, -1 for nothing."""
        if own >= 0:
            return tuple(0 if name in _NEVER_UNASKED else own for name in FAILURES)
        said = {**self._policy, **self._of_group.get(model_name, {})}
        rest = said.get("", self._default)
        return tuple(said.get(name, 0 if name in _NEVER_UNASKED else rest) for name in FAILURES)


def _retry_keys(router: Section, litellm: Section) -> tuple[tuple[Section, str], ...]:
    return (router, "num_retries"), (router, "max_retries"), (litellm, "num_retries")


def _limits(values: Mapping[str, object]) -> dict[str, int]:
    """Return LiteLLM's names of a policy as classes of failures; "" is the default of the others."""
    found = {_POLICY_NAMES[key]: value for key, value in values.items() if key in _POLICY_NAMES and isinstance(value, int)}
    default = values.get("DefaultRetries")
    return found | ({"": default} if isinstance(default, int) else {})


def _counts(node: Node, path: str, findings: Findings) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in node.fields.items():
        if key not in _POLICY_NAMES and key != "DefaultRetries":
            findings.note(value.place, f"{path}.{key}", "unknown key, has no effect", nearest(key, _POLICY_NAMES))
        elif isinstance(value.value, int) and not isinstance(value.value, bool) and value.value >= 0:
            found[key] = value.value
        else:
            findings.error(value.place, f"{path}.{key}", shown("", value.value), "a whole number of at least 0")
    return found


def read_reliability(
    top: Section, router: Section, litellm: Section, own: Section, models: Iterable[str], timeout_s: float, findings: Findings
) -> Reliability:
    """Return what holds for all deployments. *models*: the names in `model_list`."""
    aliases = _aliases(router, findings)
    names = {*models, *aliases}
    policy = router.section("retry_policy")
    delay, factor = policy.number("delay"), policy.number("backoff_factor")
    exact = delay is not None or factor is not None
    chains = {key: _chains(((router, key), (litellm, key)), names, findings) for key in _FALLBACKS}
    _extend(chains["fallbacks"], _chains(((top, "fallbacks"),), names, findings), top, findings)
    default = _names_of((router, litellm), "default_fallbacks", names, findings)
    if default:
        chains["fallbacks"].setdefault("*", default)
    usual = Reliability()
    return Reliability(
        timeout_s=timeout_s,
        backoff_s=(1.0 if exact else usual.backoff_s) if delay is None else delay,
        backoff_factor=usual.backoff_factor if factor is None else factor,
        backoff_limit_s=_MOST_DELAY_S if exact else usual.backoff_limit_s,
        backoff_least_s=router.number("retry_after") or 0.0,
        backoff_exact=exact,
        fallbacks=chains["fallbacks"],
        context_window_fallbacks=chains["context_window_fallbacks"],
        content_policy_fallbacks=chains["content_policy_fallbacks"],
        max_fallbacks=_first_count((router, litellm), "max_fallbacks", usual.max_fallbacks),
        allowed_fails=_first_count((router, litellm), "allowed_fails", -1),
        cooldown_s=next((number for section in (router, litellm) if (number := section.number("cooldown_time")) is not None), -1.0),
        cooldowns=not router.flag("disable_cooldowns", False),
        aliases=aliases,
        retry_budget=usual.retry_budget if (budget := own.number("retry_budget")) is None else budget,
    )


def _first_count(sections: Iterable[Section], key: str, default: int) -> int:
    return next((value for section in sections if isinstance(value := section.values.get(key), int)), default)


def _names_of(sections: Iterable[Section], key: str, names: set[str], findings: Findings) -> tuple[str, ...]:
    for section in sections:
        found = tuple(_models(section.items(key), section.path_of(key), names, findings))
        if found:
            return found
    return ()


def _chains(sources: Iterable[tuple[Section, str]], names: set[str], findings: Findings) -> Chains:
    """Return who stands in for whom, of `[{model: [models]}, ...]`; the first that names a model counts."""
    found: Chains = {}
    for section, key in sources:
        here: Chains = {}
        for index, entry in enumerate(section.items(key)):
            path = f"{section.path_of(key)}[{index}]"
            if not entry.fields:
                findings.error(entry.place, path, shown("", entry.value), "a map of one model to a list of models")
            for model, node in entry.fields.items():
                listed = [node] if isinstance(node.value, str) else node.items
                if not listed:
                    findings.error(node.place, f"{path}.{model}", shown("", node.value), "a list of models")
                if model not in names and not _is_wildcard(model, names) and not _covers_any(model, names):
                    _say_unknown(entry, path, model, names, findings)
                here[model] = here.get(model, ()) + tuple(_models(listed, f"{path}.{model}", names, findings))
        for model, models in here.items():
            found.setdefault(model, models)
    return found


def _models(nodes: Iterable[Node], path: str, names: set[str], findings: Findings) -> Iterable[str]:
    for index, node in enumerate(nodes):
        if not isinstance(node.value, str) or not node.value:
            findings.error(node.place, f"{path}[{index}]", shown("", node.value), "a model's name")
            continue
        if node.value not in names and not _is_wildcard(node.value, names):
            _say_unknown(node, f"{path}[{index}]", node.value, names, findings)
        yield node.value


def _say_unknown(node: Node, path: str, model: str, names: set[str], findings: Findings) -> None:
    findings.note(node.place, path, f"{shown('', model)} is not in model_list and is passed over", nearest(model, names))


def _is_wildcard(model: str, names: set[str]) -> bool:
    """Return whether a name with a `*` covers *model*."""
    parts = (name.partition("*") for name in names if "*" in name)
    return any(model.startswith(prefix) and model.endswith(suffix) for prefix, _, suffix in parts)


def _covers_any(pattern: str, names: set[str]) -> bool:
    """Return whether a name with a `*` covers one of *names*; `*` alone covers whatever is asked for."""
    prefix, star, suffix = pattern.partition("*")
    return bool(star) and (pattern == "*" or any(name.startswith(prefix) and name.endswith(suffix) for name in names))


def _extend(chains: Chains, more: Chains, top: Section, findings: Findings) -> None:
    """Add the top level's fallbacks: of a model that has some already, those that are missing there."""
    for model, models in more.items():
        if model in chains:
            missing = tuple(one for one in models if one not in chains[model])
            findings.note(top.place("fallbacks"), f"{top.path_of('fallbacks')}.{model}", "comes behind router_settings.fallbacks")
            chains[model] += missing
        else:
            chains[model] = models


def _aliases(router: Section, findings: Findings) -> dict[str, Alias]:
    """Return LiteLLM's `{alias: model}` or `{alias: {model, hidden}}`; people write a list of such maps too."""
    node = router.node.fields.get("model_group_alias", Node(None, router.node.place))
    found = {}
    for entry in node.items or [node]:
        for name, value in entry.fields.items():
            model = value.fields["model"].value if "model" in value.fields else value.value
            hidden = value.fields["hidden"].value if "hidden" in value.fields else False
            if isinstance(model, str) and model:
                found[name] = Alias(model=model, hidden=hidden is True)
            else:
                path = f"{router.path_of('model_group_alias')}.{name}"
                findings.error(value.place, path, shown("", value.value), "a model of model_list, or a map with model and hidden")
    return found
