"""Realistic users of any OpenAI-compatible gateway: chat, streamed chat and embeddings.

    locust -f benchmarks/locustfile.py --headless --users 20 --spawn-rate 10 --run-time 30s --host http://127.0.0.1:4000

Environment: BENCH_KEY (the API key), BENCH_MODEL (default gpt-4o), BENCH_EMBEDDING_MODEL (default text-embedding-3-small). Beside each
streamed request stand two entries of their own: the time to its first token, and the longest silence between two events. Locust exits
with 1 when a request failed; without --run-time the run ends after BENCH_SECONDS (default 60).
"""

import os
import time

import orjson
from locust import HttpUser, between, events, task
from locust.env import Environment

KEY = os.environ.get("BENCH_KEY", "sk-1234")
MODEL = os.environ.get("BENCH_MODEL", "gpt-4o")
EMBEDDING_MODEL = os.environ.get("BENCH_EMBEDDING_MODEL", "text-embedding-3-small")
MOST_SECONDS = int(os.environ.get("BENCH_SECONDS", "60"))
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

_SYSTEM = 'You are a careful assistant. Answer in "plain" English.\nSay so when you do not know.'
_QUESTION = "Why does `dict(part.split('=') for part in line.split(';'))` fail on \"a=1;;b=2\"?\n"


def end_in_time(environment: Environment, **_: object) -> None:
    """Bound the run even if nobody gave --run-time."""
    options = environment.parsed_options
    if options is not None and options.headless and not options.run_time:
        options.run_time = MOST_SECONDS


events.init.add_listener(end_in_time)  # type: ignore[no-untyped-call]


def chat_body(turns: int, stream: bool) -> bytes:
    """Return a conversation of so many turns, a few hundred bytes each."""
    messages = [{"role": "system", "content": _SYSTEM}]
    for turn in range(turns):
        messages.append({"role": "user", "content": _QUESTION * 3})
        messages.append({"role": "assistant", "content": f"Turn {turn}: the empty part has no '='.\n" * 4})
    messages.append({"role": "user", "content": _QUESTION})
    return orjson.dumps({"model": MODEL, "messages": messages, "stream": stream, "temperature": 0.2})


class ChatUser(HttpUser):
    """Asks and waits for the whole answer."""

    weight = 3
    wait_time = between(0.05, 0.2)

    @task
    def chat(self) -> None:
        with self.client.post("/v1/chat/completions", chat_body(2, False), headers=HEADERS, name="chat", catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}: {answer.text[:200]}")
            elif b'"content"' not in answer.content or not orjson.loads(answer.content).get("choices"):
                answer.failure("no content in the answer")


class StreamingUser(HttpUser):
    """Reads a streamed answer event by event."""

    weight = 5
    wait_time = between(0.05, 0.2)

    @task
    def stream(self) -> None:
        began = time.perf_counter()
        with self.client.post(
            "/v1/chat/completions", chat_body(4, True), headers=HEADERS, name="stream", stream=True, catch_response=True
        ) as answer:
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}: {answer.text[:200]}")
                return
            tokens, last, longest_s, done = 0, began, 0.0, False
            for line in answer.iter_lines(chunk_size=1):
                if not line.startswith(b"data:"):
                    continue
                now = time.perf_counter()
                event = line[5:].strip()
                if event == b"[DONE]":
                    done = True
                    break
                parsed = orjson.loads(event)
                if "error" in parsed:
                    answer.failure(f"error event: {event[:200]!r}")
                    return
                if not any(choice["delta"].get("content") for choice in parsed.get("choices", ())):
                    continue
                if tokens:
                    longest_s = max(longest_s, now - last)
                else:
                    self._report("time to first token", now - began)
                tokens, last = tokens + 1, now
            if not tokens or not done:
                answer.failure(f"{tokens} tokens, {'with' if done else 'without'} [DONE]")
                return
            self._report("longest silence", longest_s)

    def _report(self, name: str, seconds: float) -> None:
        self.environment.events.request.fire(
            request_type="SSE", name=name, response_time=seconds * 1000, response_length=0, exception=None, context={}
        )


class EmbeddingUser(HttpUser):
    """Embeds a batch of texts, base64 as openai-python asks for it."""

    weight = 2
    wait_time = between(0.05, 0.2)

    @task
    def embed(self) -> None:
        body = orjson.dumps({"model": EMBEDDING_MODEL, "input": [_QUESTION] * 8, "encoding_format": "base64"})
        with self.client.post("/v1/embeddings", body, headers=HEADERS, name="embeddings", catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}: {answer.text[:200]}")
            elif not orjson.loads(answer.content).get("data"):
                answer.failure("no embedding in the answer")
