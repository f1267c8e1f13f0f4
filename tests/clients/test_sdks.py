"""The official Python SDKs and curl, pointed at the gateway, work as they do against their own providers."""

from collections.abc import Iterator
from pathlib import Path

import anthropic
import openai
import orjson
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionUserMessageParam

from tests.support.answers import plain, stream
from tests.support.gateway import MASTER_KEY, Gateway, anthropic_model, configuration, openai_model
from tests.support.upstream import Step, Upstream, send, stall

CASES = Path(__file__).parent.parent / "cases"
HI: list[ChatCompletionMessageParam] = [ChatCompletionUserMessageParam(role="user", content="hi")]
TEXT = "Grüße aus Łódź! 42. \u2028"


def case(name: str) -> bytes:
    return (CASES / name).read_bytes()


def plain_case(name: str) -> Step:
    return send(plain(case(name)))


def stream_case(name: str) -> Step:
    return send(stream(*(event + b"\n\n" for event in case(name).split(b"\n\n")[:-1])))


def error(status: str, message: str = "no", *fields: str) -> Step:
    body = b'{"error":{"message":"%s","type":"t","param":"p","code":"c"}}' % message.encode()
    return send(plain(body, *fields, status=status))


def failing_first(status: str, answer: Step) -> Step:
    """Answer one request with *status*, and all others with *answer*."""
    steps = [answer, error(status, "try again", "retry-after-ms: 1")]
    return lambda peer: steps[-1](peer) if len(steps) == 1 else steps.pop()(peer)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(openai_model("gpt", upstream.port), anthropic_model("claude", upstream.port))) as running:
        yield running


@pytest.fixture
def gpt(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key=MASTER_KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def claude(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.base_url, api_key=MASTER_KEY, max_retries=0) as client:
        yield client


def async_gpt(gateway: Gateway) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=MASTER_KEY, max_retries=0)


def async_claude(gateway: Gateway) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=gateway.base_url, api_key=MASTER_KEY, max_retries=0)


