"""What a provider receives and what a caller gets back, byte for byte: only the model's name changes."""

from collections.abc import Iterator

import orjson
import pytest

from tests.support.answers import DONE, answer_message, completion, delta, plain, stream, usage_event
from tests.support.gateway import Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Upstream, send
from tests.support.wire import Response, chat, message, request

ODD_NAME = 'grüße "a"\\b'


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    models = (
        openai_model("group-a", upstream.port),
        openai_model("same", upstream.port, model="same"),
        openai_model(ODD_NAME, upstream.port, model='up "ö"\\x'),
        openai_model("wild/*", upstream.port, model="*"),
        openai_model("deep/*", upstream.port, model="vendor/*-x"),
        anthropic_model("claude", upstream.port),
    )
    with Gateway(configuration(*models)) as running:
        upstream.fence = running.fence
        yield running


@pytest.fixture(autouse=True)
def _answers(upstream: Upstream) -> None:
    upstream.serve(send(plain(completion())))


def ask(gateway: Gateway, body: bytes, target: str = "/v1/chat/completions") -> Response:
    with gateway.client() as client:
        return client.exchange(request(target, body))


A = b'"group-a"'
UP = b'"up-model"'

# Sent, then what the provider gets: `@` stands for the model's name.
BODIES = {
    "the model comes first": b'{"model":@,"messages":[]}',
    "the model comes last": b'{"messages":[],"model":@}',
    "the model comes alone": b'{"model":@}',
    "there is whitespace everywhere": b' \t\r\n{ "messages" : [ ] ,\n\t"model" \r\n: @ } \n',
    "the key is escaped": b'{"mod\\u0065l":@,"messages":[]}',
    "every letter of the key is escaped": b'{"\\u006d\\u006f\\u0064\\u0065\\u006C":@,"messages":[]}',
    "other objects have models": b'{"a":{"model":"group-a"},"b":[{"model":"group-a"}],"model":@,"c":{"d":{"model":1}}}',
    "strings look like keys": b'{"a":"\\"model\\":\\"x\\"","b":"{\\"model\\":","model":@}',
    "strings end in backslashes": b'{"a":"\\\\","b":"\\\\\\"","c\\\\":"","model":@}',
    "keys resemble the key": b'{"models":["group-a"],"Model":"b","mode":"c","model ":"d","model":@,"modelx":"group-a"}',
    "the value of another key is the key": b'{"a":"model","b":"group-a","model":@}',
    "numbers have any size": b'{"a":123456789012345678901234567890,"b":-0.0,"c":1.5E+400,"d":1e-9,"model":@}',
    "numbers have many digits": b'{"a":0.1000000000000000055511151231257827021181583404541015625,"model":@,"e":' + b"9" * 5000 + b"}",
    "literals": b'{"a":true,"b":false,"c":null,"model":@,"d":[],"e":{},"f":""}',
    "text is in any script": '{"messages":[{"role":"user","content":"żółć 日本語 🦊 \\ud83e\\udd8a \\u2028"}],"model":@}'.encode(),
    "text has line separators": '{"a":"\u2028\u2029\u0085","model":@}'.encode(),
    "text has every escape": b'{"a":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f","model":@}',
    "text holds header lines": b'{"a":"\\r\\nX-Evil: 1\\r\\n\\r\\nGET / HTTP/1.1","model":@}',
    "other keys come twice": b'{"a":1,"a":2,"model":@,"x":{"model":1,"model":2}}',
    "keys are empty": b'{"":1,"model":@,"b":{"":{"":[]}}}',
    "arrays nest deep": b'{"a":' + b"[" * 100 + b"]" * 100 + b',"model":@}',
    "fields are unknown": b'{"new_field_of_next_year":{"x":[1,2,{"y":null}]},"model":@,"top_k":5}',
    "stream is false": b'{"model":@,"stream":false}',
    "stream is null": b'{"model":@,"stream":null}',
    "stream is false and has options": b'{"model":@,"stream":false,"stream_options":null}',
    "only a nested object streams": b'{"model":@,"metadata":{"stream":true}}',
    "it is large": b'{"messages":[{"role":"user","content":"' + b"word " * 60_000 + b'"}],"model":@}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_only_the_models_value_changes(body: bytes, gateway: Gateway, upstream: Upstream) -> None:
    assert ask(gateway, body.replace(b"@", A)).status == 200
    assert upstream.request().body == body.replace(b"@", UP)


@pytest.mark.parametrize("written", [b'"group-a"', b'"group\\u002da"', b'"\\u0067roup-a"', b'"gr\\u006Fup-a"'])
def test_the_models_value_is_understood_however_it_is_written(written: bytes, gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, b'{"model":' + written + b"}")
    assert upstream.request().body == b'{"model":"up-model"}'
    assert answer.json()["model"] == "group-a"


def test_a_name_that_needs_escapes_is_escaped_in_both_directions(gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, orjson.dumps({"model": ODD_NAME, "n": 1}))
    assert orjson.loads(upstream.request().body) == {"model": 'up "ö"\\x', "n": 1}
    assert answer.json()["model"] == ODD_NAME


def test_a_wildcards_match_is_sent_on(gateway: Gateway, upstream: Upstream) -> None:
    ask(gateway, b'{"model":"wild/some/model:1"}')
    assert upstream.request().body == b'{"model":"some/model:1"}'


def test_a_wildcards_match_fills_the_deployments_pattern(gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, b'{"model":"deep/m"}')
    assert upstream.request().body == b'{"model":"vendor/m-x"}'
    assert answer.json()["model"] == "deep/m"


@pytest.mark.parametrize("fox", ["\\ud83e\\udd8a", "🦊"])
def test_a_wildcards_match_beyond_ascii_is_sent_on(fox: str, gateway: Gateway, upstream: Upstream) -> None:
    ask(gateway, f'{{"model":"wild/{fox}"}}'.encode())
    assert orjson.loads(upstream.request().body) == {"model": "🦊"}


@pytest.mark.parametrize("name", ["a\r\nX-Evil: 1", "a\nb", 'a"b', "a\\b", "a\0b", "../../x"])
def test_a_name_can_only_become_a_json_string(name: str, gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, orjson.dumps({"model": f"wild/{name}"}))
    assert b"Evil" not in answer.head.raw
    if answer.status == 200:
        sent = upstream.request()
        assert orjson.loads(sent.body) == {"model": name}
        assert sent.target == b"/v1/chat/completions"
        assert b"Evil" not in sent.head
        assert answer.json()["model"] == f"wild/{name}"
    else:
        assert answer.status in (400, 404)
        assert upstream.requests == []


# Sent, what is taken out of it, and what the provider must understand the rest as.
STREAMS = {
    "no options": (b'{"model":@,"stream":true}', b""),
    "no options and the stream first": (b'{"stream":true,"messages":[{"stream_options":1}],"model":@}', b""),
    "no options and whitespace": (b'{\n  "model": @,\n  "stream": true\n}\n', b""),
    "empty options": (b'{"model":@,"stream":true,"stream_options":{}}', b""),
    "empty options with a space": (b'{"model":@,"stream_options":{ },"stream":true}', b""),
    "other options": (b'{"model":@,"stream":true,"stream_options":{"include_obfuscation":false}}', b""),
    "null options": (b'{"model":@,"stream":true,"stream_options":null}', b"null"),
    "usage refused": (b'{"model":@,"stream":true,"stream_options":{"include_usage":false}}', b"false"),
    "usage refused among others": (
        b'{"stream_options":{"a":[1,{"include_usage":false}],"include_usage":false},"model":@,"stream":true}',
        b"false",
    ),
    "usage null": (b'{"model":@,"stream":true,"stream_options":{"include_usage":null}}', b"null"),
    "escaped keys": (b'{"model":@,"str\\u0065am":true,"stream\\u005foptions":{"include\\u005fusage":false}}', b"false"),
}


def one_edit(before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """Return what one contiguous edit took out of *before* and put in."""
    start = 0
    while start < len(before) and start < len(after) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end], after[start : len(after) - end]


@pytest.mark.parametrize(("body", "removed"), STREAMS.values(), ids=STREAMS.keys())
def test_a_stream_asks_for_usage_by_one_edit(body: bytes, removed: bytes, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(stream(delta(), usage_event(), DONE)))
    answer = ask(gateway, body.replace(b"@", A))
    sent = upstream.request().body
    wanted = orjson.loads(body.replace(b"@", UP))
    wanted["stream_options"] = (wanted.get("stream_options") or {}) | {"include_usage": True}
    assert orjson.loads(sent) == wanted
    taken, put = one_edit(body.replace(b"@", UP), sent)
    assert put
    assert len(taken) <= len(removed)
    assert answer.body == delta(model="group-a") + DONE


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":@,"stream":true,"stream_options":{"include_usage":true}}',
        b'{"stream_options" : { "x":{}, "include_usage" : true } ,"stream":true,"model":@}',
        b'{"model":@,"stream":true,"stream_options":{"include\\u005fusage":true}}',
    ],
)
def test_a_stream_that_asks_for_usage_is_left_alone_and_gets_it(body: bytes, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(stream(delta(), usage_event(), DONE)))
    answer = ask(gateway, body.replace(b"@", A))
    assert upstream.request().body == body.replace(b"@", UP)
    assert answer.body == delta(model="group-a") + usage_event("group-a") + DONE


