"""Secrets that expire: when they are renewed, and what happens if that fails."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from fastgate.errors import CredentialsUnavailable, UpstreamError
from fastgate.upstream.refreshing import Fetched, Refreshing


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """What is fetched: the next of some values, each good for an hour; an error is raised."""

    def __init__(self, clock: Clock, *values: str | CredentialsUnavailable, lifetime_s: float = 3600.0) -> None:
        self.clock = clock
        self.values = list(values)
        self.calls = 0
        self.lifetime_s = lifetime_s

    def __call__(self) -> Fetched[str]:
        self.calls += 1
        value = self.values.pop(0) if len(self.values) > 1 else self.values[0]
        if isinstance(value, CredentialsUnavailable):
            raise value
        return Fetched(value, self.clock.now + self.lifetime_s)


def refreshing(*values: str | CredentialsUnavailable, lifetime_s: float = 3600.0) -> tuple[Refreshing[str], Source, Clock]:
    clock = Clock()
    source = Source(clock, *values, lifetime_s=lifetime_s)
    return Refreshing(source, clock=clock), source, clock


@pytest.mark.asyncio
async def test_there_is_nothing_before_the_first_refresh() -> None:
    tokens, source, _ = refreshing("a")
    assert (tokens.current(), tokens.due(), source.calls) == (None, True, 0)
    await tokens.refresh()
    assert (tokens.current(), tokens.due(), source.calls) == ("a", False, 1)


@pytest.mark.asyncio
async def test_a_token_is_due_five_minutes_before_its_end_and_sent_until_ten_seconds_before() -> None:
    tokens, _, clock = refreshing("a")
    await tokens.refresh()
    for passed, due, current in ((3299, False, "a"), (3300, True, "a"), (3589, True, "a"), (3590, True, None)):
        clock.now = 1_000_000.0 + passed
        assert (tokens.due(), tokens.current()) == (due, current)


@pytest.mark.asyncio
async def test_a_refresh_gets_the_next_token() -> None:
    tokens, _, clock = refreshing("a", "b")
    await tokens.refresh()
    clock.now += 3400
    await tokens.refresh()
    assert (tokens.current(), tokens.due()) == ("b", False)


@pytest.mark.asyncio
async def test_many_that_ask_at_once_wait_for_one_refresh() -> None:
    tokens, source, _ = refreshing("a", "b")
    await asyncio.gather(*(tokens.refresh() for _ in range(20)))
    assert (tokens.current(), source.calls) == ("a", 1)


@pytest.mark.asyncio
async def test_one_that_gives_up_does_not_end_the_refresh_of_the_others() -> None:
    started, go_on = threading.Event(), threading.Event()

    def fetch() -> Fetched[str]:
        started.set()
        assert go_on.wait(10)
        return Fetched("a", 1e12)

    tokens: Refreshing[str] = Refreshing(fetch)
    first, second = asyncio.create_task(tokens.refresh()), asyncio.create_task(tokens.refresh())
    await asyncio.to_thread(started.wait, 10)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    go_on.set()
    await second
    assert tokens.current() == "a"


@pytest.mark.asyncio
async def test_the_loop_runs_on_while_a_token_is_got() -> None:
    go_on = threading.Event()

    def fetch() -> Fetched[str]:
        assert go_on.wait(10)
        return Fetched("a", 1e12)

    tokens: Refreshing[str] = Refreshing(fetch)
    task = asyncio.create_task(tokens.refresh())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    await task


@pytest.mark.asyncio
async def test_a_failure_is_one_clear_error_for_all_that_wait() -> None:
    failure = CredentialsUnavailable("the token endpoint answered 400: invalid_grant")
    tokens, source, _ = refreshing(failure)
    found = await asyncio.gather(*(tokens.refresh() for _ in range(3)), return_exceptions=True)
    assert found == [failure] * 3
    assert source.calls == 1
    assert isinstance(failure, UpstreamError)
    assert (failure.status, failure.code, failure.retry) == (503, "upstream_credentials", True)


@pytest.mark.asyncio
async def test_after_a_failure_nothing_is_asked_for_a_while_that_doubles_up_to_a_minute() -> None:
    tokens, source, clock = refreshing(CredentialsUnavailable("no"))
    pauses = []
    for _ in range(9):
        with pytest.raises(CredentialsUnavailable):
            await tokens.refresh()
        calls, pause = source.calls, 0
        while not tokens.due():
            with pytest.raises(CredentialsUnavailable):
                await tokens.refresh()
            assert source.calls == calls
            clock.now += 0.5
            pause += 1
        pauses.append(pause / 2)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.asyncio
async def test_a_failed_renewal_leaves_the_token_that_is_valid_still() -> None:
    tokens, _, clock = refreshing("a", CredentialsUnavailable("no"), "b")
    await tokens.refresh()
    clock.now += 3400
    await tokens.refresh()
    assert tokens.current() == "a"
    assert tokens.failure is not None
    assert not tokens.due()
    clock.now += 1
    assert tokens.due()
    await tokens.refresh()
    assert (tokens.current(), tokens.failure) == ("b", None)


@pytest.mark.asyncio
async def test_a_success_ends_the_pause() -> None:
    tokens, _, clock = refreshing(CredentialsUnavailable("no"), CredentialsUnavailable("no"), "a", CredentialsUnavailable("no"))
    for _ in range(2):
        with pytest.raises(CredentialsUnavailable):
            await tokens.refresh()
        clock.now += 2
    await tokens.refresh()
    clock.now += 3595
    with pytest.raises(CredentialsUnavailable):
        await tokens.refresh()
    clock.now += 1
    assert tokens.due()


@pytest.mark.asyncio
async def test_an_error_of_our_own_is_not_taken_for_a_failure_of_the_endpoint() -> None:
    def fetch() -> Fetched[str]:
        raise ZeroDivisionError

    tokens: Refreshing[str] = Refreshing(fetch)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await tokens.refresh()


@pytest.mark.asyncio
async def test_a_source_can_be_used_on_another_loop_once_it_is_idle() -> None:
    tokens, source, _ = refreshing("a")
    await asyncio.to_thread(run_alone, tokens.refresh)
    assert (tokens.current(), source.calls) == ("a", 1)


def run_alone(make: Callable[[], "asyncio.Future[None]"]) -> None:
    async def run() -> None:
        await make()

    asyncio.run(run())
