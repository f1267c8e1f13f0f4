"""Programs that are not ours: curl, node."""

import os
import shutil

import pytest


def environment() -> dict[str, str]:
    """Return the environment for a foreign program: ours without the sanitizer's libraries, which are preloaded for Python alone."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def need(program: str, install: str) -> None:
    """Go on if *program* is there. CI has it and fails without; a machine with Python and a compiler alone is told what is left out."""
    if shutil.which(program) is None:
        message = f"`{program}` is not on the PATH: {install}"
        assert not os.environ.get("CI"), message
        pytest.skip(message)
