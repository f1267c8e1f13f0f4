"""`fastgate demo`: a gateway in front of the mock provider, with requests to paste."""

import contextlib
import os
import signal
import socket
import sys
import traceback
from typing import NoReturn

from fastgate.accept.sockets import Listening, listen
from fastgate.accept.supervisor import Supervisor
from fastgate.accept.worker import WorkerOptions, worker_of
from fastgate.config.schema import Deployment, Secret, Settings
from fastgate.mock.behaviour import Behaviour, parse_behaviour
from fastgate.mock.server import Server, url_of
from fastgate.mock.server import listen as listen_mock
from fastgate.providers import PROVIDERS
from fastgate.route.shared import Shared

KEY = "sk-demo"
# Slow enough to see that an answer is streamed.
BEHAVIOUR = "ttft=300ms, delay=40ms, tokens=60"

# By the dialect they are served in.
MODELS = {
    "openai_chat": ("gpt-4o-mini", "gpt-4o", "text-embedding-3-small"),
    "anthropic_messages": ("claude-sonnet-4-5", "claude-haiku-4-5"),
}
# What follows the mock's host in a provider's base URL.
BASE_PATHS = {"openai_chat": "/v1", "anthropic_messages": ""}

TEXT = """
A gateway with a mock provider behind it; the key is {key}. Models: {models}.

curl:

curl -N {url}/v1/chat/completions -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\
  -d '{{"model": "gpt-4o-mini", "stream": true, "messages": [{{"role": "user", "content": "Hello"}}]}}'

Python, OpenAI SDK (pip install openai):

from openai import OpenAI
client = OpenAI(base_url="{url}/v1", api_key="{key}")
for chunk in client.chat.completions.create(model="gpt-4o-mini", stream=True, messages=[{{"role": "user", "content": "Hello"}}]):
    print(chunk.choices[0].delta.content or "", end="", flush=True)

Python, Anthropic SDK (pip install anthropic):

from anthropic import Anthropic
client = Anthropic(base_url="{url}", api_key="{key}")
with client.messages.stream(model="claude-sonnet-4-5", max_tokens=256, messages=[{{"role": "user", "content": "Hello"}}]) as stream:
    for text in stream.text_stream: print(text, end="", flush=True)

Ctrl-C ends it.
"""


def build_settings(mock_url: str) -> Settings:
    """Return settings with every model of the demo at the mock provider."""
    deployments = [_deployment(dialect, model, mock_url) for dialect, models in MODELS.items() for model in models]
    return Settings(deployments=tuple(deployments), master_key=Secret(KEY))


def _deployment(dialect: str, model: str, mock_url: str) -> Deployment:
    # The first row of a dialect is the provider it is named after.
    provider = next(row for row in PROVIDERS.values() if row.dialect == dialect)
    return Deployment(
        deployment_id=f"demo-{model}",
        model_name=model,
        provider=provider.name,
        model=model,
        api_base=mock_url + BASE_PATHS[dialect],
        api_version="",
        api_key=Secret("sk-mock"),
        organization="",
        extra_headers=(),
        timeout_s=600.0,
        stream_timeout_s=60.0,
        max_retries=0,
        weight=0,
        rpm=0,
        tpm=0,
        model_info={},
    )


def build_text(url: str) -> str:
    """Return what the terminal shows: the models, and three requests that work as pasted."""
    models = ", ".join(model for names in MODELS.values() for model in names)
    return TEXT.format(url=url, key=KEY, models=models)


def run(host: str = "127.0.0.1", port: int = 4000, workers: int = 1) -> int:
    """Serve gateway and mock until a signal; return the exit code. Raise CannotBindError if the address cannot be had."""
    listening = listen(host, port, workers)
    mock_sock = listen_mock("127.0.0.1", 0)
    settings = build_settings(url_of(mock_sock))
    read_end, write_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    mock_pid = os.fork()
    if not mock_pid:
        os.close(write_end)
        listening.close()
        _become_mock(mock_sock, read_end)
    os.close(read_end)
    mock_sock.close()
    shared = Shared(settings, workers)
    supervisor = Supervisor(
        listening,
        worker_of(settings, WorkerOptions(log_format="human"), shared),
        drain_timeout_s=settings.drain_timeout_s,
        on_ready=lambda: _announce(listening),
        say=_say,
        forget=shared.forget,
    )
    try:
        return supervisor.run()
    finally:
        # Workers had copies of it, so the mock also ends when all of them have been killed.
        os.close(write_end)
        with contextlib.suppress(ChildProcessError):  # the supervisor reaps any child
            os.waitpid(mock_pid, 0)


def _become_mock(sock: socket.socket, lifeline_fd: int) -> NoReturn:
    """Serve the mock until the other end of *lifeline_fd* is closed by everybody; never return."""
    code = 1
    try:
        # Ctrl-C reaches the whole process group, but the gateway's open requests are still to be answered.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        server = Server(sock, parse_behaviour(BEHAVIOUR, Behaviour()))
        server.loop.add_reader(lifeline_fd, server.loop.stop)
        server.run()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing above may run in this process: it is the parent's stack
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _announce(listening: Listening) -> None:
    sys.stdout.write(f"listening on {listening.url}\n{build_text(listening.url)}\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
