"""`model_info` goes before the catalogue, its dollars to the last digit."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastgate.catalogue import Capabilities, Model, Prices, Rate, Tier, capability_words, describe, find, override, price_words, prices_at
from fastgate.catalogue.override import LIMITS, PRICES, SUPPORTS, TEXTS, TIERED_PRICES, to_dollars, to_picodollars
from fastgate.config.litellm import IN_EFFECT, MODEL_INFO
from fastgate.config.load import load
from fastgate.errors import ConfigError
from fastgate.providers import PROVIDERS

WITH_INFO = "model_list:\n  - model_name: m\n    litellm_params: {model: openai/m, api_key: k}\n    model_info: {%s}\n"
UNKNOWN = Model(provider="p", name="m")


@pytest.mark.parametrize(
    ("dollars", "picodollars"),
    [
        (1.5e-07, 150_000),
        (0.1, 100_000_000_000),
        (2.5e-06, 2_500_000),
        # YAML 1.1 reads it as text.
        ("1e-6", 1_000_000),
        ("0.00000015", 150_000),
        (0, 0),
        (3, 3_000_000_000_000),
        (1e-13, 1),
        (3.75e-08, 37_500),
    ],
)
def test_a_price_is_exact_and_rounded_up(dollars: object, picodollars: int) -> None:
    assert to_picodollars("input_cost_per_token", dollars) == picodollars


@settings(max_examples=200)
@given(st.floats(0, 1000))
@example(0.1)
@example(5e-324)
def test_a_price_is_never_below_its_digits_and_less_than_one_above(dollars: float) -> None:
    exact = Fraction(repr(dollars)) * 10**12
    assert 0 <= to_picodollars("k", dollars) - exact < 1


@given(st.integers(0, 10**15))
def test_a_price_is_shown_as_the_float_that_reads_back_as_it(picodollars: int) -> None:
    shown = to_dollars(picodollars)
    assert to_picodollars("k", shown) == picodollars


@pytest.mark.parametrize("value", [-1, -1e-9, True, "free", "", float("nan"), float("inf"), "1e400", [], {}, 1e300])
def test_what_is_no_price_is_refused_by_its_key(value: object) -> None:
    with pytest.raises(ValueError, match="input_cost_per_token"):
        override(UNKNOWN, {"input_cost_per_token": value})


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"max_input_tokens": 0}, "max_input_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"max_output_tokens": 1.5}, "max_output_tokens"),
        ({"supports_vision": "perhaps"}, "supports_vision"),
        ({"mode": 1}, "mode"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_its_key(given: dict[str, object], key: str) -> None:
    with pytest.raises(ValueError, match=key):
        override(UNKNOWN, given)


def test_what_is_given_goes_before_the_catalogue_and_the_rest_stays() -> None:
    model = Model(
        provider="p",
        name="m",
        context_window=1000,
        capabilities=Capabilities(vision=True, reasoning=True),
        rates=(
            Rate(prices=Prices(input_token=1, output_token=2)),
            Rate(
                prices=Prices(input_token=3, output_token=4),
                from_s=1,
                until_s=2,
                tiers=(Tier(200_000, Prices(input_token=5, output_token=6)),),
            ),
        ),
    )
    given = {"input_cost_per_token": 9e-12, "max_output_tokens": 64, "supports_vision": False, "mode": "chat", "own": [1], "id": "x"}
    assert override(model, given) == Model(
        provider="p",
        name="m",
        context_window=1000,
        max_output_tokens=64,
        mode="chat",
        capabilities=Capabilities(vision=False, reasoning=True),
        rates=(
            Rate(prices=Prices(input_token=9, output_token=2)),
            Rate(
                prices=Prices(input_token=9, output_token=4),
                from_s=1,
                until_s=2,
                tiers=(Tier(200_000, Prices(input_token=9, output_token=6)),),
            ),
        ),
    )


def test_what_says_nothing_changes_nothing() -> None:
    model = find("openai", "gpt-4o")
    assert model is not None
    assert override(model, {}) is model
    assert override(model, {"id": "x", "input_cost_per_token": None, "supports_vision": None, "max_tokens": None}) is model


def test_prices_above_a_threshold_are_tiers() -> None:
    given = {
        "input_cost_per_token": 1e-12,
        "output_cost_per_token": 2e-12,
        "input_cost_per_token_above_200k_tokens": 3e-12,
        "output_cost_per_token_above_128k_tokens": 4e-12,
    }
    model = override(UNKNOWN, given)
    prices = [prices_at(model, 0, tokens) for tokens in (128_000, 128_001, 200_001)]
    assert [(one.input_token, one.output_token) for one in prices] == [(1, 2), (1, 4), (3, 4)]
    rate = model.rates[0]
    words = price_words(rate.prices, rate.tiers)
    assert words == given | {"output_cost_per_token_above_200k_tokens": 4e-12}


def test_max_tokens_is_the_output_unless_that_is_named() -> None:
    assert override(UNKNOWN, {"max_tokens": 5}).max_output_tokens == 5
    assert override(UNKNOWN, {"max_tokens": 5, "max_output_tokens": 7}).max_output_tokens == 7
    assert override(UNKNOWN, {"max_output_tokens": 7, "max_tokens": 5}).max_output_tokens == 7


def test_a_price_by_the_second_is_kept_by_the_hour() -> None:
    model = override(UNKNOWN, {"input_cost_per_second": 0.0001})
    assert model.rates[0].prices.input_audio_hour == 360_000_000_000
    assert price_words(model.rates[0].prices)["input_cost_per_second"] == 0.0001


def test_a_model_that_nobody_knows_is_known_by_its_model_info() -> None:
    assert describe("openai", "my-own", {}) == Model(provider="openai", name="my-own")
    assert describe("openai", "my-own", {"max_input_tokens": 8192}).context_window == 8192


def test_a_wildcard_is_no_model() -> None:
    assert describe("openai", "gpt-4o*", {}) == Model(provider="openai", name="gpt-4o*")


def test_a_base_model_is_looked_up_instead_of_a_deployments_name() -> None:
    assert describe("azure", "my-deployment", {"base_model": "azure/gpt-4o"}).context_window == 128_000
    assert describe("azure", "gpt-4o", {"base_model": "nothing-like-it"}).context_window is None


def test_every_word_is_a_key_that_the_configuration_checks() -> None:
    words = {*PRICES, *TIERED_PRICES, *LIMITS, *TEXTS, *capability_words(UNKNOWN), "id", "base_model"}
    assert words == {name for name, key in MODEL_INFO.items() if key.state == IN_EFFECT}
    assert all(word.startswith(SUPPORTS) for word in capability_words(UNKNOWN))


@pytest.mark.parametrize(
    "wrong",
    ["input_cost_per_token: -1", "output_cost_per_token: free", "input_cost_per_token: 1e300", "max_tokens: 0", "supports_vision: maybe"],
)
def test_a_wrong_value_is_an_error_of_the_configuration(wrong: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(WITH_INFO % wrong)
    with pytest.raises(ConfigError, match=wrong.partition(":")[0]):
        load(file, providers=PROVIDERS, env={})


def test_a_price_that_yaml_reads_as_text_is_the_price(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    model = (
        "model_list:\n  - model_name: m\n    litellm_params: {model: openai/m, api_key: k}\n    model_info: {input_cost_per_token: 1e-6}\n"
    )
    file.write_text(model)
    (one,) = load(file, providers=PROVIDERS, env={}).settings.deployments
    assert describe(one.provider, one.model, one.model_info).rates[0].prices == Prices(input_token=1_000_000)


def test_unknown_prices_are_null() -> None:
    assert price_words(Prices()) == {"input_cost_per_token": None, "output_cost_per_token": None}


def test_the_longest_answer_of_a_claude_is_known_where_it_has_to_be_told() -> None:
    assert describe("anthropic", "claude-sonnet-4-5-20250929", {}).max_output_tokens == 64_000
    assert describe("bedrock", "eu.anthropic.claude-opus-4-1-20250805-v1:0", {}).max_output_tokens == 32_000
    assert describe("anthropic", "claude-opus-4.6", {"max_output_tokens": 9}).max_output_tokens == 9
    assert describe("openai", "gpt-4o", {}).max_output_tokens is None
