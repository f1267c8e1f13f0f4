"""expected-latency: where the request costs all who are there the least time."""

import pytest

from benchmarks.routing.kinds import KINDS, make
from benchmarks.routing.routers import Compiled
from benchmarks.routing.run import simulate
from benchmarks.routing.world import Request, Server
from fastgate._core import Attempt, Fleet
from tests.support.fleets import START, S, answer, fleet, teach, teach_all

EXPECTED = "expected-latency"
HOLD = -2


def chosen(shown: Fleet, now_us: int, prompt_tokens: int = 200, **more: object) -> int:
    """Return the one choice that chance does not change."""
    picks = {shown.pick(EXPECTED, 0, now_us, prompt_tokens, **more) for _ in range(30)}  # type: ignore[arg-type]
    assert len(picks) == 1
    return picks.pop()


def test_an_idle_fast_deployment_is_preferred() -> None:
    three = fleet(3)
    now = teach_all(three, 0.03, 0.01, 0.02)
    assert chosen(three, now) == 1


def test_a_fast_one_that_is_busy_gives_way_to_a_slower_one_that_is_not() -> None:
    two = fleet(2)
    now = teach_all(two, 0.02, 0.01)
    attempts = [two.dispatch(0, 1, now, 200) for _ in range(4)]
    assert chosen(two, now) == 0
    for attempt in attempts:
        answer(attempt, now, 0.3, 0.01, 100)
    assert chosen(two, now + 5 * S) == 1


def test_work_left_counts_not_only_requests() -> None:
    two = fleet(2)
    now = teach_all(two, 0.01, 0.01)
    old, young = two.dispatch(0, 0, now, 200), two.dispatch(0, 1, now, 200)
    for tokens in range(16, 96, 16):
        now += S // 5
        old.progress(tokens, now)
    assert chosen(two, now) == 0
    young.failed("cancelled", now)


def test_a_long_prompt_goes_where_prompts_are_read_faster() -> None:
    two = fleet(2)
    now = START
    for turn in range(20):
        prompt = 100 + 150 * turn
        answer(two.dispatch(0, 0, now, prompt), now, 0.1 + prompt * 0.002, 0.005, 100)
        now = answer(two.dispatch(0, 1, now, prompt), now, 0.6 + prompt * 0.0001, 0.006, 100)
        now += S
    assert chosen(two, now, 20) == 0
    assert chosen(two, now, 5000) == 1


def test_a_kept_prefix_counts_as_prompt_that_need_not_be_read() -> None:
    two = fleet(2)
    now = START
    for turn in range(20):
        for number in range(2):
            answer(two.dispatch(0, number, now, 500 + 100 * turn), now, 0.1 + (500 + 100 * turn) * 0.001, 0.005, 50)
        now += 5 * S
    assert chosen(two, now, 4000, cached={0: 3500}) == 0
    assert chosen(two, now, 4000, cached={1: 3500}) == 1


