"""What reading a multipart form costs: time in line with its length, whatever it is made of."""

import time
from collections.abc import Iterator

import pytest

from tests.support.answers import completion, plain
from tests.support.gateway import SCALE, Gateway, configuration, openai_model
from tests.support.upstream import Upstream, send
from tests.support.wire import request

FORM = "multipart/form-data; boundary=XX"
FORM_BYTES = 800_000
# A form of that length is read in a few milliseconds for each 100 KB; quadratic time is seconds.
PATIENCE_S = 0.75 * SCALE
MODEL = b'Content-Disposition: form-data; name="model"\r\n\r\ngroup-a'


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running.serve(send(plain(completion())))


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(openai_model("group-a", upstream.port))) as running:
        yield running


def form(part: bytes) -> bytes:
    """Return a form of *part* over and over; its head's end, if any, is the last part's."""
    return b"--XX" + (b"\r\n" + part + b"\r\n--XX") * (FORM_BYTES // (len(part) + 8))


SMALL_PARTS = {
    "parts without a head's end": (form(b"a") + b"\r\n\r\n", 400),
    "parts of nothing": (form(b"") + b"--\r\n", 400),
    "parts with a head alone": (form(b"A: b\r\n\r\n") + b"--\r\n", 400),
    "parts with a name, and the model last": (
        form(b'Content-Disposition: form-data; name="a"\r\n\r\nx') + b"\r\n" + MODEL + b"\r\n--XX--\r\n",
        200,
    ),
    "beginnings of boundaries": (b"--XX\r\n" + MODEL + b"\r\n--X" * (FORM_BYTES // 5) + b"\r\n--XX--\r\n", None),
}


@pytest.mark.parametrize(("body", "status"), SMALL_PARTS.values(), ids=SMALL_PARTS.keys())
def test_a_form_of_very_many_tiny_parts_holds_up_nobody(body: bytes, status: int | None, gateway: Gateway) -> None:
    with gateway.client() as client, gateway.client() as other:
        began = time.monotonic()
        client.send(request("/v1/audio/transcriptions", body, content_type=FORM))
        assert other.exchange(b"GET /health/liveliness HTTP/1.1\r\nHost: a\r\n\r\n").status == 200
        answer = client.read_response()
        took_s = time.monotonic() - began
    assert status is None or answer.status == status, answer.raw
    assert took_s < PATIENCE_S


def test_a_form_at_a_deployment_whose_bodies_are_changed_passes_as_it_is() -> None:
    body = b'--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\nup-model\r\n--XX\r\n'
    body += b'Content-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n{"max_tokens":1,"stream_options":{}}\r\n--XX--\r\n'
    with Upstream() as upstream:
        upstream.serve(send(plain(b"{}")))
        changed = openai_model("group-a", upstream.port, temperature=0.5, extra_body={"a": 1})
        with Gateway(configuration(changed)) as gateway, gateway.client() as client:
            asked = body.replace(b"up-model", b"group-a")
            sent = request("/v1/audio/transcriptions", asked, content_type="multipart/form-data; boundary=XX")
            assert client.exchange(sent).status == 200
            assert upstream.request().body == body
