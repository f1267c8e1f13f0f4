"""Everything beside chats: embeddings, the counting of tokens, and what the gateway tells of itself in every dialect."""

import base64
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace

import anthropic
import openai
import orjson
import pytest

from tests.support.answers import plain
from tests.support.gateway import Gateway, configuration
from tests.support.upstream import Upstream, send
from tests.support.wire import request
from tests.translate.gateway.callers import Sdks
from tests.translate.gateway.hosts import BEDROCK, COHERE, OLLAMA
from tests.translate.gateway.makers import ANTHROPIC, GEMINI, OPENAI
from tests.translate.gateway.said import KEY, Provider

# Answers of predict.
VERTEX = replace(
    GEMINI,
    name="up-vertex",
    base="/v1/projects/p/locations/global/publishers/google",
    params={"model": "vertex_ai/text-embedding-005"},
    auth=("authorization", f"Bearer {KEY}"),
)
VECTORS = [[0.5, -0.25, 1.0], [0.125, 0.0, -2.0]]
EMBEDDERS: Mapping[str, tuple[Provider, str, bytes]] = {
    "openai": (
        OPENAI,
        "/v1/embeddings",
        orjson.dumps(
            {
                "object": "list",
                "data": [{"object": "embedding", "index": number, "embedding": vector} for number, vector in enumerate(VECTORS)],
                "model": "up",
                "usage": {"prompt_tokens": 4, "total_tokens": 4},
            }
        ),
    ),
    "gemini": (
        GEMINI,
        "/v1beta/models/gemini-2.5-flash:batchEmbedContents",
        orjson.dumps({"embeddings": [{"values": vector} for vector in VECTORS]}),
    ),
    "vertex": (
        VERTEX,
        f"{VERTEX.base}/models/text-embedding-005:predict",
        orjson.dumps({"predictions": [{"embeddings": {"values": vector, "statistics": {"token_count": 2}}} for vector in VECTORS]}),
    ),
    "ollama": (OLLAMA, "/api/embed", orjson.dumps({"model": "up", "embeddings": VECTORS, "prompt_eval_count": 4})),
    "cohere": (
        COHERE,
        "/v2/embed",
        orjson.dumps({"id": "1", "embeddings": {"float": VECTORS}, "texts": ["a", "b"], "meta": {"billed_units": {"input_tokens": 4}}}),
    ),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    info = {"max_input_tokens": 1000, "max_output_tokens": 500, "supports_function_calling": True, "supports_vision": False}
    models = [provider.model(upstream.port) for provider in (OPENAI, ANTHROPIC, GEMINI, OLLAMA, BEDROCK, COHERE, VERTEX)]
    models[0]["model_info"] = info
    with Gateway(configuration(*models)) as running:
        yield running


EVERY_EMBEDDER = pytest.mark.parametrize("name", EMBEDDERS)


@pytest.mark.parametrize("form", ["float", "base64", None], ids=str)
@EVERY_EMBEDDER
def test_openais_sdk_gets_embeddings_of_every_provider(name: str, form: str | None, sdks: Sdks, upstream: Upstream) -> None:
    provider, path, body = EMBEDDERS[name]
    if form != "float" and name == "openai":
        # Relayed: the provider writes what it is asked for.
        packed = [base64.b64encode(struct.pack("<3f", *vector)).decode() for vector in VECTORS]
        body = body.replace(orjson.dumps(VECTORS[0]), orjson.dumps(packed[0])).replace(orjson.dumps(VECTORS[1]), orjson.dumps(packed[1]))
    upstream.serve(send(plain(body)))
    more = {} if form is None else {"encoding_format": form}
    answer = sdks.openai.embeddings.create(model=provider.name, input=["a", "b"], **more)  # type: ignore[arg-type]
    found = [one.embedding for one in answer.data]
    if form == "base64":
        found = [list(struct.unpack("<3f", base64.b64decode(str(vector)))) for vector in found]
    assert found == VECTORS
    assert [one.index for one in answer.data] == [0, 1]
    assert answer.model == provider.name
    sent = upstream.request()
    assert sent.target.decode() == path
    assert sent.field(provider.auth[0]) == provider.auth[1].encode()
    assert KEY.encode() not in sent.body


@EVERY_EMBEDDER
def test_ollamas_sdk_gets_embeddings_of_every_provider(name: str, sdks: Sdks, upstream: Upstream) -> None:
    provider, path, body = EMBEDDERS[name]
    upstream.serve(send(plain(body)))
    answer = sdks.ollama.embed(model=provider.name, input=["a", "b"])
    assert [list(vector) for vector in answer.embeddings] == VECTORS
    assert upstream.request().target.decode() == path


# A caller of Google's dialect is relayed to Vertex AI as it speaks, and not asked to predict.
@pytest.mark.parametrize("name", [name for name in EMBEDDERS if name != "vertex"])
def test_googles_sdk_gets_embeddings_of_every_provider(name: str, sdks: Sdks, upstream: Upstream) -> None:
    provider, path, body = EMBEDDERS[name]
    upstream.serve(send(plain(body)))
    answer = sdks.genai.models.embed_content(model=provider.name, contents=["a", "b"])
    assert [one.values for one in answer.embeddings or []] == VECTORS
    assert upstream.request().target.decode() == path


def test_an_embedding_of_a_provider_without_any_is_refused(sdks: Sdks, upstream: Upstream) -> None:
    upstream.serve()
    with pytest.raises(openai.APIStatusError) as raised:
        sdks.openai.embeddings.create(model=ANTHROPIC.name, input="a")
    assert raised.value.status_code == 501
    assert not upstream.requests


MESSAGES: list[anthropic.types.MessageParam] = [{"role": "user", "content": "How many tokens are these?"}]


def test_tokens_are_counted_by_the_provider_that_can(sdks: Sdks, upstream: Upstream) -> None:
    upstream.serve(send(plain(b'{"totalTokens": 31, "promptTokensDetails": []}')))
    assert sdks.anthropic.messages.count_tokens(model=GEMINI.name, messages=MESSAGES).input_tokens == 31
    assert upstream.request().target.endswith(b":countTokens")
    upstream.serve(send(plain(b'{"input_tokens": 17}')))
    assert sdks.genai.models.count_tokens(model=ANTHROPIC.name, contents="How many?").total_tokens == 17
    assert upstream.request().target == b"/v1/messages/count_tokens"


@pytest.mark.parametrize("provider", [OPENAI, OLLAMA, BEDROCK, COHERE], ids=lambda provider: provider.dialect)
def test_tokens_are_estimated_where_no_provider_counts(provider: Provider, sdks: Sdks, upstream: Upstream) -> None:
    upstream.serve()
    assert 3 <= sdks.anthropic.messages.count_tokens(model=provider.name, messages=MESSAGES).input_tokens <= 30
    assert 1 <= (sdks.genai.models.count_tokens(model=provider.name, contents="How many?").total_tokens or 0) <= 30
    assert not upstream.requests


def test_a_model_is_loaded_without_asking_anybody(gateway: Gateway, sdks: Sdks, upstream: Upstream) -> None:
    upstream.serve()
    assert sdks.ollama.chat(model=OPENAI.name, messages=[]).done_reason == "load"
    assert sdks.ollama.generate(model=OPENAI.name, prompt="").done_reason == "load"
    assert not upstream.requests


def test_ollamas_sdk_is_told_of_the_models(sdks: Sdks) -> None:
    listed = sdks.ollama.list().models
    assert [model.model for model in listed][:2] == [OPENAI.name, ANTHROPIC.name]
    shown = sdks.ollama.show(OPENAI.name)
    assert shown.capabilities is not None
    assert "tools" in shown.capabilities
    assert "vision" not in shown.capabilities


def test_ollamas_version_needs_no_key(gateway: Gateway) -> None:
    with gateway.client() as client:
        answer = client.exchange(request("/api/version", method="GET", key=None), "GET")
    assert answer.status == 200
    assert isinstance(answer.json()["version"], str)


def test_googles_sdk_is_told_of_the_models(sdks: Sdks) -> None:
    listed = list(sdks.genai.models.list())
    assert listed[0].name == f"models/{OPENAI.name}"
    assert listed[0].input_token_limit == 1000
    assert listed[0].output_token_limit == 500
    assert sdks.genai.models.get(model=BEDROCK.name).name == f"models/{BEDROCK.name}"


@pytest.mark.parametrize("prefix", ["/v1beta", "/v1", "/v1alpha"])
@pytest.mark.parametrize("colon", [":", "%3A", "%3a"])
def test_the_colon_of_googles_methods_may_be_escaped(prefix: str, colon: str, gateway: Gateway, upstream: Upstream) -> None:
    upstream.serve(send(OPENAI.whole("text")))
    body = b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
    with gateway.client() as client:
        answer = client.exchange(request(f"{prefix}/models/{OPENAI.name}{colon}generateContent", body))
    assert answer.status == 200
    assert answer.json()["modelVersion"] == OPENAI.name
