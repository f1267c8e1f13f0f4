"""Workers with one mirror at a provider with limits: hardly a request is refused, and hardly any of the limit is left."""

import heapq
import mmap
import random
from fractions import Fraction
from itertools import count

import pytest

from fastgate._core import Mirror, MirroredRequest
from tests.oracle.buckets import Bucket
from tests.support.forked import together
from tests.support.limits import START, S, answered, mirror

NS = 1000


class Provider:
    """Admits *rpm* and *tpm* in buckets of its own, counting a request's tokens when it is admitted; says what remains."""

    def __init__(self, rpm: int, tpm: int) -> None:
        self.limits = {"requests": rpm, "tokens": tpm}
        self.buckets = {kind: Bucket(60 * S * NS // limit, limit) for kind, limit in self.limits.items()}
        for bucket in self.buckets.values():
            bucket.filled_ns = START * NS
        self.admitted = self.refused = self.tokens = 0

    def ask(self, now_us: int, tokens: int) -> dict[str, object]:
        now = now_us * NS
        needs = {"requests": 1, "tokens": tokens}
        if any(self.buckets[kind].wait_ns(units, now) for kind, units in needs.items()):
            self.refused += 1
            status = 429
        else:
            self.admitted += 1
            self.tokens += tokens
            status = 200
            for kind, units in needs.items():
                self.buckets[kind].charge(units, now)
        said: dict[str, object] = {"status": status}
        for kind, limit in self.limits.items():
            level = self.buckets[kind].at(now)
            said |= {f"limit_{kind}": limit, f"remaining_{kind}": int(level)}
            said[f"reset_{kind}"] = f"{float(limit - level) * self.buckets[kind].increment_ns / 1e9:.3f}s"
        return said


class Windows(Provider):
    """Admits *rpm* and *tpm* in each minute of the clock."""

    def ask(self, now_us: int, tokens: int) -> dict[str, object]:
        minute = now_us // (60 * S) * 60 * S
        for bucket in self.buckets.values():
            if bucket.filled_ns < minute * NS:
                bucket.level, bucket.filled_ns = Fraction(bucket.burst), minute * NS
            # As if no time had gone by since: nothing comes back before the next minute.
        said = super().ask(minute, tokens)
        return said | {f"reset_{kind}": f"{(minute + 60 * S - now_us) / S:.3f}s" for kind in self.limits}


def run(provider: Provider, workers: list[Mirror], seconds: int, per_s: int, seed: int) -> None:
    """Let *workers* send whenever their mirror admits, *per_s* at most, for so long."""
    chance, order = random.Random(seed), count()
    events: list[tuple[int, int, str, object]] = [
        (START + step * S // per_s, next(order), "wanted", workers[step % len(workers)]) for step in range(seconds * per_s)
    ]
    heapq.heapify(events)
    while events:
        now, _, what, about = heapq.heappop(events)
        if what == "wanted":
            assert isinstance(about, Mirror)
            # Counted with max_tokens, as providers do; how many the prompt has is known roughly.
            prompt, most = chance.randrange(100, 2000), chance.randrange(100, 2000)
            tokens = prompt + most
            request = about.send(0, -1, now, input_tokens=prompt * chance.randrange(90, 111) // 100, output_tokens=most)
            if request.wait_us == 0:
                heapq.heappush(events, (now + chance.randrange(S // 10), next(order), "asked", (request, tokens)))
        elif what == "asked":
            assert isinstance(about, tuple)
            heapq.heappush(events, (now + chance.randrange(4 * S), next(order), "begun", (*about, provider.ask(now, about[1]))))
        elif what == "begun":
            assert isinstance(about, tuple)
            request, tokens, said = about
            assert isinstance(request, MirroredRequest)
            answered(request, now, **said)
            ends = now + chance.randrange(9 * S) if said["status"] == 200 else now
            heapq.heappush(events, (ends, next(order), "ended", (request, tokens if said["status"] == 200 else 0)))
        else:
            assert isinstance(about, tuple)
            about[0].settle(input_tokens=about[1] // 2, output_tokens=about[1] - about[1] // 2)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rpm", "tpm"), [(300, 10**9), (10**6, 400_000), (300, 500_000)])
def test_hardly_a_request_is_refused_and_hardly_any_of_the_limit_is_left(rpm: int, tpm: int, seed: int) -> None:
    region = mmap.mmap(-1, Mirror.size(1, 0))
    provider, seconds = Provider(rpm, tpm), 300
    run(provider, [Mirror(region, 1, 0) for _ in range(3)], seconds, 40, seed)
    minutes = seconds / 60 + 1
    assert provider.refused <= 0.01 * provider.admitted
    assert max(provider.admitted / (rpm * minutes), provider.tokens / (tpm * minutes)) >= 0.95


@pytest.mark.parametrize("seed", range(4))
def test_a_provider_that_counts_by_the_minute_of_the_clock_refuses_few(seed: int) -> None:
    provider = Windows(300, 10**9)
    run(provider, [mirror()], 300, 40, seed)
    # Six minutes begin. Between two answers a window looks like a bucket, so that some are sent too early.
    assert provider.refused <= 0.03 * provider.admitted
    assert provider.admitted >= 0.9 * 300 * 6


def test_processes_share_what_one_of_them_heard() -> None:
    seen = mirror()

    def hear() -> bool:
        request = seen.send(0, -1, START)
        answered(request, START, limit_requests=60, remaining_requests=0, reset_requests="60s")
        return True

    assert together([hear]) == [True]
    assert seen.wait(0, 0, START)[0] == S


def test_processes_send_exactly_what_is_configured_together() -> None:
    seen, rpm = mirror(), 20_003
    seen.describe(1, rpm=rpm)
    counts = together([lambda: sum(seen.send(0, 1, START).wait_us == 0 for _ in range(rpm))] * 4)
    assert sum(counts) == rpm
    assert seen.wait(0, 1, START)[0] == 3000  # 60 s / rpm, rounded up


def test_processes_send_exactly_what_remains_together() -> None:
    seen = mirror()
    request = seen.send(0, -1, START)
    answered(request, START, limit_requests=30_000, remaining_requests=20_000, reset_requests="20s")
    counts = together([lambda: sum(seen.send(0, -1, START).wait_us == 0 for _ in range(20_000))] * 4)
    assert sum(counts) == 20_000
