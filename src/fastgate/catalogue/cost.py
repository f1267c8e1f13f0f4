"""What a request costs, in pico-dollars."""

from datetime import date
from operator import attrgetter
from typing import NamedTuple

from msgspec import Struct

from fastgate.catalogue.model import NO_PRICES, Model, Prices, Rate

_DAY_S = 86_400
# date.toordinal() of 1970-01-01.
_EPOCH = date(1970, 1, 1).toordinal()


class Counts(Struct, kw_only=True):
    """What a request used. As in translate's Usage, *input_tokens* and *output_tokens* are all tokens; the others are parts of them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    # Part of cache_write_tokens.
    cache_write_1h_tokens: int = 0
    # Parts of cache_read_tokens, and of the input of their kind too.
    cache_read_audio_tokens: int = 0
    cache_read_image_tokens: int = 0
    audio_input_tokens: int = 0
    image_input_tokens: int = 0
    video_input_tokens: int = 0
    audio_output_tokens: int = 0
    image_output_tokens: int = 0
    video_output_tokens: int = 0
    reasoning_tokens: int = 0
    citation_tokens: int = 0
    input_characters: int = 0
    output_characters: int = 0
    audio_input_seconds: int = 0
    audio_output_seconds: int = 0
    input_images: int = 0
    output_images: int = 0
    document_pages: int = 0
    annotated_pages: int = 0
    text_messages: int = 0
    requests: int = 1
    web_searches: int = 0
    storage_searches: int = 0
    queries: int = 0


class _Unit(NamedTuple):
    counted: str
    price: str
    # The counts that this one is a part of: a unit with a price of its own is not paid as the wider one too.
    parts_of: tuple[str, ...] = ()
    # The price is for so many.
    per: int = 1
    # Without a price it is free, where others make the cost unknown.
    optional: bool = False


# The narrowest units first.
_UNITS = (
    _Unit("cache_read_audio_tokens", "cache_read_audio_token", ("cache_read_tokens", "audio_input_tokens", "input_tokens")),
    _Unit("cache_read_image_tokens", "cache_read_image_token", ("cache_read_tokens", "image_input_tokens", "input_tokens")),
    _Unit("cache_write_1h_tokens", "cache_write_1h_token", ("cache_write_tokens", "input_tokens")),
    _Unit("cache_write_tokens", "cache_write_token", ("input_tokens",)),
    _Unit("cache_read_tokens", "cache_read_token", ("input_tokens",)),
    _Unit("audio_input_tokens", "input_audio_token", ("input_tokens",)),
    _Unit("image_input_tokens", "input_image_token", ("input_tokens",)),
    _Unit("video_input_tokens", "input_video_token", ("input_tokens",)),
    _Unit("audio_output_tokens", "output_audio_token", ("output_tokens",)),
    _Unit("image_output_tokens", "output_image_token", ("output_tokens",)),
    _Unit("video_output_tokens", "output_video_token", ("output_tokens",)),
    _Unit("reasoning_tokens", "output_reasoning_token", ("output_tokens",)),
    _Unit("citation_tokens", "output_citation_token", ("output_tokens",)),
    _Unit("input_tokens", "input_token"),
    _Unit("output_tokens", "output_token"),
    _Unit("requests", "request", optional=True),
    _Unit("input_characters", "input_character"),
    _Unit("output_characters", "output_character"),
    _Unit("audio_input_seconds", "input_audio_hour", per=3600),
    _Unit("audio_output_seconds", "output_audio_hour", per=3600),
    _Unit("input_images", "input_image"),
    _Unit("output_images", "output_image"),
    _Unit("annotated_pages", "annotated_page", ("document_pages",)),
    _Unit("document_pages", "document_page"),
    _Unit("text_messages", "text_message"),
    _Unit("web_searches", "web_search"),
    _Unit("storage_searches", "storage_search"),
    _Unit("queries", "query"),
)
_all_counts = attrgetter(*(unit.counted for unit in _UNITS))


def rate_at(model: Model, at_s: int) -> Rate | None:
    """Return the rate in force at *at_s*, seconds of the epoch (UTC); None if no price is known."""
    if not model.rates:
        return None
    day, second = divmod(at_s, _DAY_S)
    today = date.fromordinal(_EPOCH + day)
    return next((rate for rate in reversed(model.rates) if _is_in_force(rate, today, second)), model.rates[0])


def prices_at(model: Model, at_s: int, input_tokens: int = 0) -> Prices:
    """Return the prices of a request of *input_tokens* made at *at_s*, seconds of the epoch (UTC)."""
    rate = rate_at(model, at_s)
    if rate is None:
        return NO_PRICES
    prices = rate.prices
    for tier in rate.tiers:
        if input_tokens > tier.above_tokens:
            prices = tier.prices
    return prices


def _is_in_force(rate: Rate, today: date, second: int) -> bool:
    if rate.since is not None and today < rate.since:
        return False
    if rate.from_s < rate.until_s:
        return rate.from_s <= second < rate.until_s
    return rate.from_s == rate.until_s or second >= rate.from_s or second < rate.until_s


def cost(prices: Prices, counts: Counts) -> int | None:
    """Return the pico-dollars of *counts*, rounded up; None if something was used whose price is unknown."""
    total = 0
    # Part of a count that has been paid as something narrower.
    paid: dict[str, int] = {}
    for (counted, name, parts_of, per, optional), whole in zip(_UNITS, _all_counts(counts), strict=True):
        if not whole:
            continue
        # Providers have counted parts that add up to more than the whole: nobody gets money back for that.
        count = max(0, whole - paid.get(counted, 0))
        price: int | None = getattr(prices, name)
        if price is None:
            if count and not parts_of and not optional:
                return None
            continue
        total += -(-count * price // per)
        for wider in parts_of:
            paid[wider] = paid.get(wider, 0) + count
    return total
