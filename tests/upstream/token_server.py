"""A token endpoint on 127.0.0.1: it answers as it is told, and remembers what it was asked."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import orjson


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    fields: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


# Status, body, fields.
Answer = tuple[int, bytes, dict[str, str]]


def token(value: str, expires_in: Any = 3600) -> Answer:
    return answer({"access_token": value, "expires_in": expires_in, "token_type": "Bearer"})


def answer(told: Any, status: int = 200) -> Answer:
    return status, orjson.dumps(told), {"Content-Type": "application/json"}


class TokenServer:
    """*reply* makes the answer to a request; it may block, and is then called in a thread of its own."""

    def __init__(self, reply: Callable[[Asked], Answer]) -> None:
        self.reply = reply
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                outer.asked.append(asked)
                status, content, fields = outer.reply(asked)
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        # The library calls a method by the request's own.
        return type("Handler", (Handler,), {"do_GET": Handler.answer, "do_POST": Handler.answer})


@contextmanager
def serving(*answers: Answer | Callable[[Asked], Answer]) -> Iterator[TokenServer]:
    """Give a server whose answers are these in turn; the last one is given for ever."""
    left = list(answers)

    def reply(asked: Asked) -> Answer:
        found = left.pop(0) if len(left) > 1 else left[0]
        return found(asked) if callable(found) else found

    server = TokenServer(reply)
    try:
        yield server
    finally:
        server.stop()
