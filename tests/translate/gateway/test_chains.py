"""Two gateways in a row: what one writes as a client, the other reads as a server."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from fastgate.mock import MockServer
from tests.support.gateway import MASTER_KEY, Gateway, configuration
from tests.translate.gateway.callers import CALLERS, FUNCTIONS, PLAIN_CALLERS, Sdks

# How gateway A asks gateway B -> its deployments' model, and what B's address is followed by.
LINKS = {
    "chat": ("openai_like/{}", "/v1"),
    "messages": ("anthropic/{}", ""),
    "gemini": ("gemini/{}", "/v1beta"),
    "ollama": ("ollama_chat/{}", ""),
}
ENDS = ("mock-openai", "mock-anthropic")
# The mock answers this model with two calls.
CALLING = "?calls=2"


@pytest.fixture(scope="module")
def sdks() -> Iterator[Sdks]:
    with ExitStack() as stack:
        mock = stack.enter_context(MockServer("tokens=20"))
        ends = [
            {
                "model_name": f"{end}{called}",
                "litellm_params": {"model": f"{model}{calling}", "api_base": mock.url + base, "api_key": "sk-x", "max_retries": 0},
            }
            for end, model, base in (("mock-openai", "openai_like/gpt-4o", "/v1"), ("mock-anthropic", "anthropic/claude-sonnet-4-5", ""))
            for called, calling in (("", ""), ("-calls", CALLING))
        ]
        second = stack.enter_context(Gateway(configuration(*ends)))
        links = [
            {
                "model_name": f"{link}-{end}{called}",
                "litellm_params": {
                    "model": model.format(f"{end}{called}"),
                    "api_base": second.base_url + base,
                    "api_key": MASTER_KEY,
                    "max_retries": 0,
                },
            }
            for link, (model, base) in LINKS.items()
            for end in ENDS
            for called in ("", "-calls")
        ]
        first = stack.enter_context(Gateway(configuration(*links)))
        clients = Sdks(first.base_url)
        yield clients
        clients.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("caller", [caller for caller in CALLERS if caller not in PLAIN_CALLERS])
def test_an_sdk_reads_what_went_through_two_gateways(caller: str, link: str, end: str, stream: bool, sdks: Sdks) -> None:
    seen = CALLERS[caller](sdks, f"{link}-{end}", stream, False)
    assert seen.text
    assert seen.finish == "stop"
    assert seen.input > 0
    assert seen.output > 0
    called = CALLERS[caller](sdks, f"{link}-{end}-calls", stream, True)
    assert called.finish == "tool_calls"
    assert len(called.calls) == 2
    assert {name for name, _ in called.calls} <= {name for name, _, _ in FUNCTIONS}