@pytest.mark.parametrize(
    "options",
    [
        *(b"[]", b"[{}]", b'"yes"', b'""', b"1", b"0", b"-1", b"true", b"false"),
        *(b'{"include_usage":%s}' % value for value in (b"1", b"0", b'"true"', b'"false"', b"{}", b"[]", b'{"include_usage":false}')),
    ],
)
def test_stream_options_that_are_none_are_the_providers_to_refuse(options: bytes, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(stream(delta(), usage_event(), DONE)))
    body = b'{"model":@,"stream":true,"stream_options":%s,"n":1}' % options
    answer = ask(gateway, body.replace(b"@", A))
    assert upstream.request().body == body.replace(b"@", UP)
    assert answer.body == delta(model="group-a") + usage_event("group-a") + DONE


def test_a_legacy_completion_stream_asks_for_usage_too(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(stream(delta(), usage_event(), DONE)))
    answer = ask(gateway, b'{"model":"group-a","prompt":"hi","stream":true}', "/v1/completions")
    assert orjson.loads(upstream.request().body)["stream_options"] == {"include_usage": True}
    assert answer.body == delta(model="group-a") + DONE


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/v1/responses", b'{"model":"group-a","input":"hi","stream":true}'),
        ("/v1/audio/speech", b'{"model":"group-a","input":"hi","voice":"a","stream":true}'),
        ("/v1/messages", b'{"model":"claude","max_tokens":1,"messages":[],"stream":true}'),
    ],
)
def test_streams_that_know_no_such_option_are_not_asked_for_usage(target: str, body: bytes, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(stream(b'event: ping\ndata: {"type":"ping"}\n\n')))
    ask(gateway, body, target)
    assert upstream.request().body == body.replace(A, UP).replace(b'"claude"', b'"claude-up"')


