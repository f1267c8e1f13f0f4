"""The benchmark's real servers do what the simulated ones do, over real sockets."""

import asyncio
import re

import pytest

from benchmarks.routing.kinds import Instance
from benchmarks.routing.real_figures import Recorded, Replay
from benchmarks.routing.real_load import Answer, Load, message
from benchmarks.routing.real_server import FAILED, LIMITED, TAKEN, Seen, World
from benchmarks.routing.run import simulate
from benchmarks.routing.world import Request, Spec
from tests.support.gateway import SCALE

# Longest that a trace of a few hundred milliseconds may take on a loaded machine.
UNTIL_S = 10.0 * SCALE
BOX = Spec(overhead_s=0.02, prompt_s=0.0001, token_s=0.002, contention=0.8, slots=2)


def instance(spec: Spec, *sizes: tuple[float, int], whole: bool = False, luck: float = 0.5) -> Instance:
    """Return one server, and a request for each (arrival, output tokens)."""
    requests = tuple(Request(number, at, 50, tokens, whole, luck) for number, (at, tokens) in enumerate(sizes))
    return Instance(kind="test", load=1.0, seed=0, servers=(spec,), requests=requests, spreads=(((1.0, 1.0),) * len(requests),))


def run(made: Instance, *, headers: bool = False) -> tuple[list[Answer], Seen]:
    async def both() -> tuple[list[Answer], Seen]:
        world = World(made, headers=headers)
        await world.listen()
        zero_s = asyncio.get_running_loop().time() + 0.02
        world.begin(zero_s)
        answers = await Load(made, world.ports[0]).run(zero_s, UNTIL_S)
        world.close()
        return answers, world.seen()

    return asyncio.run(both())


def answer_to(made: Instance, *, headers: bool = False) -> bytes:
    """Return the bytes of the answers to all requests of *made*, sent one after the other."""

    async def ask() -> bytes:
        world = World(made, headers=headers)
        await world.listen()
        world.begin(asyncio.get_running_loop().time())
        reader, writer = await asyncio.open_connection("127.0.0.1", world.ports[0])
        answers = []
        for request in made.requests:
            writer.write(message(request))
            received = b""
            while not received.endswith((b"\r\n0\r\n\r\n", b"}}")):
                received += await reader.read(65536)
            answers.append(received)
        writer.close()
        await writer.wait_closed()
        world.close()
        return b"".join(answers)

    return asyncio.run(ask())


def simulated(made: Instance) -> list[float]:
    """Return the latencies of the simulation."""
    recorded = Recorded(Replay([0] * len(made.requests)), made)
    simulate(made, recorded)
    return [ended for ended in recorded.ended_s if ended is not None]


def ends(made: Instance, latencies: list[float]) -> list[float]:
    return [request.arrival_s + latency for request, latency in zip(made.requests, latencies, strict=True)]


def order(times: list[float]) -> list[int]:
    return sorted(range(len(times)), key=lambda number: times[number])


# Two run at a time: each end is 40 ms or more from the next.
CROWD = instance(BOX, (0.0, 100), (0.0, 30), (0.01, 20), (0.02, 110), (0.03, 10), (0.04, 30))


def test_answers_end_in_the_order_of_the_simulation_and_never_more_run_than_there_are_slots() -> None:
    answers, seen = run(CROWD)
    expected, real = ends(CROWD, simulated(CROWD)), ends(CROWD, [answer.latency_s for answer in answers])
    assert order(real) == order(expected)
    assert [number for number in order(real) if real[number] < expected[number] * 0.9] == []
    assert all(answer.status == 200 and answer.right and 0 < answer.first_s < answer.latency_s for answer in answers)
    assert seen.servers[0].peak == 2
    assert [what for _, what in seen.servers[0].arrivals] == [TAKEN] * 6


def test_a_slower_server_takes_its_time() -> None:
    made = instance(Spec(overhead_s=0.01, prompt_s=0, token_s=0.001, speeds=((0.0, 0.1),)), (0.0, 10))
    [answer], _ = run(made)
    assert answer.latency_s >= 0.2


def test_an_idle_server_loads_its_model_first() -> None:
    # The third comes while the model is loaded for the second.
    made = instance(Spec(overhead_s=0.001, prompt_s=0, token_s=0.0001, unload_s=0.2, load_s=0.1), (0.0, 10), (0.5, 10), (0.51, 10))
    answers, _ = run(made)
    expected = simulated(made)
    assert [latency >= 0.09 for latency in expected] == [False, True, True]
    assert [answer.latency_s >= latency * 0.9 for answer, latency in zip(answers, expected, strict=True)] == [True] * 3


def test_each_token_is_an_event_and_usage_counts_them() -> None:
    said = answer_to(instance(BOX, (0.0, 37)))
    assert said.count(b'"content":"word"') == 37
    assert b'"usage":{"prompt_tokens":50,"completion_tokens":37,"total_tokens":87}' in said
    assert said.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


def test_an_answer_that_comes_at_once_is_one_object() -> None:
    [answer], _ = run(instance(BOX, (0.0, 37), whole=True))
    assert (answer.status, answer.right, answer.first_s) == (200, True, 0.0)


def test_what_the_rate_limit_does_not_admit_is_refused_with_the_wait() -> None:
    # One each ten seconds, three at once.
    limited = Spec(overhead_s=0.001, prompt_s=0, token_s=0.0001, rpm=6, burst=3)
    made = instance(limited, *[(0.0, 5)] * 5)
    answers, seen = run(made)
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 429, 429]
    assert [what for _, what in seen.servers[0].arrivals] == [TAKEN] * 3 + [LIMITED] * 2
    said = answer_to(made, headers=True)
    assert said.count(b"x-ratelimit-limit-requests: 6\r\n") == 5
    assert re.findall(rb"x-ratelimit-remaining-requests: (\d)\r\n", said) == [b"2", b"1", b"0", b"0", b"0"]
    assert b"\r\nRetry-After: 10\r\n" in said


@pytest.mark.parametrize(("luck", "status", "what"), [(0.3, 500, FAILED), (0.7, 200, TAKEN)])
def test_what_fails_is_decided_by_the_request_as_in_the_simulation(luck: float, status: int, what: int) -> None:
    made = instance(Spec(overhead_s=0.001, prompt_s=0, token_s=0.0001, failing=((0.0, 0.5),), fail_s=0.001), (0.01, 5), luck=luck)
    [answer], seen = run(made)
    assert answer.status == status
    assert [outcome for _, outcome in seen.servers[0].arrivals] == [what]
