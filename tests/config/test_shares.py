"""`canaries` and `mirrors`: what can be written, and what is a mistake."""

import pytest

from fastgate.config.schema import Share
from tests.config.conftest import Mistakes, Read

MODELS = "model_list:\n" + "".join(
    f"- {{model_name: {name}, litellm_params: {{model: openai/x, api_key: k}}}}\n" for name in ("old", "new", "other", '"wild/*"')
)


def file(shares: str) -> str:
    return f"{MODELS}router_settings: {{model_group_alias: {{nick: old}}}}\nfastgate_settings: {{{shares}}}\n"


def test_percentages_become_parts_of_a_million(read: Read) -> None:
    canaries = "canaries: [{model: old, to: new, percent: 5}, {model: wild/a, to: nick, percent: 0.0001}]"
    routing = read(file(f"{canaries}, mirrors: [{{model: old, to: new, percent: 100}}]")).settings.routing
    assert routing.canaries == (Share(model="old", to="new", parts=50_000), Share(model="wild/a", to="nick", parts=1))
    assert (routing.mirrors, routing.mirrors_in_flight) == ((Share(model="old", to="new", parts=1_000_000),), 100)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (
            "{model: odl, to: new, percent: 5}",
            '$.fastgate_settings.canaries[0].model: found "odl", expected a model of model_list; did you mean "old"?',
        ),
        ("{model: old, percent: 5}", "$.fastgate_settings.canaries[0].to: found nothing, expected a model of model_list"),
        ("{model: old, to: old, percent: 5}", '[0].to: found "old", expected another model than the one that is asked for'),
        ("{model: old, to: new, percent: 101}", "[0].percent: found 101, expected a number of at least 0 and at most 100"),
        ("{model: old, to: new}", "[0].percent: found nothing, expected a number of at least 0 and at most 100"),
        ("{model: old, to: new, percent: 5, weight: 1}", "[0].weight: found an unknown key, expected one of model, to, percent"),
        ("old", '[0]: found "old", expected a map with model, to and percent'),
        (
            "{model: old, to: new, percent: 60}, {model: old, to: other, percent: 41}",
            '$.fastgate_settings.canaries: found 101% for "old", expected 100 % of a model at the most',
        ),
    ],
)
def test_what_cannot_be_a_share_is_a_mistake(share: str, expected: str, mistakes: Mistakes) -> None:
    found = mistakes(file(f"canaries: [{share}]"))
    assert len(found) == 1
    assert expected in found[0]
