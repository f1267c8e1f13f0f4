"""A secret that expires: kept, renewed before its end by one refresh at a time, and left alone for a while after a failure."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

from fastgate.errors import CredentialsUnavailable

T = TypeVar("T")

# Renewed from this long before its end (google-auth: 225 s; botocore: 900 s advisory, 600 s mandatory).
EARLY_S = 300.0
# Not used any more this long before its end: a request must not outlive it on its way.
MARGIN_S = 10.0
# After the first failure, doubled by each further one.
FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 60.0


class TokenSource(Protocol):
    """Where a deployment's bearer token comes from."""

    def current(self) -> str | None:
        """Return the token to send now; None if there is none that is valid."""

    def due(self) -> bool:
        """Return whether `refresh` should be called: there is no token, or it expires soon."""

    async def refresh(self) -> None:
        """Get a new token. Raise CredentialsUnavailable if that fails and there is none to send in the meantime."""


class Fetched(NamedTuple, Generic[T]):
    """A secret, and the second of the epoch at which it expires; infinity: never."""

    value: T
    expires_at: float


class Refreshing(Generic[T]):
    """Keeps what *fetch* gets. *fetch* blocks, and is called in a thread; it raises CredentialsUnavailable.

    *clock* tells seconds of the epoch: providers say expiry by the calendar.
    """

    def __init__(self, fetch: Callable[[], Fetched[T]], *, clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._held: Fetched[T] | None = None
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._not_before = -math.inf
        # Why the last refresh failed; None once one succeeded.
        self.failure: CredentialsUnavailable | None = None

    def current(self) -> T | None:
        """Return the secret to use now; None if there is none that is valid."""
        held = self._held
        return held.value if held is not None and self._clock() < held.expires_at - MARGIN_S else None

    def due(self) -> bool:
        """Return whether `refresh` should be called: there is no secret, or it expires soon, and no pause is on after a failure."""
        held, now = self._held, self._clock()
        return now >= self._not_before and (held is None or now >= held.expires_at - EARLY_S)

    async def refresh(self) -> None:
        """Get a new secret; whoever asks while one is being got waits for that one.

        Raise CredentialsUnavailable if it fails, or failed a moment ago, and there is none to use in the meantime.
        """
        if self._task is None and self._clock() >= self._not_before:
            self._task = asyncio.create_task(self._renew())
        if self._task is not None:
            # One caller that gives up does not end the refresh of all others.
            await asyncio.shield(self._task)
        if self.failure is not None and self.current() is None:
            raise self.failure

    async def _renew(self) -> None:
        try:
            self._held = await asyncio.to_thread(self._fetch)
        except CredentialsUnavailable as failure:
            self.failure = failure
            self._not_before = self._clock() + min(FIRST_PAUSE_S * 2**self._failures, MAX_PAUSE_S)
            self._failures = min(self._failures + 1, 16)
        else:
            self.failure = None
            self._failures = 0
        finally:
            self._task = None
