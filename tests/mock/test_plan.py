"""Whatever a body says, there is an answer for it."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgate.mock import Behaviour
from fastgate.mock.kept import Kept
from fastgate.mock.plan import Asked, build_plan
from fastgate.mock.routes import ROUTES

NAMES = [
    "model",
    "stream",
    "messages",
    "prompt",
    "input",
    "documents",
    "n",
    "tools",
    "stream_options",
    "max_tokens",
    "max_output_tokens",
    "dimensions",
    "top_n",
    "file",
    "input_file_id",
    "metadata",
    "previous_response_id",
    "role",
    "content",
    "text",
    "name",
    "encoding_format",
]
LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.sampled_from(["", "m", "user", "m?calls=1", "\u2028"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4), max_leaves=8
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)


def first_line(asked: Asked) -> bytes:
    return build_plan(asked, Behaviour(), Kept()).script.pieces[0].split(b"\r\n", 1)[0]


@pytest.mark.parametrize("path", [path for path, methods in ROUTES.items() if "POST" in methods])
@given(body=BODIES, model=st.sampled_from([None, "m", "m?tokens=2&event_size=300"]))
def test_any_json_object_gets_an_answer_or_a_refusal(path: str, body: dict[str, object], model: str | None) -> None:
    named = {**body, "model": model} if model else body
    asked = Asked(b"POST", b"/v1" + path.encode(), b"", b"", b"application/json", orjson.dumps(named))
    assert int(first_line(asked).split(b" ")[1]) in (200, 400, 404)


@pytest.mark.parametrize("path", [path for path, methods in ROUTES.items() if "POST" in methods])
@given(body=st.binary(max_size=200), content_type=st.sampled_from([b"", b"application/json", b"multipart/form-data; boundary=x"]))
def test_any_bytes_get_an_answer_or_a_refusal(path: str, body: bytes, content_type: bytes) -> None:
    assert int(first_line(Asked(b"POST", b"/v1" + path.encode(), b"", b"", content_type, body)).split(b" ")[1]) in (200, 400, 404)


@pytest.mark.parametrize("path", ["/embeddings", "/rerank", "/responses/input_tokens", "/messages/count_tokens", "/moderations"])
def test_stream_means_nothing_to_what_does_not_stream(path: str) -> None:
    body = orjson.dumps({"model": "m", "stream": True, "input": "x", "documents": ["x"], "messages": [], "max_tokens": 1})
    plan = build_plan(Asked(b"POST", b"/v1" + path.encode(), b"", b"", b"", body), Behaviour(), Kept())
    assert plan.script.pieces[0].startswith(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")


@pytest.mark.parametrize("depth", [100, 300, 900])
@pytest.mark.parametrize("path", [b"/v1/responses", b"/v1/chat/completions", b"/v1/embeddings"])
def test_deep_nesting_gets_an_answer_or_a_refusal(path: bytes, depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    body = b'{"model": "m", "input": %b, "metadata": %b, "messages": [%b]}' % (deep, deep, deep)
    assert first_line(Asked(b"POST", path, b"", b"", b"", body)).split(b" ")[1] in (b"200", b"400")
