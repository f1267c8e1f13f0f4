"""`fastgate_settings.hedging`: which models, how many hedges, and when."""

import pytest

from fastgate.config.schema import Hedging
from tests.config.conftest import Mistakes, Read, model

PARAMS = "model: openai/gpt-4, api_key: k"


def hedging(text: str) -> str:
    return model(PARAMS, more=f"fastgate_settings:\n  hedging: {text}\n")


def test_no_model_is_hedged_by_itself(read: Read) -> None:
    assert not read(model(PARAMS)).settings.routing.hedging.covers("m")
    assert not read(hedging("{budget: 0.1}")).settings.routing.hedging.covers("m")


def test_models_are_named_or_all_are_meant(read: Read) -> None:
    assert read(hedging("{models: [m]}")).settings.routing.hedging == Hedging(models=("m",), budget=0.02, after_quantile=0.95)
    found = read(hedging('{models: ["*"], budget: 0.12, after_quantile: 0.9}')).settings.routing.hedging
    assert (found.covers("any"), found.budget, found.after_quantile) == (True, 0.12, 0.9)


def test_a_name_that_nobody_has_is_passed_over(read: Read) -> None:
    loaded = read(hedging("{models: [m, mm]}"))
    assert loaded.settings.routing.hedging.models == ("m",)
    (note,) = loaded.report.notes
    assert note.endswith('$.fastgate_settings.hedging.models[1]: "mm" is not in model_list and is passed over; did you mean "m"?')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{budget: 1.5}", "$.fastgate_settings.hedging.budget: found 1.5, expected a number of at least 0 and at most 1"),
        ("{after_quantile: 1}", "$.fastgate_settings.hedging.after_quantile: found 1, expected a number of at least 0.5 and at most 0.99"),
        ("{models: m}", '$.fastgate_settings.hedging.models: found "m", expected a list'),
        ("{models: [7]}", '$.fastgate_settings.hedging.models[0]: found 7, expected a model\'s name, or "*" for all'),
    ],
)
def test_what_cannot_be_meant_is_a_mistake(mistakes: Mistakes, text: str, expected: str) -> None:
    (line,) = mistakes(hedging(text))
    assert line.endswith(expected)
