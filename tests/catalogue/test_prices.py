"""Prices are genai-prices', in whole pico-dollars: every model, in every rate and tier, and what a request costs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from genai_prices import Usage, types
from genai_prices.data import providers

from fastgate.catalogue import Counts, Model, Prices, Rate, Tier, cost, find, prices_at

PICO = 10**12
ALL = [(provider, model) for provider in providers for model in provider.models]
TIMES = [
    datetime(2023, 1, 1, 12, tzinfo=UTC),
    datetime(2025, 3, 1, 3, tzinfo=UTC),
    datetime(2026, 2, 1, 20, 45, tzinfo=UTC),
    datetime(2035, 12, 31, 23, 59, tzinfo=UTC),
]
# genai-prices' keys -> members of Prices.
TOKEN_KEYS = {
    "input_mtok": "input_token",
    "output_mtok": "output_token",
    "cache_read_mtok": "cache_read_token",
    "cache_write_mtok": "cache_write_token",
    "cache_write_1h_mtok": "cache_write_1h_token",
    "input_audio_mtok": "input_audio_token",
    "output_audio_mtok": "output_audio_token",
    "input_image_mtok": "input_image_token",
    "output_image_mtok": "output_image_token",
    "output_reasoning_mtok": "output_reasoning_token",
}
# Members of Counts -> genai-prices' words, in the same order of magnitude as requests have them.
SHAPES = [
    {"input_tokens": 1, "output_tokens": 1},
    {"input_tokens": 12_345, "output_tokens": 678, "cache_read_tokens": 10_000},
    {"input_tokens": 199_999, "output_tokens": 7, "cache_read_tokens": 1, "cache_write_tokens": 2_000, "cache_write_1h_tokens": 500},
    {"input_tokens": 250_001, "output_tokens": 99_999, "cache_write_tokens": 250_000},
    {"input_tokens": 600_000, "output_tokens": 3, "cache_read_tokens": 599_999},
]


def spoken(model: types.ModelInfo) -> str | None:
    """Return a name that means just *model*, if it has one without a pattern."""
    clauses = model.match.or_ if isinstance(model.match, types.ClauseOr) else [model.match]
    return next((clause.equals for clause in clauses if isinstance(clause, types.ClauseEquals)), None)


def found_of(provider: types.Provider, name: str) -> Model:
    found = find(provider.id, name)
    assert found is not None, (provider.id, name)
    return found


def changes(model: types.ModelInfo) -> Iterator[datetime]:
    """Give times around every change of the model's prices, and some others."""
    yield from TIMES
    for conditional in model.prices if isinstance(model.prices, list) else []:
        constraint = conditional.constraint
        if isinstance(constraint, types.StartDateConstraint):
            at = datetime.combine(constraint.start_date, datetime.min.time(), UTC)
            yield from (at - timedelta(seconds=1), at)
        elif isinstance(constraint, types.TimeOfDateConstraint):
            for time_of_day in (constraint.start_time, constraint.end_time):
                at = datetime.combine(TIMES[0].date(), time_of_day.replace(tzinfo=UTC))
                yield from (at - timedelta(seconds=1), at)


def test_every_price_is_within_a_picodollar_and_never_below() -> None:
    compared = 0
    for provider, model in ALL:
        name = spoken(model)
        if name is None or provider.find_model(name) is not model:
            continue
        ours = found_of(provider, name)
        for at in changes(model):
            theirs = model.get_prices(at)
            for input_tokens in (0, 128_001, 272_001, 2_000_000):
                prices = prices_at(ours, int(at.timestamp()), input_tokens)
                for key, member in TOKEN_KEYS.items():
                    price = getattr(theirs, key)
                    ours_is = getattr(prices, member)
                    if price is None:
                        assert ours_is is None, (provider.id, name, key)
                        continue
                    if isinstance(price, types.TieredPrices):
                        price = next((tier.price for tier in reversed(price.tiers) if input_tokens > tier.start), price.base)
                    # A float's noise, 0.18000000000000002, is taken off before.
                    exact = price * PICO / 1_000_000
                    assert -Decimal("0.001") <= ours_is - exact < 1, (provider.id, name, key, at, input_tokens)
                    compared += 1
    assert compared > 20_000


