"""Every public path: where it leads upstream, what bodies it takes, and what it says when it leads nowhere."""

from collections.abc import Iterator

import orjson
import pytest

from tests.support.answers import completion, plain
from tests.support.gateway import Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Upstream, send
from tests.support.wire import Response, chat, message, request

JSON_PATHS = [
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/moderations",
    "/images/generations",
    "/audio/speech",
    "/rerank",
    "/responses",
]
FORM_PATHS = ["/audio/transcriptions", "/audio/translations", "/images/edits"]
BOUNDARY = "b0undary'()+_,-./:=?"
FORM = f'multipart/form-data; boundary="{BOUNDARY}"'


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    models = (
        openai_model("group-a", upstream.port),
        openai_model("wild/*", upstream.port, model="*"),
        anthropic_model("claude", upstream.port),
    )
    with Gateway(configuration(*models, cors_origins=["https://app.example"])) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())))


def ask(
    gateway: Gateway, target: str, body: bytes = b"", *fields: str, method: str = "POST", content_type: str = "application/json"
) -> Response:
    with gateway.client() as client:
        return client.exchange(request(target, body, *fields, method=method, content_type=content_type), method)


@pytest.mark.parametrize("path", JSON_PATHS)
@pytest.mark.parametrize("prefix", ["/v1", ""])
def test_a_json_path_leads_to_the_same_path_of_the_provider(prefix: str, path: str, gateway: Gateway, upstream: Upstream) -> None:
    assert ask(gateway, prefix + path, b'{"model":"group-a","input":"hi"}').status == 200
    assert upstream.request().target == b"/v1" + path.encode()
    assert upstream.request().body == b'{"model":"up-model","input":"hi"}'


def form(*parts: tuple[str, bytes]) -> bytes:
    made = b"".join(b"--%s\r\n%s\r\n\r\n%s\r\n" % (BOUNDARY.encode(), head.encode(), content) for head, content in parts)
    return made + f"--{BOUNDARY}--\r\n".encode()


# Holds what looks like the end of a part and the model's field, but for the boundary.
SOUND = bytes(range(256)) * 20 + b'\r\n--b0undary\r\nContent-Disposition: form-data; name="model"\r\n\r\ngroup-a\r\n'
MODEL = 'Content-Disposition: form-data; name="model"'
FILE = 'Content-Disposition: form-data; name="file"; filename="model.wav"\r\nContent-Type: audio/wav'
FORMAT = 'Content-Disposition: form-data; name="response_format"'


@pytest.mark.parametrize("path", FORM_PATHS)
@pytest.mark.parametrize("prefix", ["/v1", ""])
def test_a_form_path_leads_to_the_same_path_of_the_provider(prefix: str, path: str, gateway: Gateway, upstream: Upstream) -> None:
    assert ask(gateway, prefix + path, form((MODEL, b"group-a"), (FILE, SOUND)), content_type=FORM).status == 200
    assert upstream.request().target == b"/v1" + path.encode()


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)], ids=["model first", "model between", "model last"])
def test_in_a_form_only_the_models_field_is_replaced(order: tuple[int, ...], gateway: Gateway, upstream: Upstream) -> None:
    parts = [(MODEL, b"group-a"), (FILE, SOUND), (FORMAT, b"srt")]
    sent = form(*(parts[at] for at in order))
    parts[0] = (MODEL, b"up-model")
    assert ask(gateway, "/v1/audio/transcriptions", sent, content_type=FORM).status == 200
    assert upstream.request().body == form(*(parts[at] for at in order))
    assert upstream.request().field("content-type") == FORM.encode()


@pytest.mark.parametrize(
    "body",
    [
        form((FILE, SOUND)),
        form((MODEL, b"group-a"), (MODEL, b"group-a")),
        form((MODEL, b"group-a"))[:-6],
        b"hello",
        b"",
    ],
    ids=["no model", "two models", "cut short", "no form", "nothing"],
)
def test_a_form_without_one_model_is_400(body: bytes, gateway: Gateway, upstream: Upstream) -> None:
    assert ask(gateway, "/v1/audio/transcriptions", body, content_type=FORM).status == 400
    assert upstream.requests == []


def test_a_form_without_a_boundary_is_400(gateway: Gateway) -> None:
    assert ask(gateway, "/v1/audio/transcriptions", form((MODEL, b"group-a")), content_type="multipart/form-data").status == 400


