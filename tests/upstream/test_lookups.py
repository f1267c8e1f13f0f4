"""How soon a provider's name becomes an address: no step on the way waits for a tick of the core's clock."""

import contextlib
import statistics
import time

from tests.support.answers import completion, plain
from tests.support.gateway import SCALE, Gateway, configuration, openai_model
from tests.support.upstream import Upstream, send
from tests.support.wire import chat, request

ORIGINS = 24
# A look-up of localhost is a thread and a few turns of the loop: 2 ms. A tick is 50 ms.
SOON_S = 0.02 * SCALE


def test_the_first_request_to_an_origin_by_name_waits_for_no_tick() -> None:
    took_s: list[float] = []
    with contextlib.ExitStack() as opened:
        upstreams = [opened.enter_context(Upstream()) for _ in range(ORIGINS)]
        models = [
            openai_model(f"group-{number}", 0, api_base=f"http://localhost:{upstream.port}/v1") for number, upstream in enumerate(upstreams)
        ]
        for upstream in upstreams:
            upstream.serve(send(plain(completion())))
        gateway = opened.enter_context(Gateway(configuration(*models)))
        client = opened.enter_context(gateway.client())
        for number in range(ORIGINS):
            began = time.monotonic()
            assert client.exchange(request(body=chat(f"group-{number}"))).status == 200
            took_s.append(time.monotonic() - began)
    assert statistics.median(took_s) < SOON_S, took_s
