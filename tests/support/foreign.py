"""What is not ours beside the gateway: programs (curl, node), and the sanitizer's memory."""

import os
import shutil

import pytest

# Under AddressSanitizer every block has red zones and what is freed is kept aside: memory is that much larger.
SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")
# Times, and bytes that may be kept aside.
SANITIZED_FACTOR = 4 if SANITIZED else 1
SANITIZED_BYTES = 256 << 20 if SANITIZED else 0


def environment() -> dict[str, str]:
    """Return the environment for a foreign program: ours without the sanitizer's libraries, which are preloaded for Python alone."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def need(program: str, install: str) -> None:
    """Go on if *program* is there. CI has it and fails without; a machine with Python and a compiler alone is told what is left out."""
    if shutil.which(program) is None:
        message = f"`{program}` is not on the PATH: {install}"
        assert not os.environ.get("CI"), message
        pytest.skip(message)
