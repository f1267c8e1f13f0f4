"""A fake provider on the same core: answers at once and well, or slowly and wrongly where it is asked to."""

from fastgate.mock.behaviour import PARAMETERS, Behaviour, parse_behaviour
from fastgate.mock.mock_server import MockServer

__all__ = ["PARAMETERS", "Behaviour", "MockServer", "parse_behaviour"]
