"""The fuzzer for a moment: that it runs, and that what is quick to find is not there."""

import pytest

from tests.fuzz.run import main


def test_nothing_is_found_in_three_seconds(capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["--seconds", "3"])
    printed = capfd.readouterr()
    assert code == 0, printed.out + printed.err
