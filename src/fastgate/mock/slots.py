"""A CPU-bound server: works on a fixed number of requests at a time; the rest wait in order of arrival."""

from collections import OrderedDict
from collections.abc import Callable


class Slots:
    """The slots of one model. Whoever took one gives it back exactly once."""

    def __init__(self, count: int) -> None:
        self._free = count
        # Insertion order is the order of service; a dict because clients leave from the middle.
        self._waiting: OrderedDict[int, Callable[[], None]] = OrderedDict()
        self._next_ticket = 0
        self._serving = False

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def take(self, start: Callable[[], None]) -> int:
        """Call *start* now or when a slot is free. Return the ticket that `leave` takes back while it waits; -1: started."""
        if self._free:
            self._free -= 1
            start()
            return -1
        ticket = self._next_ticket
        self._next_ticket += 1
        self._waiting[ticket] = start
        return ticket

    def leave(self, ticket: int) -> bool:
        """Return whether *ticket* was still waiting; it is no more."""
        return self._waiting.pop(ticket, None) is not None

    def give(self) -> None:
        self._free += 1
        # A start that is done at once gives its slot back inside this loop; the outermost call serves on.
        if self._serving:
            return
        self._serving = True
        try:
            while self._free and self._waiting:
                self._free -= 1
                _, start = self._waiting.popitem(last=False)
                start()
        finally:
            self._serving = False
