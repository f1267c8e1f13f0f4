"""A reverse proxy on FastAPI and httpx: `python -m benchmarks.naive.fastapi_proxy --port P --upstream URL`."""

import argparse
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "upgrade", "te", "trailer"}


def build_app(upstream: str, ca: str | None) -> FastAPI:
    context = ssl.create_default_context(cafile=ca) if ca else True
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    client = httpx.AsyncClient(base_url=upstream, verify=context, limits=limits, timeout=600.0, trust_env=False)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await client.aclose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/{path:path}")
    async def forward(path: str, request: Request) -> StreamingResponse:
        headers = [(name, value) for name, value in request.headers.items() if name not in HOP_BY_HOP]
        sent = client.build_request("POST", f"/{path}", headers=headers, content=await request.body())
        answer = await client.send(sent, stream=True)
        kept = {name: value for name, value in answer.headers.items() if name not in HOP_BY_HOP}
        return StreamingResponse(answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(answer.aclose))

    return app


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--upstream", required=True)
    options.add_argument("--ca")
    chosen = options.parse_args()
    app = build_app(chosen.upstream, chosen.ca)
    uvicorn.run(app, host="127.0.0.1", port=chosen.port, loop="uvloop", access_log=False, log_level="warning", backlog=4096)


if __name__ == "__main__":
    main()
