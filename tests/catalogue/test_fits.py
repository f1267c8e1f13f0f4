"""A request is held back only for what is known of its model."""

import pytest

from fastgate.catalogue import NEEDS, Capabilities, Excess, Model, fits, lacks

MODEL = Model(provider="p", name="m", context_window=1000, max_output_tokens=100)


@pytest.mark.parametrize(
    ("prompt_tokens", "max_output", "excess"),
    [
        (1000, 100, None),
        (0, 0, None),
        (1001, 0, Excess("context_window", 1001, 1000)),
        (1001, 101, Excess("context_window", 1001, 1000)),
        (1000, 101, Excess("max_output_tokens", 101, 100)),
    ],
)
def test_a_request_above_a_known_limit_does_not_fit(prompt_tokens: int, max_output: int, excess: Excess | None) -> None:
    assert fits(MODEL, prompt_tokens, max_output) == excess


def test_where_nothing_is_known_everything_fits() -> None:
    assert fits(Model(provider="p", name="m"), 10**9, 10**9) is None


def test_only_what_is_known_to_be_missing_is_lacking() -> None:
    model = Model(provider="p", name="m", capabilities=Capabilities(vision=False, function_calling=True, response_schema=False))
    assert lacks(model, ["structured_output", "tools", "vision", "audio", "reasoning"]) == ["structured_output", "vision"]
    assert lacks(Model(provider="p", name="m"), sorted(NEEDS)) == []


def test_every_need_is_a_capability() -> None:
    nothing = Capabilities(**dict.fromkeys(Capabilities.__struct_fields__, False))
    assert lacks(Model(provider="p", name="m", capabilities=nothing), sorted(NEEDS)) == sorted(NEEDS)


def test_a_need_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        lacks(MODEL, ["telepathy"])
