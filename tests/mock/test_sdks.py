"""The official SDKs read everything the mock says."""

import asyncio
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from fastgate.mock import MockServer
from fastgate.mock.models import MODELS

HELLO: list[Any] = [{"role": "user", "content": "Hello there"}]
TOOLS: list[Any] = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    with MockServer() as running:
        yield running


@pytest.fixture
def client(mock: MockServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{mock.url}/v1", api_key="sk-any", max_retries=0) as made:
        yield made


@pytest.fixture
def claude(mock: MockServer) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=mock.url, api_key="sk-any", max_retries=0) as made:
        yield made


def test_openai_reads_a_chat_plain_and_streamed(client: openai.OpenAI) -> None:
    plain = client.chat.completions.create(model="m?tokens=9", messages=HELLO)
    assert (plain.choices[0].message.content or "").startswith("You said: Hello there ")
    stream = client.chat.completions.create(
        model="m?tokens=9&delay=1ms",
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("You said: Hello there ")
    assert len(text.split()) == 9
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 9


def test_openai_reads_tool_calls_plain_and_streamed(client: openai.OpenAI) -> None:
    plain: Any = client.chat.completions.create(model="m?calls=2", messages=HELLO, tools=TOOLS)
    assert [call.function.name for call in plain.choices[0].message.tool_calls] == ["weather", "weather"]
    assert plain.choices[0].finish_reason == "tool_calls"
    with client.chat.completions.stream(model="m?calls=2", messages=HELLO, tools=TOOLS) as stream:
        message: Any = stream.get_final_completion().choices[0].message
    assert [call.function.arguments for call in message.tool_calls or []] == [
        call.function.arguments for call in plain.choices[0].message.tool_calls
    ]


def test_openai_reads_completions_plain_and_streamed(client: openai.OpenAI) -> None:
    plain = client.completions.create(model="m?tokens=4", prompt="Say this")
    assert plain.choices[0].text == "You said: Say this"
    stream = client.completions.create(model="m?tokens=4", prompt="Say this", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == "You said: Say this"


def test_openai_reads_the_same_embedding_as_floats_and_as_base64(client: openai.OpenAI) -> None:
    as_floats = client.embeddings.create(model="m", input=["one", "two"], encoding_format="float", dimensions=32)
    as_base64 = client.embeddings.create(model="m", input=["one", "two"], dimensions=32)
    assert [row.embedding for row in as_floats.data] == [row.embedding for row in as_base64.data]
    assert as_floats.data[0].embedding != as_floats.data[1].embedding
    assert len(as_floats.data[0].embedding) == 32


def test_openai_reads_what_is_not_text(client: openai.OpenAI) -> None:
    assert len(client.moderations.create(input=["a", "b"]).results) == 2
    assert len(client.images.generate(model="m", prompt="a river", n=2).data or []) == 2
    wav = client.audio.speech.create(model="m?size=5000", voice="alloy", input="Hi").content
    assert (wav[:4], wav[8:12], len(wav)) == (b"RIFF", b"WAVE", 5_000)
    audio = ("a.wav", b"RIFF\r\n--\r\nnot the boundary\r\n" + bytes(range(256)))
    assert client.audio.transcriptions.create(model="m", file=audio).text.startswith("Hello.")
    events = list(client.audio.transcriptions.create(model="m?tokens=2", file=audio, stream=True))
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]


def test_openai_creates_reads_cancels_and_deletes_a_response(client: openai.OpenAI) -> None:
    first = client.responses.create(model="m?tokens=4", input="Say this")
    assert first.output_text == "You said: Say this"
    second = client.responses.create(model="m", input="more", previous_response_id=first.id)
    assert second.id != first.id
    assert client.responses.retrieve(first.id).output_text == first.output_text
    assert [item.type for item in client.responses.input_items.list(first.id)] == ["message"]
    assert client.responses.cancel(first.id).status == "cancelled"
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="m", input="more", previous_response_id=first.id)


def test_openai_reads_a_streamed_response_and_its_calls(client: openai.OpenAI) -> None:
    with client.responses.stream(model="m?tokens=4", input="Say this") as stream:
        assert stream.get_final_response().output_text == "You said: Say this"
    tools: list[Any] = [{"type": "function", "name": "weather", "parameters": {}, "strict": False}]
    with client.responses.stream(model="m?calls=2", input="Say this", tools=tools) as stream:
        output = stream.get_final_response().output
    assert [(item.type, item.name) for item in output if item.type == "function_call"] == [("function_call", "weather")] * 2