KEPT_EVENTS = {
    "an event with usage and choices": b'data: {"model":@,"choices":[{"index":0,"delta":{}}],"usage":{"total_tokens":1}}\n\n',
    "an event without choices or usage": b'data: {"model":@,"choices":[],"prompt_filter_results":[{"prompt_index":0}]}\n\n',
    "an event without choices whose usage is null": b'data: {"model":@,"choices":[],"usage":null}\n\n',
    "an event with usage null": b'data: {"model":@,"choices":[{"index":0,"delta":{"content":"a"}}],"usage":null}\n\n',
    "an event whose text looks like usage": b'data: {"model":@,"choices":[{"delta":{"content":"\\"choices\\":[],\\"usage\\":{}"}}]}\n\n',
    "an in-band error": b'data: {"error":{"message":"no","type":"x","param":null,"code":null}}\n\n',
    "an event with the model last": b'data: {"choices":[{"model":"up-model","delta":{}}],"model":@}\n\n',
    "an event with an escaped slash and spaces": b'data:  { "id" : "a\\/b" , "model" : @ , "choices" : [ ] }\n\n',
    "an event without a space after the colon": b'data:{"model":@,"choices":[]}\n\n',
    "an event with a name and an id": b'event: x\nid: 7\nretry: 3\ndata: {"model":@,"choices":[]}\n\n',
    "an event of two data lines": b'data: {"model":@,\ndata: "choices":[]}\n\n',
    "an event that is no json": b"data: hello\n\n",
    "an event that is not an object": b"data: [1,2]\n\n",
}


