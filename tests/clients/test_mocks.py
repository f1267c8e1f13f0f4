"""Mock providers that nobody here wrote, as upstreams: their odd edges (no usage, one-chunk streams) reach callers of every dialect."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anthropic
import ollama
import openai
import pytest
from google import genai

from tests.support import foreign
from tests.support.foreign import need
from tests.support.gateway import MASTER_KEY, SCALE, Gateway, anthropic_model, configuration, openai_model

INSTALL_S = 100 * SCALE
# Package -> its command, with the port left out.
PIP = {
    "fakellm": ["serve", "--host", "127.0.0.1", "--port"],
    "llm-mock-api": ["start", "-H", "127.0.0.1", "-f", "hello from the mock", "-p"],
}
ANSWERS = "responses: {}\ndefaults: {unknown_response: hello from the mock}\n"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int, directory: Path) -> Iterator[int]:
    """Give the port once it answers; the program is ended behind it."""
    environment = foreign.environment() | {"HOST": "127.0.0.1", "PORT": str(port)}
    with (directory / "log").open("wb") as log:
        program = subprocess.Popen(command, cwd=directory, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 30 * SCALE
            while True:
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5):
                    break
                assert program.poll() is None, (directory / "log").read_text()
                assert time.monotonic() < end, "it does not listen"
                # It has no way to say that it listens: what is waited for is its port or its end.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    program.wait(0.05)
            yield port
        finally:
            program.terminate()
            program.wait()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a virtual environment of their own, with the Python ones."""
    place = tmp_path_factory.mktemp("mocks")
    environment = foreign.environment()
    subprocess.run([sys.executable, "-m", "venv", str(place)], env=environment, check=True, timeout=INSTALL_S)
    command = [str(place / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", *PIP]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    assert done.returncode == 0, f"`{' '.join(command)}` failed; these tests need the package registry:\n{done.stderr}"
    return place


@pytest.fixture(scope="module")
def gateway(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with contextlib.ExitStack() as stack:
        models = []
        for package, arguments in PIP.items():
            port = free_port()
            command = [str(installed / "bin" / package), *arguments, str(port)]
            directory = tmp_path_factory.mktemp(package)
            if package == "fakellm":
                # It does not start without a file of its own.
                subprocess.run([command[0], "init"], cwd=directory, env=foreign.environment(), check=True, capture_output=True)
            stack.enter_context(running(command, port, directory))
            models += [openai_model(f"{package}/openai", port), anthropic_model(f"{package}/anthropic", port)]
        yield stack.enter_context(Gateway(configuration(*models)))


NAMES = [f"{package}/{spoken}" for package in PIP for spoken in ("openai", "anthropic")]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("caller", ["chat", "responses", "messages", "gemini", "ollama"])
def test_their_answers_and_streams_are_read_by_the_sdk_of_every_dialect(caller: str, name: str, gateway: Gateway) -> None:
    whole, streamed = CALLERS[caller](gateway, name)
    assert whole.strip()
    assert streamed.strip()


def ask_chat(gateway: Gateway, name: str) -> tuple[str, str]:
    with openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key=MASTER_KEY, max_retries=0) as client:
        messages = [{"role": "user", "content": "hello"}]
        whole = client.chat.completions.create(model=name, messages=messages)  # type: ignore[call-overload]
        chunks = list(client.chat.completions.create(model=name, messages=messages, stream=True))  # type: ignore[call-overload]
    assert "stop" in [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    return whole.choices[0].message.content, "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def ask_responses(gateway: Gateway, name: str) -> tuple[str, str]:
    with openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key=MASTER_KEY, max_retries=0) as client:
        whole = client.responses.create(model=name, input="hello") if "anthropic" in name else None
        if whole is None:
            # The provider `openai` is asked for responses as they are, which not every mock has.
            return ask_chat(gateway, name)
        events = list(client.responses.create(model=name, input="hello", stream=True))
    assert events[-1].type == "response.completed"
    return whole.output_text, events[-1].response.output_text


def ask_messages(gateway: Gateway, name: str) -> tuple[str, str]:
    with anthropic.Anthropic(base_url=gateway.base_url, api_key=MASTER_KEY, max_retries=0) as client:
        whole = client.messages.create(model=name, max_tokens=50, messages=[{"role": "user", "content": "hello"}])
        with client.messages.stream(model=name, max_tokens=50, messages=[{"role": "user", "content": "hello"}]) as stream:
            streamed = stream.get_final_text()
    assert whole.stop_reason == "end_turn"
    return str(whole.content[0].text), streamed  # type: ignore[union-attr]


def ask_gemini(gateway: Gateway, name: str) -> tuple[str, str]:
    with genai.Client(api_key=MASTER_KEY, http_options={"base_url": gateway.base_url}) as client:
        whole = client.models.generate_content(model=name, contents="hello")
        streamed = [part.text or "" for part in client.models.generate_content_stream(model=name, contents="hello")]
    return whole.text or "", "".join(streamed)


def ask_ollama(gateway: Gateway, name: str) -> tuple[str, str]:
    messages = [{"role": "user", "content": "hello"}]
    with contextlib.closing(ollama.Client(host=gateway.base_url, headers={"Authorization": f"Bearer {MASTER_KEY}"})) as client:
        whole = client.chat(model=name, messages=messages)
        parts = list(client.chat(model=name, messages=messages, stream=True))
    assert parts[-1].done
    return whole.message.content or "", "".join(part.message.content or "" for part in parts)


CALLERS = {"chat": ask_chat, "responses": ask_responses, "messages": ask_messages, "gemini": ask_gemini, "ollama": ask_ollama}


@pytest.fixture(scope="module")
def npm_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("npm-mock")
    need("node", "install Node.js 20 or later to run the tests of the npm mock")
    need("npm", "it comes with Node.js, and these tests install a package with it")
    command = ["npm", "install", "--prefix", str(directory), "@dwmkerr/mock-llm", "--no-audit", "--no-fund"]
    done = subprocess.run(command, env=foreign.environment(), capture_output=True, text=True, timeout=INSTALL_S, check=False)
    assert done.returncode == 0, f"`{' '.join(command)}` failed; these tests need the package registry:\n{done.stderr}"
    port = free_port()
    with running([str(directory / "node_modules/.bin/mock-llm")], port, directory), Gateway(
        configuration(openai_model("echo/openai", port))
    ) as running_gateway:
        yield running_gateway


@pytest.mark.timeout(300)
@pytest.mark.parametrize("caller", ["chat", "messages", "gemini", "ollama"])
def test_the_answers_of_the_npm_mock_are_read_too(caller: str, npm_gateway: Gateway) -> None:
    whole, streamed = CALLERS[caller](npm_gateway, "echo/openai")
    assert whole.strip()
    assert streamed.strip()
