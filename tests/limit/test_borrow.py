"""Several cells are taken all or none, and what is settled is what was used."""

import mmap
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgate._core import Cells, RateLimit

S = 1_000_000_000
START = 5_000 * S
KINDS = ("requests", "tokens", "input_tokens", "output_tokens")
Ask = tuple[int, RateLimit, str, int]


def cells() -> Cells:
    return Cells(mmap.mmap(-1, 4096))


def levels(*limits: int) -> list[Ask]:
    """Return one request at each of *limits*, from the most specific on."""
    return [(8 * level, RateLimit(limit), "requests", 1) for level, limit in enumerate(limits)]


def remaining(seen: Cells, asks: list[Ask], now_ns: int) -> list[int]:
    return [seen.remaining(cell, limit, now_ns) for cell, limit, _, _ in asks]


def test_all_are_taken_or_none() -> None:
    seen, asks = cells(), levels(10, 3, 7)
    taken = [seen.borrow(asks, START).wait_ns for _ in range(5)]
    assert taken == [0, 0, 0, 20 * S, 20 * S]
    assert remaining(seen, asks, START) == [7, 0, 4]


@given(st.permutations(range(5)), st.integers(0, 4))
def test_a_refusal_charges_no_level_whichever_refuses(order: list[int], full: int) -> None:
    seen, asks = cells(), levels(5, 5, 5, 5, 5)
    cell, limit, _, _ = asks[full]
    seen.take(cell, limit, 5, START)
    before = [seen.word(cell) for cell, _, _, _ in asks]
    refused = seen.borrow([asks[at] for at in order], START)
    assert refused.wait_ns == 12 * S
    assert refused.refused == order.index(full)
    refused.settle()
    refused.give_back()
    assert [seen.word(cell) for cell, _, _, _ in asks] == before


def test_what_was_taken_before_another_refused_is_given_back() -> None:
    seen, limit, ample = cells(), RateLimit(3), RateLimit(600)
    # Each ask alone has room: only while they are taken does the last one find none, as when another process was faster.
    asks = [(8, ample, "requests", 1), (0, limit, "requests", 1), (0, limit, "requests", 1)]
    seen.take(0, limit, 2, START)
    seen.take(8, ample, 1, START)
    before = seen.word(0), seen.word(8)
    refused = seen.borrow(asks, START)
    assert (refused.wait_ns, refused.refused) == (20 * S, 2)
    assert (seen.word(0), seen.word(8)) == before
    refused.settle(requests=5)
    assert (seen.word(0), seen.word(8)) == before
    assert seen.borrow(asks, START + refused.wait_ns).wait_ns == 0


def test_the_wait_is_the_longest_of_those_that_refuse() -> None:
    seen, asks = cells(), levels(60, 1, 30)
    for cell, limit, _, _ in asks:
        seen.take(cell, limit, limit.limit, START)
    refused = seen.borrow(asks, START)
    assert (refused.wait_ns, refused.refused) == (60 * S, 1)
    assert seen.borrow(asks, START + refused.wait_ns).wait_ns == 0


def test_one_that_can_never_be_admitted_refuses_for_ever() -> None:
    seen = cells()
    refused = seen.borrow([(0, RateLimit(10), "requests", 1), (1, RateLimit(10), "tokens", 11)], START)
    assert (refused.wait_ns, refused.refused) == (-1, 1)
    assert (seen.word(0), seen.word(1)) == (0, 0)


def test_sixteen_cells_are_taken_together_and_not_more() -> None:
    seen = cells()
    assert seen.borrow(levels(*range(1, 17)), START).wait_ns == 0
    with pytest.raises(ValueError, match="more than 16"):
        seen.borrow(levels(*range(1, 18)), START)


# Estimate and use of each kind, and whether the request was made at all.
USES = st.lists(st.tuples(st.tuples(*[st.integers(0, 10**6)] * 4), st.tuples(*[st.integers(0, 10**6)] * 4), st.booleans()), max_size=30)


@given(USES, st.randoms(use_true_random=False), st.integers(10**4, 10**9))
def test_what_is_settled_in_any_order_is_what_was_used_to_the_nanosecond(
    uses: list[tuple[tuple[int, ...], tuple[int, ...], bool]], chance: random.Random, per_minute: int
) -> None:
    seen, limit = cells(), RateLimit(per_minute, burst=10**8)
    # Never empty, so that nothing is lost to a bucket that cannot be fuller than full.
    for at in range(4):
        seen.take(at, limit, 1, START)
    before = [seen.word(at) for at in range(4)]
    used = [0] * 4
    open_requests = []
    for estimate, actual, made in uses:
        borrowed = seen.borrow([(at, limit, kind, units) for at, (kind, units) in enumerate(zip(KINDS, estimate, strict=True))], START)
        assert borrowed.wait_ns == 0
        open_requests.append((borrowed, actual, made))
    chance.shuffle(open_requests)
    for borrowed, actual, made in open_requests:
        if made:
            borrowed.settle(**dict(zip(KINDS, actual, strict=True)))
            used = [sum(pair) for pair in zip(used, actual, strict=True)]
        else:
            borrowed.give_back()
        # A second time it is nothing.
        borrowed.settle(requests=99, tokens=99)
        borrowed.give_back()
    assert [seen.word(at) - word for at, word in enumerate(before)] == [units * limit.increment_ns for units in used]


def test_a_request_has_one_cell_of_each_kind_settled_by_its_kind() -> None:
    seen, limit = cells(), RateLimit(1000)
    asks = [(at, limit, kind, 100) for at, kind in enumerate(KINDS)]
    seen.borrow(asks, START).settle(requests=1, tokens=60, input_tokens=20, output_tokens=40)
    assert remaining(seen, asks, START) == [999, 940, 980, 960]