@pytest.mark.parametrize("event", KEPT_EVENTS.values(), ids=KEPT_EVENTS.keys())
@pytest.mark.parametrize("asked", [True, False], ids=["usage asked", "usage not asked"])
def test_an_event_passes_with_only_its_model_replaced(event: bytes, asked: bool, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(stream(delta(), event.replace(b"@", UP), DONE)))
    answer = ask(gateway, chat(stream=True, usage=asked))
    assert answer.body == delta(model="group-a") + event.replace(b"@", A) + DONE


def test_the_usage_event_is_known_by_what_it_says_and_not_by_its_place(gateway: Gateway, upstream: Upstream) -> None:
    odd = b'data: {"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2},"choices" : [ ],"model":"up-model"}\n\n'
    upstream.serve(send(stream(odd, delta(), DONE)))
    assert ask(gateway, chat(stream=True)).body == delta(model="group-a") + DONE


ANSWERS = {
    "the model first": b'{"model":@,"choices":[]}',
    "the model last": b'{"choices":[],"model":@}',
    "no model": b'{"choices":[],"x":{"model":"up-model"}}',
    "models inside": b'{"choices":[{"model":"up-model"}],"model":@,"y":{"model":"up-model"}}',
    "whitespace": b'\n{ "id" : 1 ,\n "model" : @ }\n\n',
    "text that looks like it": b'{"choices":["\\"model\\":\\"up-model\\""],"model":@}',
    "odd numbers": b'{"a":1.0,"b":1e5,"c":123456789012345678901234567890,"model":@}',
    "a large body": b'{"choices":["' + b"word " * 60_000 + b'"],"model":@}',
    "a large body with the model first": b'{"model":@,"choices":["' + b"word " * 60_000 + b'"]}',
}


@pytest.mark.parametrize("body", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_passes_with_only_its_model_replaced(body: bytes, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(body.replace(b"@", UP))))
    assert ask(gateway, chat()).body == body.replace(b"@", A)


@pytest.mark.parametrize("model", [b'"group-a"', b'"up-model"', b'"up-model-2026-01-01"'], ids=["asked for", "deployed", "dated"])
def test_an_answers_model_is_what_the_caller_asked_for_whatever_it_was(model: bytes, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(b'{"model":%s}' % model)))
    assert ask(gateway, chat()).body == b'{"model":"group-a"}'


def test_a_chunked_answer_passes_with_only_its_model_replaced(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(
        send(stream(b'{"choices":[],"mod', b'el":"up-', b'model"}').replace(b"text/event-stream; charset=utf-8", b"application/json"))
    )
    assert ask(gateway, chat()).body == b'{"choices":[],"model":"group-a"}'


def test_a_message_passes_with_only_its_model_replaced(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(plain(answer_message())))
    answer = ask(gateway, message(), "/v1/messages")
    assert upstream.request().body == message("claude-up")
    assert upstream.request().target == b"/v1/messages"
    assert answer.body == answer_message(model="claude")


def test_a_message_stream_passes_with_only_the_model_of_its_start_replaced(gateway: Gateway, upstream: Upstream) -> None:
    start = b'event: message_start\ndata: {"type":"message_start","message":{"model":@,"content":[],"usage":{"input_tokens":3}}}\n\n'
    rest = b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\n'
    stop = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    upstream.serve(send(stream(start.replace(b"@", b'"claude-up"'), rest, stop)))
    answer = ask(gateway, message(stream=True), "/v1/messages")
    assert answer.body == start.replace(b"@", b'"claude"') + rest + stop


def test_a_responses_stream_passes_with_only_its_models_replaced(gateway: Gateway, upstream: Upstream) -> None:
    made = b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"r","model":@}}\n\n'
    text = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":1,"delta":"model"}\n\n'
    done = made.replace(b"created", b"completed")
    upstream.serve(send(stream(made.replace(b"@", UP), text, done.replace(b"@", UP))))
    answer = ask(gateway, b'{"model":"group-a","input":"hi","stream":true}', "/v1/responses")
    assert answer.body == made.replace(b"@", A) + text + done.replace(b"@", A)


