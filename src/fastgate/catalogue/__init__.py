"""The model catalogue: limits, prices and capabilities of the providers' models, from genai-prices' data, and a configuration's over it.

`models.json` is made by `make catalogue`; nothing is fetched at run time. Retired models stay in it.
"""

from fastgate.catalogue.cost import Counts, cost, prices_at, rate_at
from fastgate.catalogue.find import find, find_base
from fastgate.catalogue.fits import NEEDS, Excess, fits, lacks
from fastgate.catalogue.model import Capabilities, Model, Prices, Rate, Tier
from fastgate.catalogue.override import capability_words, describe, override, price_words, to_dollars

__all__ = [
    "NEEDS",
    "Capabilities",
    "Counts",
    "Excess",
    "Model",
    "Prices",
    "Rate",
    "Tier",
    "capability_words",
    "cost",
    "describe",
    "find",
    "find_base",
    "fits",
    "lacks",
    "override",
    "price_words",
    "prices_at",
    "rate_at",
    "to_dollars",
]