def test_with_slots_known_a_request_waits_for_the_best() -> None:
    two = fleet(2)
    two.describe(0, slots=1)
    two.describe(1, slots=1)
    now = teach_all(two, 0.01, 0.2)
    running = two.dispatch(0, 0, now, 200)
    assert chosen(two, now) == HOLD
    assert two.held_for == 0
    running.ended(10, now + S // 2)
    assert chosen(two, now + S // 2) == 0


def test_those_who_wait_already_make_the_next_take_the_slower() -> None:
    two = fleet(2)
    two.describe(0, slots=1)
    two.describe(1, slots=1)
    now = teach_all(two, 0.01, 0.03)
    running = two.dispatch(0, 0, now, 200)
    assert chosen(two, now) == HOLD
    two.hold(0, 3)
    assert chosen(two, now) == 1
    running.failed("cancelled", now)


def test_slots_that_were_only_learned_hold_nothing_back() -> None:
    one = fleet(1)
    now = teach(one, 0)
    attempts = [one.dispatch(0, 0, now, 200) for _ in range(9)]
    attempts[0].first_byte(now + S // 5)
    for turn in range(1, 400):
        attempts[0].progress(turn, now + S // 5 + turn * S // 10)
    now += 41 * S
    row = one.snapshot(now)[0]
    assert (row["queue_seen"], row["slots_seen"]) == (True, 1)
    assert chosen(one, now) == 0


def test_slow_first_bytes_that_others_overtake_are_no_queue() -> None:
    one = fleet(1)
    now = teach(one, 0)
    stuck = one.dispatch(0, 0, now, 200)
    for _ in range(20):
        now += S
        later = one.dispatch(0, 0, now, 200)
        later.first_byte(now + S // 5)
        later.progress(20, now + S // 2)
        later.ended(40, now + S)
    assert not one.snapshot(now)[0]["queue_seen"]
    stuck.failed("timeout", now)


def test_a_deployment_without_first_bytes_for_long_seems_worse_and_worse() -> None:
    two = fleet(2)
    now = teach_all(two, 0.02, 0.01)
    stuck = two.dispatch(0, 1, now, 200)
    assert chosen(two, now) in (0, 1)
    stalls = [two.snapshot(now + seconds * S)[1]["stall"] for seconds in (1, 10, 30)]
    assert stalls[0] == 1 < stalls[1] < stalls[2]
    assert chosen(two, now + 15 * S) == 0
    stuck.failed("cancelled", now + 15 * S)


def test_running_streams_tell_of_a_slowdown_before_any_ends() -> None:
    one = fleet(1)
    now = teach(one, 0, token_s=0.01)
    stream = one.dispatch(0, 0, now, 200)
    stream.first_byte(now + S // 5)
    for second in range(1, 11):
        stream.progress(10 * second, now + S // 5 + second * S)
    assert one.snapshot(now)[0]["output_token_s"] > 0.04


def test_what_was_slow_long_ago_is_tried_again() -> None:
    two = fleet(2)
    now = teach_all(two, 0.01, 0.05)
    busy = [two.dispatch(0, 0, now, 200) for _ in range(2)]
    assert chosen(two, now) == 0
    for _ in range(30):
        now = answer(two.dispatch(0, 0, now, 200), now, 0.2, 0.02, 200)
    assert chosen(two, now) == 1
    for attempt in busy:
        attempt.failed("cancelled", now)


def test_exact_times_replace_what_the_gateway_saw() -> None:
    one = fleet(1)
    now = START
    for _ in range(20):
        attempt = one.dispatch(0, 0, now, 400)
        # 3 s of it is a queue that the server reports as neither prompt nor output.
        attempt.first_byte(now + 4 * S)
        attempt.ended(100, now + 6 * S, (0.8, 2.0))
        now += 7 * S
    row = one.snapshot(now)[0]
    assert row["overhead_s"] + row["prompt_token_s"] * 400 < 1.5
    assert row["output_token_s"] == pytest.approx(0.02, rel=0.05)


def test_a_model_that_had_to_be_loaded_once_is_no_slow_model() -> None:
    one = fleet(1)
    now = teach(one, 0, first_s=0.2)
    before = one.explain(0, now, 200)[0]["prefill_s"]
    answer(one.dispatch(0, 0, now, 200), now, 60, 0.01, 100)
    assert one.explain(0, now, 200)[0]["prefill_s"] < 2 * before


def test_an_unmeasured_deployment_gets_two_requests_until_it_has_answered() -> None:
    two = fleet(2)
    now = teach(two, 0)
    attempts = []
    for _ in range(6):
        number = two.pick(EXPECTED, 0, now, 200)
        attempts.append(two.dispatch(0, number, now, 200))
    assert sum(attempt.deployment == 1 for attempt in attempts) == 2


def test_a_rate_limit_that_holds_longer_than_the_slower_takes_is_not_waited_for() -> None:
    two = fleet(2)
    now = teach_all(two, 0.01, 0.03)
    assert chosen(two, now, not_before={0: (now + S // 2, S)}) == HOLD
    assert chosen(two, now, not_before={0: (now + 30 * S, S)}) == 1


def test_a_limit_in_use_up_is_kept_for_those_to_whom_it_is_worth_most() -> None:
    two = fleet(2)
    now = START
    for turn in range(20):
        prompt = 100 + 100 * turn
        answer(two.dispatch(0, 0, now, prompt), now, 0.1, 0.01, 100)
        now = answer(two.dispatch(0, 1, now, prompt), now, 0.1 + prompt * 0.01, 0.011, 100) + S
    assert chosen(two, now, 100) == chosen(two, now, 2000) == 0
    for _ in range(200):
        now += S // 10
        two.pick(EXPECTED, 0, now, 800, not_before={0: (now + 3 * S, 3 * S)})
    assert chosen(two, now, 100) == 1
    assert chosen(two, now, 2000) == 0


def test_a_model_that_is_unloaded_while_idle_is_expected_to_be_loaded_again() -> None:
    two = fleet(2)
    now = teach_all(two, 0.01, 0.02)
    assert chosen(two, now) == 0
    answer(two.dispatch(0, 1, now + 300 * S, 200), now + 300 * S, 0.4, 0.02, 100)
    now = answer(two.dispatch(0, 0, now + 300 * S, 200), now + 300 * S, 12.2, 0.01, 100)
    assert chosen(two, now + 100 * S) == 0
    assert chosen(two, now + 330 * S) == 1
    answer(two.dispatch(0, 1, now + 330 * S, 200), now + 330 * S, 0.4, 0.02, 100)
    now = answer(two.dispatch(0, 0, now + 330 * S, 200), now + 330 * S, 0.2, 0.01, 100)
    assert two.explain(0, now + 340 * S, 200)[0]["expected_first_byte_s"] < 2


def test_a_slow_answer_behind_an_idle_time_is_no_load() -> None:
    two = fleet(2)
    now = teach_all(two, 0.01, 0.02) + 300 * S
    now = answer(two.dispatch(0, 0, now, 200), now, 12, 0.2, 100) + 400 * S
    assert two.explain(0, now, 200)[0]["expected_first_byte_s"] < 2


class Watched(Compiled):
    """Notes where requests go."""

    def begin(self, servers: list[Server]) -> None:
        super().begin(servers)
        self.asked: list[tuple[float, int]] = []

    def dispatched(self, request: Request, server: int, now: float) -> Attempt:
        self.asked.append((now, server))
        return super().dispatched(request, server, now)


@pytest.mark.parametrize("known", [True, False])
def test_a_degraded_member_is_left_within_5_seconds_and_taken_back_within_60(known: bool) -> None:
    kind = next(kind for kind in KINDS if kind.name == "degrade")
    ill: list[bool] = []
    well: list[bool] = []
    for seed in range(1, 5):
        instance = make(kind, 0.55, seed, 1000)
        sick = next(number for number, spec in enumerate(instance.servers) if spec.speeds)
        (from_s, _), (to_s, _) = instance.servers[sick].speeds
        router = Watched(EXPECTED, known=known, seed=seed)
        simulate(instance, router)
        ill += [server == sick for at, server in router.asked if from_s + 5 <= at < to_s]
        well += [server == sick for at, server in router.asked if to_s + 60 <= at < to_s + 120]
    assert sum(ill) <= 0.1 * len(ill)
    assert sum(well) >= 0.15 * len(well)
