"""Packages that extras bring: imported when they are first needed, since they take a tenth of a second and megabytes."""

import sys
from importlib import import_module
from typing import Any


def optional(*modules: str) -> Any:
    """Return the top package of *modules*, all of them imported; None if they are not installed."""
    try:
        for name in modules:
            import_module(name)
    except ImportError:
        return None
    return sys.modules[modules[0].partition(".")[0]]
