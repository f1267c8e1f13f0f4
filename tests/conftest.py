"""What every test runs under: one hypothesis profile, and a seed that is printed."""

import os
import secrets

import pytest
from hypothesis import settings

settings.register_profile("local", deadline=None, print_blob=True)
# More examples, and other ones every time; the seed in the report's head gives the same ones again.
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=False, max_examples=200)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed before hypothesis' own plugin looks for --hypothesis-seed."""
    if config.getoption("hypothesis_seed") is None:
        config.option.hypothesis_seed = str(secrets.randbits(32))


def pytest_report_header(config: pytest.Config) -> str:
    """Say how to draw the same examples again."""
    return f"hypothesis: --hypothesis-seed={config.getoption('hypothesis_seed')}"
