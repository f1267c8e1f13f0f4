"""What the file says of the choice among a model's deployments."""

from collections.abc import Iterable

from msgspec.structs import replace

from fastgate.config.findings import Findings, nearest, shown
from fastgate.config.litellm import STRATEGIES
from fastgate.config.schema import Deployment, Routing
from fastgate.config.section import Section

_PER_MODEL = "model_group_routing_strategy"


def read_routing(router: Section, own: Section, deployments: Iterable[Deployment], findings: Findings) -> Routing:
    """Return how each model's deployments are chosen among."""
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
    return Routing(
        strategy=strategy or usual.strategy,
        strategies=strategies,
        latency_buffer=arguments.number("lowest_latency_buffer") or 0.0,
        queue=replace(usual.queue, **own.section("queue").values),
    )