def test_a_request_costs_what_genai_prices_says() -> None:
    compared = exactly = 0
    for provider, model in ALL[::3]:
        name = spoken(model)
        if name is None or provider.find_model(name) is not model:
            continue
        ours = found_of(provider, name)
        for at in TIMES[1:]:
            for shape in SHAPES:
                prices = prices_at(ours, int(at.timestamp()), shape["input_tokens"])
                if prices.input_token is None or prices.output_token is None:
                    continue
                usage = Usage(**{**shape, "cache_write_5m_tokens": None})
                theirs = model.calc_price(usage, provider, genai_request_timestamp=at)
                got = cost(prices, Counts(**shape))
                assert got is not None
                tokens = sum(shape.values())
                assert 0 <= got - theirs.total_price * PICO + Decimal("0.001") * tokens <= tokens, (provider.id, name, shape)
                compared += 1
                exactly += got == theirs.total_price * PICO
    assert compared > 5_000
    # The others are floats' noise and thirds.
    assert exactly / compared > 0.98


def test_audio_is_a_part_of_the_tokens_with_a_price_of_its_own() -> None:
    provider = next(provider for provider in providers if provider.id == "openai")
    model = next(
        model
        for model in provider.models
        if isinstance(model.prices, types.ModelPrice) and model.prices.cache_audio_read_mtok is not None and spoken(model)
    )
    usage = Usage(
        input_tokens=1_000,
        cache_read_tokens=300,
        input_audio_tokens=400,
        cache_audio_read_tokens=100,
        output_tokens=50,
        output_audio_tokens=20,
        input_text_tokens=600,
        output_text_tokens=30,
    )
    counts = Counts(
        input_tokens=1_000,
        cache_read_tokens=300,
        audio_input_tokens=400,
        cache_read_audio_tokens=100,
        output_tokens=50,
        audio_output_tokens=20,
    )
    theirs = model.calc_price(usage, provider, genai_request_timestamp=TIMES[2]).total_price
    assert cost(prices_at(found_of(provider, spoken(model) or ""), int(TIMES[2].timestamp()), 1_000), counts) == theirs * PICO


PRICES = Prices(input_token=10, output_token=100, cache_read_token=1)


@pytest.mark.parametrize(
    ("prices", "counts", "picodollars"),
    [
        (PRICES, Counts(input_tokens=7, output_tokens=3), 370),
        (PRICES, Counts(), 0),
        (PRICES, Counts(input_tokens=7, cache_read_tokens=7), 7),
        # Without a price of its own a part costs what the whole does.
        (PRICES, Counts(input_tokens=7, cache_write_tokens=7), 70),
        (PRICES, Counts(output_tokens=3, reasoning_tokens=2), 300),
        # Parts above the whole bring nothing back.
        (PRICES, Counts(input_tokens=7, cache_read_tokens=9), 9),
        (Prices(), Counts(), 0),
        (Prices(), Counts(input_tokens=1), None),
        (Prices(input_token=0), Counts(input_tokens=1), 0),
        (Prices(input_token=5), Counts(input_tokens=1, output_tokens=1), None),
        (Prices(cache_read_token=1), Counts(input_tokens=5, cache_read_tokens=5), 5),
        (Prices(cache_read_token=1), Counts(input_tokens=6, cache_read_tokens=5), None),
        (Prices(input_token=1, request=1000), Counts(input_tokens=1), 1001),
        (Prices(input_audio_hour=40_000_000_000), Counts(audio_input_seconds=1), 11_111_112),
        (Prices(), Counts(web_searches=1), None),
    ],
)
def test_a_cost_is_whole_and_rounded_up_and_none_if_a_price_is_unknown(prices: Prices, counts: Counts, picodollars: int | None) -> None:
    assert cost(prices, counts) == picodollars


def test_the_last_rate_in_force_holds_and_the_first_if_none_is() -> None:
    rates = (
        Rate(prices=Prices(input_token=1), since=datetime(2025, 1, 1, tzinfo=UTC).date()),
        Rate(prices=Prices(input_token=2), since=datetime(2026, 1, 1, tzinfo=UTC).date()),
        Rate(prices=Prices(input_token=3), from_s=23 * 3600, until_s=3600),
    )
    model = Model(provider="p", name="m", rates=rates)
    noon = {year: int(datetime(year, 6, 1, 12, tzinfo=UTC).timestamp()) for year in (2024, 2025, 2026)}
    assert [prices_at(model, at).input_token for at in noon.values()] == [1, 1, 2]
    assert [prices_at(model, noon[2026] + hours * 3600).input_token for hours in (10, 11, 12, 13)] == [2, 3, 3, 2]


def test_a_tier_holds_above_its_threshold_for_all_tokens() -> None:
    model = Model(provider="p", name="m", rates=(Rate(prices=Prices(input_token=1), tiers=(Tier(200, Prices(input_token=2)),)),))
    assert [prices_at(model, 0, tokens).input_token for tokens in (0, 200, 201)] == [1, 1, 2]


def test_a_model_without_rates_has_no_price() -> None:
    assert prices_at(Model(provider="p", name="m"), 0) == Prices()