def test_a_text_answer_is_left_alone(gateway: Gateway, upstream: Upstream) -> None:
    text = b'1\n00:00:00,000 --> 00:00:01,000\n{"model":"up-model"}\n'
    upstream.serve(send(plain(text, content_type="text/plain; charset=utf-8")))
    answer = ask(gateway, "/v1/audio/transcriptions", form((MODEL, b"group-a"), (FILE, SOUND)), content_type=FORM)
    assert (answer.body, answer.field("content-type")) == (text, b"text/plain; charset=utf-8")


def test_a_binary_answer_is_left_alone(gateway: Gateway, upstream: Upstream) -> None:
    sound = b'{"model":"up-model"}' + bytes(range(256)) * 400
    upstream.serve(send(plain(sound, content_type="audio/mpeg")))
    answer = ask(gateway, "/v1/audio/speech", b'{"model":"group-a","input":"hi","voice":"a"}')
    assert (answer.body, answer.field("content-type")) == (sound, b"audio/mpeg")


AZURE = "/openai/deployments/{}/chat/completions?api-version=2024-10-21"


def test_an_azure_style_path_names_the_model(gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, AZURE.format("group-a"), chat("ignored"))
    assert answer.json()["model"] == "group-a"
    assert upstream.request().target == b"/v1/chat/completions"
    assert upstream.request().body == chat("up-model")


def test_an_azure_style_path_needs_no_model_in_the_body(gateway: Gateway, upstream: Upstream) -> None:
    assert ask(gateway, AZURE.format("group-a"), b'{"messages":[]}').status == 200
    assert orjson.loads(upstream.request().body) == {"model": "up-model", "messages": []}


def test_an_azure_style_path_with_an_unknown_model_is_404(gateway: Gateway) -> None:
    assert ask(gateway, AZURE.format("nope"), chat()).status == 404


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
def test_models_are_listed(path: str, gateway: Gateway) -> None:
    answer = ask(gateway, path, method="GET").json()
    assert answer["object"] == "list"
    assert isinstance(answer["data"], list)
    assert [entry["id"] for entry in answer["data"]] == ["group-a", "wild/*", "claude"]
    assert {entry["object"] for entry in answer["data"]} == {"model"}
    assert all({"created", "owned_by"} <= set(entry) for entry in answer["data"])


@pytest.mark.parametrize("path", ["/v1/models/", "/models/"])
def test_a_model_can_be_looked_up(path: str, gateway: Gateway) -> None:
    assert ask(gateway, path + "group-a", method="GET").json()["id"] == "group-a"
    unknown = ask(gateway, path + "nope", method="GET")
    assert unknown.status == 404
    assert unknown.error()["code"] == "model_not_found"


def test_an_empty_model_is_no_model(gateway: Gateway, upstream: Upstream) -> None:
    assert ask(gateway, "/v1/chat/completions", chat("")).status in (400, 404)
    assert upstream.requests == []


def test_an_unknown_model_is_404_in_the_openai_shape(gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, "/v1/chat/completions", chat("group-b"))
    assert answer.status == 404
    assert set(answer.error()) == {"message", "type", "param", "code"}
    assert answer.error()["code"] == "model_not_found"
    assert "group-b" in str(answer.error()["message"])
    assert upstream.requests == []


def test_an_unknown_model_is_404_in_the_anthropic_shape(gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, "/v1/messages", message("group-b"))
    assert answer.status == 404
    assert answer.json()["type"] == "error"
    assert answer.error()["type"] == "not_found_error"
    assert upstream.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat",
        "/v1/chat/completions/",
        "/v1//chat/completions",
        "/V1/chat/completions",
        "/v2/chat/completions",
        "/v1/%63hat/completions",
    ],
)
def test_an_unknown_path_is_404_in_the_openai_shape(path: str, gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, path, chat())
    assert answer.status == 404
    assert set(answer.error()) == {"message", "type", "param", "code"}
    assert upstream.requests == []


def test_an_operation_that_no_dialect_shares_is_501_at_a_deployment_of_another(gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, "/v1/moderations", b'{"model":"claude","input":"x"}')
    assert answer.status == 501
    assert answer.error()["code"] == "dialect_not_supported"
    assert upstream.requests == []


