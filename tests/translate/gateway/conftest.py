"""One gateway and one upstream per module: every provider of `providers`, and one of Responses, is a model of it."""

from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway, configuration
from tests.support.upstream import Upstream
from tests.translate.gateway.callers import Sdks
from tests.translate.gateway.providers import PROVIDERS
from tests.translate.gateway.responses import RESPONSES


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(*(provider.model(upstream.port) for provider in (*PROVIDERS, RESPONSES)))) as running:
        upstream.fence = running.fence
        yield running


@pytest.fixture(scope="module")
def sdks(gateway: Gateway) -> Iterator[Sdks]:
    clients = Sdks(gateway.base_url)
    yield clients
    clients.close()
