"""What is known of a model: limits, prices, capabilities. None is unknown: never 0, never a guess."""

from datetime import date

from msgspec import Struct
from msgspec.structs import fields


class Prices(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Pico-dollars (1e-12 USD) for one of each unit; a unit without a price of its own costs what the wider one costs.

    Integers, since money is never a float; pico, since $0.0375 per million tokens is 37,500 a token, where 37.5 nano-dollars are not whole.
    """

    input_token: int | None = None
    output_token: int | None = None
    cache_read_token: int | None = None
    cache_write_token: int | None = None
    # Written to be kept for an hour.
    cache_write_1h_token: int | None = None
    cache_read_audio_token: int | None = None
    cache_read_image_token: int | None = None
    input_audio_token: int | None = None
    input_image_token: int | None = None
    input_video_token: int | None = None
    output_audio_token: int | None = None
    output_image_token: int | None = None
    output_video_token: int | None = None
    output_reasoning_token: int | None = None
    output_citation_token: int | None = None
    input_character: int | None = None
    output_character: int | None = None
    # An hour and not a second: $0.04 an hour is no whole number of pico-dollars a second.
    input_audio_hour: int | None = None
    output_audio_hour: int | None = None
    input_image: int | None = None
    output_image: int | None = None
    document_page: int | None = None
    annotated_page: int | None = None
    text_message: int | None = None
    # Every request costs this beside its tokens.
    request: int | None = None
    web_search: int | None = None
    storage_search: int | None = None
    # A query of a reranker.
    query: int | None = None


class Tier(Struct, frozen=True, omit_defaults=True):
    """Prices of a whole request, all of its tokens, whose input is above a threshold."""

    above_tokens: int
    prices: Prices


class Rate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Prices from a day on, or within hours of each day; both in UTC."""

    prices: Prices
    # Ascending.
    tiers: tuple[Tier, ...] = ()
    since: date | None = None
    # Seconds of the day; may pass midnight. Equal: all day.
    from_s: int = 0
    until_s: int = 0


class Capabilities(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model can do, in LiteLLM's words without `supports_`. True or False where it is known."""

    function_calling: bool | None = None
    parallel_function_calling: bool | None = None
    tool_choice: bool | None = None
    # Structured output by a JSON schema.
    response_schema: bool | None = None
    vision: bool | None = None
    pdf_input: bool | None = None
    audio_input: bool | None = None
    audio_output: bool | None = None
    video_input: bool | None = None
    embedding_image_input: bool | None = None
    reasoning: bool | None = None
    prompt_caching: bool | None = None
    system_messages: bool | None = None
    assistant_prefill: bool | None = None
    web_search: bool | None = None
    url_context: bool | None = None
    computer_use: bool | None = None
    native_streaming: bool | None = None


class Model(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model at a provider."""

    # The catalogue's names; where a provider serves another's model without a price of its own, the other's.
    provider: str
    name: str
    # Tokens of a prompt at most.
    context_window: int | None = None
    max_output_tokens: int | None = None
    # chat, embedding, image_generation, audio_transcription, rerank, ...; LiteLLM's words.
    mode: str | None = None
    # The provider means to end it, or has.
    is_deprecated: bool | None = None
    capabilities: Capabilities = Capabilities()
    # In the order of precedence: the last one in force holds; the first one if none is.
    rates: tuple[Rate, ...] = ()


NO_PRICES = Prices()
PRICE_NAMES = tuple(field.name for field in fields(Prices))
CAPABILITY_NAMES = tuple(field.name for field in fields(Capabilities))