def test_tokens_are_counted_by_the_anthropic_deployment(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(b'{"input_tokens":14}')))
    assert ask(gateway, "/v1/messages/count_tokens", b'{"model":"claude","messages":[]}').body == b'{"input_tokens":14}'
    assert upstream.request().target == b"/v1/messages/count_tokens"
    assert upstream.request().body == b'{"model":"claude-up","messages":[]}'


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1/responses/resp_1"),
        ("DELETE", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("GET", "/v1/responses/resp_1/input_items"),
    ],
)
def test_a_stored_response_is_asked_for_where_it_is(method: str, target: str, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(b'{"id":"resp_1","object":"response"}')))
    assert ask(gateway, target, method=method).body == b'{"id":"resp_1","object":"response"}'
    assert (upstream.request().method, upstream.request().target) == (method.encode(), target.encode())
    assert upstream.request().body == b""


STORED = {
    ("GET", "/v1/files"): b"",
    ("GET", "/v1/files/file-1"): b"",
    ("DELETE", "/v1/files/file-1"): b"",
    ("GET", "/v1/files/file-1/content"): b"",
    ("GET", "/v1/batches"): b"",
    ("GET", "/v1/batches/batch_1"): b"",
    ("POST", "/v1/batches/batch_1/cancel"): b"",
    ("POST", "/v1/batches"): b'{"input_file_id":"file-1","endpoint":"/v1/chat/completions","completion_window":"24h"}',
}


@pytest.mark.parametrize(("asked", "body"), STORED.items(), ids=[" ".join(asked) for asked in STORED])
def test_files_and_batches_are_the_providers(asked: tuple[str, str], body: bytes, gateway: Gateway, upstream: Upstream) -> None:
    method, target = asked
    assert ask(gateway, target, body, method=method).status == 200
    assert (upstream.request().method, upstream.request().target) == (method.encode(), target.encode())
    assert upstream.request().body == body


@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson", "text/event-stream", "application/octet-stream"])
def test_a_files_content_keeps_its_own_model(content_type: str, gateway: Gateway, upstream: Upstream) -> None:
    content = b'{"model":"its-own","response":{"model":"its-own"}}\n' * 3
    upstream.serve(send(plain(content, content_type=content_type)))
    answer = ask(gateway, "/v1/files/file-1/content?model=group-a", method="GET")
    assert (answer.body, answer.field("content-type")) == (content, content_type.encode())


def test_a_file_is_sent_on_byte_for_byte(gateway: Gateway, upstream: Upstream) -> None:
    sent = form(('Content-Disposition: form-data; name="purpose"', b"batch"), (FILE, SOUND))
    assert ask(gateway, "/v1/files", sent, content_type=FORM).status == 200
    assert upstream.request().body == sent
    assert upstream.request().field("content-type") == FORM.encode()


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/liveness", "/health/readiness", "/health", "/"])
def test_the_gateway_says_that_it_is_well(path: str, gateway: Gateway) -> None:
    assert ask(gateway, path, method="GET").status == 200
    assert ask(gateway, path, method="HEAD").status == 200


def test_a_preflight_of_an_allowed_origin_is_granted(gateway: Gateway) -> None:
    fields = "Origin: https://app.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization"
    answer = ask(gateway, "/v1/chat/completions", b"", *fields, method="OPTIONS")
    assert answer.status in (200, 204)
    assert answer.field("access-control-allow-origin") == b"https://app.example"
    assert b"POST" in (answer.field("access-control-allow-methods") or b"")
    assert (
        b"authorization" in (answer.field("access-control-allow-headers") or b"").lower()
        or answer.field("access-control-allow-headers") == b"*"
    )


def test_a_preflight_of_another_origin_is_not_granted(gateway: Gateway) -> None:
    fields = "Origin: https://evil.example", "Access-Control-Request-Method: POST"
    assert ask(gateway, "/v1/chat/completions", b"", *fields, method="OPTIONS").field("access-control-allow-origin") is None


def test_an_allowed_origin_may_read_answers_and_errors(gateway: Gateway) -> None:
    for body in (chat(), chat("nope")):
        answer = ask(gateway, "/v1/chat/completions", body, "Origin: https://app.example")
        assert answer.field("access-control-allow-origin") == b"https://app.example"
        assert b"origin" in (answer.field("vary") or b"").lower()


def test_another_origin_may_not_read_answers(gateway: Gateway) -> None:
    answer = ask(gateway, "/v1/chat/completions", chat(), "Origin: https://evil.example")
    assert answer.field("access-control-allow-origin") is None
