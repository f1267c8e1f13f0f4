"""Every strategy chooses as the slow reference does, whatever has happened before."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fastgate._core import STRATEGIES, Attempt
from tests.oracle.fleet import ReferenceFleet, Ticket
from tests.support.fleets import START, S, fleet

COUNT = 4
FIELDS = ("overhead", "prompt", "token", "contention")
VIEWS = ("overhead_s", "prompt_token_s", "output_token_s", "contention")

numbers = some.integers(0, COUNT - 1)
spans = some.sampled_from((0, 1, 1000, 20_000, 300_000, 2 * S, 25 * S, 90 * S))
described = some.fixed_dictionaries(
    {
        "slots": some.sampled_from((0, 0, 1, 2)),
        "weight": some.sampled_from((0, 1, 5)),
        "rpm": some.sampled_from((0, 3, 60)),
        "tpm": some.sampled_from((0, 900, 100_000)),
        "input_cost": some.sampled_from((-1.0, 1.0, 3.0)),
        "output_cost": some.sampled_from((-1.0, 2.0)),
    }
)
failures = some.sampled_from(("server", "server", "timeout", "rate_limited", "caller", "cancelled"))
steps = some.one_of(
    some.tuples(some.just("pick"), spans, some.sampled_from((1, 300, 9000)), some.sampled_from((0, 16, 400)), some.frozensets(numbers)),
    some.tuples(some.just("send"), spans, numbers, some.sampled_from((1, 300, 9000)), some.booleans()),
    some.tuples(some.just("first"), spans, some.integers(0, 99)),
    some.tuples(some.just("tokens"), spans, some.integers(0, 99), some.integers(1, 40)),
    some.tuples(some.just("end"), spans, some.integers(0, 99), some.sampled_from((0, 1, 40, 700, 70_000))),
    some.tuples(some.just("fail"), spans, some.integers(0, 99), failures, some.sampled_from((0, 400_000, 9 * S))),
    some.tuples(some.just("hold"), spans, numbers),
)


class Pair:
    """The compiled fleet and its reference, told the same."""

    def __init__(self, strategy: str, rows: list[dict[str, Any]], buffer: float) -> None:
        self.strategy = strategy
        self.now = START
        self.fast = fleet(COUNT, buffer=buffer)
        self.slow = ReferenceFleet(COUNT, 7, buffer)
        self.open: list[tuple[Attempt, Ticket]] = []
        self.tokens: list[int] = []
        for number, row in enumerate(rows):
            self.fast.describe(number, **row)
            for name, value in row.items():
                setattr(self.slow.members[number], name, value)

    def tell(self, what: str, span: int, *rest: Any) -> None:
        self.now += span
        getattr(self, what)(*rest)

    def pick(self, prompt_tokens: int, max_tokens: int, excluded: frozenset[int]) -> None:
        # Each excluded one is a candidate elsewhere: with a kept prefix, or behind a rate limit.
        kept = {number: 200.0 for number in range(COUNT) if number % 2 == len(excluded) % 2}
        limits = {number: (self.now + number * 70_000, 300_000) for number in excluded if number != 0}
        left_out = excluded if len(excluded) != 2 else frozenset()
        more = {"max_tokens": max_tokens, "excluded": left_out, "cached": kept, "not_before": limits}
        assert self.fast.pick(self.strategy, 0, self.now, prompt_tokens, **more) == self.slow.pick(
            self.strategy, self.now, prompt_tokens, **more
        )

    def send(self, number: int, prompt_tokens: int, whole: bool) -> None:
        sent = self.fast.dispatch(0, number, self.now, prompt_tokens, whole=whole)
        self.open.append((sent, self.slow.dispatch(number, self.now, prompt_tokens, whole=whole)))

    def first(self, which: int) -> None:
        for attempt in self.open[which % len(self.open)] if self.open else ():
            attempt.first_byte(self.now)

    def end(self, which: int, tokens: int) -> None:
        if self.open:
            for attempt in self.open.pop(which % len(self.open)):
                attempt.ended(tokens, self.now)

    def fail(self, which: int, failure: str, retry_after_us: int) -> None:
        if self.open:
            for attempt in self.open.pop(which % len(self.open)):
                attempt.failed(failure, self.now, retry_after_us)

    def hold(self, number: int) -> None:
        self.fast.hold(number, 1)
        self.slow.members[number].held += 1

    def compare(self) -> None:
        for row, member in zip(self.fast.snapshot(self.now), self.slow.members, strict=True):
            assert (row["in_flight"], row["without_first_byte"]) == (member.open, len(member.silent))
            assert row["work_s"] == pytest.approx(member.work_s, abs=1e-5)
            assert row["tokens"] == sum(ticket.tokens for ticket in member.tickets)
            assert (row["slots_seen"], row["queue_seen"]) == (member.seen, member.queued)
            assert [row["tokens_this_minute"], row["requests_this_minute"]] == member.use_now(self.now)
            assert row["out_for_s"] == pytest.approx(max(0, member.out_until_us - self.now) * 1e-6)
            assert row["failing"] == pytest.approx(member.failing_at(self.now))
            assert [row[view] for view in VIEWS[:3]] == pytest.approx([getattr(member, name) for name in FIELDS[:3]], rel=1e-6)

    def more_tokens(self, which: int, more: int) -> None:
        if self.open:
            sent, ticket = self.open[which % len(self.open)]
            total = ticket.tokens + more
            sent.progress(total, self.now)
            ticket.progress(total, self.now)


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(
    rows=some.lists(described, min_size=COUNT, max_size=COUNT), buffer=some.sampled_from((0.0, 0.3)), told=some.lists(steps, max_size=60)
)
def test_a_strategy_chooses_as_its_reference(strategy: str, rows: list[dict[str, Any]], buffer: float, told: list[tuple[Any, ...]]) -> None:
    pair = Pair(strategy, rows, buffer)
    for what, *rest in told:
        pair.tell("more_tokens" if what == "tokens" else what, *rest)
    pair.compare()