def test_a_chat(gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(plain_case("openai/chat.json"))
    answer = gpt.chat.completions.create(model="gpt", messages=HI)
    assert answer.choices[0].message.content == "Grüße aus Łódź! \u2028 The answer is 42."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 33
    assert answer.model == "gpt"


def test_a_chat_with_its_raw_response(gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(plain_case("openai/chat.json"))
    raw = gpt.chat.completions.with_raw_response.create(model="gpt", messages=HI)
    assert raw.status_code == 200
    assert raw.request_id
    assert raw.content == case("openai/chat.json").replace(b"gpt-4o-mini-2024-07-18", b"gpt")
    assert raw.parse().id == "chatcmpl-CKa81LkdAq2T0Xh3Qp0RrSg6wX9bV"


def test_a_streamed_chat(gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(stream_case("openai/chat.sse"))
    chunks = list(gpt.chat.completions.create(model="gpt", messages=HI, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "stop"
    assert {chunk.model for chunk in chunks} == {"gpt"}


def test_a_streamed_chat_with_usage(gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(stream_case("openai/chat.sse"))
    asked = gpt.chat.completions.create(model="gpt", messages=HI, stream=True, stream_options={"include_usage": True})
    last = list(asked)[-1]
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == 26


def test_a_streamed_chat_accumulated_by_the_sdk(gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(stream_case("openai/chat_tool_call.sse"))
    with gpt.chat.completions.stream(model="gpt", messages=HI) as streamed:
        final = streamed.get_final_completion()
    assert final.choices[0].message.tool_calls is not None
    assert final.choices[0].message.tool_calls[0].function.arguments == '{"city":"Łódź"}'


def test_a_streamed_chat_that_is_left_early(gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(send(stream(case("openai/chat.sse"))[:-5]), stall)
    with gpt.chat.completions.create(model="gpt", messages=HI, stream=True) as streamed:
        assert next(iter(streamed)).choices[0].delta.role == "assistant"
    assert upstream.closed_at()


def test_a_streamed_chat_that_breaks_raises(gpt: openai.OpenAI, upstream: Upstream) -> None:
    broken = stream(case("openai/chat.sse").partition(b"\n\n")[0] + b"\n\n")[:-5]
    upstream.serve(send(broken), lambda peer: peer.close())
    with pytest.raises(openai.APIError):
        list(gpt.chat.completions.create(model="gpt", messages=HI, stream=True))


@pytest.mark.asyncio
async def test_an_async_chat(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(plain_case("openai/chat.json"))
    async with async_gpt(gateway) as client:
        answer = await client.chat.completions.create(model="gpt", messages=HI)
    assert answer.model == "gpt"


@pytest.mark.asyncio
async def test_an_async_streamed_chat(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(stream_case("openai/chat.sse"))
    async with async_gpt(gateway) as client:
        chunks = [chunk async for chunk in await client.chat.completions.create(model="gpt", messages=HI, stream=True)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT


def test_embeddings_in_the_coding_that_the_sdk_asks_for(gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(plain_case("openai/embeddings.json"))
    answer = gpt.embeddings.create(model="gpt", input="hi")
    assert answer.data[0].embedding == [1.0, 2.0, 3.0]
    assert orjson.loads(upstream.request().body) == {"model": "up-model", "input": "hi", "encoding_format": "base64"}


def test_a_legacy_completion(gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(plain_case("openai/completion.json"))
    assert gpt.completions.create(model="gpt", prompt="hello").choices[0].text == " world"


def test_a_response(gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(plain_case("openai/response.json"))
    answer = gpt.responses.create(model="gpt", input="hi")
    assert (answer.output_text, answer.model) == ("Hello there.", "gpt")


def test_a_streamed_response(gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(stream_case("openai/response.sse"))
    events = list(gpt.responses.create(model="gpt", input="hi", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == "Hello there."
    assert events[-1].response.model == "gpt"


def test_a_response_is_retrieved_deleted_and_cancelled(gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(plain_case("openai/response.json"))
    assert gpt.responses.retrieve("resp_68d1f2a0c4").output_text == "Hello there."
    gpt.responses.delete("resp_68d1f2a0c4")
    gpt.responses.cancel("resp_68d1f2a0c4")
    assert [request.request_line.rpartition(b" ")[0] for request in upstream.requests] == [
        b"GET /v1/responses/resp_68d1f2a0c4",
        b"DELETE /v1/responses/resp_68d1f2a0c4",
        b"POST /v1/responses/resp_68d1f2a0c4/cancel",
    ]


def test_models(gpt: openai.OpenAI) -> None:
    assert [model.id for model in gpt.models.list()] == ["gpt", "claude"]
    assert gpt.models.retrieve("gpt").id == "gpt"


def test_speech(gpt: openai.OpenAI, upstream: Upstream) -> None:
    sound = bytes(range(256)) * 100
    upstream.serve(send(plain(sound, content_type="audio/mpeg")))
    assert gpt.audio.speech.create(model="gpt", voice="alloy", input="hi").content == sound


def test_a_transcription(gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(send(plain(b'{"text":"hello"}')))
    assert gpt.audio.transcriptions.create(model="gpt", file=("a.wav", bytes(range(256)))).text == "hello"
    assert b'name="model"\r\n\r\nup-model\r\n' in upstream.request().body
    assert bytes(range(256)) in upstream.request().body


OPENAI_ERRORS = {
    "400 Bad Request": openai.BadRequestError,
    "401 Unauthorized": openai.AuthenticationError,
    "403 Forbidden": openai.PermissionDeniedError,
    "404 Not Found": openai.NotFoundError,
    "409 Conflict": openai.ConflictError,
    "422 Unprocessable Entity": openai.UnprocessableEntityError,
    "429 Too Many Requests": openai.RateLimitError,
    "500 Internal Server Error": openai.InternalServerError,
    "503 Service Unavailable": openai.InternalServerError,
}


@pytest.mark.parametrize(("status", "kind"), OPENAI_ERRORS.items(), ids=OPENAI_ERRORS.keys())
def test_an_upstreams_error_is_the_sdks_own(status: str, kind: type[openai.APIStatusError], gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(error(status, "what it said"))
    with pytest.raises(kind, match="what it said") as raised:
        gpt.chat.completions.create(model="gpt", messages=HI)
    assert (raised.value.code, raised.value.param) == ("c", "p")


def test_a_wrong_key_is_an_authentication_error(gateway: Gateway) -> None:
    with (
        openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key="sk-other", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.chat.completions.create(model="gpt", messages=HI)


def test_an_unknown_model_is_a_not_found_error(gpt: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        gpt.chat.completions.create(model="nope", messages=HI)
    assert raised.value.code == "model_not_found"


@pytest.mark.parametrize("status", ["500 Internal Server Error", "429 Too Many Requests", "503 Service Unavailable"])
def test_the_sdk_tries_again_and_succeeds(status: str, gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(failing_first(status, plain_case("openai/chat.json")))
    assert gpt.with_options(max_retries=2).chat.completions.create(model="gpt", messages=HI).model == "gpt"
    assert len(upstream.requests) == 2


def test_the_sdks_timeout_frees_the_upstream(gpt: openai.OpenAI, upstream: Upstream) -> None:
    upstream.serve(stall)
    with pytest.raises(openai.APITimeoutError):
        gpt.with_options(timeout=0.2).chat.completions.create(model="gpt", messages=HI)
    assert upstream.closed_at()


def test_an_azure_client_with_a_deployment_in_its_path(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(plain_case("openai/chat.json"))
    with openai.AzureOpenAI(azure_endpoint=gateway.base_url, api_key=MASTER_KEY, api_version="2024-10-21", max_retries=0) as client:
        assert client.chat.completions.create(model="gpt", messages=HI).model == "gpt"


def test_a_message(claude: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.serve(plain_case("anthropic/message.json"))
    answer = claude.messages.create(model="claude", max_tokens=64, messages=[{"role": "user", "content": "hi"}])
    assert answer.model == "claude"
    assert answer.usage.output_tokens == 9
    assert answer.to_dict()["content"] == [{"type": "text", "text": "Grüße aus Łódź."}]


def test_a_message_with_its_raw_response(claude: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.serve(plain_case("anthropic/message.json"))
    raw = claude.messages.with_raw_response.create(model="claude", max_tokens=64, messages=[{"role": "user", "content": "hi"}])
    assert raw.request_id
    assert raw.parse().id == "msg_01XFDUDYJgAACzvnptvVoYEL"


def test_a_streamed_message(claude: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.serve(stream_case("anthropic/message.sse"))
    with claude.messages.stream(model="claude", max_tokens=64, messages=[{"role": "user", "content": "hi"}]) as streamed:
        assert "".join(streamed.text_stream) == "Grüße aus Łódź."
        final = streamed.get_final_message()
    assert (final.model, final.stop_reason, final.usage.output_tokens) == ("claude", "end_turn", 9)


def test_a_streamed_message_that_breaks_raises(claude: anthropic.Anthropic, upstream: Upstream) -> None:
    broken = stream(b"\n\n".join(case("anthropic/message.sse").split(b"\n\n")[:4]) + b"\n\n")[:-5]
    upstream.serve(send(broken), lambda peer: peer.close())
    with (
        pytest.raises(anthropic.APIStatusError),
        claude.messages.stream(model="claude", max_tokens=64, messages=[{"role": "user", "content": "hi"}]) as streamed,
    ):
        streamed.until_done()


def test_tokens_are_counted(claude: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.serve(plain_case("anthropic/count_tokens.json"))
    assert claude.messages.count_tokens(model="claude", messages=[{"role": "user", "content": "hi"}]).input_tokens == 14


@pytest.mark.asyncio
async def test_an_async_message(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(plain_case("anthropic/message.json"))
    async with async_claude(gateway) as client:
        answer = await client.messages.create(model="claude", max_tokens=64, messages=[{"role": "user", "content": "hi"}])
    assert answer.model == "claude"


@pytest.mark.asyncio
async def test_an_async_streamed_message(gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(stream_case("anthropic/message.sse"))
    async with (
        async_claude(gateway) as client,
        client.messages.stream(model="claude", max_tokens=64, messages=[{"role": "user", "content": "hi"}]) as streamed,
    ):
        assert "".join([text async for text in streamed.text_stream]) == "Grüße aus Łódź."


ANTHROPIC_ERRORS = {
    "400 Bad Request": anthropic.BadRequestError,
    "401 Unauthorized": anthropic.AuthenticationError,
    "404 Not Found": anthropic.NotFoundError,
    "429 Too Many Requests": anthropic.RateLimitError,
    "500 Internal Server Error": anthropic.InternalServerError,
    "529 Overloaded": anthropic.InternalServerError,
}


@pytest.mark.parametrize(("status", "kind"), ANTHROPIC_ERRORS.items(), ids=ANTHROPIC_ERRORS.keys())
def test_an_anthropic_error_is_the_sdks_own(
    status: str, kind: type[anthropic.APIStatusError], claude: anthropic.Anthropic, upstream: Upstream
) -> None:
    body = b'{"type":"error","error":{"type":"x","message":"what it said"},"request_id":"req_1"}'
    upstream.serve(send(plain(body, status=status)))
    with pytest.raises(kind, match="what it said"):
        claude.messages.create(model="claude", max_tokens=64, messages=[{"role": "user", "content": "hi"}])


def test_a_wrong_key_is_an_anthropic_authentication_error(gateway: Gateway) -> None:
    with (
        anthropic.Anthropic(base_url=gateway.base_url, api_key="sk-other", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError),
    ):
        client.messages.create(model="claude", max_tokens=64, messages=[{"role": "user", "content": "hi"}])


def test_the_anthropic_sdk_tries_again_and_succeeds(claude: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.serve(failing_first("500 Internal Server Error", plain_case("anthropic/message.json")))
    again = claude.with_options(max_retries=2)
    assert again.messages.create(model="claude", max_tokens=64, messages=[{"role": "user", "content": "hi"}]).model == "claude"
    assert len(upstream.requests) == 2


def test_the_anthropic_sdks_timeout_frees_the_upstream(claude: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.serve(stall)
    with pytest.raises(anthropic.APITimeoutError):
        claude.with_options(timeout=0.2).messages.create(model="claude", max_tokens=64, messages=[{"role": "user", "content": "hi"}])
    assert upstream.closed_at()
