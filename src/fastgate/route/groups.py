"""Model names to groups of deployments: exact names, wildcards, and whom to ask when a request names none."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote_to_bytes

import orjson

from fastgate._core import Deployment as Bound
from fastgate._core import Exchange, Group, Operation, Owners
from fastgate.config.schema import Alias, Deployment, Routing
from fastgate.route.shared import group_numbers, quota_numbers

# Names that wildcards were asked for; each makes a group of its own.
_WILDCARD_GROUPS = 10_000
# Longest name that a wildcard matches. - OpenAI's fine-tuned: about 100  - Bedrock's ARNs: 2048
_WILDCARD_NAME_BYTES = 2048
# Most names that an unknown one is compared with.
_COMPARED = 100

Bind = Callable[[Deployment, str, int, int], Bound]


class Groups:
    """The groups of `model_list`, and other names for them. *bind* makes a deployment ready to be asked for one upstream model."""

    def __init__(
        self,
        deployments: Sequence[Deployment],
        bind: Bind,
        owners: Owners,
        routing: Routing = Routing(),  # noqa: B008 - frozen
        aliases: Mapping[str, Alias] = {},
    ) -> None:
        self._bind = bind
        self._owners = owners
        self._routing = routing
        self._numbers = group_numbers(deployments)
        quotas = quota_numbers(deployments)
        self._places = {one.deployment_id: (number, quotas[number]) for number, one in enumerate(deployments)}
        # Shared with the compiled line, which looks here first.
        self.exact: dict[bytes, Group] = {}
        self._wildcards: list[tuple[str, str, list[Deployment]]] = []
        self._made: dict[bytes, None] = {}
        names: dict[str, list[Deployment]] = {}
        for deployment in deployments:
            names.setdefault(deployment.model_name, []).append(deployment)
        for name, members in names.items():
            if "*" in name:
                prefix, _, suffix = name.partition("*")
                self._wildcards.append((prefix, suffix, members))
            else:
                self.exact[name.encode()] = self._group(name, members)
        # The most specific pattern first.
        self._wildcards.sort(key=lambda wildcard: -len(wildcard[0] + wildcard[1]))
        for name, alias in aliases.items():
            meant = self.find(alias.model.encode())
            if meant is not None and name not in names:
                # The same deployments: what is known of their failures is known once.
                self.exact[name.encode()] = meant.named(name.encode(), orjson.dumps(name)[1:-1])
        self._names = sorted({*names, *aliases})
        self._group_of = [self._numbers[deployment.model_name] for deployment in deployments]
        self._accounts: dict[tuple[str, str], Bound] = {}
        for members in names.values():
            for deployment in members:
                key = deployment.api_key.reveal() if deployment.api_key else ""
                self._accounts.setdefault((deployment.api_base, key), self._bound(deployment))

    def _bound(self, deployment: Deployment, matched: str = "*") -> Bound:
        return self._bind(deployment, deployment.model.replace("*", matched, 1), *self._places[deployment.deployment_id])

    def _group(self, name: str, members: list[Deployment], matched: str = "") -> Group:
        bound = [self._bound(member, matched) for member in members]
        listed = members[0].model_name
        strategy = self._routing.strategies.get(listed, self._routing.strategy)
        hedged = self._routing.hedging.covers(listed)
        return Group(name.encode(), orjson.dumps(name)[1:-1], bound, self._numbers[listed], strategy, hedged)

    def find(self, model: bytes) -> Group | None:
        """Return the group that serves *model*, made of a wildcard if need be."""
        found = self.exact.get(model)
        if found is not None:
            return found
        if len(model) > _WILDCARD_NAME_BYTES:
            return None
        try:
            name = model.decode()
        except UnicodeDecodeError:
            return None
        for prefix, suffix, members in self._wildcards:
            if len(name) > len(prefix) + len(suffix) and name.startswith(prefix) and name.endswith(suffix):
                group = self._group(name, members, name[len(prefix) : len(name) - len(suffix)])
                self._keep(model, group)
                return group
        return None

    def _keep(self, model: bytes, group: Group) -> None:
        if len(self._made) >= _WILDCARD_GROUPS:
            oldest = next(iter(self._made))
            del self._made[oldest], self.exact[oldest]
        self._made[model] = None
        self.exact[model] = group

    def explain_unknown(self, model: bytes) -> str:
        """Return what to tell a caller whose model nobody serves."""
        name = model.decode("utf-8", "replace")
        shown = name if len(name) <= 100 else name[:97] + "..."
        if not self._names:
            return f'model "{shown}" is not served: the configuration has no model_list'
        # Comparing costs 30 us a name: of many, those that begin alike.
        names = self._names if len(self._names) <= _COMPARED else [one for one in self._names if one[:2] == name[:2]][:_COMPARED]
        nearest = difflib.get_close_matches(name[:100], names, n=1, cutoff=0.5)
        hint = f'; the closest is "{nearest[0]}"' if nearest else "; GET /v1/models lists what there is"
        return f'model "{shown}" is not in model_list{hint}'

    def explain_mismatch(self, group: Group, operation: Operation) -> str:
        """Return what to tell a caller whose dialect the model's deployments do not speak."""
        spoken = ", ".join(sorted({deployment.dialect for deployment in group.deployments}))
        name = group.name.decode()
        return f'model "{name}" is served in the dialect {spoken}, which has nothing like {operation.name} of {operation.dialect}'

    def find_owner(self, exchange: Exchange) -> Group | str:
        """Return a group of the one account that can be meant when the request names no model, or what to tell the caller."""
        wanted = exchange.wanted_model or _query_value(exchange.query, b"model")
        if wanted:
            group = self.find(wanted)
            return self.explain_unknown(wanted) if group is None else group
        operation = exchange.operation
        if operation.needs_model:
            return 'the body has no `model`: name one of GET /v1/models, as in {"model": "..."}'
        made_by = self._owners.find(exchange.path_id) if exchange.path_id else self._owner_of_input(exchange)
        owners = [bound for bound in self._accounts.values() if operation.dialect in bound.native]
        if made_by >= 0:
            owners = [bound for bound in owners if bound.account == made_by]
        if len(owners) == 1:
            return Group(b"", None, owners, self._group_of[owners[0].number])
        if not owners:
            return f"no deployment of model_list speaks {operation.dialect}"
        return "several accounts could be meant: name one of their models in the field x-fastgate-model or as ?model="

    def _owner_of_input(self, exchange: Exchange) -> int:
        """Return the account of the file that a batch is made of, or -1."""
        if exchange.operation.name != "batch_create":
            return -1
        try:
            named = orjson.loads(exchange.body_bytes).get("input_file_id")
        except orjson.JSONDecodeError:  # a lone surrogate, for one: the provider's to judge
            return -1
        return self._owners.find(named.encode()) if isinstance(named, str) else -1


def _query_value(query: bytes | None, name: bytes) -> bytes:
    for parameter in (query or b"").split(b"&"):
        key, _, value = parameter.partition(b"=")
        if key == name:
            return unquote_to_bytes(value.replace(b"+", b" "))
    return b""