def test_openai_keeps_files_and_batches(client: openai.OpenAI) -> None:
    made = client.files.create(file=("a.jsonl", b'{"x": 1}\n'), purpose="batch")
    assert (made.bytes, made.filename, made.purpose) == (9, "a.jsonl", "batch")
    assert client.files.content(made.id).content == b'{"x": 1}\n'
    assert made.id in [each.id for each in client.files.list()]
    batch = client.batches.create(input_file_id=made.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert client.batches.cancel(batch.id).status == client.batches.retrieve(batch.id).status == "cancelling"
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)


def test_both_sdks_list_the_models(client: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    assert tuple(model.id for model in client.models.list()) == MODELS
    assert tuple(model.id for model in claude.models.list()) == MODELS
    assert client.models.retrieve("some/model").id == "some/model"


def test_anthropic_reads_a_message_plain_and_streamed(claude: anthropic.Anthropic) -> None:
    plain: Any = claude.messages.create(model="m", max_tokens=5, messages=HELLO)
    assert plain.stop_reason == "max_tokens"
    assert plain.content[0].text.startswith("You said: Hello there ")
    with claude.messages.stream(model="m?tokens=9&delay=1ms", max_tokens=99, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert len(text.split()) == 9
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 9)


def test_anthropic_reads_tool_calls_plain_and_streamed(claude: anthropic.Anthropic) -> None:
    ask: dict[str, Any] = {
        "model": "m?calls=2",
        "max_tokens": 99,
        "messages": HELLO,
        "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
    }
    plain: Any = claude.messages.create(**ask)
    with claude.messages.stream(**ask) as stream:
        streamed: Any = stream.get_final_message()
    assert plain.stop_reason == streamed.stop_reason == "tool_use"
    assert [block.input for block in plain.content] == [block.input for block in streamed.content]


def test_anthropic_counts_tokens(claude: anthropic.Anthropic) -> None:
    assert claude.messages.count_tokens(model="m", messages=HELLO).input_tokens > 0


@pytest.mark.parametrize(
    ("status", "error"), [(429, openai.RateLimitError), (500, openai.InternalServerError), (401, openai.AuthenticationError)]
)
def test_openai_raises_the_error_that_was_asked_for(client: openai.OpenAI, status: int, error: type[openai.APIStatusError]) -> None:
    with pytest.raises(error, match=f"asked to answer {status}") as caught:
        client.chat.completions.create(model=f"m?status={status}&retry_after=2", messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "2"
    assert (caught.value.request_id or "").startswith("req_")


def test_anthropic_raises_the_error_that_was_asked_for(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APIStatusError, match="overloaded_error") as caught:
        claude.messages.create(model="m?error=529", max_tokens=9, messages=HELLO)
    assert (caught.value.request_id or "").startswith("req_")


def test_openai_sees_that_a_stream_was_cut(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="m?cut=after:4", messages=HELLO, stream=True)
    seen = 0
    with pytest.raises(openai.APIConnectionError):  # noqa: PT012 - the events before the cut are to be counted
        for _ in stream:
            seen += 1
    assert seen == 4


def test_the_async_sdks_read_many_streams_at_a_time(mock: MockServer) -> None:
    async def read_openai() -> str:
        async with openai.AsyncOpenAI(base_url=f"{mock.url}/v1", api_key="sk-any") as client:
            stream = await client.chat.completions.create(model="m?tokens=8&delay=2ms", messages=HELLO, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def read_anthropic() -> str:
        async with anthropic.AsyncAnthropic(base_url=mock.url, api_key="sk-any") as claude:
            asked = claude.messages.stream(model="m?tokens=8&delay=2ms", max_tokens=99, messages=HELLO)
            async with asked as stream:
                return "".join([text async for text in stream.text_stream])

    async def read_all() -> list[str]:
        return await asyncio.gather(*(read() for read in (read_openai, read_anthropic) for _ in range(5)))

    texts = asyncio.run(read_all())
    assert [len(text.split()) for text in texts] == [8] * 10
