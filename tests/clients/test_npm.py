"""The npm package `openai`, installed when the test runs, works through the gateway as it does against its own provider."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import foreign
from tests.support.answers import DONE, STREAM_HEAD, chunk, completion, delta, plain, stream, usage_event
from tests.support.foreign import need
from tests.support.gateway import MASTER_KEY, SCALE, Gateway, configuration, openai_model
from tests.support.upstream import Upstream, send, stall

PATIENCE_S = 20 * SCALE
INSTALL_S = 50 * SCALE
HEAD = """
import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.API_KEY, maxRetries: 0 });
const asked = { model: "gpt", messages: [{ role: "user", content: "hi" }] };
"""

Run = Callable[[str], str]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    with Gateway(configuration(openai_model("gpt", upstream.port))) as running:
        yield running


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory in which `import "openai"` works."""
    directory = tmp_path_factory.mktemp("npm")
    need("node", "install Node.js 20 or later to run the tests of the npm SDK")
    need("npm", "it comes with Node.js, and the tests of the npm SDK install a package with it")
    command = ["npm", "install", "--prefix", str(directory), "openai@latest", "--no-audit", "--no-fund"]
    done = subprocess.run(command, env=foreign.environment(), capture_output=True, text=True, timeout=INSTALL_S, check=False)
    assert done.returncode == 0, f"`{' '.join(command)}` failed; the tests of the npm SDK need the package registry:\n{done.stderr}"
    return directory


@pytest.fixture
def run(package: Path, gateway: Gateway) -> Run:
    """Give what runs JavaScript in a new process and returns its output."""

    def run_script(script: str) -> str:
        file = package / "script.mjs"
        file.write_text(HEAD + script)
        environment = {name: value for name, value in foreign.environment().items() if not name.upper().endswith("_PROXY")}
        environment |= {"BASE_URL": f"{gateway.base_url}/v1", "API_KEY": MASTER_KEY}
        done = subprocess.run(["node", str(file)], env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run_script


def test_a_chat_completion_is_what_the_provider_said(run: Run, upstream: Upstream) -> None:
    upstream.serve(send(plain(completion("Grüße"), "x-request-id: req-of-provider")))
    said = run("""
        const answer = await client.chat.completions.create(asked);
        console.log(answer.model, answer.choices[0].message.content, answer.usage.total_tokens, typeof answer._request_id);
    """)
    assert said == "gpt Grüße 5 string\n"
    assert b'"model":"up-model"' in upstream.request().body


def test_a_stream_is_given_event_by_event(run: Run, upstream: Upstream) -> None:
    upstream.serve(send(stream(delta("a"), delta("b"), delta("c"), usage_event(), DONE)))
    said = run("""
        const stream = await client.chat.completions.create({ ...asked, stream: true });
        for await (const chunk of stream) console.log(chunk.model, chunk.choices.length ? chunk.choices[0].delta.content : "usage");
    """)
    assert said == "gpt a\ngpt b\ngpt c\n"


def test_usage_of_a_stream_is_given_to_who_asked_for_it(run: Run, upstream: Upstream) -> None:
    upstream.serve(send(stream(delta("a"), usage_event(), DONE)))
    said = run("""
        const stream = await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } });
        for await (const chunk of stream) console.log(chunk.usage ? chunk.usage.total_tokens : chunk.choices[0].delta.content);
    """)
    assert said == "a\n5\n"


def test_an_aborted_stream_cancels_the_provider(run: Run, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta("a"))), stall)
    said = run("""
        const stream = await client.chat.completions.create({ ...asked, stream: true });
        for await (const chunk of stream) { console.log(chunk.choices[0].delta.content); break; }
        console.log("left");
    """)
    assert said == "a\nleft\n"
    assert upstream.closed_at()


def test_an_aborted_request_cancels_the_provider(run: Run, upstream: Upstream) -> None:
    upstream.serve(stall)
    said = run("""
        const aborting = new AbortController();
        const asking = client.chat.completions.create(asked, { signal: aborting.signal });
        setTimeout(() => aborting.abort(), 100);
        try { await asking; } catch (error) { console.log(error instanceof OpenAI.APIUserAbortError); }
    """)
    assert said == "true\n"
    assert upstream.closed_at()


def test_a_cut_stream_is_an_error_and_not_an_end(run: Run, upstream: Upstream) -> None:
    upstream.serve(send(STREAM_HEAD + chunk(delta("a"))), lambda peer: peer.close())
    said = run("""
        try {
            const stream = await client.chat.completions.create({ ...asked, stream: true });
            for await (const chunk of stream) console.log(chunk.choices[0].delta.content);
            console.log("complete");
        } catch (error) { console.log(error instanceof OpenAI.APIError); }
    """)
    assert said == "a\ntrue\n"


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("400 Bad Request", "BadRequestError"),
        ("401 Unauthorized", "AuthenticationError"),
        ("404 Not Found", "NotFoundError"),
        ("429 Too Many Requests", "RateLimitError"),
        ("500 Internal Server Error", "InternalServerError"),
    ],
)
def test_the_providers_error_is_the_sdks_error(status: str, name: str, run: Run, upstream: Upstream) -> None:
    upstream.serve(send(plain(b'{"error":{"message":"no","type":"t","param":"p","code":"c"}}', status=status)))
    said = run(f"""
        try {{ await client.chat.completions.create(asked); }}
        catch (error) {{ console.log(error instanceof OpenAI.{name}, error.status, error.code, error.type, error.param); }}
    """)
    assert said == f"true {status[:3]} c t p\n"


def test_the_gateways_own_errors_are_the_sdks_errors(run: Run) -> None:
    said = run("""
        const show = (error) => console.log(error.constructor.name, error.status, error.code);
        await client.chat.completions.create({ ...asked, model: "nobody" }).catch(show);
        await new OpenAI({ baseURL: process.env.BASE_URL, apiKey: "wrong", maxRetries: 0 }).models.list().catch(show);
    """)
    assert said == "NotFoundError 404 model_not_found\nAuthenticationError 401 invalid_api_key\n"


def test_models_are_listed(run: Run) -> None:
    assert run("for await (const model of client.models.list()) console.log(model.id);") == "gpt\n"
