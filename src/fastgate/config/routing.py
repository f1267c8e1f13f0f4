"""What the file says of the choice among a model's deployments."""

from collections.abc import Iterable

from msgspec.structs import replace

from fastgate.config.findings import Findings, nearest, shown
from fastgate.config.litellm import STRATEGIES
from fastgate.config.schema import Deployment, Hedging, Routing, TagFilter
from fastgate.config.section import Section
from fastgate.config.shares import read_shares

_PER_MODEL = "model_group_routing_strategy"


def read_routing(router: Section, own: Section, deployments: Iterable[Deployment], aliases: Iterable[str], findings: Findings) -> Routing:
    """Return how each model's deployments are chosen among. *aliases*: other names of models."""
    usual = Routing()
    arguments = router.section("routing_strategy_args")
    strategy = router.text("routing_strategy")
    if strategy not in STRATEGIES:
        strategy = ""
    names = dict.fromkeys(one.model_name for one in deployments)
    # Shares that were given are kept where nothing else was asked for.
    strategies = {} if strategy else {one.model_name: "simple-shuffle" for one in deployments if one.weight}
    for name, node in router.fields(_PER_MODEL).items():
        path = f"{router.path_of(_PER_MODEL)}.{name}"
        if node.value not in STRATEGIES:
            findings.error(node.place, path, shown("", node.value), f"one of {', '.join(STRATEGIES)}", nearest(str(node.value), STRATEGIES))
        elif name not in names:
            findings.note(node.place, path, f"{shown('', name)} is not in model_list and is passed over", nearest(name, names))
        else:
            strategies[name] = str(node.value)
    models = {*names, *aliases}
    in_flight = own.values.get("mirrors_in_flight")
    return Routing(
        strategy=strategy or usual.strategy,
        strategies=strategies,
        latency_buffer=arguments.number("lowest_latency_buffer") or 0.0,
        queue=replace(usual.queue, **own.section("queue").values),
        tags=TagFilter(enabled=router.flag("enable_tag_filtering", False), match_any=router.flag("tag_filtering_match_any", True)),
        canaries=read_shares(own, "canaries", models, findings, whole=True),
        mirrors=read_shares(own, "mirrors", models, findings, whole=False),
        mirrors_in_flight=in_flight if isinstance(in_flight, int) else usual.mirrors_in_flight,
        default_priority=router.integer("default_priority"),
        hedging=_read_hedging(own.section("hedging"), names, findings),
    )


def _read_hedging(section: Section, names: Iterable[str], findings: Findings) -> Hedging:
    models = []
    for index, node in enumerate(section.items("models")):
        path = f"{section.path_of('models')}[{index}]"
        if not isinstance(node.value, str):
            findings.error(node.place, path, shown("", node.value), 'a model\'s name, or "*" for all')
        elif node.value != "*" and node.value not in names:
            findings.note(node.place, path, f"{shown('', node.value)} is not in model_list and is passed over", nearest(node.value, names))
        else:
            models.append(node.value)
    given = {key: value for key, value in section.values.items() if key != "models"}
    return replace(Hedging(models=tuple(models)), **given)