INVALID = {
    "nothing": b"",
    "spaces": b"  ",
    "words": b"hello",
    "an array": b'[{"model":"group-a"}]',
    "a string": b'"group-a"',
    "an object cut short": b'{"model":"group-a"',
    "a string cut short": b'{"model":"group-a',
    "bytes behind the object": b'{"model":"group-a"}x',
    "a second object": b'{"model":"group-a"}{}',
    "a comma before the end": b'{"model":"group-a",}',
    "a missing comma": b'{"model":"group-a" "x":1}',
    "a missing colon": b'{"model" "group-a"}',
    "a missing value": b'{"model":}',
    "a bare key": b'{model:"group-a"}',
    "single quotes": b"{'model':'group-a'}",
    "a comment": b'{"model":"group-a"/**/}',
    "a control character in a string": b'{"model":"group-a","x":"\n"}',
    "an unknown escape": b'{"model":"group-a","x":"\\x41"}',
    "half an escape": b'{"model":"group-a","x":"\\u00g0"}',
    "a wrong literal": b'{"model":"group-a","x":True}',
    "a literal cut short": b'{"model":"group-a","x":tru}',
    "nan": b'{"model":"group-a","x":NaN}',
    "infinity": b'{"model":"group-a","x":-Infinity}',
    "a leading zero": b'{"model":"group-a","x":01}',
    "a plus sign": b'{"model":"group-a","x":+1}',
    "a dot without digits": b'{"model":"group-a","x":1.}',
    "an exponent without digits": b'{"model":"group-a","x":1e}',
    "a wrong nesting": b'{"model":"group-a","x":[}]',
    "an invalid utf-8 byte": b'{"model":"group-a","x":"\xff"}',
    "a utf-8 sequence cut short": b'{"model":"group-a","x":"\xe2\x82"}',
    "an overlong utf-8 sequence": b'{"model":"group-a","x":"\xc0\xaf"}',
    "an encoded surrogate": b'{"model":"group-a","x":"\xed\xa0\x80"}',
    "utf-16": '{"model":"group-a"}'.encode("utf-16"),
    "two models": b'{"model":"group-a","model":"group-a"}',
    "two models, one escaped": b'{"model":"group-a","mod\\u0065l":"claude"}',
    "two streams": b'{"model":"group-a","stream":false,"stream":true}',
    "no model": b'{"messages":[]}',
    "a model that is a number": b'{"model":1}',
    "a model that is null": b'{"model":null}',
    "a model that is an object": b'{"model":{"model":"group-a"}}',
}


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID.keys())
def test_an_invalid_body_is_400_and_goes_nowhere(body: bytes, gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, body)
    assert answer.status == 400, answer.raw
    assert set(answer.error()) == {"message", "type", "param", "code"}
    assert upstream.requests == []


@pytest.mark.parametrize("half", [b"\\ud800", b"\\uDBFF", b"\\udc00", b"\\ud800a", b"\\udc00\\ud800", b"a\\ud83e\\u0041"])
def test_a_model_with_half_of_a_surrogate_pair_is_told_so(half: bytes, gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, b'{"model":"group-%s"}' % half)
    assert answer.status == 400
    assert "surrogate" in str(answer.error()["message"])
    assert upstream.requests == []


def test_an_invalid_body_on_messages_is_an_anthropic_400(gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, b'{"model":', "/v1/messages")
    assert answer.status == 400
    assert answer.json()["type"] == "error"
    assert answer.error()["type"] == "invalid_request_error"
    assert upstream.requests == []
