"""Plain answers, by their bytes."""

import orjson
import pytest

from fastgate.mock import MockServer
from tests.mock.raw import CHAT, MESSAGES, ask, build_request, chat, connect, fields_of, message, read_until, status_of, unchunk


def test_the_same_request_gets_the_same_bytes_and_another_one_does_not() -> None:
    with MockServer() as mock:
        first = ask(mock, CHAT, chat())
        assert ask(mock, CHAT, chat()) == first
        assert ask(mock, CHAT, chat(seed=1)) != first
    with MockServer() as mock:
        assert ask(mock, CHAT, chat()) == first


def test_long_bodies_that_differ_only_in_their_middle_get_different_answers() -> None:
    bodies = [chat(padding="x" * 10_000 + middle + "x" * 10_000) for middle in "abab"]
    with MockServer() as mock:
        first, second, third, fourth = (ask(mock, CHAT, body) for body in bodies)
    assert (first, second) == (third, fourth)
    assert first != second


def test_a_chat_answer_echoes_the_model_and_counts_its_tokens() -> None:
    body = orjson.dumps(chat(model="any/name?tokens=7"))
    with MockServer() as mock:
        head, rest = ask(mock, CHAT, body)
    answer = orjson.loads(rest)
    assert status_of(head) == 200
    assert fields_of(head)["content-length"] == str(len(rest))
    assert answer["model"] == "any/name?tokens=7"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert len(answer["choices"][0]["message"]["content"].split()) == 7
    usage = answer["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (len(body) // 4, 7, len(body) // 4 + 7)


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_the_callers_limit_ends_an_answer_with_length(limit: str) -> None:
    with MockServer() as mock:
        answer = orjson.loads(ask(mock, CHAT, {**chat(), limit: 3})[1])
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize(("target", "body"), [(CHAT, chat()), (MESSAGES, message()), ("/v1/completions", {"model": "m", "prompt": "x"})])
@pytest.mark.parametrize("size", [900, 4_096, 102_400])
def test_a_plain_body_has_exactly_the_wanted_size(target: str, body: object, size: int) -> None:
    with MockServer() as mock:
        head, rest = ask(mock, target, body, f"size={size}")
    assert len(rest) == size
    assert fields_of(head)["content-length"] == str(size)
    orjson.loads(rest)


def test_a_range_of_tokens_is_used_and_the_same_request_has_the_same_number() -> None:
    with MockServer("tokens=5-9") as mock:
        counts = [orjson.loads(ask(mock, CHAT, chat(seed=seed))[1])["usage"]["completion_tokens"] for seed in range(30)]
        assert set(counts) == {5, 6, 7, 8, 9}
        assert [orjson.loads(ask(mock, CHAT, chat(seed=seed))[1])["usage"]["completion_tokens"] for seed in range(30)] == counts


def test_a_body_may_be_chunked_or_end_with_the_connection() -> None:
    with MockServer() as mock:
        plain = ask(mock, CHAT, chat(), "framing=length")[1]
        head, rest = ask(mock, CHAT, chat(), "framing=chunked")
        assert fields_of(head)["transfer-encoding"] == "chunked"
        assert len(b"".join(unchunk(rest))) == len(plain)
        head, rest = ask(mock, CHAT, chat(), "framing=close")
    assert not {"content-length", "transfer-encoding"} & set(fields_of(head))
    assert len(rest) == len(plain)


def test_interim_answers_come_before_the_final_one() -> None:
    with MockServer() as mock:
        head, rest = ask(mock, CHAT, chat(), "interim=2")
        second, _, rest = rest.partition(b"\r\n\r\n")
        final, _, _ = rest.partition(b"\r\n\r\n")
    assert [status_of(each) for each in (head, second, final)] == [103, 103, 200]


def test_a_connection_serves_one_request_after_another() -> None:
    request = build_request(CHAT, chat(), keep=True)
    with MockServer() as mock, connect(mock) as sock:
        for _ in range(3):
            sock.sendall(request)
            assert read_until(sock, b'"fp_mock"}').startswith(b"HTTP/1.1 200 OK\r\n")
        assert mock.counters.requests == 3


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [(400, "invalid_request_error", None), (401, "invalid_request_error", "invalid_api_key"), (429, "requests", "rate_limit_exceeded"),
     (500, "server_error", None), (502, "server_error", None), (503, "server_error", "service_unavailable")],
)  # fmt: skip
def test_an_asked_for_error_has_the_openai_form(status: int, kind: str, code: str | None) -> None:
    with MockServer() as mock:
        head, rest = ask(mock, CHAT, chat(stream=True), f"status={status}")
    error = orjson.loads(rest)["error"]
    assert status_of(head) == status
    assert (error["type"], error["param"], error["code"]) == (kind, None, code)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ],
)
def test_an_asked_for_error_has_the_anthropic_form(status: int, kind: str) -> None:
    with MockServer() as mock:
        head, rest = ask(mock, MESSAGES, message(), f"error={status}")
    answer = orjson.loads(rest)
    assert status_of(head) == status
    assert (answer["type"], answer["error"]["type"]) == ("error", kind)
    assert fields_of(head)["request-id"] == answer["request_id"]


