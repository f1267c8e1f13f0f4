"""LiteLLM's words for what is known of a model: `model_info` of a configuration read, and the same words written."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation

from msgspec import Struct
from msgspec.structs import replace

from fastgate.catalogue.find import find, find_base
from fastgate.catalogue.limits import output_limit
from fastgate.catalogue.model import CAPABILITY_NAMES, Model, Prices, Rate, Tier

PICODOLLARS = 10**12

# LiteLLM's word -> member of Prices, and how many of LiteLLM's units that one holds.
PRICES: dict[str, tuple[str, int]] = {
    "input_cost_per_token": ("input_token", 1),
    "output_cost_per_token": ("output_token", 1),
    "cache_read_input_token_cost": ("cache_read_token", 1),
    "cache_creation_input_token_cost": ("cache_write_token", 1),
    "cache_creation_input_token_cost_above_1hr": ("cache_write_1h_token", 1),
    "cache_read_input_audio_token_cost": ("cache_read_audio_token", 1),
    "cache_read_input_image_token_cost": ("cache_read_image_token", 1),
    "input_cost_per_audio_token": ("input_audio_token", 1),
    "input_cost_per_image_token": ("input_image_token", 1),
    "input_cost_per_video_token": ("input_video_token", 1),
    "output_cost_per_audio_token": ("output_audio_token", 1),
    "output_cost_per_image_token": ("output_image_token", 1),
    "output_cost_per_video_token": ("output_video_token", 1),
    "output_cost_per_reasoning_token": ("output_reasoning_token", 1),
    "citation_cost_per_token": ("output_citation_token", 1),
    "input_cost_per_character": ("input_character", 1),
    "output_cost_per_character": ("output_character", 1),
    "input_cost_per_second": ("input_audio_hour", 3600),
    "output_cost_per_second": ("output_audio_hour", 3600),
    "input_cost_per_image": ("input_image", 1),
    "output_cost_per_image": ("output_image", 1),
    "ocr_cost_per_page": ("document_page", 1),
    "annotation_cost_per_page": ("annotated_page", 1),
    "input_cost_per_request": ("request", 1),
    "input_cost_per_query": ("query", 1),
}
# `..._above_200k_tokens`: word -> LiteLLM's word without it, and the threshold.
_TIERED_WORDS = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost", "cache_creation_input_token_cost")
TIERED_PRICES = {f"{word}_above_{k}k_tokens": (word, k * 1000) for word in _TIERED_WORDS for k in (128, 200, 256, 272, 512)}
SUPPORTS = "supports_"
# LiteLLM's word -> member of Model; the first that is given wins. `max_tokens` is LiteLLM's old word for the output.
LIMITS = {"max_input_tokens": "context_window", "max_output_tokens": "max_output_tokens", "max_tokens": "max_output_tokens"}
TEXTS = {"mode": "mode"}


class _Given(Struct):
    """Prices of a configuration."""

    prices: dict[str, int]
    # By threshold.
    tiers: dict[int, dict[str, int]]


def describe(provider: str, model: str, given: Mapping[str, object]) -> Model:
    """Return what is known of a deployment's model: the catalogue's values, under those of its `model_info`, which may name a base_model.

    Raise ValueError as `override` does.
    """
    base_model = given.get("base_model")
    if isinstance(base_model, str) and base_model:
        found = find_base(base_model, provider)
    else:
        # A wildcard stands for many models.
        found = None if "*" in model else find(provider, model)
    known = found or Model(provider=provider, name=model)
    if known.max_output_tokens is None:
        known = replace(known, max_output_tokens=output_limit(known.name))
    return override(known, given)


def override(model: Model, given: Mapping[str, object]) -> Model:
    """Return *model* with what *given*, a `model_info`, says instead. A price holds at every date and in every tier.

    Raise ValueError with the key for a value that is none of its kind. Keys without a meaning here, and nulls, change nothing.
    """
    changes: dict[str, object] = {}
    capabilities: dict[str, bool] = {}
    prices = _Given({}, {})
    for key, value in given.items():
        if value is None:
            continue
        if key in LIMITS:
            if key != "max_tokens" or given.get("max_output_tokens") is None:
                changes[LIMITS[key]] = _tokens(key, value)
        elif key.startswith(SUPPORTS) and key.removeprefix(SUPPORTS) in CAPABILITY_NAMES:
            capabilities[key.removeprefix(SUPPORTS)] = _flag(key, value)
        elif key in TEXTS:
            changes[TEXTS[key]] = _text(key, value)
        else:
            _take_price(prices, key, value)
    if capabilities:
        changes["capabilities"] = replace(model.capabilities, **capabilities)
    if prices.prices or prices.tiers:
        changes["rates"] = tuple(_priced(rate, prices) for rate in model.rates or (Rate(prices=Prices()),))
    return replace(model, **changes) if changes else model


def _take_price(prices: _Given, key: str, value: object) -> None:
    if key in PRICES:
        name, units = PRICES[key]
        prices.prices[name] = to_picodollars(key, value, units)
        return
    if key in TIERED_PRICES:
        word, threshold = TIERED_PRICES[key]
        name, units = PRICES[word]
        prices.tiers.setdefault(threshold, {})[name] = to_picodollars(key, value, units)


def _priced(rate: Rate, given: _Given) -> Rate:
    prices = replace(rate.prices, **given.prices)
    if not given.tiers:
        kept = tuple(Tier(tier.above_tokens, replace(tier.prices, **given.prices)) for tier in rate.tiers)
        return replace(rate, prices=prices, tiers=kept)
    tiers = []
    reached = prices
    for threshold in sorted(given.tiers):
        reached = replace(reached, **given.tiers[threshold])
        tiers.append(Tier(threshold, reached))
    return replace(rate, prices=prices, tiers=tuple(tiers))


def to_picodollars(key: str, value: object, units: int = 1) -> int:
    """Return the pico-dollars of *units* at *value* dollars each, rounded up. Raise ValueError, naming *key*, if it is no amount."""
    # YAML 1.1 reads 1e-6 as text.
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{key} is {value!r}, not an amount of dollars")
    try:
        # The digits as they were written: 1.5e-07 is 150000 exactly, and no float's neighbour of it.
        dollars = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{key} is {value!r}, not an amount of dollars") from None
    # The configuration's bound for a unit; 1e300 is not written out in pico-dollars.
    if not dollars.is_finite() or not 0 <= dollars <= 10**6:
        raise ValueError(f"{key} is {value!r}, not an amount of dollars")
    return int((dollars * PICODOLLARS * units).to_integral_value(ROUND_CEILING))


def _tokens(key: str, value: object) -> int:
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, str) and number.strip().isdecimal():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"{key} is {value!r}, not a number of tokens")
    return number


def _flag(key: str, value: object) -> bool:
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if not isinstance(value, bool):
        raise ValueError(f"{key} is {value!r}, not true or false")
    return value


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} is {value!r}, not text")
    return value


def to_dollars(picodollars: int | None, units: int = 1) -> float | None:
    """Return dollars for people to read: the float nearest to the price of one of *units*."""
    return None if picodollars is None else picodollars / (PICODOLLARS * units)


def price_words(prices: Prices, tiers: tuple[Tier, ...] = ()) -> dict[str, float | None]:
    """Return *prices* in LiteLLM's words, as dollars; the two common ones are there even if unknown, the others only if known."""
    words: dict[str, float | None] = {}
    for word, (name, units) in PRICES.items():
        price = getattr(prices, name)
        if price is not None or word in ("input_cost_per_token", "output_cost_per_token"):
            words[word] = to_dollars(price, units)
    for tier in tiers:
        for word, (name, units) in PRICES.items():
            price = getattr(tier.prices, name)
            if price is not None and price != getattr(prices, name):
                words[f"{word}_above_{round(tier.above_tokens / 1000)}k_tokens"] = to_dollars(price, units)
    return words


def capability_words(model: Model) -> dict[str, bool | None]:
    """Return every capability in LiteLLM's words; None is unknown."""
    return {SUPPORTS + name: getattr(model.capabilities, name) for name in CAPABILITY_NAMES}
