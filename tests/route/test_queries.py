"""Requests without a body: whose account they are for, and what their query says, percent-encoded or not."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.support.answers import plain
from tests.support.gateway import Gateway, configuration, openai_model
from tests.support.upstream import Upstream, send
from tests.support.wire import Response, request

KEY = "sk-a+b/c=%41&d"


@pytest.fixture(scope="module")
def first() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def second() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(first: Upstream, second: Upstream) -> Iterator[Gateway]:
    models = openai_model("first", first.port), openai_model("second", second.port), openai_model("org/a b+c", second.port)
    with Gateway(configuration(*models) | {"general_settings": {"master_key": KEY}}) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(first: Upstream, second: Upstream) -> None:
    for upstream in (first, second):
        upstream.serve(send(plain(b"{}")))


def ask(gateway: Gateway, target: str, *fields: str, key: str | None = KEY) -> Response:
    with gateway.client() as client:
        return client.exchange(request(target, b"", *fields, method="GET", key=key), "GET")


@pytest.mark.parametrize("field", ["x-fastgate-model: {}", "X-Fastgate-Model: {}"])
@pytest.mark.parametrize("target", ["/v1/files", "/v1/files/file-1", "/v1/files/file-1/content", "/v1/batches"])
def test_x_fastgate_model_names_the_account(target: str, field: str, gateway: Gateway, first: Upstream, second: Upstream) -> None:
    assert ask(gateway, target, field.format("second")).status == 200
    assert first.requests == []
    assert second.request().target == target.encode()
    assert b"fastgate-model" not in second.request().head.lower()


@pytest.mark.parametrize("field", ["x-fastgate-mode: second", "x-fastgate-models: second"])
def test_a_field_of_nearly_that_name_names_none(field: str, gateway: Gateway, second: Upstream) -> None:
    ask(gateway, "/v1/files", field)
    assert second.requests == []


def test_x_fastgate_model_of_an_unknown_model_is_404(gateway: Gateway, first: Upstream, second: Upstream) -> None:
    assert ask(gateway, "/v1/files", "x-fastgate-model: third").status == 404
    assert first.requests == second.requests == []


@pytest.mark.parametrize("written", ["second", "%73econd", "%73%65%63%6F%6e%64"])
def test_a_querys_model_names_the_account_percent_encoded_or_not(written: str, gateway: Gateway, first: Upstream, second: Upstream) -> None:
    assert ask(gateway, f"/v1/files?limit=2&model={written}").status == 200
    assert first.requests == []
    assert second.request().target.startswith(b"/v1/files")


@pytest.mark.parametrize("written", ["org%2Fa%20b%2Bc", "org/a+b%2bc"])
def test_a_querys_model_may_hold_what_has_to_be_encoded(written: str, gateway: Gateway, second: Upstream) -> None:
    assert ask(gateway, f"/v1/files?model={written}").status == 200
    assert second.request().target.startswith(b"/v1/files")


@pytest.mark.parametrize("written", [quote(KEY, safe=""), "".join(f"%{byte:02x}" for byte in KEY.encode())])
def test_a_querys_key_is_decoded(written: str, gateway: Gateway, first: Upstream, second: Upstream) -> None:
    assert ask(gateway, f"/v1/models?key={written}", key=None).status == 200
    assert ask(gateway, f"/v1/files?model=second&key={written}", key=None).status == 200
    assert first.requests == []
    assert b"key=" not in second.request().target


ENCODED = quote(KEY, safe="")


@pytest.mark.parametrize("written", [ENCODED + "%", ENCODED[:-1], quote(ENCODED), "%zz", "%", "%4", "%00", "%41" * 2000])
def test_a_querys_key_that_is_not_exactly_the_key_is_401(written: str, gateway: Gateway) -> None:
    assert ask(gateway, f"/v1/models?key={written}", key=None).status == 401
