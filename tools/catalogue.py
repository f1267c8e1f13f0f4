"""`make catalogue` (`python -m tools.catalogue`) writes src/fastgate/catalogue/models.json from the installed genai-prices.

To refresh: raise the version in pyproject.toml, install it, run this, read the diff (a line is a model), commit. Models that are gone from
the data stay in the file: configurations that name them go on working. Prices are pico-dollars a unit, rounded up after the noise of
somebody's float is taken off; a price that is not there stays away.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, time
from decimal import ROUND_CEILING, Context, Decimal
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

import msgspec
from genai_prices import types
from genai_prices.data import providers
from genai_prices.data_units import unit_data

from fastgate.catalogue.model import Capabilities, Prices, Rate, Tier

FILE = Path(__file__).parent.parent / "src" / "fastgate" / "catalogue" / "models.json"
SOURCE = "Made by `make catalogue` from genai-prices {} (https://github.com/pydantic/genai-prices), whose licence is:\n\n{}"

# Provider of a configuration -> genai-prices' provider. Who is not here, and is none of theirs, has prices that are unknown.
PREFIXES: dict[str, str] = {
    "openai": "openai",
    "text-completion-openai": "openai",
    "azure": "azure",
    "azure_v1": "azure",
    "azure_ai": "azure",
    "azure_text": "azure",
    "anthropic": "anthropic",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "bedrock/converse": "aws",
    "bedrock/converse_like": "aws",
    "bedrock/invoke": "aws",
    "bedrock_mantle": "aws",
    "amazon_nova": "aws",
    "gemini": "google",
    "vertex_ai": "google",
    "vertex_ai_beta": "google",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "mistral": "mistral",
    "codestral": "mistral",
    "text-completion-codestral": "mistral",
    "groq": "groq",
    "xai": "x-ai",
    "deepseek": "deepseek",
    "openrouter": "openrouter",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "perplexity": "perplexity",
    "cerebras": "cerebras",
    "moonshot": "moonshotai",
    "minimax": "minimax",
    "zai": "zai",
    "bigmodel": "zhipuai",
    "meta_llama": "meta",
    "baseten": "baseten",
    "cloudflare": "cloudflare",
    "databricks": "databricks",
    "elevenlabs": "elevenlabs",
    "github_copilot": "github-copilot",
    "novita": "novita",
    "ovhcloud": "ovhcloud",
    "voyage": "voyageai",
    **{
        f"huggingface/{name.removeprefix('huggingface_')}": name
        for name in (provider.id for provider in providers)
        if name.startswith("huggingface_")
    },
}

# genai-prices' key, and `per` of its unit, -> member of Prices and how many of the data's units that is for.
_TOKEN_KEYS = {
    "input_mtok": "input_token",
    "output_mtok": "output_token",
    "cache_read_mtok": "cache_read_token",
    "cache_write_mtok": "cache_write_token",
    "cache_write_1h_mtok": "cache_write_1h_token",
    "cache_audio_read_mtok": "cache_read_audio_token",
    "cache_image_read_mtok": "cache_read_image_token",
    "input_audio_mtok": "input_audio_token",
    "input_image_mtok": "input_image_token",
    "input_video_mtok": "input_video_token",
    "output_audio_mtok": "output_audio_token",
    "output_image_mtok": "output_image_token",
    "output_video_mtok": "output_video_token",
    "output_reasoning_mtok": "output_reasoning_token",
    "output_citation_mtok": "output_citation_token",
    "input_mchars": "input_character",
    "input_document_kpages": "document_page",
    "input_annotated_document_kpages": "annotated_page",
    "input_text_messages_kcount": "text_message",
    "requests_kcount": "request",
    "web_searches_kcount": "web_search",
    "storage_searches_kcount": "storage_search",
    "rerank_searches_kcount": "query",
}
# Seconds in the data, priced by the hour; where a direction is not told it is what goes in.
_HOUR_KEYS = {"input_audio_hours": "input_audio_hour", "audio_hours": "input_audio_hour", "output_audio_hours": "output_audio_hour"}
_PER = {unit["price_key"]: int(unit["per"]) for unit in unit_data.values()}
# A price of its own says that the model takes such input, makes such output, or has such a tool; the absence of one says nothing.
_CAPABLE = {
    "cache_read_token": "prompt_caching",
    "input_audio_token": "audio_input",
    "output_audio_token": "audio_output",
    "input_image_token": "vision",
    "input_video_token": "video_input",
    "output_reasoning_token": "reasoning",
    "web_search": "web_search",
}
_HOW = {
    "ClauseStartsWith": ("prefix", "starts_with"),
    "ClauseEndsWith": ("suffix", "ends_with"),
    "ClauseContains": ("contains", "contains"),
}
_DIGITS = Context(prec=12)


def picodollars(key: str, dollars: Decimal) -> int:
    """Return what one unit costs: 0.13999999999999999 a million is 140,000, a twelfth of a dollar a million is 83,334."""
    per = 1 if key in _HOUR_KEYS else _PER[key]
    return int((_DIGITS.plus(dollars) * 10**12 / per).to_integral_value(ROUND_CEILING))


def _prices(found: types.ModelPrice, input_tokens: int) -> Prices:
    prices: dict[str, int] = {}
    for key, value in vars(found).items():
        name = _TOKEN_KEYS.get(key) or _HOUR_KEYS[key]
        price = value
        if isinstance(value, types.TieredPrices):
            price = value.base
            for tier in value.tiers:
                price = tier.price if input_tokens > tier.start else price
        if name not in prices or key == "input_audio_hours":
            prices[name] = picodollars(key, price)
    return Prices(**prices)


def _rate(conditional: types.ConditionalPrice) -> Rate:
    tiered = [value for value in vars(conditional.prices).values() if isinstance(value, types.TieredPrices)]
    starts = sorted({tier.start for value in tiered for tier in value.tiers})
    rate = Rate(prices=_prices(conditional.prices, 0), tiers=tuple(Tier(start, _prices(conditional.prices, start + 1)) for start in starts))
    constraint = conditional.constraint
    if isinstance(constraint, types.StartDateConstraint):
        return msgspec.structs.replace(rate, since=constraint.start_date)
    if isinstance(constraint, types.TimeOfDateConstraint):
        return msgspec.structs.replace(rate, from_s=_seconds(constraint.start_time), until_s=_seconds(constraint.end_time))
    return rate


def _seconds(at: time) -> int:
    if at.tzinfo not in (None, UTC) and at.utcoffset():
        raise SystemExit(f"{at} is not UTC: convert it here")
    return at.hour * 3600 + at.minute * 60 + at.second


def _rates(model: types.ModelInfo) -> tuple[Rate, ...]:
    if isinstance(model.prices, types.ModelPrice):
        rates = [_rate(types.ConditionalPrice(prices=model.prices))]
    else:
        rates = [_rate(conditional) for conditional in model.prices]
    return tuple(rates) if any(rate.prices != Prices() for rate in rates) else ()


def _capabilities(rates: tuple[Rate, ...]) -> Capabilities:
    priced = {name: True for rate in rates for member, name in _CAPABLE.items() if getattr(rate.prices, member) is not None}
    return Capabilities(**priced)


def _clause(clause: Any) -> tuple[str, str]:
    if isinstance(clause, types.ClauseRegex):
        return "regex", clause.regex
    how, member = _HOW[type(clause).__name__]
    return how, getattr(clause, member).lower()


def _clauses(match: Any, index: int, equals: dict[str, int]) -> Iterator[list[Any]]:
    """Yield the patterns of *match*; names go to *equals*, where the first model keeps its name."""
    if isinstance(match, types.ClauseOr):
        for clause in match.or_:
            yield from _clauses(clause, index, equals)
    elif isinstance(match, types.ClauseEquals):
        equals.setdefault(match.equals.lower(), index)
    elif isinstance(match, types.ClauseAnd):
        first, *others = (_clause(clause) for clause in match.and_)
        yield [index, *first, others]
    else:
        yield [index, *_clause(match)]


def _row(model: types.ModelInfo) -> dict[str, Any]:
    rates = _rates(model)
    row: dict[str, Any] = {"name": model.id}
    if model.context_window:
        row["context_window"] = model.context_window
    if model.deprecated is not None:
        row["is_deprecated"] = model.deprecated
    capabilities = msgspec.to_builtins(_capabilities(rates))
    if capabilities:
        row["capabilities"] = capabilities
    if rates:
        row["rates"] = msgspec.to_builtins(rates)
    return row


def _provider(provider: types.Provider, before: dict[str, Any]) -> str:
    """Return the provider's text; *before* is the provider in the file as it was, whose models stay."""
    equals: dict[str, int] = {}
    clauses = [clause for index, model in enumerate(provider.models) for clause in _clauses(model.match, index, equals)]
    rows = [_row(model) for model in provider.models]
    names = {row["name"] for row in rows}
    for at, row in enumerate(before.get("models", [])):
        if row["name"] in names:
            continue
        index = len(rows)
        rows.append(row)
        for name, old in before["equals"].items():
            if old == at:
                equals.setdefault(name, index)
        clauses += [[index, *clause[1:]] for clause in before["clauses"] if clause[0] == at]
    members = [f'"equals": {_text(equals)}', f'"clauses": {_text(clauses)}']
    if provider.fallback_model_providers:
        members.append(f'"others": {_text(provider.fallback_model_providers)}')
    members.append('"models": [\n' + ",\n".join(_text(row) for row in rows) + "\n]")
    return f'"{provider.id}": {{' + ",\n".join(members) + "}"


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def main() -> None:
    """Write the file."""
    before = msgspec.json.decode(FILE.read_bytes())["providers"] if FILE.exists() else {}
    gone = set(before) - {provider.id for provider in providers}
    if gone:
        raise SystemExit(f"providers that are gone from the data, to be kept or given up by hand: {', '.join(sorted(gone))}")
    licence = distribution("genai-prices").read_text("licenses/LICENSE")
    if not licence:
        raise SystemExit("genai-prices comes without its licence, which has to stand in the file")
    members = [f'"source": {_text(SOURCE.format(version("genai-prices"), licence))}', f'"prefixes": {_text(PREFIXES)}']
    members.append('"providers": {\n' + ",\n".join(_provider(provider, before.get(provider.id, {})) for provider in providers) + "\n}")
    FILE.write_text("{" + ",\n".join(members) + "}\n")
    count = sum(len(provider.models) for provider in providers)
    sys.stderr.write(f"{FILE.name}: {count} models of {len(providers)} providers, {FILE.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