@pytest.mark.parametrize(("given", "seconds", "milliseconds"), [("2", "2", "2000"), ("0.5", "1", "500"), ("0", "0", "0")])
def test_retry_after_is_whole_seconds_rounded_up_beside_exact_milliseconds(given: str, seconds: str, milliseconds: str) -> None:
    with MockServer() as mock:
        fields = fields_of(ask(mock, CHAT, chat(), f"status=429, retry_after={given}")[0])
    assert (fields["retry-after"], fields["retry-after-ms"]) == (seconds, milliseconds)


def test_an_error_rate_is_kept_and_the_same_seed_draws_the_same_errors() -> None:
    drawn = []
    for _ in range(2):
        with MockServer("error_rate=0.3", seed=7) as mock:
            drawn.append([status_of(ask(mock, CHAT, chat())[0]) for _ in range(60)])
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {200, 500}
    assert 8 <= drawn[0].count(500) <= 28


@pytest.mark.parametrize(
    ("target", "body", "x_mock", "named"),
    [
        (CHAT, chat(), "ttft=abc", 'x-mock: parameter "ttft"'),
        (CHAT, chat(model="m?delay=5"), "", 'model: parameter "delay"'),
        (MESSAGES, message(model="m?nothing=5"), "", 'model: unknown parameter "nothing"'),
        (CHAT, b"{", "", "not JSON"),
        (CHAT, b"[]", "", "not a JSON object"),
        (CHAT, {"model": "m"}, "", "messages"),
        (CHAT, {"messages": []}, "", "model"),
        (CHAT, chat(max_tokens=0), "", "max_tokens"),
        (MESSAGES, chat(), "", "max_tokens"),
        ("/v1/embeddings", {"model": "m"}, "", "input"),
        ("/v1/audio/transcriptions", b"nothing", "", "multipart/form-data"),
    ],
)
def test_what_cannot_be_answered_is_a_400_that_names_it(target: str, body: object, x_mock: str, named: str) -> None:
    with MockServer() as mock:
        head, rest = ask(mock, target, body, x_mock)
    assert status_of(head) == 400
    assert named in orjson.loads(rest)["error"]["message"]


def test_the_field_wins_over_the_model_and_the_model_over_the_default() -> None:
    with MockServer("tokens=3") as mock:
        counts = [
            orjson.loads(ask(mock, CHAT, chat(model=model), x_mock)[1])["usage"]["completion_tokens"]
            for model, x_mock in (("m", ""), ("m?tokens=4", ""), ("m?tokens=4", "tokens=5"))
        ]
    assert counts == [3, 4, 5]


def test_an_unknown_path_is_404_and_a_wrong_method_405() -> None:
    with MockServer() as mock:
        assert status_of(ask(mock, "/v1/nothing", b"{}")[0]) == 404
        assert status_of(ask(mock, "/v1", b"")[0]) == 404
        assert status_of(ask(mock, "*", b"", method="OPTIONS")[0]) == 404
        assert status_of(ask(mock, CHAT, b"", method="GET")[0]) == 405


@pytest.mark.parametrize("prefix", ["", "/v1", "/openai/v1", "/openai/deployments/gpt-4o"])
def test_the_operation_is_found_behind_every_usual_prefix(prefix: str) -> None:
    with MockServer() as mock:
        head, rest = ask(mock, f"{prefix}/chat/completions?api-version=2024-10-21", {"messages": []} if "deployments" in prefix else chat())
    assert status_of(head) == 200
    assert orjson.loads(rest)["model"] == ("gpt-4o" if "deployments" in prefix else "mock-model")


def test_what_arrived_is_recorded_byte_for_byte() -> None:
    body = b'{ "model":"m",\t"messages":[ ] , "x": 1.0e0 }'
    with MockServer() as mock:
        ask(mock, CHAT, body, "tokens=2")
        received = mock.received[0]
    assert (received.method, received.target, received.body) == ("POST", CHAT, body)
    assert received.fields["x-mock"] == "tokens=2"


def test_no_connection_outlives_its_client() -> None:
    with MockServer() as mock:
        for x_mock in ("", "cut=after:1", "framing=close"):
            ask(mock, CHAT, chat(), x_mock)
        # What the earlier clients' ends brought was handled before this one's request.
        with connect(mock) as sock:
            sock.sendall(build_request(CHAT, chat(), keep=True))
            read_until(sock, b'"fp_mock"}')
            assert mock.live()["connections"] == 1
